//! What is counted, under the naming conventions of Prometheus. No label holds what came in a record.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, atomic::AtomicU64},
};

use abide_model::{Tally, Time};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Request, Response, StatusCode,
    body::Incoming,
    header::{CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use crate::{list::List, tallies::RouteTally};

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

#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    verdicts: Family<VerdictLabels, Counter>,
    deeds: Family<DeedLabels, Counter>,
    opt_outs: Counter,
    transactions: Histogram,
    failed: Counter,
    durable: Histogram,
    lag: Family<PartitionLabels, Gauge>,
    // Set when it is asked for.
    list_age: Gauge<f64, AtomicU64>,
    total: Mutex<Total>,
}

/// What is logged now and then.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Total {
    pub(crate) tally: Tally,
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
            durable: seconds(),
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
        let help = "From handing opt-outs to the journal to their being durable there";
        registry.register_with_unit("opt_outs_durable", help, Unit::Seconds, metrics.durable.clone());
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
        self.total().tally.add(&tally.tally);
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

    pub(crate) fn made_durable(&self, micros: i64) {
        self.durable.observe(in_seconds(micros));
    }

    pub(crate) fn lag(&self, topic: &str, partition: i32, records: i64) {
        self.lag.get_or_create(&PartitionLabels { topic: topic.to_owned(), partition }).set(records);
    }

    /// The partition is another's now.
    pub(crate) fn no_lag(&self, topic: &str, partition: i32) {
        self.lag.remove(&PartitionLabels { topic: topic.to_owned(), partition });
    }

    /// The sums since the beginning, and the slowest transaction since this was asked last.
    pub(crate) fn take_total(&self) -> Total {
        let mut total = self.total();
        let taken = *total;
        total.micros_max = 0;
        taken
    }

    fn total(&self) -> std::sync::MutexGuard<'_, Total> {
        self.total.lock().expect("nothing panics under this lock")
    }

    fn text(&self, list: &List, now: Time) -> String {
        if let Some(list) = list.current() {
            self.list_age.set(in_seconds(now.micros_since(list.as_of)));
        }
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("a string takes all that is written");
        text
    }
}

fn seconds() -> Histogram {
    Histogram::new([0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0])
}

#[expect(clippy::cast_precision_loss, reason = "of a time of some seconds")]
fn in_seconds(micros: i64) -> f64 {
    micros.max(0) as f64 / 1e6
}

const SCRAPERS_MAX: usize = 16;

/// Answers `/metrics`, whoever asks; whoever may reach it is the operator's choice.
pub(crate) async fn tell(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    list: Arc<List>,
    now: fn() -> Time,
    mut stop: watch::Receiver<bool>,
) {
    let mut telling = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = telling.join_next() => continue,
            _ = stop.changed() => return,
        };
        let Ok((stream, _)) = accepted else { continue };
        if telling.len() >= SCRAPERS_MAX {
            continue;
        }
        let (metrics, list) = (metrics.clone(), list.clone());
        telling.spawn(async move {
            let service = service_fn(|request: Request<Incoming>| {
                let answer = scrape(&metrics, &list, now(), request.uri().path());
                async { Ok::<_, Infallible>(answer) }
            });
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new()).keep_alive(false);
            let _ = http.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

fn scrape(metrics: &Metrics, list: &List, now: Time, path: &str) -> Response<Full<Bytes>> {
    if path != "/metrics" {
        let mut answer = Response::new(Full::new(Bytes::from_static(b"ask for /metrics\n")));
        *answer.status_mut() = StatusCode::NOT_FOUND;
        return answer;
    }
    let mut answer = Response::new(Full::new(metrics.text(list, now).into()));
    let open_metrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(open_metrics));
    answer
}
