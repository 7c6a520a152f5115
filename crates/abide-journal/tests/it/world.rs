//! What the tests share: a store, invented signals, and reading everything back.

use std::sync::Arc;

use abide_journal::{
    ClockCheck, Reader, Record, Retry, Store, StoreConfig, StoreError, StoreId, Writer, WriterConfig,
};
use abide_model::{
    BatchId, Claimant, Direction, Form, Forms, IdentifierKind, Key, Origin, Position, Positions, Scope,
    Secret, Signal, SignalKeys, Time, TypedKey,
};
use object_store::{ObjectStore, memory::InMemory, path::Path};

pub(crate) const NOW: Time = Time::from_seconds(1_795_000_000);

pub(crate) fn secret() -> Secret {
    Secret::from_bytes([7; 32])
}

pub(crate) fn store_config() -> StoreConfig {
    let forms = Forms { md5: true, sha1: false };
    StoreConfig { id: StoreId([3; 16]), phone_region: "US".parse().unwrap(), forms }
}

pub(crate) async fn init(objects: Arc<dyn ObjectStore>) -> Result<Store, StoreError> {
    Store::init(objects, &Path::default(), store_config(), &secret(), NOW).await
}

pub(crate) async fn in_memory() -> (Arc<InMemory>, Store) {
    let objects = Arc::new(InMemory::new());
    let store = init(objects.clone()).await.unwrap();
    (objects, store)
}

pub(crate) fn origin(name: &str) -> Origin {
    name.parse().unwrap()
}

/// Tries often and does not pause: the faults of tests pass by themselves.
pub(crate) fn writer_config(instance: u64) -> WriterConfig {
    let retry = Retry { attempts: 20, first_pause_ms: 0 };
    WriterConfig { instance, retry, clock_check: ClockCheck::Records }
}

pub(crate) async fn writer(store: &Store, name: &str) -> Writer {
    Writer::open(store, origin(name), writer_config(1)).await.unwrap()
}

pub(crate) fn key(number: u64) -> Key {
    let mut bytes = [0xA5; 16];
    bytes[..8].copy_from_slice(&number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    Key(bytes)
}

/// A live opt-out of an invented person.
pub(crate) fn signal(person: u64) -> Signal {
    let at = NOW.plus_micros(i64::try_from(person).unwrap());
    let typed = |key| TypedKey { key, form: Form::Sha256, version: 1 };
    Signal {
        keys: SignalKeys {
            kind: IdentifierKind::Email,
            primary: typed(key(person)),
            aliases: Vec::new(),
            domain: None,
        },
        mechanism: "email.unsubscribe".parse().unwrap(),
        scope: Scope::Brand("acme".into()),
        claimant: Claimant::Person,
        direction: Direction::Out,
        stated_at: None,
        received_at: at,
        at,
        batch: BatchId::live(NOW),
        proof: None,
        recorded_by: Some("form".into()),
        evidence: None,
    }
}

pub(crate) fn signals(people: std::ops::Range<u64>) -> Vec<Record> {
    people.map(|person| Record::Signal(signal(person))).collect()
}

/// Everything that a follower sees from `from` on, as long as it sees anything.
pub(crate) async fn follow(store: &Store, from: &Positions) -> Vec<(Origin, Position, Record)> {
    let mut follower = Reader::new(store).follow(from).await.unwrap();
    let mut seen = Vec::new();
    while let Some(followed) = follower.next_or_confirmed().await.unwrap() {
        let origin = followed.object.name().origin.clone();
        for record in followed.records() {
            let (position, record) = record.unwrap();
            seen.push((origin.clone(), position, record));
        }
    }
    seen
}

/// The records of the one origin of a store, which must stand at 1, 2, 3, …
pub(crate) async fn records(store: &Store) -> Vec<Record> {
    let seen = follow(store, &Positions::default()).await;
    for (expected, (_, position, _)) in (1..).zip(&seen) {
        assert_eq!(*position, expected, "positions have no gap and no repeat");
    }
    seen.into_iter().map(|(_, _, record)| record).collect()
}
