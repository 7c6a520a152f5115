//! Assumptions on single objects: create-only writes, whole reads, exact ranges.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use futures::future;
use object_store::{Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutPayload};
use tokio::task;

use super::{Broken, create, equal, holds, not_found, path, read, succeeds};

const RACES: u32 = 25;
const RIVALS: u8 = 8;
/// Several pages and network packets, so that a mixture of two writers would show, and little enough that a
/// server which refuses early still takes all of it before it answers.
const RIVAL_SIZE: usize = 96 * 1024;

/// The journal's largest object (design, section 4), written in one request.
const LARGEST: usize = 32 * 1024 * 1024;

pub(super) async fn missing_is_not_found(store: &dyn ObjectStore) -> Result<(), Broken> {
    let missing = path("never-written");
    not_found("reading an object that does not exist answers `not found`", &store.get(&missing).await)?;
    not_found("asking for an object that does not exist answers `not found`", &store.head(&missing).await)?;
    let deleted = store.delete(&missing).await;
    holds(
        "deleting an object that does not exist does nothing or answers `not found`",
        matches!(deleted, Ok(()) | Err(Error::NotFound { .. })),
        || format!("{deleted:?}"),
    )
}

pub(super) async fn create_is_create_only(store: &dyn ObjectStore) -> Result<(), Broken> {
    const WRITES: &str = "a create-only write of a new object succeeds, even of no bytes";
    const CONFLICTS: &str =
        "a create-only write of an object that exists answers `already exists` and writes nothing";
    const READ: &str = "an object is read as it was written, at once";

    for (name, bytes) in [("new", Bytes::from_static(b"first")), ("empty", Bytes::new())] {
        let path = path(name);
        succeeds(WRITES, create(store, &path, &bytes).await)?;
        equal(READ, &succeeds(READ, read(store, &path).await)?, &bytes)?;
        // Its own bytes again are a conflict too: only then is every second writer told.
        for again in [bytes.clone(), Bytes::from_static(b"second")] {
            let result = create(store, &path, &again).await;
            holds(CONFLICTS, matches!(result, Err(Error::AlreadyExists { .. })), || format!("{result:?}"))?;
        }
        equal(CONFLICTS, &succeeds(READ, read(store, &path).await)?, &bytes)?;

        let head = succeeds(READ, store.head(&path).await)?;
        equal("the size of an object is that of its bytes", &head.size, &(bytes.len() as u64))?;
        equal("an object answers to the name that it was written under", &head.location, &path)?;
    }
    Ok(())
}

pub(super) async fn created_once_by_racing_writers(store: &Arc<dyn ObjectStore>) -> Result<(), Broken> {
    const ONE: &str =
        "of racing create-only writes exactly one succeeds, and the others answer `already exists`";
    const STAYS: &str = "of racing create-only writes the winner's bytes stay";

    for race in 0..RACES {
        let path = path(&format!("race/{race}"));
        let rivals = (0..RIVALS).map(|rival| {
            let (store, path) = (Arc::clone(store), path.clone());
            task::spawn(async move { create(&*store, &path, &rival_bytes(rival)).await })
        });
        let mut winners = Vec::new();
        for (rival, result) in (0..RIVALS).zip(future::join_all(rivals).await) {
            match result.expect("a rival does not panic") {
                Ok(_) => winners.push(rival),
                Err(Error::AlreadyExists { .. }) => {}
                Err(error) => {
                    return Err(Broken { assumption: ONE, found: format!("the error {error}") });
                }
            }
        }
        let &[winner] = &winners[..] else {
            return Err(Broken { assumption: ONE, found: format!("{} winners", winners.len()) });
        };
        let bytes = succeeds(STAYS, read(&**store, &path).await)?;
        holds(STAYS, bytes == rival_bytes(winner), || format!("the bytes of {:?}", writers_of(&bytes)))?;
    }
    Ok(())
}

