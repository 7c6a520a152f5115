//! Who acts: writers and followers, some of which compact. Each may be killed at any moment.

use std::path::Path;

use abide_journal::{
    ClockCheck, ErrorKind, JournalError, Record, RetractionRecord, Store, StoreError, Writer, WriterConfig,
};
use abide_model::{BatchId, Retraction, Signal, Time};
use abide_replica::{Compacted, Replica, ReplicaConfig, ReplicaError};
use abide_testkit::{Faults, FaultyStore, NodeClock, Request, SimClock, Stall};
use futures::future::{BoxFuture, FutureExt, LocalBoxFuture};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::{
    DAY_US, WEATHER,
    auditor::{Auditor, Ledger},
    open_store,
};
use crate::world::{DOMAIN, RULES, SPELLINGS, bounce, commit, opt_in, opt_out, writer_config};

pub(super) const PEOPLE: u64 = 6;

/// Long enough that meanwhile all is rolled up and deleted.
const ASLEEP: Faults = Faults { stalled: 0.4, stall_max_s: 14 * 86_400, ..WEATHER };

pub(super) trait Actor {
    fn act(&mut self, rng: ChaCha8Rng) -> LocalBoxFuture<'_, ()>;

    /// Everything in memory is gone.
    fn killed(&mut self);

    /// Lets the auditor see what it answers from.
    fn show(&self, _auditor: &mut Auditor) {}
}

pub(super) struct Writing {
    number: usize,
    origin: &'static str,
    line: FaultyStore,
    store: Store,
    clock: NodeClock,
    ledger: Ledger,
    writer: Option<Writer>,
    /// How often it was started.
    starts: u64,
    imports: u32,
    open_import: Option<BatchId>,
}

impl Writing {
    pub(super) async fn new(
        number: usize,
        origin: &'static str,
        line: FaultyStore,
        clock: NodeClock,
        ledger: Ledger,
    ) -> Self {
        let store = open_store(&line).await;
        let (starts, imports) = (0, 0);
        Self { number, origin, line, store, clock, ledger, writer: None, starts, imports, open_import: None }
    }

    /// Clocks are set right, or wrong, by up to three days.
    fn set_clock(&mut self, rng: &mut ChaCha8Rng) {
        const THREE_DAYS_US: i64 = 3 * 86_400_000_000;
        match rng.random_range(0..40) {
            0 => self.clock.set_skew_us(rng.random_range(-THREE_DAYS_US..THREE_DAYS_US)),
            1..4 => self.clock.set_skew_us(rng.random_range(-2_000_000..2_000_000)),
            _ => {}
        }
    }

    async fn write(&mut self, mut rng: ChaCha8Rng) {
        self.set_clock(&mut rng);
        let now = self.clock.now();
        if self.writer.is_none() {
            self.starts += 1;
            let config = writer_config(self.number as u64 * 1_000_000 + self.starts);
            let config = WriterConfig { clock_check: ClockCheck::Store, ..config };
            let origin = self.origin.parse().unwrap();
            match Writer::open(&self.store, origin, config).await {
                Ok(writer) => self.writer = Some(writer),
                Err(JournalError::Store(StoreError::Moved { .. })) => return self.ledger.turn_away(),
                Err(_) => return self.ledger.count(|events| &mut events.refused),
            }
        }
        let records = self.records(now, &mut rng);
        self.ledger.attempt(&records);
        let writer = self.writer.as_mut().expect("just opened");
        // It is names of writers that sleep in the middle of an append that are used again.
        self.line.set_faults(if rng.random_bool(0.08) { ASLEEP } else { WEATHER });
        let has_ended = self.ledger.has_ended();
        match writer.append(&records, now).await {
            Ok(appended) => {
                assert!(!has_ended, "a store that was rekeyed has acknowledged something");
                self.ledger.acknowledge(&appended.token.origin, appended.first, records);
            }
            Err(JournalError::Store(StoreError::Moved { .. })) => self.ledger.turn_away(),
            Err(error) => {
                let kind = error.kind();
                assert!(
                    matches!(kind, ErrorKind::Unavailable | ErrorKind::Conflict),
                    "faults that pass are taken for {kind:?}: {error:?}"
                );
                self.ledger.count(|events| &mut events.refused);
            }
        }
    }

