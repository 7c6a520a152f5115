//! Who looks on: what was promised, and whether it is kept.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use abide_journal::{Reader, Record, Store, counts_at_once, verify};
use abide_model::{Direction, FactSet, Key, Origin, Position, Positions, Signal};
use abide_replica::{Replica, ReplicaConfig};
use object_store::ObjectStore;

use super::actors::{Follower, PEOPLE};
use crate::{
    model::Model,
    world::{NOW, RULES, assert_is, keys_of, without_snapshots},
};

/// What happened in a run, so that a run in which nothing happened is seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Events {
    pub(super) acknowledged: u64,
    pub(super) refused: u64,
    pub(super) killed: u64,
    pub(super) looks: u64,
    pub(super) replicas_started: u64,
    pub(super) replicas_failed: u64,
    pub(super) snapshots: u64,
    pub(super) records: u64,
}

impl Events {
    fn all(&self) -> [u64; 8] {
        [
            self.acknowledged,
            self.refused,
            self.killed,
            self.looks,
            self.replicas_started,
            self.replicas_failed,
            self.snapshots,
            self.records,
        ]
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.acknowledged += other.acknowledged;
        self.refused += other.refused;
        self.killed += other.killed;
        self.looks += other.looks;
        self.replicas_started += other.replicas_started;
        self.replicas_failed += other.replicas_failed;
        self.snapshots += other.snapshots;
        self.records += other.records;
    }

    pub(super) fn assert_something_happened(&self) {
        assert!(
            self.all().iter().all(|count| *count > 0),
            "a run without some events shows little: {self:?}"
        );
    }
}

/// What writers have tried and what they were promised.
#[derive(Clone, Default)]
pub(super) struct Ledger(Rc<RefCell<Entries>>);

#[derive(Default)]
struct Entries {
    attempted: Vec<Signal>,
    acknowledged: Vec<(Origin, Position, Vec<Record>)>,
    events: Events,
}

impl Ledger {
    pub(super) fn attempt(&self, records: &[Record]) {
        let signals = records.iter().filter_map(|record| match record {
            Record::Signal(signal) => Some(signal.clone()),
            _ => None,
        });
        self.0.borrow_mut().attempted.extend(signals);
    }

    pub(super) fn acknowledge(&self, origin: &Origin, first: Position, records: Vec<Record>) {
        let mut entries = self.0.borrow_mut();
        entries.acknowledged.push((origin.clone(), first, records));
        entries.events.acknowledged += 1;
    }

    pub(super) fn count(&self, event: impl Fn(&mut Events) -> &mut u64) {
        *event(&mut self.0.borrow_mut().events) += 1;
    }

    pub(super) fn events(&self) -> Events {
        self.0.borrow().events.clone()
    }
}

type Table = BTreeMap<Key, FactSet>;

pub(super) struct Auditor {
    ledger: Ledger,
    /// What was seen at which positions.
    seen: Vec<(Positions, Table)>,
}

impl Auditor {
    pub(super) fn new(ledger: Ledger) -> Self {
        Self { ledger, seen: Vec::new() }
    }

    /// Looks at what a follower answers from just now.
    pub(super) fn look_at(&mut self, follower: &Follower) {
        let Some(replica) = &follower.replica else { return };
        let snapshot = replica.snapshot();
        self.ledger.count(|events| &mut events.looks);
        let table: Table = (0..PEOPLE)
            .flat_map(keys_of)
            .map(|key| (key, snapshot.find(&key).unwrap().map(|facts| (**facts).clone()).unwrap_or_default()))
            .collect();
        self.blocks_whom_it_must(&snapshot.positions, &table);
        // Followers at the same positions give the same answers.
        match self.seen.iter().find(|(positions, _)| *positions == snapshot.positions) {
            Some((positions, seen)) => assert_eq!(*seen, table, "two answers at {positions}"),
            None => self.seen.push((snapshot.positions.clone(), table)),
        }
    }

