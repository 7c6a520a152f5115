//! Appending a batch: what came in together, in as many objects as it takes, and its end.

use std::fmt;

use abide_model::{BatchId, Signal, SignalKeys, Time};
use futures::{FutureExt as _, future::BoxFuture};

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
///
/// While an object is encoded and stored the next one is filled, so what goes wrong with one is told
/// when the next is full, or at the end.
pub struct BatchWriter<'w> {
    id: BatchId,
    columns: Columns,
    signals: u64,
    appended: Option<Appended>,
    state: State<'w>,
}

/// Where the writer is.
enum State<'w> {
    Here(&'w mut Writer),
    /// With an object on its way; it comes back with the answer.
    Appending(BoxFuture<'w, (&'w mut Writer, Result<Appended, JournalError>)>),
    /// An append failed, and nothing of the batch can count any more.
    Failed,
}

impl Writer {
    /// Begins a batch under an id that was never used before.
    pub fn batch(&mut self, id: BatchId) -> BatchWriter<'_> {
        BatchWriter { id, columns: Columns::default(), signals: 0, appended: None, state: State::Here(self) }
    }
}

impl<'w> BatchWriter<'w> {
    pub fn id(&self) -> &BatchId {
        &self.id
    }

    /// How many signals were pushed.
    pub fn signals(&self) -> u64 {
        self.signals
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

    /// Goes on with the object that is on its way, and begins with the next one if that is full.
    pub async fn flush_if_full(&mut self, now: Time) -> Result<(), JournalError> {
        if self.columns.bytes_estimate() >= FULL_BYTES {
            return self.flush(now).await;
        }
        if let State::Appending(appending) = &mut self.state
            && let Some(ended) = appending.now_or_never()
        {
            self.take_back(ended)?;
        }
        Ok(())
    }

    /// Ends the batch. The record's count of signals is set here.
    pub async fn commit(mut self, record: BatchRecord, now: Time) -> Result<Appended, JournalError> {
        if record.id != self.id {
            let (begun, found) = (self.id.to_string(), record.id.to_string());
            return Err(JournalError::ForeignBatch { begun, found });
        }
        self.columns.push(&Record::Batch(BatchRecord { signals: self.signals, ..record }));
        self.flush(now).await?;
        self.end_appending().await?;
        Ok(self.appended.expect("the record of the batch was appended"))
    }

    /// Begins to append what was pushed, once what was pushed before is stored.
    async fn flush(&mut self, now: Time) -> Result<(), JournalError> {
        self.end_appending().await?;
        let columns = std::mem::take(&mut self.columns);
        let State::Here(writer) = std::mem::replace(&mut self.state, State::Failed) else {
            return Err(JournalError::FailedBatch { batch: self.id.to_string() });
        };
        let mut appending: BoxFuture<'w, _> = Box::pin(async move {
            let appended = writer.append_columns(columns, now).await;
            (writer, appended)
        });
        match (&mut appending).now_or_never() {
            Some(ended) => self.take_back(ended),
            None => {
                self.state = State::Appending(appending);
                Ok(())
            }
        }
    }

    async fn end_appending(&mut self) -> Result<(), JournalError> {
        if let State::Appending(appending) = &mut self.state {
            let ended = appending.await;
            self.take_back(ended)?;
        }
        Ok(())
    }

    fn take_back(
        &mut self,
        (writer, appended): (&'w mut Writer, Result<Appended, JournalError>),
    ) -> Result<(), JournalError> {
        self.state = State::Failed;
        let appended = appended?;
        self.state = State::Here(writer);
        match &mut self.appended {
            None => self.appended = Some(appended),
            Some(all) => {
                all.token = appended.token;
                all.objects.extend(appended.objects);
                all.heads.extend(appended.heads);
            }
        }
        Ok(())
    }
}

impl fmt::Debug for BatchWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchWriter")
            .field("id", &self.id)
            .field("signals", &self.signals)
            .finish_non_exhaustive()
    }
}
