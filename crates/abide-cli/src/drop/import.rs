//! `abide drop import`: the deletion lists, and the requests that were withdrawn since.

use std::path::{Path, PathBuf};

use abide_journal::Record;
use abide_model::{BatchId, Signal};
use abide_signals::drop::{DropList, REMOVED_HEADER, withdrawal};
use anyhow::{Context as _, bail};

use super::table;
use crate::{
    clock,
    exit::Exit,
    import as lists,
    store_flags::{StoreFlags, remember},
};

/// Take in DROP's files as they were downloaded: `20260312_4821_Email.csv`, its Phone and MAID lists, and
/// `20260312_4821_Removed.csv`, whose requests were withdrawn.
///
/// Lists of names, births, vehicles and televisions are passed over aloud: Abide has no identifier for these.
/// Importing the same file twice changes nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  abide drop import 20260312_4821_Email.csv 20260312_4821_Phone.csv
  abide drop import 20260426_4821_*.csv")]
pub(crate) struct Args {
    /// Files of DROP; their names tell what they hold.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    #[command(flatten)]
    store: StoreFlags,
}

/// Signals in one append.
const RECORDS_MAX: usize = 10_000;

pub(crate) async fn run(args: Args) -> anyhow::Result<Exit> {
    let mut removed = Vec::new();
    // What was withdrawn has to come after what it withdraws.
    for path in &args.files {
        if table::open(path, &REMOVED_HEADER)?.is_some() {
            removed.push(path);
            continue;
        }
        match DropList::of_file(&table::name(path)) {
            Ok(DropList::Other) => {
                println!("{}: passed over; Abide has no identifier for what it names", path.display());
            }
            Ok(_) => {
                let named = path.to_str().context("a file name that is not UTF-8")?.to_owned();
                Box::pin(lists::run(lists::Args::of_file(named, args.store.clone()))).await?;
            }
            Err(_) => bail!(
                "{}: its name does not say what it holds; give it back its name, such as 20260312_4821_Email.csv",
                path.display()
            ),
        }
    }
    for path in removed {
        withdraw(path, &args.store).await?;
    }
    Ok(Exit::Clean)
}

/// The requests of a Removed list count no more: DROP takes its own claims back.
async fn withdraw(path: &Path, store: &StoreFlags) -> anyhow::Result<()> {
    let now = clock::now();
    let opened = store.open().await?;
    let mut writer = opened.writer().await?;
    let (mut records, mut withdrawn, mut unread, mut other) = (Vec::new(), 0_u64, 0_u64, 0_u64);
    for row in table::open_as(path, &REMOVED_HEADER, "a Removed list")?.records() {
        let row = row
            .with_context(|| format!("could not read {}; what came before it is recorded", path.display()))?;
        let cell = |at: usize| row.get(at).unwrap_or("");
        let identified =
            cell(2).parse::<DropList>().ok().map(|list| list.identify(&opened.normaliser, cell(1)));
        match identified {
            Some(Some(Ok(identifier))) => {
                let keys = opened.keyring.signal_keys(&identifier);
                // Above the request itself, which has no date of its own.
                let clock = writer.clock().next(now);
                let signal = Signal::new(keys, withdrawal(), BatchId::live(now), now, clock)?;
                records.push(Record::Signal(signal));
                withdrawn += 1;
            }
            Some(None) => other += 1,
            Some(Some(Err(_))) | None => unread += 1,
        }
        if records.len() == RECORDS_MAX {
            writer
                .append(&std::mem::take(&mut records), now)
                .await
                .context("could not record withdrawals")?;
        }
    }
    if !records.is_empty() {
        writer.append(&records, now).await.context("could not record withdrawals")?;
    }
    remember(store, &opened.store, std::slice::from_ref(writer.head()), now).await;
    println!(
        "{}: {withdrawn} requests withdrawn, {other} about what Abide has no identifier for, {unread} that cannot be read",
        path.display()
    );
    Ok(())
}
