//! The partitions that a member owns, and how far it has come in each.

use std::collections::{BTreeMap, HashMap};

use rdkafka::{
    Message as _, Offset, TopicPartitionList, consumer::Consumer as _, error::KafkaError,
    message::BorrowedMessage, topic_partition_list::TopicPartitionListElem,
};
use tokio::time::Instant;

use super::{Failed, Worker};
use crate::{clients::Change, mark::Mark};

/// A partition that this member owns.
#[derive(Debug)]
pub(super) struct Held {
    is_open: bool,
    given_at: Instant,
    /// It was said that the journal does not reach as far as the mark.
    is_told: bool,
    /// What the owner before had made durable; `None` until it was asked for.
    pub(super) mark: Option<Mark>,
    /// The first record that is not committed, once one was seen.
    pub(super) next: Option<i64>,
}

impl Worker {
    pub(super) fn take_changes(&mut self, batch: &mut Vec<BorrowedMessage<'_>>) {
        for change in self.consumer.context().take() {
            match change {
                Change::Taken(partitions) => {
                    tracing::info!(partitions = partitions.len(), "partitions go to another member");
                    for (topic, partition) in partitions {
                        batch.retain(|message| message.topic() != topic || message.partition() != partition);
                        if let Some(of_topic) = self.partitions.get_mut(&topic) {
                            of_topic.remove(&partition);
                        }
                        self.shared.metrics.no_lag(&topic, partition);
                    }
                }
                Change::Given(partitions) => {
                    tracing::info!(partitions = partitions.len(), "partitions were given to this member");
                    let given_at = Instant::now();
                    let mut list = TopicPartitionList::new();
                    for (topic, partition) in partitions {
                        list.add_partition(&topic, partition);
                        let held = Held { is_open: false, given_at, is_told: false, mark: None, next: None };
                        self.partitions.entry(topic).or_default().insert(partition, held);
                    }
                    self.pause(&list);
                }
            }
        }
    }

    pub(super) fn close_partitions(&mut self) {
        let mut closed = TopicPartitionList::new();
        for (topic, partition, held) in each(&mut self.partitions) {
            if held.is_open {
                held.is_open = false;
                closed.add_partition(topic, partition);
            }
        }
        self.pause(&closed);
    }

    /// Opens those for which this node's list reaches far enough.
    pub(super) fn open_partitions(&mut self) -> Result<(), Failed> {
        self.read_marks();
        let timeout = self.timeout();
        let Some(list) = self.shared.list.current() else { return Ok(()) };
        let mut opened = TopicPartitionList::new();
        let mut rewound = TopicPartitionList::new();
        for (topic, partition, held) in each(&mut self.partitions) {
            let Some(mark) = held.mark.as_ref().filter(|_| !held.is_open) else { continue };
            // By a look at the journal that began later, all that an owner before us made durable has been read.
            if list.sighting.at <= held.given_at.into_std() {
                continue;
            }
            if let Some(token) = mark.missing(&list.snapshot.positions) {
                if !held.is_told && held.given_at.elapsed() > timeout {
                    held.is_told = true;
                    tracing::error!(
                        topic,
                        partition,
                        token = token.to_string(),
                        "a partition is not read: beside its offset stands an opt-out that is not in this store's journal; was the \
                         store changed or restored, and the group kept?"
                    );
                }
                continue;
            }
            held.is_open = true;
            opened.add_partition(topic, partition);
            if let Some(next) = held.next {
                add(&mut rewound, topic, partition, next)?;
            }
        }
        if opened.count() > 0
            && let Err(error) = self.consumer.resume(&opened)
        {
            return Err(Failed::Anew(error.to_string()));
        }
        self.rewind(rewound)
    }

