//! What the tests share: stores, invented people, and comparing a snapshot with the model.

use std::sync::{Arc, LazyLock};

use abide_enforce::{Scratch, Snapshot};
use abide_journal::{
    BatchRecord, ClockCheck, Record, Retry, Store, StoreConfig, StoreId, Writer, WriterConfig,
};
use abide_model::{
    BatchId, Claimant, Direction, Form, Forms, IdentifierKind, Key, Proof, Scope, Secret, Signal, SignalKeys,
    Time, TypedKey, key::HeldCount,
};
use abide_replica::{Replica, ReplicaConfig, ReplicaError};
use abide_rules::Ruleset;
use futures::TryStreamExt;
use object_store::{ObjectStore, ObjectStoreExt, memory::InMemory, path::Path as ObjectPath};
use proptest::{prelude::*, sample::select};

use crate::model::Model;

pub(crate) const NOW: Time = Time::from_seconds(1_795_000_000);

/// Of everybody whose address came in raw.
pub(crate) const DOMAIN: Key = Key([9; 16]);

/// Compiled once, since that takes longer than most tests.
pub(crate) static RULES: LazyLock<Arc<Ruleset>> = LazyLock::new(|| Arc::new(Ruleset::built_in().unwrap()));

pub(crate) fn secret() -> Secret {
    Secret::from_bytes([7; 32])
}

pub(crate) async fn init(objects: Arc<dyn ObjectStore>) -> Store {
    let config = StoreConfig {
        id: StoreId([3; 16]),
        phone_region: "US".parse().unwrap(),
        forms: Forms { md5: true, sha1: false },
    };
    Store::init(objects, &ObjectPath::default(), config, &secret(), NOW).await.unwrap()
}

pub(crate) fn writer_config(instance: u64) -> WriterConfig {
    WriterConfig { instance, retry: Retry::default(), clock_check: ClockCheck::Records }
}

pub(crate) async fn writer(store: &Store, origin: &str) -> Writer {
    Writer::open(store, origin.parse().unwrap(), writer_config(1)).await.unwrap()
}

pub(crate) async fn open(store: &Store, config: &ReplicaConfig) -> Result<Replica, ReplicaError> {
    Replica::open(store, RULES.clone(), config.clone(), NOW).await
}

/// The same journal in a store without snapshots, so that everything has to be replayed.
pub(crate) async fn without_snapshots(objects: &dyn ObjectStore) -> Store {
    let copy = Arc::new(InMemory::new());
    let all: Vec<_> = objects.list(None).try_collect().await.unwrap();
    for object in all.into_iter().filter(|object| !object.location.as_ref().starts_with("snapshots")) {
        let bytes = objects.get(&object.location).await.unwrap().bytes().await.unwrap();
        copy.put(&object.location, bytes.into()).await.unwrap();
    }
    Store::open(copy, &ObjectPath::default(), &secret()).await.unwrap()
}

/// How somebody's e-mail address came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// Raw, in one of two spellings, which share the primary and the MD5 alias.
    Raw(u8),
    /// Hashed by somebody: the digest of the canonical text.
    Hashed,
    /// The digest of one of the two spellings.
    HashedSpelling(u8),
    Md5,
}

pub(crate) const SPELLINGS: [Spelling; 6] = [
    Spelling::Raw(0),
    Spelling::Raw(1),
    Spelling::Hashed,
    Spelling::HashedSpelling(0),
    Spelling::HashedSpelling(1),
    Spelling::Md5,
];

/// Spread over the whole range like real keys, so that aliases come before and after primaries.
pub(crate) fn key(person: u64, number: u64) -> Key {
    let mix = |seed: u64| {
        let x = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    };
    let seed = (person * 16 + number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&mix(seed).to_be_bytes());
    bytes[8..].copy_from_slice(&mix(!seed).to_be_bytes());
    Key(bytes)
}

pub(crate) fn keys_of(person: u64) -> [Key; 4] {
    [0, 1, 2, 3].map(|number| key(person, number))
}

pub(crate) fn signal_keys(person: u64, spelling: Spelling) -> SignalKeys {
    let typed = |number, form| TypedKey { key: key(person, number), form, version: 1 };
    let canonical = typed(0, Form::Sha256);
    let spelt = |spelling: u8| typed(1 + u64::from(spelling), Form::Sha256);
    let md5 = typed(3, Form::Md5);
    let (primary, aliases) = match spelling {
        Spelling::Raw(spelling) => (canonical, vec![spelt(spelling), md5]),
        Spelling::Hashed => (canonical, vec![]),
        Spelling::HashedSpelling(spelling) => (spelt(spelling), vec![]),
        Spelling::Md5 => (md5, vec![]),
    };
    let domain = matches!(spelling, Spelling::Raw(_)).then_some(DOMAIN);
    SignalKeys { kind: IdentifierKind::Email, primary, aliases, domain }
}

