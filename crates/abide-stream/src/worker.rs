//! One member of the group: reads, decides, and writes, all of it in one transaction or not at all.
//!
//! A partition is judged only while it is *open*: this member owns it, the list here has been looked up since it was
//! given, and reaches as far as the committed offset says that the owner before had made durable. What is read of one that
//! is not open is put back. After a transaction that failed, all of its records are read again.

mod partitions;
mod transaction;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use abide_model::{Keyring, Normaliser, Origin, Time, contained::contained};
use rdkafka::{
    Message as _,
    consumer::Consumer as _,
    error::{KafkaError, RDKafkaErrorCode},
    message::{BorrowedMessage, Headers as _},
    producer::Producer as _,
};

use self::partitions::Held;
use crate::{
    broker,
    clients::{self, Consumer, Producer},
    complaints::Asked as _,
    config::Config,
    engine::{Engine, Rules},
    error::StreamError,
    fate::Cause,
    figures::Figures,
    keeper::Intake,
    list::{List, Standing},
    metrics::Metrics,
    record::{At, Record},
    registry::{Away, Registry},
};

/// What all members of one process share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) registry: Option<Registry>,
    /// Under which name this process takes part in transactions.
    pub(crate) origin: Origin,
    pub(crate) written_topics: BTreeSet<String>,
    pub(crate) folder: PathBuf,
    pub(crate) rules: Arc<Rules>,
    pub(crate) keyring: Keyring,
    pub(crate) normaliser: Normaliser,
    pub(crate) list: Arc<List>,
    pub(crate) intake: Intake,
    pub(crate) figures: Figures,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) stop: AtomicBool,
    pub(crate) now: fn() -> Time,
}

pub(crate) struct Worker {
    shared: Arc<Shared>,
    consumer: Arc<Consumer>,
    producer: Producer,
    engine: Engine,
    standing: Standing,
    partitions: HashMap<String, BTreeMap<i32, Held>>,
    /// A member that does not come back to reading for longer loses its partitions.
    step_max_micros: i64,
    /// How many partitions the topics have that are written to.
    widths: HashMap<String, i32>,
    /// Why nothing is read, as it was said last.
    waits_for: Option<&'static str>,
    /// The registry did not answer when it was asked last.
    is_unlearnt: bool,
    /// So many records are put into transactions of their own, since the broker refuses one among them.
    one_by_one: usize,
    /// One that was found to be refused, and why.
    refused: Option<(At, Cause)>,
}

/// How a member's run ended.
#[derive(Debug)]
pub(crate) enum Run {
    Stopped,
    /// It needs new clients.
    Anew {
        why: String,
        is_fenced: bool,
    },
}

/// Why a transaction did not become one.
#[derive(Debug)]
enum Failed {
    /// Its records are read again.
    Again(String),
    /// With new clients.
    Anew(String),
    /// It is of no use.
    Ended(StreamError),
}

/// How long a poll waits for the first record.
const POLL: Duration = Duration::from_millis(100);

/// After something failed, it is tried again so much later.
const PAUSE: Duration = Duration::from_millis(500);

impl Worker {
    /// Joins the group. Fails where the broker cannot be reached or does not have the topics.
    pub(crate) fn new(shared: Arc<Shared>, number: usize) -> Result<Self, StreamError> {
        let consumer = clients::consumer(&shared.config.stream, &shared.folder, number)?;
        let step_max_micros = clients::poll_interval_micros(&shared.config.stream, &shared.folder)? / 3;
        let name = format!("{}.{}.{number}", shared.config.stream.group, shared.origin);
        let producer = clients::producer(&shared.config.stream, &shared.folder, &name)?;
        let timeout = Duration::from_millis(shared.config.stream.timeout_ms);
        let written = shared.written_topics.iter().map(String::as_str);
        let widths = broker::widths(&producer, written, timeout, &shared.stop)?.complete()?;
        // Ends what a member of this name had begun before it was gone.
        let patience = timeout.max(Duration::from_secs(30));
        broker::in_slices(patience, &shared.stop, |slice| producer.init_transactions(slice))
            .map_err(|error| producer.failed("begin to take part in transactions", error))?;
        let topics: Vec<&str> = shared.rules.read_topics().collect();
        let missing = broker::widths(&consumer, topics.iter().copied(), timeout, &shared.stop)?.missing;
        if !missing.is_empty() {
            // The client looks for them by itself, every few minutes.
            tracing::warn!(topics = missing.join(", "), "the broker has no such topics to read yet");
        }
        consumer.subscribe(&topics).map_err(StreamError::kafka("subscribe to the topics"))?;
        let engine = Engine::new(shared.rules.clone(), shared.keyring.clone(), shared.normaliser);
        Ok(Self {
            shared,
            consumer: Arc::new(consumer),
            producer,
            engine,
            standing: Standing::default(),
            partitions: HashMap::new(),
            step_max_micros,
            widths,
            waits_for: None,
            is_unlearnt: false,
            one_by_one: 0,
            refused: None,
        })
    }

    /// Until it is told to stop, or cannot go on as it is.
    pub(crate) fn run(&mut self) -> Result<Run, StreamError> {
        while !self.shared.stop.load(Ordering::Acquire) {
            if let Some(why) = self.shared.list.broken() {
                return Err(StreamError::Broken(why));
            }
            match self.step() {
                Ok(()) => {}
                Err(Failed::Again(why)) => {
                    self.shared.metrics.failed();
                    tracing::warn!(error = why, "a transaction failed; its records are read again");
                    thread::sleep(PAUSE);
                }
                Err(Failed::Anew(why)) => return Ok(Run::Anew { why, is_fenced: self.is_fenced() }),
                Err(Failed::Ended(error)) => return Err(error),
            }
        }
        Ok(Run::Stopped)
    }