    /// After an acknowledged live opt-out, nobody who has read that far allows that key, unless the
    /// person may have opted in since.
    fn blocks_whom_it_must(&self, positions: &Positions, table: &Table) {
        let entries = self.ledger.0.borrow();
        for (origin, first, records) in &entries.acknowledged {
            for (position, record) in (*first..).zip(records) {
                let Record::Signal(signal) = record else { continue };
                let read = positions.of(origin) >= position && counts_at_once(&signal.batch);
                if !read || signal.direction != Direction::Out {
                    continue;
                }
                let key = signal.keys.primary.key;
                let person = (0..PEOPLE).map(keys_of).find(|keys| keys.contains(&key)).expect("one of ours");
                let opted_in_since = entries.attempted.iter().any(|other| {
                    other.direction == Direction::In
                        && other.at > signal.at
                        && person.contains(&other.keys.primary.key)
                });
                let blocked = table[&key].iter().any(|fact| fact.direction == Direction::Out);
                assert!(blocked || opted_in_since, "{key:?} opted out at {origin}:{position} and is allowed");
            }
        }
    }

    /// When all is over and nothing fails: what everybody saw is what the journal says.
    pub(super) async fn conclude(self, objects: &dyn ObjectStore, store: &Store, followers: &[Follower]) {
        let journal = journal(store).await;
        let end: Positions =
            journal.iter().map(|(origin, records)| (origin.clone(), records.len() as u64)).collect();
        for (origin, first, records) in &self.ledger.0.borrow().acknowledged {
            let stored = &journal[origin][usize::try_from(*first - 1).unwrap()..];
            assert_eq!(stored[..records.len()], records[..], "what was acknowledged at {origin}:{first}");
        }
        for (positions, seen) in &self.seen {
            let model = Model::of(up_to(&journal, positions));
            for (key, facts) in seen {
                assert_eq!(*facts, model.facts(key), "{key:?} as it was seen at {positions}");
            }
        }
        let model = Model::of(up_to(&journal, &end));
        for follower in followers {
            let replica = follower.replica.as_ref().expect("it has caught up");
            assert_eq!(replica.snapshot().positions, end, "not all was read");
            assert_is(&replica.snapshot(), &model, PEOPLE, "a follower in the end");
            self.ledger.count_more(follower);
        }
        let config = ReplicaConfig::new(&followers[0].dir().join("anew"));
        let newest = Replica::open(store, RULES.clone(), config, NOW).await.unwrap();
        assert_is(&newest.snapshot(), &model, PEOPLE, "newest snapshot and rest");
        let config = ReplicaConfig::new(&followers[0].dir().join("whole"));
        let whole =
            Replica::open(&without_snapshots(objects).await, RULES.clone(), config, NOW).await.unwrap();
        assert_is(&whole.snapshot(), &model, PEOPLE, "full replay");

        let heads = newest.manifest().map(|manifest| manifest.heads.clone()).unwrap_or_default();
        let report = verify(store, &heads).await.unwrap();
        assert!(report.damages.is_empty(), "{:?}", report.damages);
        let records = journal.values().map(Vec::len).sum::<usize>() as u64;
        self.ledger.0.borrow_mut().events.records += records;
    }
}

impl Ledger {
    fn count_more(&self, follower: &Follower) {
        let events = &mut self.0.borrow_mut().events;
        events.snapshots += follower.snapshots_written;
        events.replicas_started += follower.started;
        events.replicas_failed += follower.failed;
    }
}

type Journal = BTreeMap<Origin, Vec<Record>>;

/// Everything, read by itself, in which positions have no gap and no repeat.
async fn journal(store: &Store) -> Journal {
    let reader = Reader::new(store);
    let mut journal = Journal::new();
    for origin in reader.origins().await.unwrap() {
        let records = journal.entry(origin.clone()).or_default();
        for entry in reader.objects(&origin).await.unwrap() {
            let object = reader.read(&entry.name).await.unwrap().unwrap();
            for record in object.records() {
                let (position, record) = record.unwrap();
                records.push(record);
                assert_eq!(position, records.len() as u64, "positions of {origin}");
            }
        }
    }
    journal
}

fn up_to<'j>(journal: &'j Journal, positions: &Positions) -> impl Iterator<Item = &'j Record> {
    let read = |(origin, records): (&Origin, &'j Vec<Record>)| {
        &records[..usize::try_from(positions.of(origin)).unwrap()]
    };
    journal.iter().map(read).collect::<Vec<_>>().into_iter().flatten()
}
