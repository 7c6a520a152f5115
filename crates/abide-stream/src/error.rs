//! Why a stream ends before it is told to.

use abide_index::IndexError;
use rdkafka::error::KafkaError;

use crate::{
    config::InvalidConfig,
    fate::Stopped,
    record::{At, Record},
};

#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    #[error(transparent)]
    Config(#[from] InvalidConfig),
    #[error("could not {doing}{}", .complaint.as_ref().map_or_else(String::new, |why| format!(": {why}")))]
    Kafka { doing: &'static str, complaint: Option<String>, source: KafkaError },
    /// What the broker has is not what the configuration names.
    #[error("the broker does not fit the configuration: {0}")]
    Broker(String),
    #[error("the schema registry does not answer: {0}")]
    Registry(String),
    #[error("could not read the list")]
    List(#[from] IndexError),
    #[error("{0}")]
    Broken(String),
    #[error("the record {topic}/{partition}/{offset} cannot be judged, and `on_cannot_tell` is `fail`")]
    CannotTell { topic: String, partition: i32, offset: i64 },
    #[error(
        "the broker does not take the record {topic}/{partition}/{offset}, nor into `dead_letter` what says so; raise that topic's `max.message.bytes`, and do not let it be compacted"
    )]
    DeadLetterNotTaken { topic: String, partition: i32, offset: i64 },
    #[error("could not listen on {address}")]
    Listen { address: std::net::SocketAddr, source: std::io::Error },
    #[error("could not start a thread")]
    Thread(#[source] std::io::Error),
}

impl StreamError {
    pub(crate) fn kafka(doing: &'static str) -> impl FnOnce(KafkaError) -> Self {
        move |source| Self::Kafka { doing, complaint: None, source }
    }

    pub(crate) fn stopped(record: &Record<'_>) -> impl FnOnce(Stopped) -> Self {
        let At { topic, partition, offset } = record.at();
        move |Stopped| Self::CannotTell { topic, partition, offset }
    }

    pub(crate) fn dead_letter_not_taken(record: &Record<'_>) -> Self {
        let At { topic, partition, offset } = record.at();
        Self::DeadLetterNotTaken { topic, partition, offset }
    }
}
