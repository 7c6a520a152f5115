//! What is counted, under the naming conventions of Prometheus. No label holds what came in a record.

use std::{
    sync::{Arc, Mutex, atomic::AtomicU64},
    time::Duration,
};

use crate::{list::List, tallies::RouteTally};
use abide_model::{Origin, Tally, Time};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Response, StatusCode};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};
use tokio::time::Instant;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VerdictLabels {
    route: Arc<str>,
    verdict: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DeedLabels {
    route: Arc<str>,
    deed: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PartitionLabels {
    topic: String,
    partition: i32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OriginLabels {
    origin: String,
}

#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    verdicts: Family<VerdictLabels, Counter>,
    deeds: Family<DeedLabels, Counter>,
    opt_outs: Counter,
    transactions: Histogram,
    failed: Counter,
    begun_anew: Counter,
    durable: Histogram,
    propagation: Family<OriginLabels, Histogram, fn() -> Histogram>,
    lag: Family<PartitionLabels, Gauge>,
    // Set when it is asked for.
    list_age: Gauge<f64, AtomicU64>,
    total: Mutex<Total>,
}

/// What is logged now and then.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Total {
    pub(crate) transactions: u64,
    pub(crate) micros_max: i64,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("abide_stream");
        let metrics = Self {
            verdicts: Family::default(),
            deeds: Family::default(),
            opt_outs: Counter::default(),
            transactions: seconds(),
            failed: Counter::default(),
            begun_anew: Counter::default(),
            durable: seconds(),
            propagation: Family::new_with_constructor(seconds),
            lag: Family::default(),
            list_age: Gauge::default(),
            total: Mutex::default(),
            registry: Registry::default(),
        };
        registry.register("verdicts", "Records by their verdict, committed", metrics.verdicts.clone());
        registry.register("records", "Records by what was done with them, committed", metrics.deeds.clone());
        registry.register("opt_outs", "Signals in records, committed", metrics.opt_outs.clone());
        let help = "From judging the first record to the commit";
        registry.register_with_unit("transaction", help, Unit::Seconds, metrics.transactions.clone());
        registry.register(
            "transactions_failed",
            "Transactions whose records are read again",
            metrics.failed.clone(),
        );
        registry.register(
            "begun_anew",
            "Members that could not go on, as when another runs under their name",
            metrics.begun_anew.clone(),
        );
        let help = "From handing opt-outs to the journal to their being durable there";
        registry.register_with_unit("opt_outs_durable", help, Unit::Seconds, metrics.durable.clone());
        let help = "From the writing of the newest of an origin to its being in force here, by the clocks of both nodes";
        registry.register_with_unit("propagation", help, Unit::Seconds, metrics.propagation.clone());
        registry.register("lag", "Records of a partition that are not committed yet", metrics.lag.clone());
        let help = "Since it was last made sure that there is nothing newer in the journal";
        registry.register_with_unit("list_age", help, Unit::Seconds, metrics.list_age.clone());
        Self { registry, ..metrics }
    }

    /// Of a transaction that was committed.
    pub(crate) fn count(&self, route: &str, tally: &RouteTally) {
        let route: Arc<str> = route.into();
        let Tally { allowed, blocked, cannot_tell, failed, .. } = tally.tally;
        for (verdict, count) in
            [("allow", allowed), ("block", blocked), ("cannot_tell", cannot_tell), ("failed", failed)]
        {
            self.verdicts.get_or_create(&VerdictLabels { route: route.clone(), verdict }).inc_by(count);
        }
        for (deed, count) in &tally.deeds {
            let labels = DeedLabels { route: route.clone(), deed: deed.as_str() };
            self.deeds.get_or_create(&labels).inc_by(*count);
        }
        self.opt_outs.inc_by(tally.opt_outs);
    }

    pub(crate) fn committed(&self, micros: i64) {
        self.transactions.observe(in_seconds(micros));
        let mut total = self.total();
        total.transactions += 1;
        total.micros_max = total.micros_max.max(micros);
    }

    pub(crate) fn failed(&self) {
        self.failed.inc();
    }

    pub(crate) fn begun_anew(&self) {
        self.begun_anew.inc();
    }

    pub(crate) fn made_durable(&self, micros: i64) {
        self.durable.observe(in_seconds(micros));
    }

    pub(crate) fn propagated(&self, origin: &Origin, lag: Duration) {
        let labels = OriginLabels { origin: origin.to_string() };
        self.propagation.get_or_create(&labels).observe(lag.as_secs_f64());
    }

    pub(crate) fn lag(&self, topic: &str, partition: i32, records: i64) {
        self.lag.get_or_create(&PartitionLabels { topic: topic.to_owned(), partition }).set(records);
    }

    /// The partition is another's now.
    pub(crate) fn no_lag(&self, topic: &str, partition: i32) {
        self.lag.remove(&PartitionLabels { topic: topic.to_owned(), partition });
    }

    /// How many transactions since the beginning, and the slowest transaction since this was asked last.
    pub(crate) fn take_total(&self) -> Total {
        let mut total = self.total();
        let taken = *total;
        total.micros_max = 0;
        taken
    }

    fn total(&self) -> std::sync::MutexGuard<'_, Total> {
        self.total.lock().expect("nothing panics under this lock")
    }

    fn exposition(&self, list: &List, now: Time) -> Response<Full<Bytes>> {
        if let Some(list) = list.current() {
            self.list_age.set(in_seconds(list.sighting.age_micros(now, Instant::now().into_std())));
        }
        abide_metrics::exposition(&self.registry)
    }
}

fn seconds() -> Histogram {
    Histogram::new([0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0])
}

#[expect(clippy::cast_precision_loss, reason = "of a time of some seconds")]
fn in_seconds(micros: i64) -> f64 {
    micros.max(0) as f64 / 1e6
}

/// What is answered where Prometheus asks.
pub(crate) fn scrape(metrics: &Metrics, list: &List, now: Time, path: &str) -> Response<Full<Bytes>> {
    if path != "/metrics" {
        let mut answer = Response::new(Full::new(Bytes::from_static(b"ask for /metrics\n")));
        *answer.status_mut() = StatusCode::NOT_FOUND;
        return answer;
    }
    metrics.exposition(list, now)
}
