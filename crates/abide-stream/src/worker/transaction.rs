//! One transaction: everything between its beginning and its commit, or its end without one.

use std::{collections::HashMap, sync::atomic::Ordering, thread, time::Duration};

use abide_index::IndexError;
use abide_journal::ErrorKind;
use abide_model::{Signal, Time, Token, causes::chain};
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::Consumer as _,
    error::{KafkaError, RDKafkaErrorCode},
    message::{Header, OwnedHeaders},
    producer::{BaseRecord, Producer as _},
};

use super::{Failed, Worker, partitions::each};
use crate::{
    broker,
    engine::Rules,
    error::StreamError,
    fate::{Cause, Fate, Output, Stamp},
    list::Judging,
    mark::Mark,
    plan::Plan,
    record::Record,
    tallies::RouteTally,
};

/// Where a transaction ends in a partition.
#[derive(Debug)]
struct End {
    next: i64,
    mark: Mark,
}

/// By topic and partition.
type Ends<'b> = HashMap<(&'b str, i32), End>;

/// A transaction that was committed.
#[derive(Debug)]
struct Filled<'b> {
    /// So many of the batch, from the first on.
    records: usize,
    ends: Ends<'b>,
}

/// What came of handing a record to the client.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Sent {
    Taken,
    /// By any broker that is set up like this.
    Refused(Cause),
}

/// So many records are judged and sent at once.
const RUN: usize = 512;

/// How often it is looked whether the broker has taken all records.
const DRAIN: Duration = Duration::from_micros(100);

/// How often the client tells of records while a transaction is aborted.
const TELL: Duration = Duration::from_millis(20);

/// A poll tells of the records of one partition.
const TOLD_AT_ONCE: usize = 100;

/// So long an abort is waited for by who was told to stop.
const STOP_PATIENCE: Duration = Duration::from_secs(3);

