//! Snapshots that are no longer needed: which they are, and deleting them.
//!
//! The newest two that have their parts stay, and every other for a while after its successor was written, for those who
//! are reading it. Whoever is slower finds its parts gone and starts again from the newest.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use abide_journal::{Store, StoreError};
use abide_model::Time;
use futures::TryStreamExt as _;
use object_store::path::Path as ObjectPath;

use crate::{
    error::ReplicaError,
    manifest::Manifest,
    snapshots::{newest, read},
};

const HOUR_US: i64 = 3_600_000_000;
const MANIFESTS: &str = "snapshots";
const PARTS: &str = "snapshots/parts";

/// How long a snapshot stays once there is a newer one, and parts that no snapshot refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SnapshotWait {
    // Invariant: at least `LEAST_US`.
    us: i64,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "snapshots that were superseded have to stay for at least {} hours: nodes are reading them, and the parts of one that is being written belong to none yet",
    SnapshotWait::LEAST_US / HOUR_US
)]
pub struct SnapshotWaitTooShort;

impl SnapshotWait {
    pub(crate) const LEAST_US: i64 = 24 * HOUR_US;

    pub fn from_hours(hours: u32) -> Result<Self, SnapshotWaitTooShort> {
        let us = i64::from(hours) * HOUR_US;
        if us < Self::LEAST_US { Err(SnapshotWaitTooShort) } else { Ok(Self { us }) }
    }
}

impl Default for SnapshotWait {
    /// A day.
    fn default() -> Self {
        Self { us: Self::LEAST_US }
    }
}

impl fmt::Display for SnapshotWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} hours", self.us / HOUR_US)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObsoleteObject {
    pub name: String,
    pub bytes: u64,
}

/// What is no longer needed, by the store's clock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Obsolete {
    /// In the order in which it has to be deleted: manifests from the oldest on, then parts.
    pub due: Vec<ObsoleteObject>,
    /// What will be, and when.
    pub waiting: Vec<(ObsoleteObject, Time)>,
}

/// Looks for snapshots that were superseded, and parts that belong to none.
pub async fn obsolete(store: &Store, wait: SnapshotWait, store_now: Time) -> Result<Obsolete, ReplicaError> {
    // Parts first: what is committed after they were listed is seen to be referred to.
    let parts = list(store, PARTS).await?;
    let manifests = manifests(store, store_now).await?;
    let mut obsolete = Obsolete::default();
    let mut needed = BTreeSet::new();
    let mut of_due = BTreeSet::new();
    let standing: BTreeSet<&str> = parts.iter().map(|part| part.name.as_str()).collect();
    for (manifest, entry, superseded_at) in with_successors(&manifests, &standing) {
        let part_names = [manifest.index.name.clone(), manifest.states.name.clone()];
        match superseded_at.map(|at| at.plus_micros(wait.us)) {
            None => needed.extend(part_names),
            Some(due_at) if due_at > store_now => {
                needed.extend(part_names);
                obsolete.waiting.push((entry.object(), due_at));
            }
            Some(_) => {
                of_due.extend(part_names);
                obsolete.due.push(entry.object());
            }
        }
    }
    for part in parts.iter().filter(|part| is_part(&part.name) && !needed.contains(&part.name)) {
        let due_at = part.written_at.plus_micros(wait.us);
        if of_due.contains(&part.name) || due_at <= store_now {
            obsolete.due.push(part.object());
        } else {
            obsolete.waiting.push((part.object(), due_at));
        }
    }
    Ok(obsolete)
}

/// Deletes what is due; `deleted` is told each, once it is gone. After an error the rest stays.
pub async fn delete_obsolete(
    store: &Store,
    wait: SnapshotWait,
    store_now: Time,
    deleted: &mut (dyn FnMut(&ObsoleteObject) + Send),
) -> Result<(), ReplicaError> {
    for object in obsolete(store, wait, store_now).await?.due {
        store.delete(&object.name).await?;
        deleted(&object);
    }
    Ok(())
}

struct Entry {
    name: String,
    bytes: u64,
    /// By the store's clock.
    written_at: Time,
}

impl Entry {
    fn object(&self) -> ObsoleteObject {
        ObsoleteObject { name: self.name.clone(), bytes: self.bytes }
    }
}

async fn list(store: &Store, under: &str) -> Result<Vec<Entry>, ReplicaError> {
    let listed = store.objects().list(Some(&ObjectPath::from(under)));
    let entry = |found: object_store::ObjectMeta| Entry {
        name: found.location.to_string(),
        bytes: found.size,
        written_at: Time::from_micros(found.last_modified.timestamp_micros()),
    };
    Ok(listed.map_ok(entry).try_collect().await.map_err(|source| StoreError::of("list", under, source))?)
}

/// By number. One that cannot be read is an error: nobody knows which parts it refers to.
async fn manifests(store: &Store, store_now: Time) -> Result<BTreeMap<u64, (Manifest, Entry)>, ReplicaError> {
    let mut manifests = BTreeMap::new();
    for entry in list(store, MANIFESTS).await? {
        if let Some(number) = Manifest::number_of(&entry.name)
            && let Some(manifest) = read(store, number).await?
        {
            manifests.insert(number, (manifest, entry));
        }
    }
    // A listing may lag behind.
    if let Some(newest) = newest(store).await? {
        let name = Manifest::object_name(newest.number);
        let entry = Entry { name, bytes: 0, written_at: store_now };
        manifests.entry(newest.number).or_insert((newest, entry));
    }
    Ok(manifests)
}

/// Each with when its successor was written; `None` for the newest two, which stay in any case. One whose parts are gone, as
/// nobody's before it was committed, succeeds none: nobody can start from it.
fn with_successors<'m>(
    manifests: &'m BTreeMap<u64, (Manifest, Entry)>,
    standing: &BTreeSet<&str>,
) -> impl Iterator<Item = (&'m Manifest, &'m Entry, Option<Time>)> {
    // Of those that come later and have their parts: how many, and when the first of them was written.
    let (mut later, mut next_at) = (0, None);
    let mut all: Vec<_> = manifests
        .values()
        .rev()
        .map(|(manifest, entry)| {
            let superseded_at = next_at.filter(|_| later >= 2);
            let parts = [&manifest.index, &manifest.states];
            if parts.iter().all(|part| standing.contains(part.name.as_str())) {
                later += 1;
                next_at = Some(entry.written_at);
            }
            (manifest, entry, superseded_at)
        })
        .collect();
    all.reverse();
    all.into_iter()
}

/// The names that compactors give; others in the folder are not ours to delete.
fn is_part(name: &str) -> bool {
    let stem = |file: &str| file.strip_suffix(".index").or(file.strip_suffix(".parquet")).map(str::to_owned);
    let stem = name.strip_prefix("snapshots/parts/").and_then(stem);
    stem.as_deref().and_then(|stem| stem.rsplit_once('-')).is_some_and(|(micros, unique)| {
        micros.parse::<i64>().is_ok() && unique.len() == 16 && u64::from_str_radix(unique, 16).is_ok()
    })
}
