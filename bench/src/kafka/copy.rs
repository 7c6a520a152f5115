//! The copy loop: what `abide stream` does without its deciding. The same clients with the same settings, the same
//! transactions: as many records as there are, up to the same bounds, to the same topics, and the offsets of what was read.

use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{BorrowedHeaders, Message as _};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::{Offset, TopicPartitionList};

use super::PATIENCE;
use super::broker::client;
use super::events::send;

/// As the defaults of `abide stream`.
const BATCH_RECORDS: usize = 10_000;
const BATCH_BYTES: usize = 32 << 20;

/// One in so many goes to the second topic, as one in so many people is on the list.
const DIVERTED: u64 = 10;

pub(super) fn passes(offset: u64) -> bool {
    !offset.is_multiple_of(DIVERTED)
}

/// From where to where.
#[derive(Debug, clap::Args)]
pub(crate) struct Topics {
    #[arg(long)]
    input: String,
    #[arg(long)]
    output: String,
    #[arg(long)]
    diverted: String,
}

/// Until it is killed.
pub(crate) fn run(servers: &str, group: &str, topics: &Topics) -> Result<()> {
    let consumer: BaseConsumer = client(servers)
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("auto.offset.reset", "earliest")
        .set("statistics.interval.ms", "5000")
        .set("queued.max.messages.kbytes", "16384")
        .set("fetch.queue.backoff.ms", "5")
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("isolation.level", "read_committed")
        .create()?;
    let producer: BaseProducer = client(servers)
        .set("linger.ms", "1")
        .set("retry.backoff.ms", "5")
        .set("delivery.report.only.error", "true")
        .set("transactional.id", group)
        .set("enable.idempotence", "true")
        .create()?;
    producer.init_transactions(PATIENCE)?;
    consumer.subscribe(&[&topics.input])?;
    loop {
        transaction(&consumer, &producer, topics)?;
    }
}

fn transaction(consumer: &BaseConsumer, producer: &BaseProducer, topics: &Topics) -> Result<()> {
    let Some(first) = consumer.poll(Duration::from_millis(100)) else { return Ok(()) };
    producer.begin_transaction()?;
    let (mut next, mut ends) = (Some(first), Vec::new());
    let (mut records, mut bytes) = (0, 0);
    while let Some(message) = next {
        let message = message?;
        records += 1;
        bytes += message.payload_len() + message.key_len();
        let partition = usize::try_from(message.partition())?;
        if ends.len() <= partition {
            ends.resize(partition + 1, None);
        }
        ends[partition] = Some(message.offset() + 1);
        let to = if passes(message.offset() as u64) { &topics.output } else { &topics.diverted };
        let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(to).partition(message.partition());
        record.key = message.key();
        record.payload = message.payload();
        record.timestamp = message.timestamp().to_millis();
        record.headers = message.headers().map(BorrowedHeaders::detach);
        send(producer, record)?;
        let is_full = records == BATCH_RECORDS || bytes >= BATCH_BYTES;
        next = if is_full { None } else { consumer.poll(Duration::ZERO) };
    }
    let mut offsets = TopicPartitionList::new();
    for (partition, end) in ends.into_iter().enumerate() {
        if let Some(end) = end {
            offsets.add_partition_offset(&topics.input, i32::try_from(partition)?, Offset::Offset(end))?;
        }
    }
    let Some(member) = consumer.group_metadata() else { bail!("the copy loop is of no group") };
    producer.send_offsets_to_transaction(&offsets, &member, PATIENCE)?;
    // The client's own waiting is by the tenth of a second.
    while producer.in_flight_count() > 0 {
        producer.poll(Duration::ZERO);
        thread::sleep(Duration::from_micros(100));
    }
    Ok(producer.commit_transaction(PATIENCE)?)
}
