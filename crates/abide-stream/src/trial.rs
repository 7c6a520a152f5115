//! What would become of records, without a broker that any of them is written to.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use abide_enforce::Snapshot;
use abide_model::{Keyring, Normaliser, Time, Uncertain, Verdict};
use abide_replica::Sighting;
use rdkafka::{
    Message as _, Offset, TopicPartitionList, consumer::Consumer as _, error::KafkaError,
    message::BorrowedMessage,
};
use tokio::time::Instant;

use crate::{
    broker, clients,
    config::{Config, InvalidConfig},
    engine::{Engine, Rules},
    error::StreamError,
    fate::{Cause, Deed, Fate},
    list::{List, Standing},
    plan::Plan,
    record::Record,
    registry::{Away, Registry},
    tallies::RouteTally,
};

/// A list, and what is asked of it.
#[derive(Debug)]
pub struct Trial {
    rules: Arc<Rules>,
    engine: Engine,
    list: List,
    standing: Standing,
    tallies: BTreeMap<String, RouteTally>,
}

/// What would become of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub deed: Deed,
    /// Where it would go, if anywhere.
    pub topic: Option<String>,
    pub why: Option<Why>,
    /// Signals in it.
    pub opt_outs: usize,
    /// The whole stream would stop here.
    pub stops: bool,
}

/// Why a record does not simply pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The rules that block it.
    Rules(Vec<String>),
    CannotTell(Uncertain),
    Poison(Cause),
}

impl Trial {
    pub fn new(
        config: &Config,
        folder: &Path,
        snapshot: Arc<Snapshot>,
        keyring: Keyring,
        normaliser: Normaliser,
    ) -> Result<Self, InvalidConfig> {
        let rules = Arc::new(Rules::new(config, folder)?);
        let list = List::default();
        let clock = snapshot.as_of;
        let sighting = Sighting { as_of: clock, at: Instant::now().into_std() };
        list.publish(snapshot, sighting, clock);
        let engine = Engine::new(rules.clone(), keyring, normaliser);
        Ok(Self { rules, engine, list, standing: Standing::default(), tallies: BTreeMap::new() })
    }

    /// Whether a route reads this topic.
    pub fn reads(&self, topic: &str) -> bool {
        self.rules.route_of(topic).is_some()
    }

