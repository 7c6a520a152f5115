//! A writer and a follower that are suspended at the same place of a journal, the one before it creates
//! the next object, the other before it reads it, until the name that both have in mind was used,
//! rolled up and deleted. Then the writer uses it again, and the follower reads that.

use std::path::Path;

use abide_journal::{ClockCheck, ErrorKind, JournalError, Record, Store, StoreError, Writer, WriterConfig};
use abide_replica::{Replica, ReplicaConfig, ReplicaError};
use abide_testkit::{FaultyStore, NodeClock, Request, Stall};
use futures::future::{FutureExt, LocalBoxFuture};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::{
    actors::{Actor, PEOPLE},
    auditor::{Auditor, Ledger},
    open_store,
};
use crate::world::{RULES, SPELLINGS, opt_out, writer_config};

const ORIGIN: &str = "eu-1";
const DAY_S: u64 = 86_400;

pub(super) struct Sleepers {
    /// Of each their own.
    lines: [FaultyStore; 2],
    stores: [Store; 2],
    config: ReplicaConfig,
    clock: NodeClock,
    ledger: Ledger,
    starts: u64,
    replica: Option<Replica>,
}

impl Sleepers {
    pub(super) async fn new(lines: [FaultyStore; 2], dir: &Path, clock: NodeClock, ledger: Ledger) -> Self {
        let stores = [open_store(&lines[0]).await, open_store(&lines[1]).await];
        let config = ReplicaConfig::new(dir);
        Self { lines, stores, config, clock, ledger, starts: 0, replica: None }
    }

    async fn sleep(&mut self, mut rng: ChaCha8Rng) {
        self.starts += 1;
        let now = self.clock.now();
        self.replica = None;
        let opened = tokio::join!(
            Writer::open(&self.stores[0], ORIGIN.parse().unwrap(), config(self.starts)),
            Replica::open(&self.stores[1], RULES.clone(), self.config.clone(), now),
        );
        let (Ok(mut writer), Ok(mut replica)) = opened else {
            return self.ledger.count(|events| &mut events.refused);
        };
        // Roll-up is hourly at best, and what was rolled up stays for a week.
        let (before_s, after_s) =
            (rng.random_range(8 * DAY_S..12 * DAY_S), rng.random_range(DAY_S / 2..4 * DAY_S));
        let under = format!("journal/{ORIGIN}/");
        self.lines[0].stall_next(Stall { on: Request::Write, under: under.clone(), before_s, after_s });
        let woken_s = before_s + rng.random_range(0..after_s);
        self.lines[1].stall_next(Stall { on: Request::Read, under, before_s: woken_s, after_s: 0 });

        let at = writer.clock().next(now);
        let records = vec![Record::Signal(opt_out(rng.random_range(0..PEOPLE), SPELLINGS[0], at))];
        self.ledger.attempt(&records);
        let (appended, refreshed) = tokio::join!(writer.append(&records, now), replica.refresh(now));
        match appended {
            Ok(appended) => self.ledger.acknowledge(&appended.token.origin, appended.first, records),
            Err(error) => self.note(&ReplicaError::Journal(error)),
        }
        match refreshed {
            Ok(()) => self.replica = Some(replica),
            Err(error) => self.note(&error),
        }
    }

    fn note(&self, error: &ReplicaError) {
        match error {
            ReplicaError::Journal(JournalError::Overtaken { .. }) => {
                self.ledger.count(|events| &mut events.overtaken);
            }
            ReplicaError::Journal(JournalError::Store(StoreError::Moved { .. }))
            | ReplicaError::Store(StoreError::Moved { .. }) => self.ledger.turn_away(),
            error => {
                let kind = error.kind();
                assert!(
                    matches!(kind, ErrorKind::Unavailable | ErrorKind::Conflict),
                    "faults that pass are taken for {kind:?}: {error:?}"
                );
                self.ledger.count(|events| &mut events.refused);
            }
        }
    }
}

fn config(start: u64) -> WriterConfig {
    WriterConfig { clock_check: ClockCheck::Records, ..writer_config(8_000_000 + start) }
}

impl Actor for Sleepers {
    fn act(&mut self, rng: ChaCha8Rng) -> LocalBoxFuture<'_, ()> {
        self.sleep(rng).boxed_local()
    }

    fn killed(&mut self) {
        self.ledger.count(|events| &mut events.killed);
        self.replica = None;
    }

    fn show(&self, auditor: &mut Auditor) {
        if let Some(replica) = &self.replica {
            auditor.look_at(replica);
        }
    }
}
