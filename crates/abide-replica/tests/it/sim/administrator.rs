//! Who gives the store a new secret while everybody goes on: the old one ends, and a new one is the same.

use std::{sync::Arc, time::Duration};

use abide_enforce::Snapshot;
use abide_journal::{
    JournalError, Record, Rekey, RekeyConfig, RetractionRecord, Retry, Store, StoreError, StoreId, Writer,
};
use abide_model::{Key, Keyring, Positions, Retraction, Secret, Time};
use abide_replica::{Replica, ReplicaConfig};
use abide_testkit::{FaultyStore, SimClock};
use futures::future::{FutureExt, LocalBoxFuture};
use object_store::{ObjectStore, path::Path as ObjectPath};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;

use super::{
    actors::{Actor, PEOPLE},
    auditor::{self, Journal, Ledger},
    rulings,
};
use crate::{
    model::Model,
    world::{NOW, RULES, SPELLINGS, keys_of, opt_out, secret, writer_config},
};

pub(super) fn new_secret() -> Secret {
    Secret::from_bytes([8; 32])
}

pub(super) struct Administrator {
    old: Store,
    new: FaultyStore,
    clock: SimClock,
    begins_at: Time,
    ledger: Ledger,
    cache: TempDir,
}

impl Administrator {
    pub(super) fn new(
        old: Store,
        new: FaultyStore,
        clock: SimClock,
        begins_at: Time,
        ledger: Ledger,
    ) -> Self {
        Self { old, new, clock, begins_at, ledger, cache: tempfile::tempdir().unwrap() }
    }

    /// As the command does it, from wherever it was cut off.
    async fn rekey(&self, instance: u64, copying: Duration) -> Result<(), JournalError> {
        let now = self.clock.now();
        let (old_secret, new_secret) = (secret(), new_secret());
        let config = RekeyConfig {
            id: StoreId([4; 16]),
            old_secret: &old_secret,
            new_secret: &new_secret,
            retry: Retry::default(),
            instance,
        };
        let new: Arc<dyn ObjectStore> = Arc::new(self.new.clone());
        let rekey = Rekey::begin(&self.old, new, &ObjectPath::default(), config, now).await?;
        rekey.copy(&mut |_| ()).await?;
        // Meanwhile others go on writing.
        tokio::time::sleep(copying).await;
        self.publish(rekey.new_store(), instance).await;
        self.ledger.begin_move();
        let fenced = rekey.fence("over there", now).await?;
        self.ledger.end_old_store();
        fenced.complete().await?;
        Ok(())
    }

    /// The new store is as quick to open as the old one was, if this succeeds.
    async fn publish(&self, new: &Store, unique: u64) {
        let config = ReplicaConfig::new(self.cache.path());
        if let Ok(mut replica) = Replica::open(new, RULES.clone(), config, self.clock.now()).await {
            let _ = replica.compact(self.clock.now(), unique, &mut |_| ()).await;
        }
    }

    async fn try_to_rekey(&mut self, mut rng: ChaCha8Rng) {
        if self.clock.now() < self.begins_at {
            return;
        }
        match self.rekey(rng.random(), Duration::from_secs(rng.random_range(0..12 * 3_600))).await {
            Ok(()) | Err(JournalError::Store(StoreError::AlreadyAStore { .. })) => {}
            Err(error) => {
                let kind = error.kind();
                assert!(
                    matches!(
                        kind,
                        abide_journal::ErrorKind::Unavailable | abide_journal::ErrorKind::Conflict
                    ),
                    "faults that pass are taken for {kind:?}: {error:?}"
                );
            }
        }
    }

    /// Nothing fails any more.
    pub(super) async fn finish(&self) {
        match self.rekey(1, Duration::ZERO).await {
            Ok(()) | Err(JournalError::Store(StoreError::AlreadyAStore { .. })) => {}
            Err(error) => panic!("cut off for ever: {error:?}"),
        }
    }
}

