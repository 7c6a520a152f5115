//! A region that is cut off from the bucket now and then, for up to a week, and spools.

use std::sync::Arc;

use abide_journal::{
    ClockCheck, Durable, ErrorKind, JournalError, Record, Spool, Store, Writer, WriterConfig,
};
use abide_testkit::{Faults, FaultyStore, NodeClock};
use futures::future::{FutureExt, LocalBoxFuture};
use object_store::memory::InMemory;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::{
    WEATHER,
    actors::{Actor, PEOPLE},
    auditor::Ledger,
    open_store,
};
use crate::world::{SPELLINGS, opt_in, opt_out, writer_config};

const CUT_OFF: Faults = Faults { write_refused: 1.0, read_failed: 1.0, list_failed: 1.0, ..WEATHER };

pub(super) struct Region {
    line: FaultyStore,
    store: Store,
    /// Outlives the process.
    disk: Arc<InMemory>,
    clock: NodeClock,
    ledger: Ledger,
    running: Option<(Writer, Spool)>,
    starts: u64,
}

impl Region {
    pub(super) async fn new(line: FaultyStore, clock: NodeClock, ledger: Ledger) -> Self {
        let store = open_store(&line).await;
        Self { line, store, disk: Arc::default(), clock, ledger, running: None, starts: 0 }
    }

    async fn start(&mut self) -> Result<(), JournalError> {
        self.starts += 1;
        let config =
            WriterConfig { clock_check: ClockCheck::Store, ..writer_config(9_000_000 + self.starts) };
        let origin = "ap-1".parse().unwrap();
        let writer = Writer::open(&self.store, origin, config).await?;
        let origin = writer.origin().clone();
        let spool = Spool::open(&self.store, self.disk.clone(), origin, config).await?;
        self.running = Some((writer, spool));
        Ok(())
    }

    async fn take_in(&mut self, mut rng: ChaCha8Rng) {
        match rng.random_range(0..8) {
            0 => self.line.set_faults(CUT_OFF),
            1..3 => self.line.set_faults(WEATHER),
            _ => {}
        }
        if self.running.is_none()
            && let Err(error) = self.start().await
        {
            return self.note(&error);
        }
        let (writer, spool) = self.running.as_mut().expect("just started");
        let now = self.clock.now();
        let at = writer.clock().next(now);
        let (person, spelling) =
            (rng.random_range(0..PEOPLE), SPELLINGS[rng.random_range(0..SPELLINGS.len())]);
        let choice = if rng.random_bool(0.2) { opt_in } else { opt_out };
        let records = vec![Record::Signal(choice(person, spelling, at))];
        self.ledger.attempt(&records);
        match spool.append_through(writer, &records, now).await {
            Ok(Durable::Store(appended)) => {
                self.ledger.acknowledge(&appended.token.origin, appended.first, records);
            }
            Ok(Durable::Node) => self.ledger.keep(writer.origin(), records),
            Err(error) => self.note(&error),
        }
    }

    fn note(&self, error: &JournalError) {
        let kind = error.kind();
        assert!(
            matches!(kind, ErrorKind::Unavailable | ErrorKind::Conflict),
            "faults that pass are taken for {kind:?}: {error:?}"
        );
        self.ledger.count(|events| &mut events.refused);
    }

    /// The line stands again, and nothing fails any more.
    pub(super) async fn upload_all(&mut self) {
        self.line.heal();
        if self.running.is_none() {
            self.start().await.unwrap();
        }
        let now = self.clock.now();
        let (writer, spool) = self.running.as_mut().expect("just started");
        spool.upload(writer, now).await.unwrap();
    }
}

impl Actor for Region {
    fn act(&mut self, rng: ChaCha8Rng) -> LocalBoxFuture<'_, ()> {
        self.take_in(rng).boxed_local()
    }

    fn killed(&mut self) {
        self.ledger.count(|events| &mut events.killed);
        self.running = None;
    }
}
