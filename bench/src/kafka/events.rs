//! Events of a kibibyte about invented customers, of whom one in ten is on the list, and what must become of each.

use std::io::Write as _;
use std::time::Duration;

use anyhow::{Result, ensure};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use super::broker::{PARTITIONS, client};
use crate::people::{Case, Person, mix};

pub(crate) const BYTES: usize = 1024;
const NAMES: [&str; 8] = [
    "product_viewed",
    "product_added",
    "cart_viewed",
    "checkout_started",
    "order_completed",
    "page_viewed",
    "search_done",
    "mail_opened",
];

/// One event, made again for each number.
#[derive(Default)]
pub(crate) struct Event {
    pub(crate) value: Vec<u8>,
    /// The address as whoever normalises it has it.
    pub(crate) key: Vec<u8>,
    pub(crate) is_blocked: bool,
}

impl Event {
    /// Makes this the event of that number, on a list of so many.
    pub(crate) fn fill(&mut self, number: u64, rows: u64) {
        let random = mix(number ^ 0x0E_0E47);
        let customer = random % rows;
        let person = Person::new(customer);
        self.is_blocked = is_on_list(customer, rows);
        self.key.clear();
        person.write_email(Case::Lower, &mut self.key);
        let value = &mut self.value;
        value.clear();
        let (name, city) = (NAMES[(random >> 40) as usize % 8], (random >> 45) % 90);
        let written = (|| {
            write!(
                value,
                r#"{{"event_id":"{number:016x}","event":"{name}","sent_at":"2026-03-{:02}T{:02}:{:02}:00.000Z","user":{{"id":"{}","email":""#,
                1 + number % 28,
                number % 24,
                number % 60,
                10_000_000 + customer,
            )?;
            person.write_email(person.case(), value);
            write!(
                value,
                r#"","plan":"plus","since":2019}},"properties":{{"sku":"A-{city:05}","name":"Réf. {city}, \"large\"","price":{}.95,"currency":"EUR","quantity":{},"category":["home","kitchen","sale"],"in_stock":true,"coupon":null}},"context":{{"ip":"192.0.2.{city}","locale":"en-GB","timezone":"Europe/Paris","page":{{"url":"https://shop.example/p/{city}?utm_source=mail&utm_medium=cpc","title":"Shop","referrer":"https://search.example/?q=a+pan"}},"user_agent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Safari/537.36","screen":{{"width":1920,"height":1080,"density":1.5}}}},"trace":""#,
                random % 97,
                1 + random % 5,
            )
        })();
        written.expect("memory takes what is written");
        let (mut left, end) = (BYTES - value.len(), br#""}"#);
        left -= end.len();
        // Something that no codec would take for nothing.
        for at in 0..left as u64 {
            value.push(b"0123456789abcdef"[(mix(random ^ (at / 16)) >> (at % 16 * 4)) as usize % 16]);
        }
        value.extend_from_slice(end);
    }
}

/// As `people::write_list` chose them.
fn is_on_list(customer: u64, rows: u64) -> bool {
    let tenth = customer / 10;
    tenth < rows / 10 && customer % 10 == mix(tenth) % 10
}

/// Many records: how many, and what they add up to, in whatever order they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) records: u64,
    pub(crate) digest: u64,
}

impl Sum {
    /// Of both together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self { records: self.records + other.records, digest: self.digest.wrapping_add(other.digest) }
    }

    pub(crate) fn add(&mut self, value: &[u8]) {
        let (words, _) = value.as_chunks::<8>();
        let digest = words.iter().fold(value.len() as u64, |digest, word| {
            (digest.rotate_left(5) ^ u64::from_le_bytes(*word)).wrapping_mul(0x9E37_79B9_7F4A_7C15)
        });
        self.records += 1;
        self.digest = self.digest.wrapping_add(mix(digest));
    }
}

/// What must be found of the events in the outputs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Expected {
    pub(crate) passed: Sum,
    pub(crate) blocked: Sum,
}

/// Writes so many events, each to the partition that its key says.
pub(crate) fn preload(servers: &str, topic: &str, events: u64, rows: u64) -> Result<Expected> {
    let producer = writer(servers, "none")?;
    let (mut event, mut expected) = (Event::default(), Expected::default());
    for number in 0..events {
        event.fill(number, rows);
        let part = if event.is_blocked { &mut expected.blocked } else { &mut expected.passed };
        part.add(&event.value);
        send(&producer, BaseRecord::to(topic).key(&event.key[..]).payload(&event.value[..]))?;
    }
    producer.flush(super::PATIENCE)?;
    Ok(expected)
}

/// The key of a record that only asks whether somebody is at work.
pub(crate) const KNOCK: [u8; 8] = [0xFF; 8];

/// Writes one such record to each partition; returns how many.
pub(crate) fn knock(servers: &str, topic: &str, rows: u64) -> Result<u64> {
    let producer = writer(servers, "none")?;
    let mut event = Event::default();
    event.fill(0, rows);
    for partition in 0..PARTITIONS {
        let record = BaseRecord::to(topic).partition(partition).key(&KNOCK[..]);
        send(&producer, record.payload(&event.value[..]))?;
    }
    producer.flush(super::PATIENCE)?;
    Ok(u64::try_from(PARTITIONS)?)
}

/// Writes the list as a user of Kafka would hold it: by address, to the partition of that person's events.
pub(crate) fn preload_list(servers: &str, topic: &str, list: impl Iterator<Item = String>) -> Result<u64> {
    let producer = writer(servers, "zstd")?;
    let mut written = 0;
    for email in list {
        let key = email.trim().to_ascii_lowercase();
        let record = BaseRecord::to(topic).key(key.as_bytes()).payload(&b"2026-01-01T00:00:00Z"[..]);
        // Before any event, so that a join that goes by time has it first.
        send(&producer, record.timestamp(1_767_225_600_000))?;
        written += 1;
    }
    producer.flush(super::PATIENCE)?;
    ensure!(written > 0, "the list is empty");
    Ok(written)
}

fn writer(servers: &str, codec: &str) -> Result<BaseProducer> {
    let mut config = client(servers);
    // By the hash that Java's clients take.
    config.set("partitioner", "murmur2_random").set("linger.ms", "20").set("compression.type", codec);
    config.set("enable.idempotence", "true").set("delivery.report.only.error", "true");
    Ok(config.create()?)
}

/// Waits while the client's queue is full.
pub(crate) fn send(producer: &BaseProducer, mut record: BaseRecord<'_, [u8], [u8]>) -> Result<()> {
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                producer.poll(Duration::from_millis(1));
                record = back;
            }
            Err((error, _)) => return Err(error.into()),
        }
    }
}