    /// A choice or two, part of an import or its end, or a taking-back.
    fn records(&mut self, now: Time, rng: &mut ChaCha8Rng) -> Vec<Record> {
        match rng.random_range(0..10) {
            0..6 => (0..rng.random_range(1..4)).map(|_| Record::Signal(self.choice(now, rng))).collect(),
            6..8 => {
                let batch = self.open_import.take().unwrap_or_else(|| {
                    self.imports += 1;
                    format!("import-{}-{}", self.number, self.imports).parse().unwrap()
                });
                let mut signals: Vec<Record> = (0..rng.random_range(1..5))
                    .map(|_| Record::Signal(Signal { batch: batch.clone(), ..self.choice(now, rng) }))
                    .collect();
                if rng.random_bool(0.3) {
                    signals.push(commit(batch.as_str()));
                } else {
                    self.open_import = Some(batch);
                }
                signals
            }
            8 => match self.open_import.take() {
                Some(batch) => vec![commit(batch.as_str())],
                None => vec![Record::Signal(self.choice(now, rng))],
            },
            _ => {
                let what = if rng.random_bool(0.5) { an_import(rng) } else { a_window(now, rng) };
                vec![Record::Retraction(RetractionRecord {
                    what,
                    reason: "sent twice".into(),
                    recorded_by: "test".into(),
                    at: now,
                })]
            }
        }
    }

    fn choice(&mut self, now: Time, rng: &mut ChaCha8Rng) -> Signal {
        let clock = self.writer.as_mut().expect("open while it writes").clock();
        let at = clock.next(now);
        let (person, spelling) =
            (rng.random_range(0..PEOPLE), SPELLINGS[rng.random_range(0..SPELLINGS.len())]);
        match rng.random_range(0..8) {
            0 | 1 => opt_in(person, spelling, at),
            2 | 3 => bounce(person, spelling, at),
            _ => opt_out(person, spelling, at),
        }
    }
}

/// One that exists, or will, or never does.
fn an_import(rng: &mut ChaCha8Rng) -> Retraction {
    let (writer, import) = (rng.random_range(0..3), rng.random_range(1..4));
    Retraction::Batch(format!("import-{writer}-{import}").parse().unwrap())
}

/// The bounces of some hours or days that have passed, or nearly.
fn a_window(now: Time, rng: &mut ChaCha8Rng) -> Retraction {
    let from = now.plus_micros(-rng.random_range(0..3 * DAY_US));
    let claim = bounce(0, SPELLINGS[0], now);
    Retraction::Window {
        source: claim.claimant,
        mechanism: claim.mechanism,
        from,
        until: from.plus_micros(rng.random_range(DAY_US / 24..2 * DAY_US)),
        domain: rng.random_bool(0.5).then_some(DOMAIN),
    }
}

impl Actor for Writing {
    fn act(&mut self, rng: ChaCha8Rng) -> LocalBoxFuture<'_, ()> {
        self.write(rng).boxed_local()
    }

    fn killed(&mut self) {
        self.ledger.count(|events| &mut events.killed);
        self.writer = None;
        self.open_import = None;
    }
}

pub(super) struct Follower {
    config: ReplicaConfig,
    compacts: bool,
    line: FaultyStore,
    store: Store,
    clock: SimClock,
    ledger: Ledger,
    pub(super) replica: Option<Replica>,
    pub(super) snapshots_written: u64,
    pub(super) started: u64,
    pub(super) failed: u64,
    pub(super) overtaken: u64,
}

