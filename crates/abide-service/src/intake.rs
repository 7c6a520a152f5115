//! Makes signals durable, many requests at a time, and puts them in force here before it answers.
//!
//! One task owns the writer. While it writes, requests gather; all that have gathered become one append. When the
//! store cannot be reached in time, the node's own disk takes the signals, and they are uploaded later, in order.

mod once;

use std::{sync::Arc, time::Duration};

use abide_journal::{Clock, Durable, ErrorKind, JournalError, Record, Spool, Store, Writer, WriterConfig};
use abide_model::{
    BatchId, Direction, Origin, Position, Signal, SignalKeys, Time, Token,
    signal::{InvalidStatement, Statement},
};
use object_store::ObjectStore;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    time::{Instant, sleep, timeout, timeout_at},
};

use crate::{
    list::{List, Place},
    metrics::Metrics,
    push::Board,
};

pub(crate) use once::{Begun, Once, Seen};

/// One statement about one identifier.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) keys: SignalKeys,
    pub(crate) statement: Statement,
    /// What it came in with; with the day, if it is `None`.
    pub(crate) batch: Option<BatchId>,
}

/// What was accepted, and where it is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Accepted {
    /// In the store; in force on a node that has read up to the token.
    Store(Token),
    /// On this node's disk.
    Node,
}

#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("too many signals wait to be made durable; try again")]
    Full,
    #[error("the server stops; try again")]
    Stopping,
    /// Why in words that a client may read.
    #[error("{why}")]
    Failed { kind: ErrorKind, why: String },
}

struct Waiting {
    said: Vec<Said>,
    /// Their places among those that may wait.
    places: OwnedSemaphorePermit,
    answer: oneshot::Sender<Result<Accepted, Refused>>,
}

/// Where requests hand in what was said.
#[derive(Clone, Debug)]
pub(crate) struct Intake {
    waiting: mpsc::Sender<Waiting>,
    /// One for each signal that may wait.
    places: Arc<Semaphore>,
    places_max: usize,
}

/// So many signals go into one append at the most.
const TOGETHER_MAX: usize = 20_000;

/// So long after an answer those who got it are waited for: less than it takes to flush a disk.
const PATIENCE: Duration = Duration::from_millis(2);

/// So many parts of what waits are brought in before the next request is looked at.
const PARTS_AT_ONCE: usize = 8;

/// After the store could not be reached, this node's disk is used for so long before it is tried again.
const CUT_OFF: Duration = Duration::from_secs(2);

/// A store that is still out of reach is named again after so long.
const TELL_AGAIN: Duration = Duration::from_secs(60);

impl Intake {
    /// Answers when it is durable and in force here.
    pub(crate) async fn accept(&self, said: Vec<Said>) -> Result<Accepted, Refused> {
        let (answer, answered) = oneshot::channel();
        // One request with more than may wait waits alone.
        let count = u32::try_from(said.len().clamp(1, self.places_max)).unwrap_or(u32::MAX);
        let places = self.places.clone().try_acquire_many_owned(count).map_err(|_| Refused::Full)?;
        let waiting = Waiting { said, places, answer };
        self.waiting.try_send(waiting).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Refused::Full,
            mpsc::error::TrySendError::Closed(_) => Refused::Stopping,
        })?;
        answered.await.unwrap_or(Err(Refused::Stopping))
    }
}

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Waiting").field("said", &self.said.len()).finish_non_exhaustive()
    }
}

/// The one that writes.
pub(crate) struct Keeper {
    pub(crate) store: Store,
    pub(crate) origin: Origin,
    pub(crate) writer: WriterConfig,
    /// The disk that signals are kept on while the store cannot be reached.
    pub(crate) disk: Arc<dyn ObjectStore>,
    pub(crate) spool_after: Duration,
    /// Where the journal was seen to lead earlier, by this machine.
    pub(crate) seen: Vec<abide_journal::Head>,
    pub(crate) list: Arc<List>,
    /// Tells other nodes what was appended.
    pub(crate) board: Arc<Board>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) now: fn() -> Time,
}

struct Writing {
    keeper: Keeper,
    writer: Option<Writer>,
    spool: Spool,
    /// Dates what the source did not.
    clock: Clock,
    cut_off_until: Option<Instant>,
    /// Why, as it was said last, and when.
    told: Option<(String, Instant)>,
    /// Where the first of what is being brought in stands, once some of it is there.
    waited_from: Option<Position>,
    /// How many requests became the last append, and when they were answered.
    answered: usize,
    answered_at: Instant,
}

