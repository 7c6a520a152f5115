//! The two clients of the broker, with the settings that exactly once rests on.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs::File,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use rdkafka::{
    ClientConfig, ClientContext, Statistics,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, ConsumerContext, Rebalance},
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseProducer, DeliveryResult, ProducerContext},
    topic_partition_list::TopicPartitionList,
};

use crate::{
    complaints::Complaint,
    config::{InvalidConfig, Setting, StreamConfig},
    fate::Cause,
};

pub(crate) type Consumer = BaseConsumer<Changes>;
pub(crate) type Producer = BaseProducer<Reports>;

const POLL_INTERVAL: &str = "max.poll.interval.ms";

/// What the group gives to a member and takes from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Given(Vec<(String, i32)>),
    Taken(Vec<(String, i32)>),
}

/// Notes what changes while a consumer is polled.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    noted: Mutex<Vec<Change>>,
    any: AtomicBool,
    /// Where partitions end, as it was told last.
    ends: Mutex<Option<Ends>>,
    pub(crate) complaint: Complaint,
}

/// The last stable offset by topic and partition.
pub(crate) type Ends = HashMap<String, HashMap<i32, i64>>;

/// Only what went wrong is reported of records that were sent.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    refusal: Mutex<Option<Cause>>,
    pub(crate) complaint: Complaint,
}

impl Reports {
    /// Why the broker refused a record that it will never take, if it did since this was asked last.
    pub(crate) fn take_refusal(&self) -> Option<Cause> {
        self.refusal.lock().expect("nothing panics under this lock").take()
    }
}

impl Changes {
    pub(crate) fn any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    pub(crate) fn take(&self) -> Vec<Change> {
        self.any.store(false, Ordering::Release);
        std::mem::take(&mut *self.noted.lock().expect("nothing panics under this lock"))
    }

    pub(crate) fn take_ends(&self) -> Option<Ends> {
        self.ends.lock().expect("nothing panics under this lock").take()
    }

    fn note(&self, change: Change) {
        self.noted.lock().expect("nothing panics under this lock").push(change);
        self.any.store(true, Ordering::Release);
    }
}

impl ClientContext for Changes {
    fn stats(&self, statistics: Statistics) {
        let ends = statistics.topics.into_iter().map(|(name, topic)| {
            let known = topic.partitions.into_iter().filter(|(_, partition)| partition.ls_offset >= 0);
            (name, known.map(|(number, partition)| (number, partition.ls_offset)).collect())
        });
        *self.ends.lock().expect("nothing panics under this lock") = Some(ends.collect());
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.complaint.note(facility, message);
        log(level, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(error = error.to_string(), reason, "the broker");
    }
}

impl ConsumerContext for Changes {
    // Partitions are taken before the group goes on without us, so what was gathered of them is noted first.
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Revoke(partitions) = rebalance {
            self.note(Change::Taken(pairs(partitions)));
        }
    }

    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(partitions) = rebalance {
            self.note(Change::Given(pairs(partitions)));
        }
    }
}

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.complaint.note(facility, message);
        log(level, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(error = error.to_string(), reason, "the broker");
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = ();

    // The transaction that it is of fails, which says it; but not which record it was.
    fn delivery(&self, result: &DeliveryResult<'_>, (): Self::DeliveryOpaque) {
        let Err((error, _)) = result else { return };
        let cause = match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::MessageSizeTooLarge) => Cause::TooLarge,
            Some(RDKafkaErrorCode::InvalidRecord) => Cause::NotTaken,
            Some(RDKafkaErrorCode::InvalidTimestamp) => Cause::TimestampNotTaken,
            _ => return,
        };
        *self.refusal.lock().expect("nothing panics under this lock") = Some(cause);
    }
}

fn pairs(partitions: &TopicPartitionList) -> Vec<(String, i32)> {
    partitions.elements().iter().map(|element| (element.topic().to_owned(), element.partition())).collect()
}

fn log(level: RDKafkaLogLevel, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error
        | RDKafkaLogLevel::Warning => tracing::warn!(message, "librdkafka"),
        _ => tracing::debug!(message, "librdkafka"),
    }
}

/// A member of the group, which has not joined it yet: one of several of this process.
pub(crate) fn consumer(
    config: &StreamConfig,
    folder: &Path,
    number: usize,
) -> Result<Consumer, InvalidConfig> {
    let mut client = reader(config, folder, false)?;
    // A name that outlives the process is one member's, so each thread has its own.
    if let Some(name) = client.get("group.instance.id").map(str::to_owned) {
        client.set("group.instance.id", format!("{name}.{number}"));
    }
    client.create_with_context(Changes::default()).map_err(|error| refused(&client, &error))
}

