//! Whether the broker has what the configuration names.

use std::{collections::BTreeMap, path::Path, time::Duration};

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
    let width = |topic: &str| width(&consumer, topic, timeout);
    let mut reports = Vec::new();
    for route in &rules.routes {
        let mut widths = Vec::new();
        for topic in &route.topics {
            let partitions = width(topic)?;
            widths.push(partitions);
            let (remark, warning) = match schemas.remove(topic) {
                Some(OfSchema { remark, warning }) => (Some(remark), warning),
                None => (None, None),
            };
            reports.push(TopicReport { topic: topic.clone(), partitions, remark, warning });
        }
        if let Some(asks) = &route.asks {
            let partitions = width(&asks.output)?;
            let other = widths.iter().find(|width| **width != partitions);
            let remark = other.map(|other| {
                format!(
                    "it is written from a topic with {other}: records keep their order, and do not stand where their keys would put them"
                )
            });
            reports.push(TopicReport { topic: asks.output.clone(), partitions, remark, warning: None });
        }
    }
    let known: Vec<String> = reports.iter().map(|report| report.topic.clone()).collect();
    for topic in config.written_topics().into_iter().filter(|topic| !known.contains(topic)) {
        let partitions = width(&topic)?;
        reports.push(TopicReport { topic, partitions, remark: None, warning: None });
    }
    self::width(&producer, &config.stream.dead_letter, timeout)?;
    Ok(reports)
}

/// How many partitions a topic has.
pub(crate) fn width(asked: &impl Asked, topic: &str, timeout: Duration) -> Result<i32, StreamError> {
    let metadata = asked
        .handle()
        .fetch_metadata(Some(topic), timeout)
        .map_err(|error| asked.failed("ask the broker for its topics", error))?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    match found.filter(|found| found.error().is_none() && !found.partitions().is_empty()) {
        Some(found) => Ok(i32::try_from(found.partitions().len()).unwrap_or(i32::MAX)),
        None => Err(StreamError::Broker(format!("there is no topic `{topic}`, or it may not be used"))),
    }
}