impl Keeper {
    /// Opens the spool, puts in force what waits there, and begins to take signals in, of which `waiting_max` may wait at a
    /// time. The task ends when the last `Intake` is gone and everything handed in was answered.
    pub(crate) async fn start(
        self,
        waiting_max: usize,
    ) -> Result<(Intake, tokio::task::JoinHandle<()>), JournalError> {
        let now = (self.now)();
        let spool = Spool::open(&self.store, self.disk.clone(), self.origin.clone(), self.writer).await?;
        let waiting: Vec<Signal> = spool
            .records()
            .await?
            .into_iter()
            .filter_map(|record| match record {
                Record::Signal(signal) => Some(signal),
                _ => None,
            })
            .collect();
        let mut clock = Clock::default();
        waiting.iter().for_each(|signal| clock.observe(signal.at));
        if !waiting.is_empty() {
            tracing::info!(signals = waiting.len(), "signals wait on this node's disk");
            self.list.accept(waiting, None, now).expect("there is no list yet that could be damaged");
        }
        let (sender, receiver) = mpsc::channel(waiting_max);
        let writing = Writing {
            keeper: self,
            writer: None,
            spool,
            clock,
            cut_off_until: None,
            told: None,
            waited_from: None,
            answered: 0,
            answered_at: Instant::now(),
        };
        let places = Arc::new(Semaphore::new(waiting_max.min(Semaphore::MAX_PERMITS)));
        let intake = Intake { waiting: sender, places, places_max: waiting_max };
        Ok((intake, tokio::spawn(writing.run(receiver))))
    }
}

impl Writing {
    async fn run(mut self, mut waiting: mpsc::Receiver<Waiting>) {
        loop {
            let first = tokio::select! {
                first = waiting.recv() => first,
                () = sleep(CUT_OFF), if self.spool.waiting() > 0 => {
                    self.upload().await;
                    continue;
                }
            };
            let Some(first) = first else { break };
            let together = self.gather(first, &mut waiting).await;
            // Opt-ins may be refused, and nobody's opt-out with them.
            let opts_in =
                |one: &Waiting| one.said.iter().any(|said| said.statement.direction == Direction::In);
            let (ins, outs): (Vec<_>, Vec<_>) = together.into_iter().partition(opts_in);
            for group in [outs, ins].into_iter().filter(|group| !group.is_empty()) {
                self.answer(group).await;
            }
        }
        if self.spool.waiting() > 0 {
            self.cut_off_until = None;
            self.upload().await;
        }
    }

    /// What becomes one append. Whoever was just answered often has more to say: without a moment's patience the first
    /// of them is written alone, and the others wait for all of that.
    async fn gather(&mut self, first: Waiting, waiting: &mut mpsc::Receiver<Waiting>) -> Vec<Waiting> {
        let mut signals = first.said.len();
        let mut together = vec![first];
        let patient_until = self.answered_at + PATIENCE;
        while signals < TOGETHER_MAX {
            let next = match waiting.try_recv() {
                Ok(next) => next,
                Err(_) if together.len() >= self.answered => break,
                Err(_) => match timeout_at(patient_until, waiting.recv()).await {
                    Ok(Some(next)) => next,
                    Ok(None) | Err(_) => break,
                },
            };
            signals += next.said.len();
            together.push(next);
        }
        self.answered = together.len();
        together
    }

    async fn answer(&mut self, group: Vec<Waiting>) {
        let signals = self.signals(&group);
        let accepted = match signals {
            Ok(signals) => self.accept(signals).await,
            Err(error) => Err(Refused::Failed { kind: ErrorKind::Invalid, why: error.to_string() }),
        };
        for Waiting { places, answer, .. } in group {
            drop(places);
            // Whoever asked may have gone; what was accepted stays.
            let _ = answer.send(accepted.clone());
        }
        self.answered_at = Instant::now();
    }

    fn signals(&mut self, group: &[Waiting]) -> Result<Vec<Signal>, InvalidStatement> {
        let now = (self.keeper.now)();
        // Above every time in the journal, so also above every opt-in held for these keys.
        if let Some(read) = self.keeper.list.clock() {
            self.clock.observe(read);
        }
        let all = group.iter().flat_map(|waiting| &waiting.said);
        all.map(|said| {
            let clock = self.clock.next(now);
            let batch = said.batch.clone().unwrap_or_else(|| BatchId::live(now));
            Signal::new(said.keys.clone(), said.statement.clone(), batch, now, clock)
        })
        .collect()
    }

    async fn accept(&mut self, signals: Vec<Signal>) -> Result<Accepted, Refused> {
        let began = Instant::now();
        let count = signals.len();
        let records: Vec<Record> = signals.iter().cloned().map(Record::Signal).collect();
        let durable = self.make_durable(&records).await.map_err(|error| {
            let why = abide_model::causes::chain(&error);
            tracing::error!(error = why, signals = count, "signals were refused");
            let kind = match error.kind() {
                // Of the store, and nothing that whoever said it can put right.
                ErrorKind::Invalid => ErrorKind::Unavailable,
                kind => kind,
            };
            Refused::Failed { kind, why }
        })?;
        let (accepted, place) = match durable {
            Durable::Store(appended) => {
                self.keeper.board.appended(&appended.heads);
                let place = Place { first: appended.first, last: appended.token.clone() };
                (Accepted::Store(appended.token), Some(place))
            }
            Durable::Node => (Accepted::Node, None),
        };
        signals.iter().for_each(|signal| self.keeper.metrics.signal(signal));
        self.keeper.metrics.made_durable(count, began.elapsed(), matches!(accepted, Accepted::Node));
        self.keeper.list.accept(signals, place, (self.keeper.now)()).map_err(|error| {
            let why = abide_model::causes::chain(&error);
            tracing::error!(error = why, "signals are durable and could not be put in force here");
            Refused::Failed { kind: ErrorKind::Damaged, why }
        })?;
        Ok(accepted)
    }

