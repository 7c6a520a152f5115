//! `abide drop import`: the deletion lists, and the requests that were withdrawn since.

use std::path::{Path, PathBuf};

use abide_enforce::Snapshot;
use abide_journal::{Record, Writer};
use abide_model::{BatchId, Direction, Key, Moments, Signal, Time, signal::Statement};
use abide_signals::drop::{
    DropFile, DropList, Holds, LIST_HEADER, Outcome, REMOVED_HEADER, Withdrawals, withdrawal,
};
use anyhow::{Context as _, ensure};

use super::table;
use crate::{
    clock,
    exit::Exit,
    import as lists,
    store_flags::{Opened, StoreFlags, remember},
};

/// Take in DROP's files as they were downloaded: `20260312_4821_Email.csv`, its Phone and MAID lists, and
/// `20260426_4821_Removed.csv`, whose requests were withdrawn.
///
/// Rows count from the day in their file's name, so the same files may be taken in again, in any order, and nothing
/// changes. Lists of names, births, vehicles and televisions are passed over aloud: Abide has no identifier for
/// these.
///
/// Several people may share an address. A withdrawn request therefore ends its opt-out only when nobody else asks
/// for it: give a Removed file together with every file that was ever downloaded, and say --complete. What is not
/// certain even so stays an opt-out, is counted, and makes the exit code 2.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  abide drop import 20260312_4821_Email.csv 20260312_4821_Phone.csv
  abide drop import --complete drop/*.csv    # with Removed files; what is known already changes nothing")]
pub(crate) struct Args {
    /// Files of DROP; their names tell what they hold.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Every list and Removed file that was ever downloaded is among the files: without that nobody can say that an
    /// opt-out ends.
    #[arg(long)]
    complete: bool,

    #[command(flatten)]
    store: StoreFlags,
}

/// Signals in one append.
const RECORDS_MAX: usize = 10_000;

pub(crate) async fn run(args: Args) -> anyhow::Result<Exit> {
    let now = clock::now();
    let files = args.files.iter().map(|path| named(path, now)).collect::<anyhow::Result<Vec<_>>>()?;
    ensure!(
        args.complete || files.iter().all(|(_, file)| file.holds != Holds::Removed),
        "a Removed file ends opt-outs, and others may ask for the same: give it with every file that was ever downloaded, and say --complete"
    );
    for (path, file) in &files {
        match file.holds {
            Holds::Removed => drop(table::open_as(path, &REMOVED_HEADER, "a Removed file")?),
            Holds::List(DropList::Other) => {
                println!("{}: passed over; Abide has no identifier for what it names", path.display());
            }
            Holds::List(_) => drop(table::open_as(path, &LIST_HEADER, "a deletion list")?),
        }
    }
    for (path, file) in &files {
        if matches!(file.holds, Holds::List(list) if list.kind().is_some()) {
            let named = path.to_str().context("a file name that is not UTF-8")?.to_owned();
            Box::pin(lists::run(lists::Args::of_file(named, args.store.clone()))).await?;
        }
    }
    if files.iter().any(|(_, file)| file.holds == Holds::Removed) {
        return withdraw(&files, &args.store, now).await;
    }
    Ok(Exit::Clean)
}

fn named(path: &Path, now: Time) -> anyhow::Result<(&Path, DropFile)> {
    let file = DropFile::of_name(&table::name(path))
        .with_context(|| format!("{}: give it back its name", path.display()))?;
    ensure!(
        file.day <= now,
        "{}: the day in its name is yet to come; look at this machine's clock ({now})",
        path.display()
    );
    Ok((path, file))
}

/// What became of the requests of all Removed files.
#[derive(Default)]
struct Tally {
    ended: u64,
    ended_before: u64,
    shared: u64,
    restored: u64,
    unseen: u64,
    other: u64,
    unreadable: u64,
}

/// The requests of the Removed files count no more: DROP takes its own claims back.
async fn withdraw(files: &[(&Path, DropFile)], store: &StoreFlags, now: Time) -> anyhow::Result<Exit> {
    let opened = store.open().await?;
    let mut tally = Tally::default();
    let withdrawals = read(files, &opened, &mut tally)?;
    let snapshot = opened.replica(now).await?.snapshot();
    let mut writer = opened.writer().await?;
    let mut records = Vec::new();
    for settled in withdrawals.settle() {
        let requests = settled.withdrawn;
        let keys = opened.keyring.signal_keys(&settled.identifier);
        let (day, asked) = match settled.outcome {
            Outcome::Ends { day, asked } => (day, asked),
            Outcome::Unseen => {
                tally.unseen += requests;
                continue;
            }
            Outcome::Shared => {
                tally.shared += requests;
                // A withdrawal that was taken in without the list of the other request ended this too. A tie stands.
                if let Some(ended) = ended_at(&snapshot, &keys.primary.key)? {
                    let said = Statement { direction: Direction::Out, ..withdrawal(ended) };
                    let clock = writer.clock().next(now);
                    records.push(Record::Signal(Signal::new(keys, said, BatchId::live(now), now, clock)?));
                    tally.restored += 1;
                }
                continue;
            }
        };
        let said = withdrawal(day);
        match Held::of(&snapshot, &keys.primary.key, &said, &asked)? {
            Held::AskedElsewhere => tally.unseen += requests,
            Held::AskedSince => tally.shared += requests,
            Held::EndedBefore => tally.ended_before += requests,
            Held::Stands => {
                tally.ended += requests;
                let clock = writer.clock().next(now);
                records.push(Record::Signal(Signal::new(keys, said, BatchId::live(now), now, clock)?));
            }
        }
        if records.len() == RECORDS_MAX {
            append(&mut writer, &mut records, now).await?;
        }
    }
    append(&mut writer, &mut records, now).await?;
    remember(store, &opened.store, std::slice::from_ref(writer.head()), now).await;
    tally.print();
    Ok(if tally.unseen + tally.unreadable > 0 { Exit::CannotTell } else { Exit::Clean })
}

async fn append(writer: &mut Writer, records: &mut Vec<Record>, now: Time) -> anyhow::Result<()> {
    if !records.is_empty() {
        writer.append(&std::mem::take(records), now).await.context("could not record withdrawals")?;
    }
    Ok(())
}

/// All rows of the Removed files, and those rows of the lists that are about the same identifiers.
fn read(files: &[(&Path, DropFile)], opened: &Opened, tally: &mut Tally) -> anyhow::Result<Withdrawals> {
    let mut withdrawals = Withdrawals::default();
    for (path, file) in files.iter().filter(|(_, file)| file.holds == Holds::Removed) {
        for row in table::open_as(path, &REMOVED_HEADER, "a Removed file")?.records() {
            let row = row.with_context(|| format!("could not read {}", path.display()))?;
            let (id, hash, list) = (&row[0], &row[1], row[2].parse::<DropList>());
            match list.map(|list| list.identify(&opened.normaliser, hash)) {
                Ok(Some(Ok(identifier))) if !id.is_empty() => withdrawals.withdraw(id, identifier, file.day),
                Ok(None) => tally.other += 1,
                Ok(Some(_)) | Err(_) => tally.unreadable += 1,
            }
        }
    }
    for (path, file) in files {
        let Holds::List(list) = file.holds else { continue };
        if list.kind().is_none() || withdrawals.is_empty() {
            continue;
        }
        for row in table::open_as(path, &LIST_HEADER, "a deletion list")?.records() {
            let row = row.with_context(|| format!("could not read {}", path.display()))?;
            // What cannot be read there, the import has counted.
            if let Some(Ok(identifier)) = list.identify(&opened.normaliser, &row[1]) {
                withdrawals.request(&row[0], &identifier, file.day);
            }
        }
    }
    Ok(withdrawals)
}

/// What counts of DROP's claim on an identifier, batch by batch.
fn counting(snapshot: &Snapshot, key: &Key, said: &Statement) -> anyhow::Result<Vec<Moments>> {
    let Some(state) = snapshot.state(key)? else { return Ok(Vec::new()) };
    Ok(state.counting(&said.mechanism, &said.scope, &said.claimant, &snapshot.retractions).collect())
}

/// When DROP's claim on an identifier ended, if it does not stand.
fn ended_at(snapshot: &Snapshot, key: &Key) -> anyhow::Result<Option<Time>> {
    let counting = counting(snapshot, key, &withdrawal(Time::MIN))?;
    let ended = counting.iter().filter_map(|held| held.opt_in).max();
    Ok(ended.filter(|ended| counting.iter().filter_map(|held| held.out).max() < Some(*ended)))
}

/// What the store holds of an identifier that nobody at hand asks for any more.
enum Held {
    Stands,
    EndedBefore,
    /// It was asked that day or since.
    AskedSince,
    /// It was also asked by a list that is not at hand.
    AskedElsewhere,
}

impl Held {
    /// `asked`: the days of the requests at hand.
    fn of(snapshot: &Snapshot, key: &Key, said: &Statement, asked: &[Time]) -> anyhow::Result<Self> {
        let Some(day) = said.stated_at else { return Ok(Self::Stands) };
        let counting = counting(snapshot, key, said)?;
        let ended = counting.iter().filter_map(|held| held.opt_in).max();
        if ended >= Some(day) {
            return Ok(Self::EndedBefore);
        }
        let mut outs = counting.iter().filter_map(|held| held.out);
        let elsewhere = outs.any(|out| Some(out) >= ended && out < day && !asked.contains(&out));
        let is_since = counting.iter().any(|held| held.out >= Some(day));
        Ok(match (elsewhere, is_since) {
            (true, _) => Self::AskedElsewhere,
            (false, true) => Self::AskedSince,
            (false, false) => Self::Stands,
        })
    }
}

impl Tally {
    fn print(&self) {
        for (count, what) in [
            (self.ended, "withdrawn requests: their opt-outs ended"),
            (self.ended_before, "withdrawn requests that were known"),
            (self.shared, "withdrawn requests about what somebody else asks for too: the opt-out stands"),
            (self.restored, "opt-outs that stand again: a withdrawal had ended what somebody else asks for"),
            (self.other, "withdrawn requests about what Abide has no identifier for"),
            (
                self.unseen,
                "withdrawn requests whose lists are not all here: the opt-out stands; give those lists too",
            ),
            (self.unreadable, "withdrawn requests that cannot be read"),
        ] {
            if count > 0 {
                println!("{count:>10}  {what}");
            }
        }
    }
}
