//! What is counted, under the naming conventions of Prometheus. Labels hold no word that a stranger made up, and of sources so
//! many as fit.

use std::{
    collections::HashSet,
    sync::{
        Arc, RwLock,
        atomic::{AtomicI64, AtomicU64},
    },
    time::Duration,
};

use abide_enforce::Judgement;
use abide_model::{Action, Origin, Signal, Time, Verdict};
use abide_rules::Ruleset;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use tokio::time::Instant;

use crate::list::List;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VerdictLabels {
    action: Arc<str>,
    verdict: &'static str,
    /// The first rule that blocks, or the cause why nothing can be told.
    rule: Arc<str>,
    enforcement_point: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CauseLabels {
    cause: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SourceLabels {
    mechanism: Arc<str>,
    claimant: Arc<str>,
    direction: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HookLabels {
    name: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OriginLabels {
    origin: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PeerLabels {
    peer: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

/// Names that stand in labels: the first so many that come, since whoever may hand signals in names sources. The others
/// count together.
#[derive(Default)]
struct Names(RwLock<HashSet<Arc<str>>>);

const NAMES_MAX: usize = 100;

impl Names {
    fn label(&self, name: &str) -> Arc<str> {
        const LOCK: &str = "what is done under this lock does not panic";
        if let Some(known) = self.0.read().expect(LOCK).get(name) {
            return known.clone();
        }
        let mut names = self.0.write().expect(LOCK);
        if names.len() >= NAMES_MAX && !names.contains(name) {
            return "…".into();
        }
        let label: Arc<str> = name.into();
        names.insert(label.clone());
        label
    }
}

type Histograms = Family<RouteLabels, Histogram, fn() -> Histogram>;

pub(crate) struct Metrics {
    registry: Registry,
    verdicts: Family<VerdictLabels, Counter>,
    cannot_tell: Family<CauseLabels, Counter>,
    signals: Family<SourceLabels, Counter>,
    claimants: Names,
    hooks: Family<HookLabels, Counter>,
    durable: Histogram,
    spooled_total: Counter,
    spool_waiting: Gauge,
    requests: Family<RequestLabels, Counter>,
    latency: Histograms,
    connections: Gauge,
    followed: Counter,
    follow_errors: Counter,
    peers: Family<PeerLabels, Gauge>,
    told: Family<OutcomeLabels, Counter>,
    propagation: Family<OriginLabels, Histogram, fn() -> Histogram>,
    spans: Family<OutcomeLabels, Counter>,
    // Set when they are asked for.
    list_age: Gauge<f64, AtomicU64>,
    identities: Gauge,
    ahead: Gauge<i64, AtomicI64>,
    positions: Family<OriginLabels, Gauge>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("abide");
        let mut metrics = Self {
            verdicts: Family::default(),
            cannot_tell: Family::default(),
            signals: Family::default(),
            claimants: Names::default(),
            hooks: Family::default(),
            durable: seconds(),
            spooled_total: Counter::default(),
            spool_waiting: Gauge::default(),
            requests: Family::default(),
            latency: Family::new_with_constructor(seconds),
            connections: Gauge::default(),
            followed: Counter::default(),
            follow_errors: Counter::default(),
            peers: Family::default(),
            told: Family::default(),
            propagation: Family::new_with_constructor(seconds),
            spans: Family::default(),
            list_age: Gauge::default(),
            identities: Gauge::default(),
            ahead: Gauge::default(),
            positions: Family::default(),
            registry: Registry::default(),
        };
        registry.register("verdicts", "Verdicts given", metrics.verdicts.clone());
        registry.register(
            "cannot_tell",
            "Verdicts that could not be told, by cause",
            metrics.cannot_tell.clone(),
        );
        registry.register("signals", "Signals made durable", metrics.signals.clone());
        registry.register("hook_events", "Events of webhooks, by what became of them", metrics.hooks.clone());
        let help = "From taking signals together to their being durable";
        registry.register_with_unit("signals_durable", help, Unit::Seconds, metrics.durable.clone());
        registry.register("spooled", "Signals kept on this node's disk", metrics.spooled_total.clone());
        registry.register("spool_waiting", "Records on this node's disk only", metrics.spool_waiting.clone());
        registry.register("http_requests", "Requests answered", metrics.requests.clone());
        let help = "From a request's head to its answer";
        registry.register_with_unit("http_request", help, Unit::Seconds, metrics.latency.clone());
        registry.register("http_connections", "Open connections", metrics.connections.clone());
        registry.register(
            "journal_reads",
            "Times that the journal was read to its end",
            metrics.followed.clone(),
        );
        registry.register("journal_read_errors", "Times that it could not be", metrics.follow_errors.clone());
        registry.register(
            "peer_connected",
            "Whether another node tells this one what is new",
            metrics.peers.clone(),
        );
        registry.register(
            "trace_spans",
            "Spans for OpenTelemetry, by what became of them",
            metrics.spans.clone(),
        );
        registry.register("told", "News of other nodes, by what became of them", metrics.told.clone());
        let help = "From the writing of the newest of an origin to its being in force here, by the clocks of both nodes";
        registry.register_with_unit("propagation", help, Unit::Seconds, metrics.propagation.clone());
        let help = "Since it was last made sure that there is nothing newer";
        registry.register_with_unit("list_age", help, Unit::Seconds, metrics.list_age.clone());
        registry.register("list_identities", "Identities that the list holds", metrics.identities.clone());
        registry.register(
            "signals_ahead",
            "Signals in force here and not read back yet",
            metrics.ahead.clone(),
        );
        registry.register("journal_position", "How far each origin was read", metrics.positions.clone());
        metrics.registry = registry;
        metrics
    }

    /// So many of the same.
    pub(crate) fn verdicts(
        &self,
        enforcement_point: &'static str,
        rules: &Ruleset,
        action: &Action,
        judgement: &Judgement,
        count: u64,
    ) {
        let verdict = judgement.verdict.as_str();
        let mut labels =
            VerdictLabels { action: action.as_str().into(), verdict, rule: Arc::from(""), enforcement_point };
        match &judgement.verdict {
            Verdict::Allow => {}
            Verdict::Block { reasons } => {
                if let Some(first) = reasons.first() {
                    labels.rule = first.rule.clone();
                }
            }
            Verdict::CannotTell { why } => {
                // Whatever the cause: the word may be one that a client made up.
                if rules.action(action).is_none() {
                    labels.action = "unknown".into();
                }
                self.cannot_tell.get_or_create(&CauseLabels { cause: why.cause() }).inc_by(count);
            }
        }
        self.verdicts.get_or_create(&labels).inc_by(count);
    }

    pub(crate) fn signal(&self, signal: &Signal) {
        let labels = SourceLabels {
            mechanism: signal.mechanism.as_str().into(),
            claimant: self.claimants.label(signal.claimant.as_str()),
            direction: signal.direction.as_str(),
        };
        self.signals.get_or_create(&labels).inc();
    }

    pub(crate) fn hook(&self, name: &str, outcome: &'static str) {
        self.hooks.get_or_create(&HookLabels { name: name.to_owned(), outcome }).inc();
    }

    pub(crate) fn made_durable(&self, signals: usize, took: Duration, on_node: bool) {
        self.durable.observe(took.as_secs_f64());
        if on_node {
            self.spooled_total.inc_by(signals as u64);
        }
    }

    pub(crate) fn spooled(&self, waiting: u64) {
        self.spool_waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
    }

    pub(crate) fn answered(&self, route: &'static str, status: u16, took: Duration) {
        self.requests.get_or_create(&RequestLabels { route, status }).inc();
        self.latency.get_or_create(&RouteLabels { route }).observe(took.as_secs_f64());
    }

    pub(crate) fn connected(&self) {
        self.connections.inc();
    }

    pub(crate) fn disconnected(&self) {
        self.connections.dec();
    }

    pub(crate) fn followed(&self) {
        self.followed.inc();
    }

    pub(crate) fn follow_failed(&self) {
        self.follow_errors.inc();
    }

    pub(crate) fn peer(&self, peer: &str, is_connected: bool) {
        self.peers.get_or_create(&PeerLabels { peer: peer.to_owned() }).set(is_connected.into());
    }

    pub(crate) fn spans(&self, count: u64, outcome: &'static str) {
        self.spans.get_or_create(&OutcomeLabels { outcome }).inc_by(count);
    }

    pub(crate) fn told(&self, outcome: &'static str) {
        self.told.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    pub(crate) fn propagated(&self, origin: &Origin, lag: Duration) {
        let labels = OriginLabels { origin: origin.to_string() };
        self.propagation.get_or_create(&labels).observe(lag.as_secs_f64());
    }

    /// All of it, with how the list stands now.
    fn exposition(&self, list: &List, now: Time) -> crate::ask::Answer {
        if let Some(published) = list.current() {
            let snapshot = &published.snapshot;
            let age = published.sighting.age_micros(now, Instant::now().into_std());
            let age = Duration::from_micros(age.try_into().unwrap_or(0));
            self.list_age.set(age.as_secs_f64());
            self.identities.set(i64::try_from(snapshot.len_identities()).unwrap_or(i64::MAX));
            for (origin, position) in snapshot.positions.iter() {
                let labels = OriginLabels { origin: origin.to_string() };
                self.positions.get_or_create(&labels).set(i64::try_from(position).unwrap_or(i64::MAX));
            }
        }
        self.ahead.set(i64::try_from(list.len_ahead()).unwrap_or(i64::MAX));
        abide_metrics::exposition(&self.registry)
    }
}

/// From 50 µs to 10 s.
fn seconds() -> Histogram {
    Histogram::new([
        0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0,
        2.5, 10.0,
    ])
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics(…)")
    }
}

/// What is answered where Prometheus asks.
pub(crate) fn scrape(shared: &crate::server::Shared, path: &str) -> crate::ask::Answer {
    if path != "/metrics" {
        return crate::problem::Problem::new(crate::problem::Kind::NotFound, "ask for /metrics").respond();
    }
    shared.metrics.exposition(&shared.list, (shared.now)())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_do_not_grow_without_end() {
        let names = Names::default();
        assert_eq!(&*names.label("ftc"), "ftc");
        (0..2 * NAMES_MAX).for_each(|nth| drop(names.label(&format!("made-up-{nth}"))));
        assert_eq!((&*names.label("another"), &*names.label("ftc")), ("…", "ftc"));
    }
}