impl Follower {
    pub(super) fn new(
        config: ReplicaConfig,
        compacts: bool,
        line: FaultyStore,
        store: Store,
        clock: SimClock,
        ledger: Ledger,
    ) -> Self {
        let (snapshots_written, started, failed, overtaken) = (0, 0, 0, 0);
        Self {
            config,
            compacts,
            line,
            store,
            clock,
            ledger,
            replica: None,
            snapshots_written,
            started,
            failed,
            overtaken,
        }
    }

    pub(super) fn dir(&self) -> &Path {
        &self.config.cache_dir
    }

    async fn follow(&mut self, mut rng: ChaCha8Rng) {
        let now = self.clock.now();
        let has_ended = self.ledger.has_ended();
        let Some(replica) = &mut self.replica else {
            match Replica::open(&self.store, RULES.clone(), self.config.clone(), now).await {
                Ok(replica) => {
                    assert!(!has_ended, "a store that was rekeyed is answered from");
                    self.replica = Some(replica);
                    self.started += 1;
                }
                Err(error) => self.note(&error),
            }
            return;
        };
        let result = if self.compacts && rng.random_bool(0.5) {
            if rng.random_bool(0.25) {
                self.line.stall_next(overtaken(&mut rng));
            }
            replica.compact(now, rng.random(), &mut |_| ()).await.map(|compacted| {
                self.snapshots_written += u64::from(matches!(compacted, Compacted::Written(_)));
            })
        } else {
            replica.refresh(now).await
        };
        match result {
            Ok(()) => assert!(!has_ended, "a store that was rekeyed is answered from"),
            Err(error) => self.note(&error),
        }
    }

    fn note(&mut self, error: &ReplicaError) {
        self.failed += 1;
        let kind = error.kind();
        if let ReplicaError::Store(StoreError::Moved { .. }) = error {
            return self.ledger.turn_away();
        }
        let overtaken = matches!(error, ReplicaError::Journal(JournalError::Overtaken { .. }));
        self.overtaken += u64::from(overtaken);
        assert!(
            overtaken || kind == ErrorKind::Unavailable,
            "faults that pass are taken for {kind:?}: {error:?}"
        );
    }

    pub(super) async fn catch_up(&mut self, tries_max: u32) {
        for _ in 0..tries_max {
            let now = self.clock.now();
            let caught_up = match &mut self.replica {
                Some(replica) => replica.refresh(now).await,
                None => Replica::open(&self.store, RULES.clone(), self.config.clone(), now)
                    .await
                    .map(|replica| self.replica = Some(replica)),
            };
            match caught_up {
                Ok(()) => return,
                Err(error) => self.note(&error),
            }
        }
        panic!("not caught up although nothing fails any more");
    }
}

impl Actor for Follower {
    fn act(&mut self, rng: ChaCha8Rng) -> LocalBoxFuture<'_, ()> {
        self.follow(rng).boxed_local()
    }

    /// The cache folder stays, with whatever was half-written in it.
    fn killed(&mut self) {
        self.replica = None;
    }

    fn show(&self, auditor: &mut Auditor) {
        if let Some(replica) = &self.replica {
            auditor.look_at(replica);
        }
    }
}

/// A compactor is suspended once it knows the newest snapshot, or just before it writes the next: others
/// write theirs meanwhile, and what it has uploaded is deleted as nobody's.
fn overtaken(rng: &mut ChaCha8Rng) -> Stall {
    const HOUR_S: u64 = 3_600;
    let (on, under, hours) = if rng.random_bool(0.5) {
        (Request::Read, "snapshots/parts/", 20)
    } else {
        (Request::Write, "snapshots/0", 96)
    };
    Stall { on, under: under.into(), before_s: rng.random_range(0..hours * HOUR_S), after_s: 0 }
}

/// A replica is followed in one task and read in others.
fn _may_move_between_threads(replica: &mut Replica) -> BoxFuture<'_, bool> {
    async { replica.refresh(Time::MIN).await.is_ok() }.boxed()
}