/// An opt-out by the person, live, for everyone.
pub(crate) fn opt_out(person: u64, spelling: Spelling, at: Time) -> Signal {
    Signal {
        keys: signal_keys(person, spelling),
        mechanism: "email.unsubscribe".parse().unwrap(),
        scope: Scope::Everyone,
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

pub(crate) fn opt_in(person: u64, spelling: Spelling, at: Time) -> Signal {
    let proof = Some(Proof::DoubleOptIn);
    Signal { direction: Direction::In, proof, ..opt_out(person, spelling, at) }
}

/// A source's word that no mail arrives.
pub(crate) fn bounce(person: u64, spelling: Spelling, at: Time) -> Signal {
    Signal {
        mechanism: "email.bounce.hard".parse().unwrap(),
        claimant: Claimant::Source("hubspot".into()),
        recorded_by: None,
        ..opt_out(person, spelling, at)
    }
}

pub(crate) fn any_signal(batches: &'static [&'static str]) -> impl Strategy<Value = Signal> {
    let mechanism = select(vec![
        "email.unsubscribe",
        "email.list",
        "email.complaint",
        "email.bounce.hard",
        "profile.all",
    ]);
    let who = select(vec![Claimant::Person, Claimant::Source("hubspot".into())]);
    let direction = select(vec![Direction::Out, Direction::In]);
    let what = (mechanism, select(vec!["*", "brand:acme", "list:weekly"]), who, direction);
    (0_u64..3, select(&SPELLINGS[..]), what, 1_i64..9, select(batches)).prop_map(
        |(person, spelling, (mechanism, scope, claimant, direction), at, batch)| Signal {
            mechanism: mechanism.parse().unwrap(),
            scope: scope.parse().unwrap(),
            claimant,
            direction,
            proof: Some(Proof::Login),
            batch: batch.parse().unwrap(),
            ..opt_out(person, spelling, Time::from_seconds(at))
        },
    )
}

/// The end of an import.
pub(crate) fn commit(batch: &str) -> Record {
    Record::Batch(BatchRecord {
        id: batch.parse().unwrap(),
        claimant: Claimant::Source("hubspot".into()),
        mechanisms: vec!["email.bounce.hard".parse().unwrap()],
        opened_at: NOW,
        committed_at: NOW,
        file: None,
        file_sha256: None,
        rows_read: 0,
        rows_taken: 0,
        rows_repeated: 0,
        rows_unreadable: Default::default(),
        signals: 0,
        snapshot: false,
        withdrawn: 0,
        recorded_by: None,
        note: None,
    })
}

/// Every key of every person answers as the model says, one by one and many at once, and so do the
/// counts.
pub(crate) fn assert_is(snapshot: &Snapshot, model: &Model, people: u64, what: &str) {
    let keys: Vec<Key> = (0..people).flat_map(keys_of).collect();
    for key in &keys {
        let (state, facts) = (snapshot.state(key).unwrap(), snapshot.find(key).unwrap());
        assert_eq!(state, model.state(key), "{what}: the state of {key:?}");
        assert_eq!(facts.is_some(), state.is_some(), "{what}: whether {key:?} is known");
        let facts = facts.map(|facts| (**facts).clone()).unwrap_or_default();
        assert_eq!(facts, model.facts(key), "{what}: the facts of {key:?}");
    }
    let mut many = vec![None; keys.len()];
    snapshot
        .find_many(&keys, &mut Scratch::default(), |at, facts| {
            assert!(many[at].replace(facts).is_none(), "{what}: one answer a key");
        })
        .unwrap();
    for (key, found) in keys.iter().zip(many) {
        assert_eq!(found, snapshot.find(key).unwrap(), "{what}: looked up among many");
    }
    assert_eq!(snapshot.len_identities(), model.states().len() as u64, "{what}: how many identities");
    let counted = |held: &abide_model::Held| {
        held.iter().filter(|(_, count)| *count != HeldCount::default()).collect::<Vec<_>>()
    };
    assert_eq!(counted(&snapshot.held()), counted(&model.held()), "{what}: the forms held");
}
