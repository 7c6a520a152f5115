//! Who looks on: what was promised, and whether it is kept.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use abide_journal::{Reader, Record, Store, counts_at_once, verify};
use abide_model::{Claimant, Direction, FactSet, Key, Origin, Position, Positions, Retraction, Signal, Time};
use abide_replica::{Manifest, Replica, ReplicaConfig};
use object_store::ObjectStore;

use super::{
    actors::{Follower, PEOPLE},
    rulings,
};
use crate::{
    model::Model,
    world::{NOW, RULES, assert_is, keys_of, without_snapshots},
};

const HOUR_US: i64 = 3_600_000_000;

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
    pub(super) rolled_up: u64,
    pub(super) deleted: u64,
    pub(super) snapshots_deleted: u64,
    pub(super) spooled: u64,
    pub(super) activations: u64,
    /// Of these, those that a guard has made.
    pub(super) rollbacks: u64,
    /// Of these, those that were made without seeing one another.
    pub(super) rivals: u64,
    /// Objects of writers that slept, and followers that had read one. Rare; not every run has one.
    pub(super) strays: u64,
    pub(super) overtaken: u64,
    /// Turned away by a store that was rekeyed.
    pub(super) moved: u64,
}

impl Events {
    fn all(&self) -> [u64; 18] {
        [
            self.acknowledged,
            self.refused,
            self.killed,
            self.looks,
            self.replicas_started,
            self.replicas_failed,
            self.snapshots,
            self.records,
            self.rolled_up,
            self.deleted,
            self.snapshots_deleted,
            self.spooled,
            self.activations,
            self.rollbacks,
            self.rivals,
            self.strays,
            self.overtaken,
            self.moved,
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
        self.rolled_up += other.rolled_up;
        self.deleted += other.deleted;
        self.snapshots_deleted += other.snapshots_deleted;
        self.spooled += other.spooled;
        self.activations += other.activations;
        self.rollbacks += other.rollbacks;
        self.rivals += other.rivals;
        self.strays += other.strays;
        self.overtaken += other.overtaken;
        self.moved += other.moved;
    }

    pub(super) fn assert_something_happened(&self) {
        assert!(
            self.all()[..15].iter().all(|count| *count > 0),
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
    retractions: Vec<Retraction>,
    acknowledged: Vec<(Origin, Position, Vec<Record>)>,
    /// Durable on the node of a region that was cut off.
    spooled: Vec<(Origin, Vec<Record>)>,
    events: Events,
    moving: Moving,
}

/// How far the store's end has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Moving {
    #[default]
    No,
    /// The fence may stand at any moment, or already.
    Begun,
    /// Whoever begins something now is turned away.
    Ended,
}

impl Ledger {
    pub(super) fn attempt(&self, records: &[Record]) {
        let mut entries = self.0.borrow_mut();
        for record in records {
            match record {
                Record::Signal(signal) => entries.attempted.push(signal.clone()),
                Record::Retraction(retraction) => entries.retractions.push(retraction.what.clone()),
                _ => {}
            }
        }
    }

    pub(super) fn acknowledge(&self, origin: &Origin, first: Position, records: Vec<Record>) {
        let mut entries = self.0.borrow_mut();
        entries.acknowledged.push((origin.clone(), first, records));
        entries.events.acknowledged += 1;
    }

    pub(super) fn count(&self, event: impl Fn(&mut Events) -> &mut u64) {
        *event(&mut self.0.borrow_mut().events) += 1;
    }

    pub(super) fn keep(&self, origin: &Origin, records: Vec<Record>) {
        let mut entries = self.0.borrow_mut();
        entries.spooled.push((origin.clone(), records));
        entries.events.spooled += 1;
    }

    pub(super) fn begin_move(&self) {
        let mut entries = self.0.borrow_mut();
        entries.moving = entries.moving.max(Moving::Begun);
    }

    pub(super) fn end_old_store(&self) {
        self.0.borrow_mut().moving = Moving::Ended;
    }

    /// Whether the old store takes and answers nothing any more.
    pub(super) fn has_ended(&self) -> bool {
        self.0.borrow().moving == Moving::Ended
    }

    /// Somebody was told that the store went elsewhere.
    pub(super) fn turn_away(&self) {
        assert!(self.0.borrow().moving > Moving::No, "nobody has moved the store");
        self.count(|events| &mut events.moved);
    }

    /// All that was acknowledged stands in a journal, as `written` says.
    pub(super) fn assert_kept(&self, journal: &Journal, written: impl Fn(&[Record]) -> Vec<Record>) {
        for (origin, first, records) in &self.0.borrow().acknowledged {
            let stored = journal[origin].get(usize::try_from(*first - 1).unwrap()..).unwrap_or_default();
            let kept = stored.get(..records.len()).is_some_and(|stored| stored == written(records));
            assert!(kept, "what was acknowledged at {origin}:{first} is not there: {records:?}");
        }
    }

    /// So many names of the journal were used again.
    pub(super) fn count_strays(&self, strays: u64) {
        self.0.borrow_mut().events.strays += strays;
    }

    pub(super) fn events(&self) -> Events {
        self.0.borrow().events.clone()
    }
}

impl Entries {
    fn may_have_opted_in_since(&self, signal: &Signal) -> bool {
        let key = signal.keys.primary.key;
        let person = (0..PEOPLE).map(keys_of).find(|keys| keys.contains(&key)).expect("one of ours");
        self.attempted.iter().any(|other| {
            other.direction == Direction::In
                && other.at > signal.at
                && person.contains(&other.keys.primary.key)
        })
    }

    /// By a window, which takes along what a later statement in it hides.
    fn may_have_been_taken_back(&self, signal: &Signal) -> bool {
        self.retractions.iter().any(|retraction| match retraction {
            Retraction::Window { source, mechanism, until, .. } => {
                signal.claimant == *source && signal.mechanism == *mechanism && signal.at < *until
            }
            Retraction::Batch(batch) => signal.batch == *batch,
        })
    }
}

type Table = BTreeMap<Key, FactSet>;

/// What stands in a store that is known to be needed.
struct Needed {
    names: BTreeMap<String, Time>,
    newest: Option<Manifest>,
    before: Option<Manifest>,
}

impl Needed {
    /// A snapshot whose parts are gone, as nobody's before it was committed, never was one.
    fn has_parts_of(&self, number: u64) -> bool {
        self.newest_two().find(|manifest| manifest.number == number).is_none_or(|manifest| {
            [&manifest.index, &manifest.states].iter().all(|part| self.names.contains_key(&part.name))
        })
    }

    /// Whoever listed parts before they were referred to, and slept, may delete them as nobody's long after.
    fn came_late(&self, manifest: &Manifest) -> bool {
        let committed_at = self.names.get(&Manifest::object_name(manifest.number));
        committed_at.is_some_and(|at| at.micros_since(manifest.written_at) >= 23 * HOUR_US)
    }

    fn newest_two(&self) -> impl Iterator<Item = &Manifest> {
        [&self.newest, &self.before].into_iter().flatten()
    }
}

pub(super) struct Auditor {
    ledger: Ledger,
    /// What was seen at which positions.
    seen: Vec<(Positions, Table)>,
    /// Under which ruleset.
    ruled: BTreeMap<Vec<(Origin, Position)>, [u8; 32]>,
    store: Option<Needed>,
}

impl Auditor {
    pub(super) fn new(ledger: Ledger) -> Self {
        Self { ledger, seen: Vec::new(), ruled: BTreeMap::new(), store: None }
    }

    /// Looks at what stands in the store, with when it was written, and what no longer does.
    pub(super) fn look_at_store(
        &mut self,
        names: BTreeMap<String, Time>,
        newest: Option<Manifest>,
        before: Option<Manifest>,
        now: Time,
    ) {
        let now_needed = Needed { names, newest, before };
        if let Some(earlier) = self.store.take() {
            for name in earlier.names.keys().filter(|name| !now_needed.names.contains_key(*name)) {
                self.may_be_gone(name, &earlier, &now_needed, now);
            }
            if let (Some(earlier), Some(newest)) = (&earlier.newest, &now_needed.newest)
                && newest.number > earlier.number
                && now_needed.names.contains_key(&Manifest::object_name(earlier.number))
            {
                assert!(newest.positions().covers(&earlier.positions()), "n + 1 covers n");
            }
        }
        self.store = Some(now_needed);
    }

    /// What was appended is gone only once a roll-up has held it for a week; what the newest two
    /// snapshots consist of stays.
    fn may_be_gone(&self, name: &str, earlier: &Needed, later: &Needed, now: Time) {
        if name.starts_with("journal/") {
            let keeper = keeper_of(name, later, now);
            assert!(keeper.is_some(), "{name} was deleted too early");
            self.ledger.count(|events| &mut events.deleted);
        } else if name.starts_with("snapshots/parts/") {
            let of_newest = later.newest_two().any(|manifest| {
                let known = earlier.newest_two().any(|known| known.number == manifest.number);
                known
                    && !earlier.came_late(manifest)
                    && [&manifest.index.name, &manifest.states.name].contains(&&name.to_owned())
            });
            assert!(!of_newest, "{name} was deleted, which a newest snapshot refers to");
        } else if let Some(number) = number_of(name) {
            let newest = later.newest.as_ref().map_or(0, |newest| newest.number);
            // Else its compactor, which had slept, has taken it back.
            if number < newest && earlier.has_parts_of(number) {
                assert!(number + 2 <= newest, "{name} is one of the newest two");
                let next = earlier.names.iter().find(|(name, _)| number_of(name) > Some(number));
                let (_, superseded_at) = next.expect("a newer one stands");
                assert!(now.micros_since(*superseded_at) >= 24 * HOUR_US, "{name} was deleted too early");
            }
            self.ledger.count(|events| &mut events.snapshots_deleted);
        }
    }

    /// Looks at what a follower answers from just now.
    pub(super) fn look_at(&mut self, replica: &Replica) {
        let snapshot = replica.snapshot();
        self.ledger.count(|events| &mut events.looks);
        let table: Table = (0..PEOPLE)
            .flat_map(keys_of)
            .map(|key| (key, snapshot.find(&key).unwrap().map(|facts| (**facts).clone()).unwrap_or_default()))
            .collect();
        self.blocks_whom_it_must(&snapshot.positions, &table);
        let place = snapshot.positions.iter().map(|(origin, position)| (origin.clone(), position)).collect();
        let digest = snapshot.rules.version().digest();
        let ruled = self.ruled.entry(place).or_insert(digest);
        assert_eq!(*ruled, digest, "two rulesets at {}", snapshot.positions);
        // Followers at the same positions give the same answers.
        match self.seen.iter().find(|(positions, _)| *positions == snapshot.positions) {
            Some((positions, seen)) => assert_eq!(*seen, table, "two answers at {positions}"),
            None => self.seen.push((snapshot.positions.clone(), table)),
        }
    }

    /// After an acknowledged live opt-out, nobody who has read that far is without it, unless the
    /// person may have opted in since, or it may have been taken back.
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
                let stands = table[&key]
                    .iter()
                    .any(|fact| fact.direction == Direction::Out && fact.mechanism == signal.mechanism);
                let ended = match signal.claimant {
                    Claimant::Person => entries.may_have_opted_in_since(signal),
                    Claimant::Source(_) => entries.may_have_been_taken_back(signal),
                };
                assert!(stands || ended, "{key:?} opted out at {origin}:{position} and is allowed");
            }
        }
    }

    /// When all is over and nothing fails: what everybody saw is what the journal says.
    pub(super) async fn conclude(self, objects: &dyn ObjectStore, store: &Store, followers: &[Follower]) {
        let journal = journal(store).await;
        let end: Positions =
            journal.iter().map(|(origin, records)| (origin.clone(), records.len() as u64)).collect();
        self.ledger.assert_kept(&journal, <[Record]>::to_vec);
        let mut after: BTreeMap<&Origin, usize> = BTreeMap::new();
        let spooled = self.ledger.0.borrow().spooled.clone();
        for (origin, records) in &spooled {
            // In the order in which they came, perhaps repeated.
            let after = after.entry(origin).or_default();
            let found = journal[origin][*after..].windows(records.len()).position(|stored| stored == records);
            *after += found.expect("what was spooled has been uploaded");
        }
        self.assert_seen(&journal);
        rulings::assert_ruled(&journal, &self.ruled);
        rulings::count(&journal, &end, &mut self.ledger.0.borrow_mut().events);
        let ruled = rulings::digest_in_force(&rulings::rulings(&journal, &end));
        let records = journal.values().map(Vec::len).sum::<usize>() as u64;
        self.ledger.0.borrow_mut().events.records += records;
        followers.iter().for_each(|follower| self.ledger.count_more(follower));
        if self.ledger.has_ended() {
            return;
        }
        let model = Model::of(up_to(&journal, &end));
        for follower in followers {
            let replica = follower.replica.as_ref().expect("it has caught up");
            assert_eq!(replica.snapshot().positions, end, "not all was read");
            assert_is(&replica.snapshot(), &model, PEOPLE, "a follower in the end");
            assert_eq!(
                replica.snapshot().rules.version().digest(),
                ruled,
                "the ruleset of a follower in the end"
            );
        }
        let config = ReplicaConfig::new(&followers[0].dir().join("anew"));
        let newest = Replica::open(store, RULES.clone(), config, NOW).await.unwrap();
        assert_is(&newest.snapshot(), &model, PEOPLE, "newest snapshot and rest");
        assert_eq!(newest.snapshot().rules.version().digest(), ruled, "from the newest snapshot on");
        let config = ReplicaConfig::new(&followers[0].dir().join("whole"));
        let whole =
            Replica::open(&without_snapshots(objects).await, RULES.clone(), config, NOW).await.unwrap();
        assert_is(&whole.snapshot(), &model, PEOPLE, "full replay");
        assert_eq!(whole.snapshot().rules.version().digest(), ruled, "after a full replay");

        assert_sound(store).await;
    }

    /// What was answered at some positions is what the journal says up to there.
    fn assert_seen(&self, journal: &Journal) {
        for (positions, seen) in &self.seen {
            let model = Model::of(up_to(journal, positions));
            let links = model.links();
            for (key, facts) in seen {
                assert_eq!(*facts, model.facts_by(&links, key), "{key:?} as it was seen at {positions}");
            }
        }
    }
}

