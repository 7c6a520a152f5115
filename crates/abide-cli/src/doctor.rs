//! `abide doctor`: what is wrong with this store, configuration or machine, and what to do.

mod finding;
mod list;
mod machine;
mod secret;
mod store;

use serde_json::json;

use crate::{clock, exit::Exit, store_flags::StoreFlags};
use finding::{Finding, Grade};

/// Look for what is wrong with this store, its configuration or this machine, and say what to do.
///
/// It looks on where something is broken: a store or a secret that is missing is what it is for.
/// Nothing is changed but that an object is written under `nodes/` and removed again.
///
/// Exit codes: 0 nothing is wrong, 1 something is, 3 it could not look.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  abide doctor
  abide doctor --json --store s3://acme-abide")]
pub(crate) struct Args {
    /// Print JSON.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    store: StoreFlags,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<Exit> {
    let now = clock::now();
    let findings = examine(&args.store, now).await?;
    let worst = findings.iter().map(|finding| finding.grade).max().unwrap_or(Grade::Ok);
    if args.json {
        let findings: Vec<_> = findings.iter().map(Finding::to_json).collect();
        println!("{}", json!({ "worst": worst.as_str(), "findings": findings }));
    } else {
        findings.iter().for_each(Finding::print);
    }
    Ok(if worst == Grade::Ok { Exit::Clean } else { Exit::Found })
}

/// From the machine to the list: what a later look rests on comes first, and where that is broken
/// the later look is left out.
async fn examine(flags: &StoreFlags, now: abide_model::Time) -> anyhow::Result<Vec<Finding>> {
    let mut findings = vec![machine::open_files()];
    findings.extend(machine::folders(flags));
    let Some(found) = store::find(flags, &mut findings).await else { return Ok(findings) };
    let secret = secret::examine(flags, found.id, &mut findings);
    findings.extend(store::probe(&found, clock::random_number()?, now).await);
    let Some(opened) = store::open(flags, &found, secret, &mut findings).await else { return Ok(findings) };
    findings.extend(list::examine(&opened, now).await);
    Ok(findings)
}
