//! Whether the broker has what the configuration names.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::{
    clients,
    complaints::Asked,
    config::Config,
    engine::Rules,
    error::StreamError,
    registry::{OfSchema, Registry},
};

/// What was found about a topic, for people to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicReport {
    pub topic: String,
    pub partitions: i32,
    /// What works and may not be meant.
    pub remark: Option<String>,
    /// What is most likely not meant, and lets data out.
    pub warning: Option<String>,
}

/// Asks the broker for every topic that the configuration names, and the registry for their schemas; an error for what is
/// missing.
pub fn check(config: &Config, folder: &Path) -> Result<Vec<TopicReport>, StreamError> {
    let rules = Rules::new(config, folder)?;
    let consumer = clients::onlooker(&config.stream, folder)?;
    // It is asked for what is there already, so that it makes nothing, and never begins a transaction.
    let producer = clients::producer(&config.stream, folder, "check")?;
    let timeout = Duration::from_millis(config.stream.timeout_ms);
    let mut schemas = match Registry::of(config, folder)? {
        Some(registry) => registry.check(config, &rules)?,
        None => BTreeMap::new(),
    };
    let written = config.written_topics();
    let all = config.read_topics().into_iter().chain(written.iter().map(String::as_str));
    let stop = AtomicBool::new(false);
    let widths = widths(&consumer, all, timeout, &stop)?.complete()?;
    width(&producer, &config.stream.dead_letter, timeout, &stop)?;
    let mut reports = Vec::new();
    for route in &rules.routes {
        for topic in &route.topics {
            let (remark, warning) = match schemas.remove(topic) {
                Some(OfSchema { remark, warning }) => (Some(remark), warning),
                None => (None, None),
            };
            reports.push(TopicReport { topic: topic.clone(), partitions: widths[topic], remark, warning });
        }
        if let Some(asks) = &route.asks {
            let partitions = widths[&asks.output];
            let other = route.topics.iter().map(|topic| widths[topic]).find(|width| *width != partitions);
            let remark = other.map(|other| {
                format!(
                    "it is written from a topic with {other}: records keep their order, and do not stand where their keys would put them"
                )
            });
            reports.push(TopicReport { topic: asks.output.clone(), partitions, remark, warning: None });
        }
    }
    let known: Vec<String> = reports.iter().map(|report| report.topic.clone()).collect();
    for topic in written.into_iter().filter(|topic| !known.contains(topic)) {
        let partitions = widths[&topic];
        reports.push(TopicReport { topic, partitions, remark: None, warning: None });
    }
    Ok(reports)
}

/// How many partitions topics have.
#[derive(Debug)]
pub(crate) struct Widths {
    pub(crate) known: HashMap<String, i32>,
    /// Topics that the broker has not.
    pub(crate) missing: Vec<String>,
}

/// How long a call waits at first; each time that it waited in vain, for twice as long.
const SLICE: Duration = Duration::from_secs(1);

/// A call that waits for the broker, so long altogether. It is cut into pieces, so that whoever is told to stop need not wait
/// for its end; and they grow, so that a slow broker comes to its answer.
pub(crate) fn in_slices<T>(
    patience: Duration,
    stop: &AtomicBool,
    mut call: impl FnMut(Duration) -> Result<T, KafkaError>,
) -> Result<T, KafkaError> {
    let (mut slice, mut left) = (SLICE, patience);
    loop {
        slice = slice.min(left);
        left = left.saturating_sub(slice);
        match call(slice) {
            Err(error) if !left.is_zero() && is_in_vain(&error) && !stop.load(Ordering::Acquire) => {}
            ended => return ended,
        }
        slice *= 2;
    }
}

/// Nothing was heard of the broker in time.
fn is_in_vain(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::OperationTimedOut
                | RDKafkaErrorCode::RequestTimedOut
                | RDKafkaErrorCode::BrokerTransportFailure
        )
    )
}

/// Topics that the broker does not know yet are asked for again so much later.
const LOOK: Duration = Duration::from_millis(250);

/// Asks for topics. What was made just now comes to be known to one broker after the other, so those that are not known are
/// waited for, as long as a call may take, or until it is told to stop.
pub(crate) fn widths<'t>(
    asked: &impl Asked,
    topics: impl IntoIterator<Item = &'t str>,
    timeout: Duration,
    stop: &AtomicBool,
) -> Result<Widths, StreamError> {
    let missing = topics.into_iter().map(str::to_owned).collect();
    let mut widths = Widths { known: HashMap::new(), missing };
    let mut waited = Duration::ZERO;
    loop {
        for topic in std::mem::take(&mut widths.missing) {
            match width(asked, &topic, timeout, stop)? {
                Some(width) => drop(widths.known.insert(topic, width)),
                None => widths.missing.push(topic),
            }
        }
        if widths.missing.is_empty() || waited >= timeout || stop.load(Ordering::Acquire) {
            return Ok(widths);
        }
        if waited.is_zero() {
            tracing::warn!(
                topics = widths.missing.join(", "),
                "the broker does not know these topics yet; waiting"
            );
        }
        thread::sleep(LOOK);
        waited += LOOK;
    }
}

impl Widths {
    /// Of all that were asked for.
    pub(crate) fn complete(self) -> Result<HashMap<String, i32>, StreamError> {
        match self.missing.as_slice() {
            [] => Ok(self.known),
            missing => Err(StreamError::Broker(format!("it has no topic `{}`", missing.join("`, `")))),
        }
    }
}

/// `None` for a topic that the broker does not know.
fn width(
    asked: &impl Asked,
    topic: &str,
    timeout: Duration,
    stop: &AtomicBool,
) -> Result<Option<i32>, StreamError> {
    let metadata = in_slices(timeout, stop, |slice| asked.handle().fetch_metadata(Some(topic), slice))
        .map_err(|error| asked.failed("ask the broker for its topics", error))?;
    let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else { return Ok(None) };
    match found.error().map(RDKafkaErrorCode::from) {
        None => {
            let width = i32::try_from(found.partitions().len()).unwrap_or(i32::MAX);
            Ok(Some(width).filter(|width| *width > 0))
        }
        Some(RDKafkaErrorCode::TopicAuthorizationFailed) => {
            Err(StreamError::Broker(format!("whom we log in as may not use the topic `{topic}`")))
        }
        Some(_) => Ok(None),
    }
}