    /// Asks what the owners before had made durable.
    fn read_marks(&mut self) {
        let mut unknown = TopicPartitionList::new();
        for (topic, partition, held) in each(&mut self.partitions) {
            if held.mark.is_none() {
                unknown.add_partition(topic, partition);
            }
        }
        if unknown.count() == 0 {
            return;
        }
        match self.consumer.committed_offsets(unknown, self.timeout()) {
            Ok(committed) => {
                for element in committed.elements() {
                    if element.error().is_err() {
                        continue;
                    }
                    let held = self.partitions.get_mut(element.topic());
                    if let Some(held) = held.and_then(|topic| topic.get_mut(&element.partition())) {
                        held.mark = Some(Mark::parse(element.metadata()));
                    }
                }
            }
            Err(error) => {
                tracing::warn!(
                    error = error.to_string(),
                    "could not ask for the committed offsets; trying again"
                );
            }
        }
    }

    /// Puts back what was read of partitions that are not open. A partition whose offsets begin again is that of a topic
    /// which was deleted and made anew: a member that begins anew reads all of it, where going on would leave records out.
    pub(super) fn keep_open(&mut self, batch: &mut Vec<BorrowedMessage<'_>>) -> Result<(), Failed> {
        // Many come from one partition in a row.
        let (mut topic, mut partition, mut from) = (String::new(), -1, None);
        let mut begins_again = None;
        batch.retain(|message| {
            if message.partition() != partition || message.topic() != topic {
                message.topic().clone_into(&mut topic);
                partition = message.partition();
                let held = self.partitions.get_mut(&topic).and_then(|topic| topic.get_mut(&partition));
                from = held.and_then(|held| {
                    let next = *held.next.get_or_insert(message.offset());
                    held.is_open.then_some(next)
                });
            }
            let is_before = from.is_some_and(|from| message.offset() < from);
            if is_before && begins_again.is_none() {
                begins_again = Some(format!("{topic}/{partition}"));
            }
            from.is_some() && !is_before
        });
        begins_again.map_or(Ok(()), |of| {
            Err(Failed::Anew(format!("offsets of {of} begin again; was the topic deleted and made anew?")))
        })
    }

    /// Goes back to the first record of each partition that is not committed.
    pub(super) fn read_again(&mut self) -> Result<(), Failed> {
        let mut all = TopicPartitionList::new();
        for (topic, partition, held) in each(&mut self.partitions) {
            if let Some(next) = held.next.filter(|_| held.is_open) {
                add(&mut all, topic, partition, next)?;
            }
        }
        self.rewind(all)
    }

    /// How far the end of each partition is away, each time that the client has told where it is.
    pub(super) fn tell_lag(&mut self) {
        let Some(ends) = self.consumer.context().take_ends() else { return };
        for (topic, partition, held) in each(&mut self.partitions) {
            let end = ends.get(topic).and_then(|of_topic| of_topic.get(&partition));
            if let (Some(end), Some(next)) = (end, held.next) {
                self.shared.metrics.lag(topic, partition, (end - next).max(0));
            }
        }
    }

    /// Goes back to what is to be read again. A member that cannot begins anew: going on would leave records out.
    fn rewind(&self, to: TopicPartitionList) -> Result<(), Failed> {
        if to.count() == 0 {
            return Ok(());
        }
        let anew = |error: KafkaError| Failed::Anew(format!("could not go back: {error}"));
        let rewound = self.consumer.seek_partitions(to, self.timeout()).map_err(anew)?;
        rewound.elements().iter().try_for_each(TopicPartitionListElem::error).map_err(anew)
    }

    fn pause(&self, partitions: &TopicPartitionList) {
        if partitions.count() > 0
            && let Err(error) = self.consumer.pause(partitions)
        {
            tracing::debug!(error = error.to_string(), "could not pause reading");
        }
    }
}

pub(super) fn each(
    partitions: &mut HashMap<String, BTreeMap<i32, Held>>,
) -> impl Iterator<Item = (&str, i32, &mut Held)> {
    partitions.iter_mut().flat_map(|(topic, held)| {
        held.iter_mut().map(move |(partition, held)| (topic.as_str(), *partition, held))
    })
}

fn add(list: &mut TopicPartitionList, topic: &str, partition: i32, next: i64) -> Result<(), Failed> {
    let added = list.add_partition_offset(topic, partition, Offset::Offset(next));
    added.map_err(|error| Failed::Anew(error.to_string()))
}
