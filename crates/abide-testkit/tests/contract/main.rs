//! Every store that we rely on passes the contract, and a store that breaks it is found out.

mod careless;

use std::sync::Arc;

use abide_model::Time;
use abide_testkit::{Broken, DatedStore, Faults, FaultyStore, S3Server, SimClock, contract};
use careless::{Careless, Flaw};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode};

async fn check(store: impl ObjectStore) -> Result<(), Broken> {
    contract::check(Arc::new(store)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn memory() {
    assert_eq!(check(InMemory::new()).await, Ok(()));
}

/// As a store opens a directory: with fsync, so that what was answered survives a power cut.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn directory() {
    let folder = tempfile::tempdir().unwrap();
    let store = LocalFileSystem::new_with_prefix(folder.path()).unwrap().with_fsync(true);
    assert_eq!(check(store).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s3() {
    let folder = tempfile::tempdir().unwrap();
    let server = S3Server::start(folder.path());
    assert_eq!(contract::check(server.store()).await, Ok(()));
}

/// A bucket outlives its server: what was acknowledged is there after a kill and a start on the same folder.
#[tokio::test]
async fn s3_restarted() {
    let folder = tempfile::tempdir().unwrap();
    let path = Path::from("acknowledged");
    let server = S3Server::start(folder.path());
    server.store().put(&path, "kept".into()).await.unwrap();
    drop(server);

    let server = S3Server::start(folder.path());
    let found = server.store().get(&path).await.unwrap();
    assert_eq!(found.bytes().await.unwrap(), "kept");
    let again = server.store().put_opts(&path, "lost".into(), PutMode::Create.into()).await;
    assert!(matches!(again, Err(Error::AlreadyExists { .. })), "{again:?}");
}

#[tokio::test]
async fn healed() {
    let store = FaultyStore::new(Arc::new(InMemory::new()), 1, Faults::MANY);
    assert!(contract::check(Arc::new(store.clone())).await.is_err());
    assert_ne!(store.faults_injected(), 0);

    let store = FaultyStore::new(Arc::new(InMemory::new()), 1, Faults::MANY);
    store.heal();
    assert_eq!(check(store).await, Ok(()));
}

/// Dates of its own change nothing else; and they are those of its clock.
#[tokio::test]
async fn dated() {
    let clock = SimClock::new(Time::from_seconds(1_000));
    let store = DatedStore::new(Arc::new(InMemory::new()), clock.clone());
    assert_eq!(check(store.clone()).await, Ok(()));

    let path = Path::from("written");
    store.put(&path, "early".into()).await.unwrap();
    clock.advance(7_000_000);
    assert_eq!(store.head(&path).await.unwrap().last_modified.timestamp(), 1_000);
    store.put(&path, "late".into()).await.unwrap();
    assert_eq!(store.written_at(&path), Some(Time::from_seconds(1_007)));
}

/// Only delays, no faults: whatever the order in which requests arrive, an honest store keeps the contract.
#[tokio::test]
async fn reordered() {
    for seed in 0..10 {
        let faults = Faults { yields_max: 8, ..Faults::NONE };
        assert_eq!(
            check(FaultyStore::new(Arc::new(InMemory::new()), seed, faults)).await,
            Ok(()),
            "seed {seed}"
        );
    }
}

/// The contract is worth what it catches: each way of getting a store wrong, and the assumption that it
/// breaks.
#[tokio::test]
async fn careless_stores_are_found_out() {
    for (flaw, assumption) in [
        (Flaw::CreateOverwrites, "answers `already exists` and writes nothing"),
        (Flaw::CreateChecksFirst, "racing create-only writes exactly one succeeds"),
        (Flaw::ListsOnePage, "goes on until it has shown everything"),
        (Flaw::ListsNamesakes, "not its namesakes"),
        (Flaw::ListsLate, "shows each object as soon as it is written"),
        (Flaw::RangeOffByOne, "exactly these bytes"),
    ] {
        let broken = check(Careless::new(flaw)).await.expect_err("the flaw went unseen");
        assert!(broken.assumption.contains(assumption), "{flaw:?} was taken for: {broken}");
    }
}
