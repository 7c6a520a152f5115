//! What a test writes to topics and finds in them.

use std::{collections::BTreeSet, thread, time::Duration};

use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer as _},
    error::KafkaError,
    message::{Header, Headers as _, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, Producer as _},
};

const PATIENCE: Duration = Duration::from_secs(60);

/// Personal data of nobody: everything is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TestRecord {
    pub partition: i32,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    pub timestamp_ms: Option<i64>,
}

impl TestRecord {
    pub fn new(partition: i32, key: &str, value: &str) -> Self {
        Self {
            partition,
            key: Some(key.as_bytes().to_vec()),
            value: Some(value.as_bytes().to_vec()),
            ..Self::default()
        }
    }

    pub fn value_text(&self) -> Option<&str> {
        self.value.as_deref().map(|value| std::str::from_utf8(value).expect("tests write text"))
    }

    /// The last of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().rfind(|(found, _)| found == name);
        found.and_then(|(_, value)| value.as_deref()).and_then(|value| std::str::from_utf8(value).ok())
    }
}

/// A client of a cluster. All of it panics where the cluster does not do what it is asked.
#[derive(Clone, Debug)]
pub struct KafkaClient {
    servers: String,
}

impl KafkaClient {
    pub fn new(servers: String) -> Self {
        Self { servers }
    }

    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.servers);
        config
    }

    /// On one broker each.
    pub fn create(&self, topics: &[&str], partitions: i32) {
        self.create_on(topics, partitions, 1);
    }

    /// On so many brokers each.
    pub fn create_on(&self, topics: &[&str], partitions: i32, brokers: i32) {
        let new = |topic| NewTopic::new(topic, partitions, TopicReplication::Fixed(brokers));
        let new: Vec<NewTopic<'_>> = topics.iter().copied().map(new).collect();
        self.create_each(&new);
    }

    /// One that takes no larger records.
    pub fn create_small(&self, topic: &str, bytes_max: u32) {
        self.create_set(topic, &[("max.message.bytes", &bytes_max.to_string())]);
    }

    /// One with settings of its own.
    pub fn create_set(&self, topic: &str, settings: &[(&str, &str)]) {
        let new = NewTopic::new(topic, 1, TopicReplication::Fixed(1));
        self.create_each(&[settings.iter().fold(new, |new, (name, value)| new.set(name, value))]);
    }

    /// With all that is in it.
    pub fn delete(&self, topic: &str) {
        let admin: AdminClient<DefaultClientContext> = self.config().create().expect("a client");
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        let deleted = futures::executor::block_on(admin.delete_topics(&[topic], &options)).expect("topics");
        deleted.into_iter().for_each(|topic| {
            topic.expect("a topic that was there");
        });
    }

    fn create_each(&self, new: &[NewTopic<'_>]) {
        let admin: AdminClient<DefaultClientContext> = self.config().create().expect("a client");
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        let created = futures::executor::block_on(admin.create_topics(new, &options)).expect("topics");
        created.into_iter().for_each(|topic| {
            topic.expect("a new topic");
        });
    }

    /// Writes records to the partitions that they name, in their order.
    pub fn write<'r>(&self, topic: &str, records: impl IntoIterator<Item = &'r TestRecord>) {
        let producer: BaseProducer = self
            .config()
            .set("enable.idempotence", "true")
            .set("linger.ms", "5")
            .create()
            .expect("a producer");
        for record in records {
            let mut headers = OwnedHeaders::new();
            for (name, value) in &record.headers {
                headers = headers.insert(Header { key: name, value: value.as_deref() });
            }
            let mut next = BaseRecord {
                topic,
                partition: Some(record.partition),
                payload: record.value.as_deref(),
                key: record.key.as_deref(),
                timestamp: record.timestamp_ms,
                headers: Some(headers),
                delivery_opaque: (),
            };
            while let Err((error, back)) = producer.send(next) {
                let is_full = error.rdkafka_error_code() == Some(rdkafka::types::RDKafkaErrorCode::QueueFull);
                assert!(is_full, "{error}");
                producer.poll(Duration::from_millis(5));
                next = back;
            }
        }
        producer.flush(PATIENCE).expect("the broker takes what it is given");
    }

    /// All that is committed in a topic by now, by partition and in its order.
    pub fn read(&self, topic: &str) -> Vec<TestRecord> {
        let consumer: BaseConsumer = self
            .config()
            .set("group.id", "of no group")
            .set("enable.auto.commit", "false")
            .set("isolation.level", "read_committed")
            .set("enable.partition.eof", "true")
            .create()
            .expect("a consumer");
        let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).expect("metadata");
        let partitions = metadata.topics()[0].partitions().len();
        let mut all = TopicPartitionList::new();
        for partition in 0..partitions {
            let partition = i32::try_from(partition).expect("few");
            all.add_partition_offset(topic, partition, Offset::Beginning).expect("a partition");
        }
        consumer.assign(&all).expect("partitions");
        // A partition's end is announced again each time that the mark of a transaction is written behind it.
        let (mut records, mut ended) = (Vec::new(), BTreeSet::new());
        while ended.len() < partitions {
            match consumer.poll(PATIENCE) {
                Some(Ok(message)) => records.push(TestRecord {
                    partition: message.partition(),
                    key: message.key().map(<[u8]>::to_vec),
                    value: message.payload().map(<[u8]>::to_vec),
                    headers: message.headers().map_or_else(Vec::new, |headers| {
                        let owned = |header: Header<'_, &[u8]>| {
                            (header.key.to_owned(), header.value.map(<[u8]>::to_vec))
                        };
                        headers.iter().map(owned).collect()
                    }),
                    timestamp_ms: message.timestamp().to_millis(),
                }),
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    ended.insert(partition);
                }
                // The client goes on by itself.
                Some(Err(_)) => {}
                None => panic!("{topic} cannot be read"),
            }
        }
        records.sort_by_key(|record| record.partition);
        records
    }

    /// What stands beside the committed offsets of a group, by partition.
    pub fn committed(&self, group: &str, topic: &str, partitions: i32) -> Vec<(Option<i64>, String)> {
        let mut config = self.config();
        // Of what somebody killed left behind, nothing is waited for.
        config.set("group.id", group).set("isolation.level", "read_uncommitted");
        let consumer: BaseConsumer = config.create().expect("a consumer");
        let mut all = TopicPartitionList::new();
        all.add_partition_range(topic, 0, partitions - 1);
        // A broker that has just come up may not know yet which group is its own.
        let asked = (0..60).find_map(|_| {
            let asked = consumer.committed_offsets(all.clone(), PATIENCE).ok();
            thread::sleep(if asked.is_some() { Duration::ZERO } else { Duration::from_millis(500) });
            asked
        });
        let committed = asked.expect("the broker tells what is committed");
        let of = |element: &rdkafka::topic_partition_list::TopicPartitionListElem<'_>| {
            let offset = match element.offset() {
                Offset::Offset(offset) => Some(offset),
                _ => None,
            };
            (offset, element.metadata().to_owned())
        };
        committed.elements().iter().map(of).collect()
    }
}