    async fn make_durable(&mut self, records: &[Record]) -> Result<Durable, JournalError> {
        if self.cut_off_until.is_some_and(|until| Instant::now() < until) {
            return self.keep(records).await;
        }
        // What waits comes first. A long queue is brought in between requests, which meanwhile go to its end.
        for _ in 0..PARTS_AT_ONCE {
            if self.spool.waiting() == 0 || !self.bring_in().await {
                break;
            }
        }
        if self.spool.waiting() > 0 {
            return self.keep(records).await;
        }
        let through = timeout(self.keeper.spool_after, self.append(records)).await;
        match through {
            Ok(Ok(appended)) => {
                self.reached();
                Ok(Durable::Store(appended))
            }
            Ok(Err(error)) if !error.is_out_of_reach() => Err(error),
            // What was being written may stand in the store nevertheless; twice is as good as once.
            late_or_failed => {
                self.cut_off(late_or_failed.ok().and_then(Result::err).as_ref());
                self.keep(records).await
            }
        }
    }

    async fn append(&mut self, records: &[Record]) -> Result<abide_journal::Appended, JournalError> {
        let now = (self.keeper.now)();
        self.open_writer().await?;
        let writer = self.writer.as_mut().expect("it was just opened");
        writer.append(records, now).await
    }

    async fn open_writer(&mut self) -> Result<(), JournalError> {
        if self.writer.is_none() {
            let keeper = &self.keeper;
            let mut writer = Writer::open(&keeper.store, keeper.origin.clone(), keeper.writer).await?;
            writer.expect(&keeper.seen).await?;
            self.clock.observe(writer.clock().last());
            self.writer = Some(writer);
        }
        Ok(())
    }

    async fn keep(&mut self, records: &[Record]) -> Result<Durable, JournalError> {
        self.spool.append(records, (self.keeper.now)()).await?;
        self.keeper.metrics.spooled(self.spool.waiting());
        Ok(Durable::Node)
    }

    /// Brings what waits on the disk into the store, until all of it is there or the store is out of reach.
    async fn upload(&mut self) {
        while self.spool.waiting() > 0 && self.bring_in().await {}
    }

    /// The next part of what waits. Reading it from the disk takes as long as it takes; only the store has to be in time.
    async fn bring_in(&mut self) -> bool {
        let mut part = match self.spool.first().await {
            Ok(Some(part)) => part,
            Ok(None) => return false,
            Err(error) => {
                tracing::error!(
                    error = abide_model::causes::chain(&error),
                    "could not read what waits on the disk"
                );
                return false;
            }
        };
        let now = (self.keeper.now)();
        let spool_after = self.keeper.spool_after;
        let append = async {
            self.open_writer().await?;
            part.append(self.writer.as_mut().expect("it was just opened"), now).await
        };
        let appended = match timeout(spool_after, append).await {
            Ok(Ok(appended)) => appended,
            Ok(Err(error)) if !error.is_out_of_reach() => {
                tracing::error!(error = abide_model::causes::chain(&error), "could not bring in what waits");
                return false;
            }
            late_or_failed => {
                self.cut_off(late_or_failed.ok().and_then(Result::err).as_ref());
                return false;
            }
        };
        self.reached();
        self.keeper.board.appended(&appended.heads);
        // Where that fails, it is brought in once more, which changes nothing.
        let struck_off = self.spool.strike_off(part).await;
        self.keeper.metrics.spooled(self.spool.waiting());
        if let Err(error) = struck_off {
            tracing::error!(
                error = abide_model::causes::chain(&error),
                "could not strike off what was brought in"
            );
            return false;
        }
        // Only all of it has a place: what is in force here ahead of the journal is not told apart.
        let first = *self.waited_from.get_or_insert(appended.first);
        if self.spool.waiting() == 0 {
            self.keeper.list.uploaded(&Place { first, last: appended.token });
            self.waited_from = None;
        }
        true
    }

    /// With the error, unless it was that the store took too long.
    fn cut_off(&mut self, error: Option<&JournalError>) {
        let error = error.map_or("it did not answer in time".to_owned(), |it| abide_model::causes::chain(it));
        let is_told = |(told, at): &(String, Instant)| *told == error && at.elapsed() < TELL_AGAIN;
        if !self.told.as_ref().is_some_and(is_told) {
            tracing::warn!(error, "the store cannot be reached; signals are kept on this node's disk");
            self.told = Some((error, Instant::now()));
        }
        self.cut_off_until = Some(Instant::now() + CUT_OFF);
    }

    fn reached(&mut self) {
        if self.cut_off_until.take().is_some() {
            self.told = None;
            tracing::info!("the store can be reached again");
        }
    }
}
