//! `abide compact`: merge what came in into the store's next snapshot, and keep the store small.

mod upkeep;

use abide_journal::RolledWait;
use abide_replica::{Compacted, SnapshotWait};
use serde_json::json;

use crate::{
    clock,
    exit::Exit,
    progress::{self, Unit},
    store_flags::{Opened, StoreFlags, remember},
};
use upkeep::Upkeep;

/// Merge everything into the store's next snapshot, and keep the store small.
///
/// All nodes start from the newest snapshot; large imports write one by themselves. Then small
/// objects of the journal are rolled up into larger ones. Deleted is only what is no longer needed:
/// objects that were rolled up long enough ago, all but the newest two snapshots, and parts of
/// snapshots that were never completed. No record is ever deleted. It says what it deleted, and what
/// it will delete when; run it once a day or so.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  abide compact
  abide compact --dry-run
  abide compact --keep-rolled-up 30 --keep-snapshots 72")]
pub(crate) struct Args {
    /// Only say what would be rolled up and deleted, and change nothing.
    #[arg(long)]
    dry_run: bool,

    /// Write the snapshot and roll up, but delete nothing.
    #[arg(long)]
    no_delete: bool,

    /// How many days an object of the journal stays after it was rolled up, at least 2; nodes that were
    /// cut off for longer start again from a snapshot.
    #[arg(long, env = "ABIDE_KEEP_ROLLED_UP", value_name = "DAYS", default_value = "7", value_parser = days)]
    keep_rolled_up: RolledWait,

    /// How many hours a snapshot stays after a newer one was written, at least 24; the newest two
    /// stay in any case.
    #[arg(long, env = "ABIDE_KEEP_SNAPSHOTS", value_name = "HOURS", default_value = "24", value_parser = hours)]
    keep_snapshots: SnapshotWait,

    /// Print JSON.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    store: StoreFlags,
}

fn days(text: &str) -> Result<RolledWait, String> {
    let days = text.parse().map_err(|_| "not a number of days".to_owned())?;
    RolledWait::from_days(days).map_err(|error| error.to_string())
}

fn hours(text: &str) -> Result<SnapshotWait, String> {
    let hours = text.parse().map_err(|_| "not a number of hours".to_owned())?;
    SnapshotWait::from_hours(hours).map_err(|error| error.to_string())
}

pub(crate) async fn run(args: Args) -> anyhow::Result<Exit> {
    let opened = args.store.open().await?;
    let written = if args.dry_run { Written::nothing_tried() } else { write(&opened, &args.store).await? };
    let upkeep = Upkeep {
        store: &opened.store,
        directory: args.store.directory(),
        rolled: args.keep_rolled_up,
        snapshots: args.keep_snapshots,
        changes: !args.dry_run,
        deletes: !args.dry_run && !args.no_delete,
    };
    let done = upkeep.run().await?;
    if args.json {
        let mut answer = json!({ "outcome": written.outcome, "snapshot": written.number });
        done.add_to(&mut answer);
        println!("{answer}");
    } else {
        println!("{}", written.sentence);
        done.print();
    }
    Ok(Exit::Clean)
}

/// What came of the snapshot.
struct Written {
    outcome: &'static str,
    sentence: String,
    number: Option<u64>,
}

impl Written {
    fn nothing_tried() -> Self {
        let sentence = "Nothing was changed, since this is a dry run.".to_owned();
        Self { outcome: "dry_run", sentence, number: None }
    }
}

async fn write(opened: &Opened, flags: &StoreFlags) -> anyhow::Result<Written> {
    let now = clock::now();
    let mut replica = opened.replica(now).await?;
    let bar = progress::bar("merging", Unit::Count, Some(replica.snapshot().len_identities()));
    let compacted = replica.compact(now, clock::random_number()?, &mut |done| bar.set_position(done)).await?;
    bar.finish_and_clear();
    remember(flags, &opened.store, &replica.heads(), now).await;
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
    let number = replica.manifest().map(|manifest| manifest.number);
    Ok(Written { outcome, sentence, number })
}
