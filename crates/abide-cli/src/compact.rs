//! `abide compact`: merge what came in into the store's next snapshot.

use abide_replica::Compacted;
use serde_json::json;

use crate::{
    clock,
    exit::Exit,
    progress::{self, Unit},
    store_flags::StoreFlags,
};

/// Merge everything into the store's next snapshot, from which all nodes then start.
///
/// Large imports do this by themselves. Nothing is ever deleted from the store by it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  abide compact")]
pub(crate) struct Args {
    /// Print JSON.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    store: StoreFlags,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<Exit> {
    let now = clock::now();
    let opened = args.store.open().await?;
    let mut replica = opened.replica(now).await?;
    let bar = progress::bar("merging", Unit::Count, Some(replica.snapshot().len_identities()));
    let compacted = replica.compact(now, clock::random_number()?, &mut |done| bar.set_position(done)).await?;
    bar.finish_and_clear();
    let (outcome, sentence) = match &compacted {
        Compacted::Written(manifest) => (
            "written",
            format!(
                "Wrote snapshot {}: {} identities, {} keys.",
                manifest.number, manifest.identities, manifest.keys
            ),
        ),
        Compacted::Nothing => ("nothing", "Nothing came in since the last snapshot.".to_owned()),
        Compacted::Overtaken => (
            "overtaken",
            "Another node wrote a newer snapshot in the meantime; this one was discarded.".to_owned(),
        ),
    };
    if args.json {
        let number = replica.manifest().map(|manifest| manifest.number);
        println!("{}", json!({ "outcome": outcome, "snapshot": number }));
    } else {
        println!("{sentence}");
    }
    Ok(Exit::Clean)
}
