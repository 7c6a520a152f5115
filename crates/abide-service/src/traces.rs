//! Traces for OpenTelemetry (OTLP over HTTP, as JSON), when an endpoint is set: a span for each request that is traced.
//!
//! A span has the route and the status, and never what was asked. Spans wait in a queue of bounded length; when the
//! collector is slow or away they are dropped and counted, and no request waits for it.

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use abide_model::Time;
use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Request,
    client::conn::http1,
    header::{CONTENT_TYPE, HOST},
    http::request::Parts,
};
use rustls::ClientConfig;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{
    sync::{mpsc, watch},
    time::{sleep, timeout},
};

use crate::{
    metrics::Metrics,
    outgoing::{Place, drive},
    tls::{self, is_set},
};

/// `[serve.traces]` of `abide.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Traces {
    /// Where spans go, e.g. `http://127.0.0.1:4318/v1/traces`; empty for nowhere.
    pub endpoint: String,
    /// Whose certificates are believed of it, in PEM, where it is HTTPS.
    pub authorities_file: PathBuf,
    /// One in so many requests is traced; a request that comes with a trace is as that one says.
    pub one_in: u64,
}

impl Default for Traces {
    fn default() -> Self {
        Self { endpoint: String::new(), authorities_file: PathBuf::new(), one_in: 100 }
    }
}

const QUEUE: usize = 4_096;
const TOGETHER: usize = 512;
/// So long spans gather before they are sent.
const GATHER: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct Tracer {
    spans: mpsc::Sender<Span>,
    one_in: u64,
    count: AtomicU64,
    metrics: Arc<Metrics>,
    random: fn() -> io::Result<[u8; 12]>,
}

/// A request that is traced, while it is answered.
#[derive(Debug)]
pub(crate) struct Begun {
    trace: [u8; 16],
    parent: Option<[u8; 8]>,
    method: &'static str,
    at: Time,
}

#[derive(Debug)]
struct Span {
    begun: Begun,
    id: [u8; 8],
    route: &'static str,
    status: u16,
    took: Duration,
}

impl Traces {
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.endpoint.is_empty() {
            return Ok(());
        }
        let place = Place::read(&self.endpoint).map_err(|why| format!("traces, the endpoint: {why}"))?;
        if place.is_encrypted != is_set(&self.authorities_file) {
            return Err("traces: `authorities_file` goes with an endpoint that is HTTPS".to_owned());
        }
        if self.one_in == 0 { Err("traces: one_in is 1 at the least".to_owned()) } else { Ok(()) }
    }

    /// Begins to send, until told to stop; nothing where no endpoint is set.
    pub(crate) fn open(
        &self,
        service: &str,
        metrics: &Arc<Metrics>,
        random: fn() -> io::Result<[u8; 12]>,
        stop: &watch::Receiver<bool>,
    ) -> Result<Option<Tracer>, String> {
        if self.endpoint.is_empty() {
            return Ok(None);
        }
        let place = Place::read(&self.endpoint)?;
        let none = PathBuf::new();
        let tls =
            place.is_encrypted.then(|| tls::client(&self.authorities_file, &none, &none)).transpose()?;
        let (spans, waiting) = mpsc::channel(QUEUE);
        let sender =
            Sender { place, tls: tls.map(Arc::new), service: service.to_owned(), metrics: metrics.clone() };
        tokio::spawn(sender.run(waiting, stop.clone()));
        let metrics = metrics.clone();
        Ok(Some(Tracer { spans, one_in: self.one_in, count: AtomicU64::new(0), metrics, random }))
    }
}

impl Tracer {
    /// Whether this one is traced, and as part of what.
    pub(crate) fn begin(&self, head: &Parts, now: Time) -> Option<Begun> {
        let method = match head.method.as_str() {
            "GET" => "GET",
            "POST" => "POST",
            "HEAD" => "HEAD",
            _ => "_OTHER",
        };
        if let Some(named) = head.headers.get("traceparent").and_then(|named| named.to_str().ok())
            && let Some((trace, parent, is_traced)) = read_parent(named)
        {
            return is_traced.then_some(Begun { trace, parent: Some(parent), method, at: now });
        }
        if !self.count.fetch_add(1, Ordering::Relaxed).is_multiple_of(self.one_in) {
            return None;
        }
        let (first, second) = ((self.random)().ok()?, (self.random)().ok()?);
        let mut trace = [0; 16];
        trace[..12].copy_from_slice(&first);
        trace[12..].copy_from_slice(&second[..4]);
        Some(Begun { trace, parent: None, method, at: now })
    }