/// A reader who meets an overwrite sees the object before or after it, never a mixture or nothing.
pub(super) async fn overwrites_are_whole(store: &Arc<dyn ObjectStore>) -> Result<(), Broken> {
    const WHOLE: &str = "an object that is being overwritten is read whole, as one of its versions";
    const LAST: &str = "an overwrite is read at once";

    let path = path("overwritten");
    succeeds(LAST, store.put(&path, rival_bytes(0).into()).await)?;
    let reader = {
        let (store, path) = (Arc::clone(store), path.clone());
        task::spawn(async move {
            for _ in 0..RACES {
                let bytes = succeeds(WHOLE, read(&*store, &path).await)?;
                let whole = bytes.first().is_some_and(|&writer| bytes == rival_bytes(writer));
                holds(WHOLE, whole, || format!("{} bytes of {:?}", bytes.len(), writers_of(&bytes)))?;
                task::yield_now().await;
            }
            Ok(())
        })
    };
    for version in (0..RIVALS).cycle().take(RACES as usize) {
        succeeds(LAST, store.put(&path, rival_bytes(version).into()).await)?;
        let bytes = succeeds(LAST, read(&**store, &path).await)?;
        holds(LAST, bytes == rival_bytes(version), || format!("the bytes of {:?}", writers_of(&bytes)))?;
    }
    reader.await.expect("the reader does not panic")
}

pub(super) async fn largest_object_in_one_put(store: &dyn ObjectStore) -> Result<(), Broken> {
    const LARGE: &str = "an object of 32 MiB is created in one request, and never a second time";

    let (path, bytes) = (path("large"), pattern(LARGEST));
    succeeds(LARGE, create(store, &path, &bytes).await)?;
    // Any error: a server may refuse before it has read all, and close the connection, so that the client is
    // left with a broken pipe instead of the answer. Whoever writes objects of this size has to read back
    // after it.
    let again = create(store, &path, &Bytes::from(vec![0; LARGEST])).await;
    holds(LARGE, again.is_err(), || format!("{again:?}"))?;
    let unchanged = succeeds(LARGE, read(store, &path).await)? == bytes;
    holds(LARGE, unchanged, || "other bytes than the first writer's".to_owned())
}

pub(super) async fn ranges_are_exact(store: &dyn ObjectStore) -> Result<(), Broken> {
    const EXACT: &str = "a range of an object is exactly these bytes of it";

    let (path, bytes) = (path("ranges"), pattern(1_000));
    succeeds(EXACT, store.put(&path, PutPayload::from(bytes.clone())).await)?;
    for (range, expected) in [
        (GetRange::Bounded(0..1), 0..1),
        (GetRange::Bounded(10..500), 10..500),
        (GetRange::Bounded(999..1_000), 999..1_000),
        // Past the end there is nothing, which is no error as long as there is something before.
        (GetRange::Bounded(990..5_000), 990..1_000),
        (GetRange::Offset(700), 700..1_000),
        (GetRange::Suffix(8), 992..1_000),
    ] {
        let options = GetOptions { range: Some(range), ..GetOptions::default() };
        let result = succeeds(EXACT, store.get_opts(&path, options).await)?;
        equal("an answer with a range names the size of the whole object", &result.meta.size, &1_000)?;
        equal(EXACT, &succeeds(EXACT, result.bytes().await)?, &bytes.slice(expected))?;
    }
    let several = succeeds(EXACT, store.get_ranges(&path, &[900..950, 0..10, 5..20]).await)?;
    equal(EXACT, &several, &vec![bytes.slice(900..950), bytes.slice(0..10), bytes.slice(5..20)])
}

/// Bytes that name their writer in every place.
fn rival_bytes(rival: u8) -> Bytes {
    Bytes::from(vec![rival; RIVAL_SIZE])
}

fn writers_of(bytes: &Bytes) -> BTreeSet<u8> {
    bytes.iter().copied().collect()
}

/// Bytes that differ from their neighbours and from those a page away.
fn pattern(size: usize) -> Bytes {
    let period: Vec<u8> = (0..=250).collect();
    let mut bytes = period.repeat(size.div_ceil(period.len()));
    bytes.truncate(size);
    bytes.into()
}