    /// Whether the broker goes by a younger member of this name.
    fn is_fenced(&self) -> bool {
        let of_producer = self.producer.client().fatal_error();
        let of_consumer = self.consumer.client().fatal_error();
        [of_producer, of_consumer].into_iter().flatten().any(|(code, _)| {
            matches!(
                code,
                RDKafkaErrorCode::Fenced
                    | RDKafkaErrorCode::ProducerFenced
                    | RDKafkaErrorCode::InvalidProducerEpoch
                    | RDKafkaErrorCode::FencedInstanceId
            )
        })
    }

    fn step(&mut self) -> Result<(), Failed> {
        let consumer = self.consumer.clone();
        let mut batch = self.gather(&consumer)?;
        self.take_changes(&mut batch);
        let began = (self.shared.now)();
        if self.may_judge(began) {
            self.open_partitions()?;
        } else {
            self.close_partitions();
        }
        self.keep_open(&mut batch)?;
        self.tell_lag();
        let records: Vec<Record<'_>> = batch.iter().map(record_of).collect();
        let until = began.plus_micros(self.step_max_micros);
        let mut rest = records.as_slice();
        while !rest.is_empty() {
            // A batch may be many transactions, and what held for the first need not hold for the last.
            let now = (self.shared.now)();
            if self.shared.stop.load(Ordering::Acquire) {
                return Ok(());
            }
            if now > until || !self.may_judge(now) {
                return self.read_again();
            }
            let ready = self.learn_schemas(rest, until);
            if ready == 0 {
                self.read_again()?;
                thread::sleep(PAUSE);
                return Ok(());
            }
            let done = self.transact(&rest[..ready], now)?;
            rest = &rest[done..];
        }
        Ok(())
    }

    /// What has come, in the order of each partition; ends early when partitions are given or taken.
    fn gather<'c>(&self, consumer: &'c Consumer) -> Result<Vec<BorrowedMessage<'c>>, Failed> {
        let config = &self.shared.config.stream;
        let mut batch = Vec::new();
        let mut bytes = 0;
        while batch.len() < config.batch_records && bytes < config.batch_bytes {
            let wait = if batch.is_empty() { POLL } else { Duration::ZERO };
            match consumer.poll(wait) {
                None => break,
                Some(Ok(message)) => {
                    bytes += message.payload_len() + message.key_len();
                    batch.push(message);
                }
                Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => {
                    return Err(Failed::Anew(error.to_string()));
                }
                // The client goes on by itself: another broker, a topic that comes to be.
                Some(Err(error)) => {
                    tracing::warn!(error = error.to_string(), "could not read from the broker");
                    break;
                }
            }
            if consumer.context().any() {
                break;
            }
        }
        Ok(batch)
    }

    /// Whether there is a list, and it is as new as it has to be.
    fn may_judge(&mut self, now: Time) -> bool {
        let why = match self.shared.list.current() {
            None => Some("the list is being read"),
            Some(list) if self.shared.rules.is_stale(list.sighting, now) => Some("the list is too old"),
            Some(_) => None,
        };
        if why != self.waits_for {
            match why {
                Some(why) => tracing::warn!(why, "nothing is read"),
                None => tracing::info!("reading goes on"),
            }
            self.waits_for = why;
        }
        why.is_none()
    }

    /// Asks for the schemas that the records need; returns how many of these, from the first on, can be judged by what is
    /// known then. Ids may be made up, thousands of them, so it is not asked for more than there is time for.
    fn learn_schemas(&mut self, records: &[Record<'_>], until: Time) -> usize {
        let shared = &self.shared;
        let Some(registry) = &shared.registry else { return records.len() };
        let mut ready = 0;
        loop {
            let now = (shared.now)();
            let Some((at, (kind, id))) = shared.rules.unknown_schema(&records[ready..], now) else {
                return records.len();
            };
            ready += at;
            if shared.stop.load(Ordering::Acquire) || now > until {
                return ready;
            }
            let learnt = registry.learn(&shared.rules.schemas, kind, id, now);
            let was_unlearnt = std::mem::replace(&mut self.is_unlearnt, learnt.is_err());
            match learnt {
                Ok(()) if was_unlearnt => tracing::info!("the schema registry answers; reading goes on"),
                Ok(()) => {}
                Err(Away(why)) => {
                    if !was_unlearnt {
                        tracing::warn!(why, "the schema registry does not answer; what needs it is not read");
                    }
                    return ready;
                }
            }
        }
    }

    fn timeout(&self) -> Duration {
        Duration::from_millis(self.shared.config.stream.timeout_ms)
    }
}

pub(crate) fn record_of<'m>(message: &'m BorrowedMessage<'_>) -> Record<'m> {
    // The client panics at a header's name that is no UTF-8.
    let headers = message.headers().map(|headers| {
        contained(|| headers.iter().map(|header| (header.key, header.value)).collect::<Vec<_>>())
    });
    let has_unreadable_headers = matches!(headers, Some(Err(_)));
    Record {
        topic: message.topic(),
        partition: message.partition(),
        offset: message.offset(),
        timestamp_ms: message.timestamp().to_millis(),
        key: message.key(),
        value: message.payload(),
        headers: headers.and_then(Result::ok).unwrap_or_default(),
        has_unreadable_headers,
    }
}
