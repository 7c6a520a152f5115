//! Appending a batch: what came in together, in as many objects as it takes, and its end.

use abide_model::{BatchId, Signal, SignalKeys, Time};

use crate::{
    error::JournalError,
    object::{Columns, OBJECT_BYTES_MAX},
    record::{BatchRecord, Record},
    writer::{Appended, Writer},
};

/// At this estimate an object is written: a little early, since it is an estimate.
const FULL_BYTES: usize = OBJECT_BYTES_MAX - (1 << 20);

/// One batch on its way into the journal. Nothing of it counts before [`BatchWriter::commit`] has
/// answered; one that is dropped, or cut off by a crash, stays without effect for ever.
#[derive(Debug)]
pub struct BatchWriter<'w> {
    writer: &'w mut Writer,
    id: BatchId,
    columns: Columns,
    signals: u64,
    appended: Option<Appended>,
}

impl Writer {
    /// Begins a batch under an id that was never used before.
    pub fn batch(&mut self, id: BatchId) -> BatchWriter<'_> {
        BatchWriter { writer: self, id, columns: Columns::default(), signals: 0, appended: None }
    }
}

impl BatchWriter<'_> {
    pub fn id(&self) -> &BatchId {
        &self.id
    }

    /// How many signals were pushed.
    pub fn signals(&self) -> u64 {
        self.signals
    }

    /// The writer's clock, for signals that are undated.
    pub fn next_time(&mut self, now: Time) -> Time {
        self.writer.clock().next(now)
    }

    /// Takes a signal of this batch; from time to time an object becomes full and is written.
    pub async fn push(&mut self, signal: &Signal, now: Time) -> Result<(), JournalError> {
        if signal.batch != self.id {
            let (begun, found) = (self.id.to_string(), signal.batch.to_string());
            return Err(JournalError::ForeignBatch { begun, found });
        }
        self.columns.push_signal(signal);
        self.signals += 1;
        self.flush_if_full(now).await
    }

    /// Takes a signal that differs from the last one in its keys and times only. After some
    /// thousands of them call [`BatchWriter::flush_if_full`]. Returns whether there was a last one
    /// to be like; if not (at the beginning, and after each flush), [`BatchWriter::push`] it.
    #[must_use]
    pub fn push_like_last(&mut self, keys: &SignalKeys, stated_at: Option<Time>, at: Time) -> bool {
        if self.columns.is_empty() {
            return false;
        }
        self.columns.push_like_last(keys, stated_at, at);
        self.signals += 1;
        true
    }

    pub async fn flush_if_full(&mut self, now: Time) -> Result<(), JournalError> {
        if self.columns.bytes_estimate() < FULL_BYTES {
            return Ok(());
        }
        self.flush(now).await
    }

    /// Ends the batch. The record's count of signals is set here.
    pub async fn commit(mut self, record: BatchRecord, now: Time) -> Result<Appended, JournalError> {
        if record.id != self.id {
            let (begun, found) = (self.id.to_string(), record.id.to_string());
            return Err(JournalError::ForeignBatch { begun, found });
        }
        self.columns.push(&Record::Batch(BatchRecord { signals: self.signals, ..record }));
        self.flush(now).await?;
        Ok(self.appended.expect("the record of the batch was appended"))
    }

    async fn flush(&mut self, now: Time) -> Result<(), JournalError> {
        let columns = std::mem::take(&mut self.columns);
        let appended = Box::pin(self.writer.append_columns(columns, now)).await?;
        match &mut self.appended {
            None => self.appended = Some(appended),
            Some(all) => {
                all.token = appended.token;
                all.objects.extend(appended.objects);
            }
        }
        Ok(())
    }
}
