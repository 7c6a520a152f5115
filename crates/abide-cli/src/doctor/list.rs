//! The list: this machine's copy, the journal's tail, the age of the snapshot.

use std::{fs, path::Path};

use abide_index::list::List;
use abide_journal::Reader;
use abide_model::Time;
use abide_replica::{Manifest, Memory, Replica, ReplicaConfig, ReplicaError};

use super::{
    finding::{Finding, Grade, chain},
    store::todo,
};
use crate::store_flags::Opened;

const DAY_US: i64 = 24 * 3_600 * 1_000_000;

/// Every process reads the tail when it starts; beyond these it is felt.
const TAIL_OBJECTS_MAX: usize = 256;
const TAIL_BYTES_MAX: u64 = 64 << 20;
const TAIL_AGE_MAX_US: i64 = 30 * DAY_US;

/// Local copies of snapshots gone by are removed after a day, by whatever command comes next.
const COPY_AGE_MAX_US: i64 = 2 * DAY_US;

pub(super) async fn examine(opened: &Opened, now: Time) -> Vec<Finding> {
    let newest = match abide_replica::newest(&opened.store).await {
        Ok(newest) => newest,
        Err(error) => return vec![broken("snapshot", error)],
    };
    let mut findings = Vec::new();
    let Ok(dir) = opened.cache_dir() else { return findings };
    findings.extend(copies(&dir, newest.as_ref(), now));
    // Opening the list would mend it, and nothing is changed here.
    let is_damaged = findings.iter().any(|finding| finding.grade == Grade::Problem);
    match tail(opened, newest.as_ref()).await {
        Ok(tail) => findings.push(tail.finding(newest.as_ref(), now)),
        Err(error) => findings.push(broken("journal", error)),
    }
    if is_damaged {
        return findings;
    }
    let config = ReplicaConfig::new(&dir);
    match Replica::open(&opened.store, opened.built_in.clone(), config, now).await {
        Err(error) => findings.push(broken("list", error)),
        Ok(replica) => {
            let snapshot = replica.snapshot();
            findings.push(Finding::ok(
                "list",
                format!("{} identities, read to the end", snapshot.len_identities()),
            ));
            let open: Vec<&str> = replica.open_batches().collect();
            if !open.is_empty() {
                findings.push(Finding::warning(
                    "imports",
                    format!("not completed, and without effect until they are: {}", open.join(" ")),
                    "if none of them is under way, import their files again (`abide imports`)",
                ));
            }
        }
    }
    findings
}

fn broken(about: &'static str, error: ReplicaError) -> Finding {
    let todo = todo(error.kind());
    Finding::problem(about, chain(error), todo)
}

/// This machine's copies of index files.
fn copies(dir: &Path, newest: Option<&Manifest>, now: Time) -> Vec<Finding> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let mut findings = Vec::new();
    let mut stale_bytes = 0;
    for entry in entries.flatten() {
        let path = entry.path();
        let Ok(metadata) = entry.metadata() else { continue };
        if path.file_name().and_then(|name| name.to_str()).is_some_and(Memory::is_file) {
            continue;
        }
        let is_current = newest.is_some_and(|newest| {
            path.file_stem().and_then(|stem| stem.to_str()) == Some(newest.index.sha256.as_str())
        });
        if is_current {
            let bytes = newest.map_or(0, |newest| newest.index.bytes);
            findings.push(current_copy(&path, metadata.len() == bytes));
        } else if metadata.modified().is_ok_and(|written| age_us(written, now) > COPY_AGE_MAX_US) {
            stale_bytes += metadata.len();
        }
    }
    if stale_bytes > 0 {
        let says = format!("{stale_bytes} bytes of old files stay in `{}`", dir.display());
        findings.push(Finding::warning("cache", says, "remove them; nothing needs them"));
    }
    findings
}

fn current_copy(path: &Path, is_whole: bool) -> Finding {
    let shown = path.display();
    let sound = match List::open(path) {
        Ok(list) if is_whole => list.index().verify().map_err(chain),
        Ok(_) => Err("its length is not that of the snapshot".to_owned()),
        Err(error) => Err(chain(error)),
    };
    match sound {
        Ok(()) => Finding::ok("cache", "this machine's copy of the list is sound"),
        Err(why) => {
            let says = format!("this machine's copy of the list is damaged: {why}");
            Finding::problem("cache", says, format!("remove `{shown}`; it is fetched again"))
        }
    }
}

fn age_us(written: std::time::SystemTime, now: Time) -> i64 {
    let since = written.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    now.micros_since(Time::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX)))
}

/// What of the journal is in no snapshot.
struct Tail {
    objects: usize,
    bytes: u64,
}

async fn tail(opened: &Opened, newest: Option<&Manifest>) -> Result<Tail, ReplicaError> {
    let reader = Reader::new(&opened.store);
    let covered = newest.map(Manifest::positions).unwrap_or_default();
    let mut tail = Tail { objects: 0, bytes: 0 };
    for origin in reader.origins().await? {
        let objects = reader.objects(&origin).await?;
        for object in objects.iter().filter(|object| object.name.first > covered.of(&origin)) {
            tail.objects += 1;
            tail.bytes += object.bytes;
        }
    }
    Ok(tail)
}

impl Tail {
    fn finding(&self, newest: Option<&Manifest>, now: Time) -> Finding {
        let Self { objects, bytes } = self;
        let age_us = newest.map(|newest| now.micros_since(newest.written_at));
        let since = match (newest, age_us) {
            (Some(newest), Some(age_us)) => {
                format!("since snapshot {}, {} days ago", newest.number, age_us / DAY_US)
            }
            _ => "and no snapshot".to_owned(),
        };
        let says = format!("{objects} objects of the journal, {bytes} bytes, {since}");
        let is_long = *objects > TAIL_OBJECTS_MAX || *bytes > TAIL_BYTES_MAX;
        let is_old = *objects > 0 && age_us.is_some_and(|age_us| age_us > TAIL_AGE_MAX_US);
        if is_long || is_old {
            let says = format!("{says}: every process reads them when it starts");
            return Finding::warning("snapshot", says, "run `abide compact`, best every day");
        }
        Finding::ok("snapshot", says)
    }
}
