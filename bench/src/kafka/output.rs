//! What stands in a topic: read to its end, and added up.

use std::time::Duration;

use anyhow::{Result, bail};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};

use super::PATIENCE;
use super::broker::client;
use super::events::Sum;

/// A consumer of these partitions from their beginning on, and of what is committed there alone.
pub(crate) fn reader(
    servers: &str,
    topic: &str,
    partitions: impl Iterator<Item = i32>,
) -> Result<BaseConsumer> {
    let consumer: BaseConsumer = client(servers)
        .set("group.id", "of no group")
        .set("enable.auto.commit", "false")
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "true")
        .create()?;
    let mut all = TopicPartitionList::new();
    for partition in partitions {
        all.add_partition_offset(topic, partition, Offset::Beginning)?;
    }
    consumer.assign(&all)?;
    Ok(consumer)
}

pub(crate) fn sum(servers: &str, topic: &str, partitions: i32) -> Result<Sum> {
    let consumer = reader(servers, topic, 0..partitions)?;
    let (mut sum, mut ended) = (Sum::default(), 0);
    while ended < partitions {
        match consumer.poll(PATIENCE) {
            Some(Ok(message)) => sum.add(message.payload().unwrap_or_default()),
            Some(Err(KafkaError::PartitionEOF(_))) => ended += 1,
            // The client goes on by itself.
            Some(Err(_)) => {}
            None => bail!("{topic} cannot be read"),
        }
    }
    Ok(sum)
}

/// The next record, if one comes in time.
pub(crate) fn next(consumer: &BaseConsumer, wait: Duration) -> Option<rdkafka::message::BorrowedMessage<'_>> {
    consumer.poll(wait).and_then(Result::ok)
}
