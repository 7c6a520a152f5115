//! People who say no elsewhere, and from which of their records on that has to hold.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Result;
use rdkafka::consumer::{BaseConsumer, Consumer as _};

use crate::kafka::broker::client;

/// In the offsets of the person's partition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct No {
    /// What stands before was judged before it was said.
    pub(crate) passes_before: i64,
    /// What stands here and later was written so late that no list without it may judge; none where nothing was.
    pub(crate) holds_from: i64,
}

#[derive(Debug, Default)]
pub(crate) struct Elsewhere {
    said: BTreeMap<u64, No>,
    unsettled: Vec<(Instant, u64, i32)>,
}

impl Elsewhere {
    /// `after` so much time, no list may judge that does not have it.
    pub(crate) fn said(&mut self, person: u64, partition: i32, passes_before: i64, after: Duration) {
        // The first time counts.
        if self.said.contains_key(&person) {
            return;
        }
        self.said.insert(person, No { passes_before, holds_from: i64::MAX });
        self.unsettled.push((Instant::now() + after, person, partition));
    }

    /// Notes where partitions end by now, of those for whom the time has come.
    pub(crate) fn settle(&mut self, servers: &str, topic: &str) -> Result<()> {
        let now = Instant::now();
        if self.unsettled.iter().all(|(due, _, _)| *due > now) {
            return Ok(());
        }
        let consumer: BaseConsumer = client(servers).set("log_level", "0").create()?;
        self.unsettled.retain(|(due, person, partition)| {
            if *due > now {
                return true;
            }
            // A broker that is gone is asked again.
            let Ok((_, end)) = consumer.fetch_watermarks(topic, *partition, Duration::from_secs(5)) else {
                return true;
            };
            if let Some(no) = self.said.get_mut(person) {
                no.holds_from = end;
            }
            false
        });
        Ok(())
    }

    pub(crate) fn of(&self, person: u64) -> Option<No> {
        self.said.get(&person).copied()
    }
}