/// Nothing is missing or changed, and the heads that the newest snapshot remembers are there.
pub(super) async fn assert_sound(store: &Store) {
    let heads = abide_replica::newest(store).await.unwrap().map(|manifest| manifest.heads);
    let report = verify(store, &heads.unwrap_or_default()).await.unwrap();
    assert!(report.damages.is_empty(), "{:?}", report.damages);
}

fn is_roll_up(name: &str) -> bool {
    name.rsplit('/').next().is_some_and(|file| file.contains('-'))
}

/// Of a manifest.
fn number_of(name: &str) -> Option<u64> {
    name.strip_prefix("snapshots/")?.strip_suffix(".json")?.parse().ok()
}

/// A roll-up that has held an object of the journal for a week.
fn keeper_of<'n>(name: &str, needed: &'n Needed, now: Time) -> Option<&'n String> {
    let (origin, first, last) = place(name);
    let journal = needed.names.iter().filter(|(name, _)| name.starts_with("journal/"));
    let roll_ups = journal.filter(|(keeper, _)| *keeper != name && is_roll_up(keeper));
    roll_ups.map(|(keeper, written_at)| (keeper, place(keeper), written_at)).find_map(
        |(keeper, at, written_at)| {
            let holds = at.0 == origin && at.1 <= first && last <= at.2;
            (holds && now.micros_since(*written_at) >= 7 * 24 * HOUR_US).then_some(keeper)
        },
    )
}