    pub(crate) fn end(&self, begun: Begun, route: &'static str, status: u16, took: Duration) {
        let Ok(random) = (self.random)() else { return };
        let mut id = [0; 8];
        id.copy_from_slice(&random[..8]);
        if self.spans.try_send(Span { begun, id, route, status, took }).is_err() {
            self.metrics.spans(1, "dropped");
        }
    }
}

/// W3C Trace Context: `00-TRACE-PARENT-FLAGS`.
fn read_parent(text: &str) -> Option<([u8; 16], [u8; 8], bool)> {
    let mut parts = text.split('-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let [version] = unhex::<1>(version)?;
    // A later version may say more behind it.
    if version == 0xff || (version == 0 && parts.next().is_some()) {
        return None;
    }
    let (trace, parent, [flags]) = (unhex::<16>(trace)?, unhex::<8>(parent)?, unhex::<1>(flags)?);
    (trace != [0; 16] && parent != [0; 8]).then_some((trace, parent, flags & 1 == 1))
}

/// In lower case, as the format has it.
fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}

impl Span {
    fn json(&self) -> Value {
        let began_ns = i128::from(self.begun.at.as_micros()) * 1_000;
        let ended_ns = began_ns + i128::try_from(self.took.as_nanos()).unwrap_or(0);
        let text = |key: &str, value: &str| json!({ "key": key, "value": { "stringValue": value } });
        let mut span = json!({
            "traceId": hex::encode(self.begun.trace),
            "spanId": hex::encode(self.id),
            "name": format!("{} {}", self.begun.method, self.route),
            // Of a server.
            "kind": 2,
            "startTimeUnixNano": began_ns.to_string(),
            "endTimeUnixNano": ended_ns.to_string(),
            "attributes": [
                text("http.request.method", self.begun.method),
                text("http.route", self.route),
                { "key": "http.response.status_code", "value": { "intValue": self.status.to_string() } },
            ],
            "status": if self.status >= 500 { json!({ "code": 2 }) } else { json!({}) },
        });
        if let Some(parent) = &self.begun.parent {
            span["parentSpanId"] = hex::encode(parent).into();
        }
        span
    }
}

struct Sender {
    place: Place,
    tls: Option<Arc<ClientConfig>>,
    service: String,
    metrics: Arc<Metrics>,
}

impl Sender {
    async fn run(self, mut waiting: mpsc::Receiver<Span>, mut stop: watch::Receiver<bool>) {
        let mut was_away = false;
        loop {
            let mut spans = Vec::new();
            let stopping = tokio::select! {
                received = waiting.recv_many(&mut spans, TOGETHER) => received == 0,
                _ = stop.wait_for(|stop| *stop) => true,
            };
            if !stopping && spans.len() < TOGETHER {
                sleep(GATHER).await;
            }
            while spans.len() < TOGETHER
                && let Ok(span) = waiting.try_recv()
            {
                spans.push(span);
            }
            if !spans.is_empty() {
                let sent = timeout(PATIENCE, self.send(&spans)).await;
                let sent = sent.unwrap_or_else(|_| Err("it takes too long".to_owned()));
                self.metrics.spans(spans.len() as u64, if sent.is_ok() { "sent" } else { "dropped" });
                if let (Err(why), false) = (&sent, was_away) {
                    tracing::warn!(why, "the collector of traces takes none");
                }
                was_away = sent.is_err();
            }
            if stopping {
                return;
            }
        }
    }

    async fn send(&self, spans: &[Span]) -> Result<(), String> {
        let stream = self.place.connect(self.tls.as_ref()).await.map_err(|error| error.to_string())?;
        let service = json!([{ "key": "service.name", "value": { "stringValue": "abide" } },
            { "key": "service.instance.id", "value": { "stringValue": self.service } }]);
        let spans: Vec<Value> = spans.iter().map(Span::json).collect();
        let scope = json!({ "name": "abide", "version": env!("CARGO_PKG_VERSION") });
        let body = json!({ "resourceSpans": [{
            "resource": { "attributes": service },
            "scopeSpans": [{ "scope": scope, "spans": spans }],
        }] });
        let (mut sender, connection) = http1::handshake(stream).await.map_err(|error| error.to_string())?;
        let request = Request::post(&self.place.path)
            .header(HOST, self.place.to_string())
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body.to_string())))
            .map_err(|error| error.to_string())?;
        let answer = drive(connection, sender.send_request(request)).await;
        let status = answer.map_err(|error| error.to_string())?.status();
        if status.is_success() { Ok(()) } else { Err(format!("it answers with status {}", status.as_u16())) }
    }
}
