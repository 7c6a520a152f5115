//! `/v1/authz/…`: a gateway asks whether somebody else's request may pass. 200 lets it, 403 does not.
//!
//! Each gateway tells in its own way which request it asks about, and passes on what its client sent. So each way has
//! a path of its own: what one gateway sets, the client of another could make up.

use std::sync::Arc;

use abide_model::{Uncertain, Verdict};
use futures::future::LocalBoxFuture;
use hyper::{
    HeaderMap,
    header::{HeaderName, HeaderValue},
};
use serde_json::{Value, json};

use super::{effect, options};
use crate::{
    ask::{Answer, Ask, json},
    desk::{Question, parts},
    list::Published,
    mapping::{Original, Ready},
    problem::{Kind, Problem},
    wire::{Effect, Subject},
    worker::Worker,
};

const POINT: &str = "authz";
pub(crate) const ENVOY: &str = "/v1/authz/envoy";

const VERDICT: HeaderName = HeaderName::from_static("abide-verdict");

/// `auth_request` of nginx: `X-Original-URI` and `X-Original-Method`, as examples/gateways/nginx sets them.
pub(crate) fn nginx(worker: &Worker, ask: Ask) -> LocalBoxFuture<'_, Result<Answer, Problem>> {
    Box::pin(by_headers(worker, ask, ["x-original-method", "x-original-uri"]))
}

/// Forward-auth of Caddy and Traefik: `X-Forwarded-Uri` and `X-Forwarded-Method`.
pub(crate) fn forward(worker: &Worker, ask: Ask) -> LocalBoxFuture<'_, Result<Answer, Problem>> {
    Box::pin(by_headers(worker, ask, ["x-forwarded-method", "x-forwarded-uri"]))
}

/// HTTP `ext_authz` of Envoy with the path prefix `/v1/authz/envoy`: method, path and, if it is set up so, the body are
/// those of the original.
pub(crate) fn envoy(worker: &Worker, ask: Ask) -> LocalBoxFuture<'_, Result<Answer, Problem>> {
    Box::pin(async move {
        let uri = ask.head.uri.path_and_query().map_or("/", |path| path.as_str());
        let uri = uri.strip_prefix(ENVOY).expect("it was routed by its prefix").to_owned();
        let method = ask.head.method.as_str().to_owned();
        decide(worker, ask, &method, &uri).await
    })
}

async fn by_headers(worker: &Worker, ask: Ask, [method, uri]: [&'static str; 2]) -> Result<Answer, Problem> {
    let (method, uri) = (only(&ask.head.headers, method)?, only(&ask.head.headers, uri)?);
    decide(worker, ask, &method, &uri).await
}

fn only(headers: &HeaderMap, name: &'static str) -> Result<String, Problem> {
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Problem::new(
            Kind::Blocked,
            format!("the gateway has to send `{name}`, once (see examples/gateways)"),
        ));
    };
    value.to_str().map(str::to_owned).map_err(|_| Problem::new(Kind::Blocked, format!("`{name}` is no text")))
}

async fn decide(worker: &Worker, mut ask: Ask, method: &str, uri: &str) -> Result<Answer, Problem> {
    let published = worker.list()?;
    let set_up = worker.set_up();
    let (mapping, limits) = (&set_up.mapping, set_up.limits());
    let body = if mapping.reads_bodies() {
        ask.read_body(limits.single_bytes, limits).await?
    } else {
        Vec::new().into()
    };
    let is_json = body.iter().any(|byte| !byte.is_ascii_whitespace());
    let value: Option<Value> = if is_json { serde_json::from_slice(&body).ok() } else { None };
    let original = Original { method, uri, headers: &ask.head.headers, body: value.as_ref() };
    let Some((route, subject)) = mapping.find(&original) else {
        return Err(Problem::new(Kind::Blocked, "no route of [[serve.authz]] is about this request"));
    };
    if subject.written.len() > limits.identifiers {
        return Err(Problem::new(
            Kind::Blocked,
            "the request names more identifiers than one person may have",
        ));
    }
    ask.caller.spend_checks(1, worker.now())?;
    answer(worker, &published, route, &subject)
}

fn answer(
    worker: &Worker,
    published: &Arc<Published>,
    route: &Ready,
    subject: &Subject<'_>,
) -> Result<Answer, Problem> {
    // The ruleset may have changed since the route was written.
    if published.snapshot.rules.check_context(&route.context).is_err() {
        return Err(Problem::new(Kind::Blocked, "the ruleset in force does not know the route's context"));
    }
    let (options, on_doubt) = options(worker, published, &route.wishes);
    let question = Question { action: &route.action, context: &route.context, options, with_segments: false };
    let mut shape = Vec::with_capacity(subject.written.len());
    parts(subject, |_| false, &mut shape);
    let judged = worker.desk().judge_one(published, &shape, subject, &question);
    let found = judged.map_err(|error| Problem::of_list(&error))?;
    let verdict = &found.judgement.verdict;
    worker.shared().metrics.verdicts(POINT, &published.snapshot.rules, &route.action, &found.judgement, 1);
    // Whichever of them it goes to, one may have said no: that is no doubt of ours, but a request that hides who is meant.
    let is_hidden = matches!(verdict, Verdict::CannotTell { why: Uncertain::DestinationAmbiguous(_) });
    match effect(verdict, on_doubt)? {
        Effect::Allow if !is_hidden => {
            let mut answer = json(&json!({ "verdict": verdict.as_str() }));
            answer.headers_mut().insert(VERDICT, HeaderValue::from_static(verdict.as_str()));
            Ok(answer)
        }
        Effect::Allow | Effect::Block => Err(Problem::new(Kind::Blocked, why(verdict))),
    }
}

/// Names the rules, and nobody.
fn why(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Block { reasons } => {
            let rules: Vec<&str> = reasons.iter().map(|reason| &*reason.rule).collect();
            format!("blocked by {}", rules.join(", "))
        }
        Verdict::CannotTell { why: Uncertain::DestinationMissing(kind) } => {
            format!("the request names no {kind} where the route looks for it")
        }
        Verdict::CannotTell { why } => why.to_string(),
        Verdict::Allow => String::new(),
    }
}
