//! What a group has committed, which is what its members have done.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};

use super::PATIENCE;
use super::broker::{PARTITIONS, client};
use super::contestant::Contestant;

const LOOK: Duration = Duration::from_millis(20);

pub(crate) struct Group {
    consumer: BaseConsumer,
    topic: String,
}

/// Of the records that were counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) a_second: f64,
    pub(crate) cpu_us_each: f64,
    pub(crate) peak: u64,
    /// In the end, without mapped files.
    pub(crate) own: u64,
}

impl Group {
    pub(crate) fn new(servers: &str, group: &str, topic: &str) -> Result<Self> {
        // Whatever is committed by now; not what will be, once transactions that are under way have ended.
        let consumer = client(servers)
            .set("group.id", group)
            .set("isolation.level", "read_uncommitted")
            .set("enable.auto.commit", "false")
            .create()?;
        Ok(Self { consumer, topic: topic.to_owned() })
    }

    /// By partition.
    pub(crate) fn committed(&self) -> Result<Vec<i64>> {
        let mut all = TopicPartitionList::new();
        all.add_partition_range(&self.topic, 0, PARTITIONS - 1);
        let committed = self.consumer.committed_offsets(all, PATIENCE)?;
        let offset = |offset| match offset {
            Offset::Offset(offset) => offset,
            _ => 0,
        };
        Ok(committed.elements().iter().map(|element| offset(element.offset())).collect())
    }

    pub(crate) fn done(&self) -> Result<u64> {
        Ok(u64::try_from(self.committed()?.iter().sum::<i64>())?)
    }

    /// Waits until so many records are committed.
    pub(crate) fn wait(&self, records: u64, contestant: &mut Contestant) -> Result<u64> {
        let (mut began, mut last) = (Instant::now(), 0);
        loop {
            // A broker that has just come to have the group does not know it yet.
            let done = self.done().unwrap_or(last);
            if done >= records {
                return Ok(done);
            }
            if done > last {
                (began, last) = (Instant::now(), done);
            }
            contestant.check()?;
            ensure!(began.elapsed() < PATIENCE, "nothing is done any more after {done} of {records} records");
            thread::sleep(LOOK);
        }
    }

    /// Counts the second half of so many records: in the first one, everybody gets warm.
    pub(crate) fn pace(&self, records: u64, contestant: &mut Contestant) -> Result<Pace> {
        let first = self.wait(records / 2, contestant)?;
        let (began, cpu_s) = (Instant::now(), contestant.cpu_s()?);
        let last = self.wait(records, contestant)?;
        let (wall_s, cpu_s) = (began.elapsed().as_secs_f64(), contestant.cpu_s()? - cpu_s);
        ensure!(last == records && first < last, "{last} records are committed, and there are {records}");
        let counted = (last - first) as f64;
        Ok(Pace {
            a_second: counted / wall_s,
            cpu_us_each: cpu_s * 1e6 / counted,
            peak: contestant.peak()?,
            own: contestant.own()?,
        })
    }

    /// Sets it back to the beginning, once the members that were stopped are forgotten.
    pub(crate) fn rewind(&self) -> Result<()> {
        let mut all = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            all.add_partition_offset(&self.topic, partition, Offset::Offset(0))?;
        }
        let began = Instant::now();
        loop {
            match self.consumer.commit(&all, CommitMode::Sync) {
                Ok(()) => return Ok(()),
                Err(error) => ensure!(began.elapsed() < PATIENCE, "could not set back the group: {error}"),
            }
            thread::sleep(Duration::from_millis(200));
        }
    }
}