/// Origin, first and last position of an object of the journal; of an appended one, the first twice.
fn place(name: &str) -> (&str, Position, Position) {
    let mut parts = name.split('/').skip(1);
    let (origin, file) = (parts.next().unwrap(), parts.next().unwrap());
    let file = file.strip_suffix(".parquet").unwrap();
    let (last, first) = file.split_once('-').unwrap_or((file, file));
    (origin, first.parse().unwrap(), last.parse().unwrap())
}

impl Ledger {
    fn count_more(&self, follower: &Follower) {
        let events = &mut self.0.borrow_mut().events;
        events.snapshots += follower.snapshots_written;
        events.replicas_started += follower.started;
        events.replicas_failed += follower.failed;
        events.overtaken += follower.overtaken;
    }
}

pub(super) type Journal = BTreeMap<Origin, Vec<Record>>;

/// Everything, read by itself, in which positions have no gap and no repeat.
pub(super) async fn journal(store: &Store) -> Journal {
    let reader = Reader::new(store);
    let mut journal = Journal::new();
    for origin in reader.origins().await.unwrap() {
        let records = journal.entry(origin.clone()).or_default();
        for entry in reader.objects(&origin).await.unwrap() {
            let object = reader.read(&entry.name).await.unwrap().unwrap();
            for record in object.records_after(entry.after) {
                let (position, record) = record.unwrap();
                records.push(record);
                assert_eq!(position, records.len() as u64, "positions of {origin}");
            }
        }
    }
    journal
}

pub(super) fn up_to<'j>(journal: &'j Journal, positions: &Positions) -> impl Iterator<Item = &'j Record> {
    let read = |(origin, records): (&Origin, &'j Vec<Record>)| {
        &records[..usize::try_from(positions.of(origin)).unwrap()]
    };
    journal.iter().map(read).collect::<Vec<_>>().into_iter().flatten()
}
