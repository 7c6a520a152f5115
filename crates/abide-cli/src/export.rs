//! `abide export`: the list in other hands.

use std::{
    io::{BufWriter, Write},
    path::PathBuf,
};

use abide_formats::{WholeFile, directory_of};
use abide_model::facts::{Standing, judge};
use anyhow::{Context as _, bail};
use serde_json::json;

use crate::{
    clock,
    exit::Exit,
    progress::{self, Unit},
    store_flags::StoreFlags,
};

/// Write the whole list out as NDJSON: one line a statement, with how it stands now.
///
/// People appear by their keys, never by their addresses: no list of addresses is kept that could be
/// written out. The snapshot's own states are in the store as Parquet for any engine to read.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  abide export -o list.ndjson
  abide export --in-force | wc -l")]
pub(crate) struct Args {
    /// Where to write it [default: standard output].
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Only what is in force now.
    #[arg(long)]
    in_force: bool,

    #[command(flatten)]
    store: StoreFlags,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<Exit> {
    let now = clock::now();
    let opened = args.store.open().await?;
    let mut replica = opened.replica(now).await?;
    // One list of everything, in the order of keys.
    let list = replica.whole_list(now).context("could not merge the list")?;
    let snapshot = replica.snapshot();
    let bar = progress::bar("exporting", Unit::Count, Some(snapshot.len_identities()));
    let (mut sink, whole): (Box<dyn Write>, _) = match &args.output {
        None => (Box::new(std::io::stdout().lock()), None),
        Some(path) if path.exists() => bail!("`{}` exists already", path.display()),
        Some(path) => {
            let whole = WholeFile::create_private(path)
                .with_context(|| format!("could not write to `{}`", directory_of(path).display()))?;
            (Box::new(whole.file().try_clone()?), Some(whole))
        }
    };
    {
        let mut lines = BufWriter::with_capacity(1 << 20, &mut sink);
        for (at, state) in list.iter().flat_map(|list| list.states()).enumerate() {
            let state = state.context("could not read the list")?;
            for judged in judge(&state, &snapshot.retractions) {
                let in_force = judged.standing == Standing::InForce;
                if in_force || !args.in_force {
                    let line = json!({
                        "key": format!("{:?}", state.primary.key), "kind": state.kind.as_str(),
                        "form": state.primary.form.as_str(), "direction": judged.fact.direction.as_str(),
                        "mechanism": judged.fact.mechanism.as_str(), "scope": judged.fact.scope.to_string(),
                        "claimant": judged.fact.claimant.as_str(), "at": judged.at.to_string(), "in_force": in_force,
                    });
                    writeln!(lines, "{line}")?;
                }
            }
            if at % 4096 == 0 {
                bar.set_position(at as u64);
            }
        }
        lines.flush()?;
    }
    bar.finish_and_clear();
    if let Some(whole) = whole {
        let name = whole.path().display().to_string();
        whole.appear_new().with_context(|| format!("could not write `{name}`"))?;
    }
    Ok(Exit::Clean)
}