/// One that is told where a partition ends for now.
pub(crate) fn onlooker(config: &StreamConfig, folder: &Path) -> Result<Consumer, InvalidConfig> {
    let mut client = reader(config, folder, true)?;
    client.remove("group.instance.id");
    client.create_with_context(Changes::default()).map_err(|error| refused(&client, &error))
}

/// Within which a member of the group has to come back to reading.
pub(crate) fn poll_interval_micros(config: &StreamConfig, folder: &Path) -> Result<i64, InvalidConfig> {
    let client = reader(config, folder, false)?;
    let millis = client.get(POLL_INTERVAL).and_then(|millis| millis.trim().parse::<i64>().ok());
    let micros = millis.and_then(|millis| millis.checked_mul(1_000));
    micros.ok_or_else(|| InvalidConfig(format!("`{POLL_INTERVAL}` is a number of milliseconds")))
}

fn reader(config: &StreamConfig, folder: &Path, tells_ends: bool) -> Result<ClientConfig, InvalidConfig> {
    // Only partitions that move are taken, so that one that joins does not stop all the others.
    let defaults = [
        ("partition.assignment.strategy", "cooperative-sticky"),
        ("auto.offset.reset", "earliest"),
        ("statistics.interval.ms", "5000"),
        // As it is by itself.
        (POLL_INTERVAL, "300000"),
        // More than a transaction takes; four times as much, the client's own default, makes nothing faster.
        ("queued.max.messages.kbytes", "16384"),
        // With so much read ahead a partition would rest for a second, while the others are worked off in a few milliseconds.
        ("fetch.queue.backoff.ms", "5"),
    ];
    let mut client = settings(&defaults, [&config.kafka, &config.consumer], folder)?;
    client
        .set("group.id", &config.group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("enable.partition.eof", tells_ends.to_string())
        .set("isolation.level", "read_committed");
    Ok(client)
}

pub(crate) fn producer(config: &StreamConfig, folder: &Path, name: &str) -> Result<Producer, InvalidConfig> {
    let defaults = [
        // A transaction is sent at its end at the latest, so records need not wait for others.
        ("linger.ms", "1"),
        ("delivery.report.only.error", "true"),
        // A broker that is still ending the last transaction asks for patience, and needs a few milliseconds of it.
        ("retry.backoff.ms", "5"),
    ];
    let mut client = settings(&defaults, [&config.kafka, &config.producer], folder)?;
    client.set("transactional.id", name).set("enable.idempotence", "true");
    client.create_with_context(Reports::default()).map_err(|error| refused(&client, &error))
}

fn settings(
    defaults: &[(&str, &str)],
    tables: [&BTreeMap<String, Setting>; 2],
    folder: &Path,
) -> Result<ClientConfig, InvalidConfig> {
    let mut client = ClientConfig::new();
    // Why a broker hangs up is told as something that may be.
    client.set_log_level(RDKafkaLogLevel::Info);
    for (name, value) in defaults {
        client.set(*name, *value);
    }
    for (name, setting) in tables.into_iter().flatten() {
        let value = setting.read(folder).and_then(|value| located(name, value, folder));
        client.set(name, value.map_err(|why| InvalidConfig(format!("`{name}`: {why}")))?);
    }
    Ok(client)
}

/// A file beside the configuration, as all that it names. `probe` is none: the client then looks where systems have theirs.
fn located(name: &str, value: String, folder: &Path) -> Result<String, String> {
    let is_file = name.starts_with("ssl.") && name.ends_with(".location") && name != "ssl.engine.location";
    if !is_file || value == "probe" {
        return Ok(value);
    }
    let path = folder.join(value).display().to_string();
    File::open(&path).map_err(|error| format!("could not read `{path}`: {error}"))?;
    Ok(path)
}

/// In our words, since those of the client may quote a value.
fn refused(client: &ClientConfig, error: &KafkaError) -> InvalidConfig {
    let set = client.config_map().into_keys().chain(["sasl.username", "sasl.password"]);
    InvalidConfig(match error {
        KafkaError::ClientConfig(_, _, name, _) => {
            format!("`{name}` is no setting of librdkafka's, or has no value that it takes")
        }
        KafkaError::ClientCreation(why) => {
            let named: BTreeSet<&str> = set.filter(|name| why.contains(name)).collect();
            let named: Vec<String> = named.iter().map(|name| format!("`{name}`")).collect();
            let named = if named.is_empty() { "its settings".to_owned() } else { named.join(", ") };
            format!("librdkafka cannot be set up like this; see {named}")
        }
        _ => "librdkafka cannot be set up like this; see its settings".to_owned(),
    })
}