    /// Judges records in their order; opt-outs in them hold for those that come later, here and nowhere else.
    pub fn judge(
        &mut self,
        records: &[Record<'_>],
        now: Time,
        mut told: impl FnMut(&Record<'_>, Told),
    ) -> Result<(), StreamError> {
        let rules = self.rules.clone();
        let mut done = 0;
        while done < records.len() {
            let judging = self.standing.now(&self.list)?.expect("it was published");
            let clock = self.list.clock().successor().max(now);
            let plan = Plan::new(&mut self.engine, &judging, &records[done..], now, clock)?;
            for (at, (record, fate)) in records[done..].iter().zip(&plan.fates).enumerate() {
                let opt_outs =
                    plan.opt_outs.iter().find(|(place, _)| *place == at).map_or(0, |(_, count)| *count);
                let route = rules.route_of(record.topic).expect("only topics of routes are judged");
                let one = match rules.follow(route, record, fate, &plan.stamp) {
                    Ok((deed, output)) => Told {
                        deed,
                        topic: output.map(|output| output.topic.to_owned()),
                        why: why(fate),
                        opt_outs,
                        stops: false,
                    },
                    Err(_) => {
                        Told { deed: Deed::Dropped, topic: None, why: why(fate), opt_outs, stops: true }
                    }
                };
                let tally = self.tallies.entry(rules.routes[route].name.clone()).or_default();
                tally.count(fate, one.deed);
                tally.opt_outs += opt_outs as u64;
                told(record, one);
            }
            done += plan.fates.len();
            self.standing.hear(plan.signals, plan.snapshot);
        }
        Ok(())
    }

    /// By route.
    pub fn into_tallies(self) -> BTreeMap<String, RouteTally> {
        self.tallies
    }
}

fn why(fate: &Fate) -> Option<Why> {
    match fate {
        Fate::Unasked => None,
        Fate::Poison(cause) => Some(Why::Poison(cause.clone())),
        Fate::Judged(judgement) => match &judgement.verdict {
            Verdict::Allow => None,
            Verdict::Block { reasons } => {
                Some(Why::Rules(reasons.iter().map(|reason| reason.rule.to_string()).collect()))
            }
            Verdict::CannotTell { why } => Some(Why::CannotTell(why.clone())),
        },
    }
}

/// Reads what the group has not read yet, as far as there is something now, and counts. It joins no group, so that no other
/// member loses a partition to it, and writes nothing.
pub fn dry_run(
    config: &Config,
    folder: &Path,
    mut trial: Trial,
    now: fn() -> Time,
) -> Result<BTreeMap<String, RouteTally>, StreamError> {
    let consumer = clients::onlooker(&config.stream, folder)?;
    let registry = Registry::of(config, folder)?;
    let timeout = Duration::from_millis(config.stream.timeout_ms);
    let widths =
        broker::widths(&consumer, config.read_topics(), timeout, &AtomicBool::new(false))?.complete()?;
    for topic in config.read_topics() {
        for partition in 0..widths[topic] {
            let (low, high) = consumer
                .fetch_watermarks(topic, partition, timeout)
                .map_err(StreamError::kafka("ask where a partition ends"))?;
            let mut one = TopicPartitionList::new();
            one.add_partition(topic, partition);
            let committed = consumer
                .committed_offsets(one, timeout)
                .map_err(StreamError::kafka("ask for the committed offsets"))?;
            let from = committed.elements().first().and_then(|element| element.offset().to_raw());
            let from = from.filter(|offset| *offset >= low).unwrap_or(low);
            let part = (topic, partition, from, high);
            read_partition(config, &consumer, registry.as_ref(), part, &mut trial, now)?;
        }
    }
    Ok(trial.into_tallies())
}

fn read_partition(
    config: &Config,
    consumer: &clients::Consumer,
    registry: Option<&Registry>,
    (topic, partition, from, high): (&str, i32, i64, i64),
    trial: &mut Trial,
    now: fn() -> Time,
) -> Result<(), StreamError> {
    if from >= high {
        return Ok(());
    }
    let mut assignment = TopicPartitionList::new();
    let doing = "read a partition";
    assignment
        .add_partition_offset(topic, partition, Offset::Offset(from))
        .and_then(|()| consumer.assign(&assignment))
        .map_err(StreamError::kafka(doing))?;
    let mut is_done = false;
    while !is_done {
        let mut batch: Vec<BorrowedMessage<'_>> = Vec::new();
        let mut bytes = 0;
        while batch.len() < config.stream.batch_records && bytes < config.stream.batch_bytes && !is_done {
            match consumer.poll(Duration::from_millis(100)) {
                Some(Ok(message)) => {
                    is_done = message.offset() + 1 >= high;
                    bytes += message.payload_len() + message.key_len();
                    batch.push(message);
                }
                Some(Err(KafkaError::PartitionEOF(_))) => is_done = true,
                Some(Err(error)) => return Err(StreamError::kafka(doing)(error)),
                None => break,
            }
        }
        let records: Vec<Record<'_>> = batch.iter().map(crate::worker::record_of).collect();
        if let Some(registry) = registry {
            let mut ready = 0;
            while let Some((at, (kind, id))) = trial.rules.unknown_schema(&records[ready..], now()) {
                let learnt = registry.learn(&trial.rules.schemas, kind, id, now());
                learnt.map_err(|Away(why)| StreamError::Registry(why))?;
                ready += at;
            }
        }
        trial.judge(&records, now(), |_, _| {})?;
    }
    Ok(())
}
