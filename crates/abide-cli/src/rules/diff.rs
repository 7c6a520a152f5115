//! `abide rules diff`: what changes from one ruleset to another, in words.

use std::sync::Arc;

use abide_journal::{Store, StoreError, StoreId};
use abide_rules::Ruleset;
use serde_json::json;

use super::versions::{Versions, resolve};
use crate::{clock, exit::Exit, store_flags::StoreFlags};

/// Say in words what is different between two rulesets.
///
/// Each is a folder, a version of the store (v7) or `built-in`. One alone is compared with the active ruleset of
/// the store, or with the built-in one where there is no store. Layout, order and remarks make no difference.
///
/// Exit codes: 0 they mean the same, 1 something is different, 3 one cannot be read.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  abide rules diff rules/
  abide rules diff v7 rules/ --json
  abide rules diff built-in v7")]
pub(crate) struct Args {
    /// The older ruleset and the newer; or the newer alone.
    #[arg(required = true, num_args = 1..=2, value_name = "RULESET")]
    rulesets: Vec<String>,

    /// Print JSON.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    store: StoreFlags,
}

pub(crate) async fn run(args: &Args) -> anyhow::Result<Exit> {
    let new = args.rulesets.last().expect("at least one is required");
    let new = resolve(new, &args.store).await?;
    let old = match args.rulesets.as_slice() {
        [old, _] => resolve(old, &args.store).await?,
        _ => in_force(&args.store).await?,
    };
    let changes = old.difference(&new);
    if args.json {
        let changes: Vec<_> = changes
            .iter()
            .map(|change| json!({ "what": change.what, "name": change.name, "how": change.how }))
            .collect();
        println!(
            "{}",
            json!({ "old": old.version().to_string(), "new": new.version().to_string(), "changes": changes })
        );
    } else {
        println!("from {} to {}", old.version(), new.version());
        changes.iter().for_each(|change| println!("  {change}"));
        if changes.is_empty() {
            println!("  nothing: they mean the same");
        }
    }
    Ok(if changes.is_empty() { Exit::Clean } else { Exit::Found })
}

/// What answers now: the store's active ruleset, or the built-in one where there is no store at all. A store that
/// cannot be reached is an error: what is compared with another ruleset by mistake is proven of nothing.
pub(crate) async fn in_force(flags: &StoreFlags) -> anyhow::Result<Arc<Ruleset>> {
    match id_of(flags).await {
        Ok(_) => {}
        Err(error) if matches!(error.downcast_ref(), Some(StoreError::NotAStore { .. })) => {
            return Ok(Arc::new(Ruleset::built_in()?));
        }
        Err(error) => return Err(error.context("could not read which ruleset is in force")),
    }
    let opened = flags.open().await?;
    Ok(Versions::read(&opened, clock::now()).await?.active()?.clone())
}

async fn id_of(flags: &StoreFlags) -> anyhow::Result<StoreId> {
    let (objects, prefix) = flags.location()?;
    Ok(Store::id_of(objects, &prefix).await?)
}
