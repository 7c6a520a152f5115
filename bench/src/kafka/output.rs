//! What stands in a topic: read to its end, and added up.

use std::time::Duration;

use anyhow::{Result, bail};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message as _};
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
        match next_or_end(&consumer)? {
            Some(message) => sum.add(message.payload().unwrap_or_default()),
            None => ended += 1,
        }
    }
    Ok(sum)
}

/// The next record, or none at the end of a partition.
pub(crate) fn next_or_end(consumer: &BaseConsumer) -> Result<Option<BorrowedMessage<'_>>> {
    loop {
        match consumer.poll(PATIENCE) {
            Some(Ok(message)) => return Ok(Some(message)),
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(None),
            // The client goes on by itself.
            Some(Err(_)) => {}
            None => bail!("a topic cannot be read"),
        }
    }
}

/// The next record, if one comes in time.
pub(crate) fn next(consumer: &BaseConsumer, wait: Duration) -> Option<BorrowedMessage<'_>> {
    consumer.poll(wait).and_then(Result::ok)
}
