//! Writes the records, never far ahead of what is done, so that most of them come while something happens.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Result;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use super::mails::Mails;
use crate::kafka::broker::client;
use crate::kafka::events::send;

const AHEAD: u64 = 100_000;

pub(crate) struct Writer {
    done: Arc<AtomicU64>,
    thread: JoinHandle<Result<()>>,
}

impl Writer {
    pub(crate) fn start(servers: &str, topic: &'static str, mails: Mails) -> Self {
        let (done, servers) = (Arc::new(AtomicU64::new(0)), servers.to_owned());
        let thread = thread::spawn({
            let done = done.clone();
            move || write(&servers, topic, mails, &done)
        });
        Self { done, thread }
    }

    pub(crate) fn done(&self, records: u64) {
        self.done.store(records, Ordering::Relaxed);
    }

    pub(crate) fn end(self) -> Result<()> {
        self.thread.join().expect("it does not panic")
    }
}

fn write(servers: &str, topic: &str, mails: Mails, done: &AtomicU64) -> Result<()> {
    // Each once and in its order, however long the broker is gone.
    let producer: BaseProducer = client(servers)
        .set("enable.idempotence", "true")
        .set("message.timeout.ms", "0")
        .set("linger.ms", "5")
        .set("delivery.report.only.error", "true")
        .create()?;
    for number in 0..mails.events {
        while number > done.load(Ordering::Relaxed) + AHEAD {
            producer.poll(Duration::from_millis(5));
        }
        let value = mails.value(number);
        let partition = Mails::partition(mails.person(number));
        send(&producer, BaseRecord::to(topic).partition(partition).payload(value.as_bytes()))?;
    }
    Ok(producer.flush(crate::kafka::PATIENCE)?)
}
