//! What came in together, read off the journal.

use std::collections::BTreeMap;

use abide_journal::{BatchRecord, Record, RetractionRecord, Store, counts_at_once};
use abide_model::{BatchId, Claimant, Mechanism, Retraction, Signal, Time, Token};

use crate::journal;

/// All batches of a store, and what was taken back.
#[derive(Debug, Default)]
pub(crate) struct Batches {
    /// Imports that were completed.
    pub(crate) committed: BTreeMap<BatchId, Committed>,
    /// What arrived one by one, by day; and imports that were not completed.
    pub(crate) others: BTreeMap<BatchId, Signals>,
    pub(crate) retractions: Vec<TakenBack>,
}

#[derive(Debug)]
pub(crate) struct Committed {
    pub(crate) record: BatchRecord,
    pub(crate) token: Token,
}

/// Signals of a batch without an end.
#[derive(Debug)]
pub(crate) struct Signals {
    pub(crate) counts: BTreeMap<(Claimant, Mechanism), u64>,
    /// When the oldest and the newest were received.
    pub(crate) first: Time,
    pub(crate) last: Time,
}

#[derive(Debug)]
pub(crate) struct TakenBack {
    pub(crate) record: RetractionRecord,
    pub(crate) token: Token,
}

impl Batches {
    pub(crate) async fn read(store: &Store) -> anyhow::Result<Self> {
        let mut batches = Self::default();
        journal::walk(store, |token, record| {
            batches.note(token, record);
            Ok(())
        })
        .await?;
        Ok(batches)
    }

    pub(crate) fn note(&mut self, token: Token, record: Record) {
        match record {
            Record::Signal(signal) => self.note_signal(&signal),
            Record::Batch(record) => {
                self.others.remove(&record.id);
                self.committed.insert(record.id.clone(), Committed { record, token });
            }
            Record::Retraction(record) => self.retractions.push(TakenBack { record, token }),
            Record::Activation(_) => {}
        }
    }

    fn note_signal(&mut self, signal: &Signal) {
        let noted = match self.others.get_mut(&signal.batch) {
            Some(noted) => noted,
            None if self.committed.contains_key(&signal.batch) => return,
            None => {
                self.others.entry(signal.batch.clone()).or_insert_with(|| Signals::since(signal.received_at))
            }
        };
        noted.first = noted.first.min(signal.received_at);
        noted.last = noted.last.max(signal.received_at);
        *noted.counts.entry((signal.claimant.clone(), signal.mechanism.clone())).or_default() += 1;
    }

    /// Of days, in order of time.
    pub(crate) fn live(&self) -> impl Iterator<Item = (&BatchId, &Signals)> {
        self.others.iter().filter(|(batch, _)| counts_at_once(batch))
    }

    /// Of imports that were cut off, or are still under way.
    pub(crate) fn unfinished(&self) -> impl Iterator<Item = (&BatchId, &Signals)> {
        self.others.iter().filter(|(batch, _)| !counts_at_once(batch))
    }

    /// What took a batch back, if anything did.
    pub(crate) fn taken_back(&self, batch: &BatchId) -> Option<&TakenBack> {
        let of_it = |taken: &&TakenBack| matches!(&taken.record.what, Retraction::Batch(of) if of == batch);
        self.retractions.iter().find(of_it)
    }

    pub(crate) fn windows(&self) -> impl Iterator<Item = &TakenBack> {
        self.retractions.iter().filter(|taken| matches!(taken.record.what, Retraction::Window { .. }))
    }
}

impl Signals {
    fn since(time: Time) -> Self {
        Self { counts: BTreeMap::new(), first: time, last: time }
    }

    pub(crate) fn count(&self) -> u64 {
        self.counts.values().sum()
    }
}