impl Worker {
    /// Returns how many of the records, from the first on, it was for.
    pub(super) fn transact(&mut self, records: &[Record<'_>], now: Time) -> Result<usize, Failed> {
        let records = if self.one_by_one > 0 { &records[..1] } else { records };
        self.producer.begin_transaction().map_err(|error| Failed::Anew(chain(&error)))?;
        match self.fill(records, now) {
            Ok(Filled { records: done, ends }) => {
                for (topic, partition, held) in each(&mut self.partitions) {
                    if let Some(end) = ends.get(&(topic, partition)) {
                        held.next = Some(end.next);
                        held.mark = Some(end.mark.clone());
                    }
                }
                self.one_by_one = self.one_by_one.saturating_sub(1);
                if records[..done].iter().any(|record| self.refusal_of(record).is_some()) {
                    self.refused = None;
                }
                Ok(done)
            }
            Err(mut why) => {
                self.standing.take_back();
                if let Failed::Again(_) = why {
                    self.abort()?;
                    self.read_again()?;
                    // By now the client has told of all records that the broker did not take.
                    if let Some(cause) = self.producer.context().take_refusal()
                        && let Err(error) = self.look_for_the_refused_one(records, cause)
                    {
                        why = Failed::Ended(error);
                    }
                } else if let Failed::Ended(_) = why {
                    // Whoever comes next need not wait until it is too old.
                    let _ = self.abort();
                }
                Err(why)
            }
        }
    }

    /// Everything between the beginning of a transaction and its commit; returns where it ends in each partition.
    fn fill<'b>(&mut self, records: &[Record<'b>], now: Time) -> Result<Filled<'b>, Failed> {
        let rules = self.shared.rules.clone();
        let mut tallies = vec![RouteTally::default(); rules.routes.len()];
        let judging = self.standing.now(&self.shared.list).map_err(ended)?;
        let judging = judging.expect("partitions are open only while there is a list");
        let (mut done, mut said) = (0, Vec::new());
        while done < records.len() && said.is_empty() {
            let Some(plan) = self.plan(&judging, &records[done..], done == 0, now).map_err(ended)? else {
                break;
            };
            let run = &records[done..done + plan.fates.len()];
            self.send(&rules, run, &plan, &mut tallies)?;
            self.standing.hear(plan.signals.clone(), plan.snapshot);
            said = plan.signals;
            done += run.len();
        }
        let records = &records[..done];
        self.produce_tallies(&tallies, &judging.stamp)?;
        let token = if said.is_empty() { None } else { Some(self.make_durable(said)?) };
        let ends = self.ends(records, token.as_ref());
        self.commit(&ends)?;
        let micros = (self.shared.now)().micros_since(now);
        self.shared.metrics.committed(micros);
        self.shared.figures.add(&rules, &tallies, &self.shared.metrics);
        Ok(Filled { records: records.len(), ends })
    }

    /// What becomes of the next records of a transaction: of a run of them, so that the broker has these while the next are
    /// judged. One in which something is said could change what became of those before it, which are sent by then: it
    /// begins a transaction of its own (`None`), and there all records are planned at once.
    fn plan(
        &mut self,
        judging: &Judging,
        records: &[Record<'_>],
        is_first: bool,
        now: Time,
    ) -> Result<Option<Plan>, IndexError> {
        let clock = self.shared.list.clock().successor().max(now);
        let run = &records[..records.len().min(RUN)];
        let plan = Plan::new(&mut self.engine, judging, run, now, clock)?;
        if plan.signals.is_empty() || (is_first && run.len() == records.len()) {
            return Ok(Some(plan));
        }
        if !is_first {
            return Ok(None);
        }
        Plan::new(&mut self.engine, judging, records, now, clock).map(Some)
    }

    /// Does with the records what the plan says, and counts it.
    fn send(
        &self,
        rules: &Rules,
        records: &[Record<'_>],
        plan: &Plan,
        tallies: &mut [RouteTally],
    ) -> Result<(), Failed> {
        let stamp = &plan.stamp;
        let mut find_route = rules.finder();
        for (record, fate) in records.iter().zip(&plan.fates) {
            let route = find_route(record);
            let (deed, output) = rules
                .follow(route, record, fate, stamp)
                .map_err(|stopped| Failed::Ended(StreamError::stopped(record)(stopped)))?;
            let sent = match (output, self.refusal_of(record)) {
                (Some(_), Some(cause)) => Sent::Refused(cause.clone()),
                (Some(output), None) => self.produce(record, &output)?,
                (None, _) => Sent::Taken,
            };
            match sent {
                Sent::Taken => tallies[route].count(fate, deed),
                Sent::Refused(cause) => {
                    let fate = Fate::Poison(cause);
                    let (deed, output) =
                        rules.follow(route, record, &fate, stamp).expect("poison stops nothing");
                    if let Some(output) = output
                        && self.produce(record, &output)? != Sent::Taken
                    {
                        return Err(Failed::Ended(StreamError::dead_letter_not_taken(record)));
                    }
                    tallies[route].count(&fate, deed);
                }
            }
        }
        for (at, signals) in &plan.opt_outs {
            tallies[find_route(&records[*at])].opt_outs += *signals as u64;
        }
        Ok(())
    }

    /// A broker that refuses a record ends the transaction without saying which it was. An error where what was refused only
    /// tells of that record.
    fn look_for_the_refused_one(&mut self, records: &[Record<'_>], cause: Cause) -> Result<(), StreamError> {
        match records {
            [one] if self.refusal_of(one).is_some() => return Err(StreamError::dead_letter_not_taken(one)),
            [one] => self.refused = Some((one.at(), cause)),
            several => {
                tracing::warn!(
                    records = several.len(),
                    cause = cause.to_string(),
                    "the broker refuses a record; until it is found, each is a transaction of its own (if this comes again and \
                     again for their size, set the producer's `batch.size` to what the topics take, `max.message.bytes`)"
                );
                self.one_by_one = several.len();
            }
        }
        Ok(())
    }

    fn refusal_of(&self, record: &Record<'_>) -> Option<&Cause> {
        self.refused.as_ref().filter(|(at, _)| at.is_of(record)).map(|(_, cause)| cause)
    }

    fn produce(&self, record: &Record<'_>, output: &Output<'_>) -> Result<Sent, Failed> {
        let width = self.widths.get(output.topic).copied().unwrap_or(1).max(1);
        let mut headers = None;
        for (name, value) in &output.headers {
            let header = Header { key: name, value: value.as_deref() };
            headers = Some(headers.unwrap_or_else(OwnedHeaders::new).insert(header));
        }
        self.hand_over(BaseRecord {
            topic: output.topic,
            // What stood in one partition stands in one partition, in its order.
            partition: Some(record.partition % width),
            payload: output.value.as_deref(),
            key: output.key,
            timestamp: output.timestamp_ms,
            headers,
            delivery_opaque: (),
        })
    }

    /// To the client, as soon as it has room.
    fn hand_over(&self, mut next: BaseRecord<'_, [u8], [u8]>) -> Result<Sent, Failed> {
        loop {
            match self.producer.send(next) {
                Ok(()) => return Ok(Sent::Taken),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    self.producer.poll(Duration::from_millis(1));
                    next = back;
                }
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge), _)) => {
                    return Ok(Sent::Refused(Cause::TooLarge));
                }
                Err((error, _)) => return Err(failed(&error)),
            }
        }
    }

    /// In the transaction of what they count, so that they are as true as it is.
    fn produce_tallies(&self, tallies: &[RouteTally], stamp: &Stamp) -> Result<(), Failed> {
        let Some(topic) = &self.shared.config.stream.tallies else { return Ok(()) };
        for (route, tally) in self.shared.rules.routes.iter().zip(tallies) {
            if tally.is_empty() {
                continue;
            }
            let value = tally.to_json(&route.name, &stamp.ruleset, &stamp.position);
            let record = BaseRecord::to(topic).key(route.name.as_bytes()).payload(&value[..]);
            if let Sent::Refused(cause) = self.hand_over(record)? {
                return Err(Failed::Again(format!("a record of the tallies: {cause}")));
            }
        }
        Ok(())
    }

    fn make_durable(&mut self, said: Vec<Signal>) -> Result<Token, Failed> {
        let began = (self.shared.now)();
        let kept = self.shared.intake.keep(said, self.timeout());
        match kept {
            Ok(token) => {
                self.shared.metrics.made_durable((self.shared.now)().micros_since(began));
                self.standing.durable(&token);
                Ok(token)
            }
            Err(refused) => {
                let why = format!("opt-outs could not be made durable: {}", refused.why);
                match refused.kind {
                    ErrorKind::Unavailable | ErrorKind::Conflict => Err(Failed::Again(why)),
                    _ => Err(Failed::Ended(StreamError::Broken(why))),
                }
            }
        }
    }

    fn ends<'b>(&self, records: &[Record<'b>], token: Option<&Token>) -> Ends<'b> {
        let mut ends: Ends<'b> = HashMap::new();
        // Many come from one partition in a row.
        let is_one = |a: &Record<'_>, b: &Record<'_>| a.partition == b.partition && a.topic == b.topic;
        for last in records.chunk_by(is_one).filter_map(<[_]>::last) {
            let end = ends.entry((last.topic, last.partition)).or_insert_with(|| {
                let held = self.partitions.get(last.topic);
                let held = held.and_then(|topic| topic.get(&last.partition));
                let mut mark = held.and_then(|held| held.mark.clone()).unwrap_or_default();
                // Of all partitions in the transaction: which one it came from does not matter to who waits for it.
                if let Some(token) = token {
                    mark.advance(token);
                }
                End { next: 0, mark }
            });
            end.next = last.offset + 1;
        }
        ends
    }

    fn commit(&self, ends: &Ends<'_>) -> Result<(), Failed> {
        let mut offsets = TopicPartitionList::new();
        for ((topic, partition), end) in ends {
            let mut element = offsets.add_partition(topic, *partition);
            element.set_offset(Offset::Offset(end.next)).map_err(|error| failed(&error))?;
            element.set_metadata(end.mark.to_string());
        }
        let Some(member) = self.consumer.group_metadata() else {
            return Err(Failed::Again("this member is of no group".to_owned()));
        };
        // In one piece: what it did not come to know in time ends the transaction.
        self.again_while_possible(|timeout| {
            self.producer.send_offsets_to_transaction(&offsets, &member, timeout)
        })?;
        self.drain();
        self.again_while_possible(|timeout| {
            broker::in_slices(timeout, &self.shared.stop, |slice| self.producer.commit_transaction(slice))
        })
    }

    /// Until all records were taken by the broker, or given up. The client's own waiting is by the tenth of a second, or
    /// takes a whole core where less than a millisecond is left.
    fn drain(&self) {
        while self.producer.in_flight_count() > 0 && !self.shared.stop.load(Ordering::Acquire) {
            self.producer.poll(Duration::ZERO);
            thread::sleep(DRAIN);
        }
    }

    /// The client drops what was not sent yet and waits for what was, until all of it has been told to us; which it cannot be
    /// while we wait for the client. To purge it ourselves would leave gaps in the numbers by which the broker tells
    /// repetitions, and the next transactions would fail of them.
    fn abort(&self) -> Result<(), Failed> {
        let (mut waited, mut waited_since_stop) = (Duration::ZERO, Duration::ZERO);
        loop {
            match self.producer.abort_transaction(TELL) {
                Ok(()) => return Ok(()),
                // Whoever reads what is committed waits for its end, or until it is too old.
                Err(KafkaError::Transaction(error))
                    if error.is_retriable() && waited_since_stop < STOP_PATIENCE =>
                {
                    (0..TOLD_AT_ONCE).for_each(|_| self.producer.poll(Duration::ZERO));
                    waited += TELL;
                    if self.shared.stop.load(Ordering::Acquire) {
                        waited_since_stop += TELL;
                    }
                    if waited >= self.timeout() {
                        tracing::warn!(error = error.to_string(), "the broker is slow; trying again");
                        waited = Duration::ZERO;
                    }
                }
                Err(error) => return Err(Failed::Anew(chain(&error))),
            }
        }
    }

    /// A call that may be made again after it took too long, until it comes to an end.
    fn again_while_possible(
        &self,
        mut call: impl FnMut(Duration) -> Result<(), KafkaError>,
    ) -> Result<(), Failed> {
        loop {
            match call(self.timeout()) {
                Ok(()) => return Ok(()),
                Err(KafkaError::Transaction(error))
                    if error.is_retriable() && !self.shared.stop.load(Ordering::Acquire) =>
                {
                    tracing::warn!(error = error.to_string(), "the broker is slow; trying again");
                }
                Err(KafkaError::Flush(_)) if !self.shared.stop.load(Ordering::Acquire) => {}
                Err(error) => return Err(failed(&error)),
            }
        }
    }
}

fn failed(error: &KafkaError) -> Failed {
    let why = chain(error);
    match error {
        KafkaError::Transaction(error) if error.is_fatal() => Failed::Anew(why),
        _ if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) => Failed::Anew(why),
        _ => Failed::Again(why),
    }
}

fn ended(error: IndexError) -> Failed {
    Failed::Ended(error.into())
}