impl Actor for Administrator {
    fn act(&mut self, rng: ChaCha8Rng) -> LocalBoxFuture<'_, ()> {
        self.try_to_rekey(rng).boxed_local()
    }

    fn killed(&mut self) {
        self.ledger.count(|events| &mut events.killed);
    }
}

/// From a store's keys to another's. Written without the code under test.
struct Transfer {
    from: Keyring,
    to: Keyring,
}

impl Transfer {
    fn new(old: &Store) -> Self {
        let forms = old.config().forms;
        Self { from: Keyring::new(&secret(), forms), to: Keyring::new(&new_secret(), forms) }
    }

    fn key(&self, key: Key) -> Key {
        self.from.transfer(key, &self.to)
    }

    fn record(&self, record: &Record) -> Record {
        let mut record = record.clone();
        match &mut record {
            Record::Signal(signal) => {
                signal.keys.primary.key = self.key(signal.keys.primary.key);
                for alias in &mut signal.keys.aliases {
                    alias.key = self.key(alias.key);
                }
                signal.keys.domain = signal.keys.domain.map(|domain| self.key(domain));
            }
            Record::Retraction(RetractionRecord { what: Retraction::Window { domain, .. }, .. }) => {
                *domain = domain.map(|domain| self.key(domain));
            }
            _ => {}
        }
        record
    }

    fn records(&self, records: &[Record]) -> Vec<Record> {
        records.iter().map(|record| self.record(record)).collect()
    }
}

/// The new store holds what was promised by the old one, answers as that did, and goes on from there.
pub(super) async fn assert_moved(old: &Store, new: &Store, ledger: &Ledger, cache: &std::path::Path) {
    let transfer = Transfer::new(old);
    let (before, after) = (auditor::journal(old).await, auditor::journal(new).await);
    for (origin, records) in &after {
        let known = &before[origin][..records.len()];
        assert!(transfer.records(known) == *records, "{origin} is another journal than it was");
    }
    ledger.assert_kept(&after, |records| transfer.records(records));

    let end: Positions =
        after.iter().map(|(origin, records)| (origin.clone(), records.len() as u64)).collect();
    let model = Model::of(auditor::up_to(&before, &end));
    let config = ReplicaConfig::new(&cache.join("moved"));
    let mut replica = Replica::open(new, RULES.clone(), config, NOW).await.unwrap();
    assert_eq!(replica.snapshot().positions, end, "not all was read");
    assert_answers(&replica.snapshot(), &model, &transfer);
    let ruled = rulings::digest_in_force(&rulings::rulings(&before, &end));
    assert_eq!(replica.snapshot().rules.version().digest(), ruled, "the ruleset in force over there");
    auditor::assert_sound(new).await;
    auditor::assert_sound(old).await;

    go_on(new, &mut replica, &after).await;
}

fn assert_answers(snapshot: &Snapshot, model: &Model, transfer: &Transfer) {
    for key in (0..PEOPLE).flat_map(keys_of) {
        let facts = snapshot.find(&transfer.key(key)).unwrap();
        let facts = facts.map(|facts| (**facts).clone()).unwrap_or_default();
        assert_eq!(facts, model.facts(&key), "{key:?} under its new name");
    }
}

async fn go_on(store: &Store, replica: &mut Replica, journal: &Journal) {
    let origin = journal.keys().next().expect("somebody wrote").clone();
    let mut writer = Writer::open(store, origin, writer_config(77)).await.unwrap();
    let at = writer.clock().next(NOW);
    let token = writer.append(&[Record::Signal(opt_out(PEOPLE, SPELLINGS[0], at))], NOW).await.unwrap().token;
    replica.refresh(NOW).await.unwrap();
    assert!(replica.snapshot().positions.of(&token.origin) >= token.position);
    assert!(replica.snapshot().find(&keys_of(PEOPLE)[0]).unwrap().is_some());
}
