//! `/v1/hooks/{name}`: what vendors post. A request that is the vendor's is answered with 200 whatever it says, so that
//! nothing that is not known makes an endless loop; what could not be made durable, or not be taken apart by a mapping, is
//! answered so that its sender keeps it.

use std::{collections::HashMap, sync::Arc};

use abide_model::{BatchId, Claim, Direction, SignalKeys, Time, signal::Statement};
use abide_signals::hooks::{Event, Refused, Request, Said as Told, Verified};
use bytes::Bytes;
use futures::future::LocalBoxFuture;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::time::Instant;

use super::signals::refusal;
use crate::{
    ask::{Answer, Ask, json},
    hooks::Hook,
    intake::{Begun, Said, Seen},
    problem::{Kind, Problem},
    sns::Unsaid,
    worker::Worker,
};

pub(crate) const HOOKS: &str = "/v1/hooks/";

/// What became of the events of a request.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct HookAnswer {
    /// Statements that are durable now.
    accepted: usize,
    /// Seen before.
    repeated: usize,
    /// Known, and no statement of anybody.
    silent: usize,
    /// Subscriptions that were confirmed to Amazon SNS.
    confirmed: usize,
    /// Not known, or about nobody that can be read.
    unknown: usize,
}

pub(crate) fn hooks(worker: &Worker, mut ask: Ask) -> LocalBoxFuture<'_, Result<Answer, Problem>> {
    Box::pin(async move {
        let shared = worker.shared();
        let set_up = worker.set_up();
        let name = ask.head.uri.path().strip_prefix(HOOKS).unwrap_or_default();
        let hook = set_up.hooks.iter().find(|hook| hook.name == name);
        let hook =
            hook.ok_or_else(|| Problem::new(Kind::NotFound, "no account of [[serve.hooks]] has this name"))?;
        let body = ask.read_body(set_up.limits().hook_bytes, set_up.limits()).await?;
        let path = ask.head.uri.path_and_query().map_or("/", |path| path.as_str());
        let headers: Vec<(&str, &[u8])> =
            ask.head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let url = format!("{}{path}", hook.public);
        let request = Request { method: ask.head.method.as_str(), url: &url, headers: &headers, body: &body };
        let verified = verify(hook, &request, worker.now()).await.inspect_err(|problem| {
            let outcome = if problem.kind == Kind::WrongSignature { "refused" } else { "failed" };
            shared.metrics.hook(&hook.name, outcome);
        })?;
        let Some(replay) = verified.replay_key else { return take(worker, hook, &request).await };
        let client: Arc<str> = format!("hook request {}", hook.name).into();
        let Some(begun) = begin(worker, &client, &replay)? else {
            shared.metrics.hook(&hook.name, "repeated");
            return Ok(json(&HookAnswer { repeated: 1, ..HookAnswer::default() }));
        };
        let taken = take(worker, hook, &request).await?;
        begun.answered(Bytes::new());
        Ok(taken)
    })
}

/// That it is the vendor's. Where a certificate tells that, it is fetched only for what says that it is of ours.
async fn verify(hook: &Hook, request: &Request<'_>, now: Time) -> Result<Verified, Problem> {
    let refused = |refused: Refused| Problem::new(Kind::WrongSignature, refused.to_string());
    let needed = match hook.verify(request, &hook.secret, now) {
        Err(Refused::NoCertificate) => hook.certificate_url(request).map_err(refused)?,
        verified => return verified.map_err(refused),
    };
    let (Some(amazon), Some(url)) = (&hook.amazon, needed) else {
        return Err(refused(Refused::NoCertificate));
    };
    let certificate = amazon.certificate(&url).await.map_err(|unsaid| not_said(hook, &unsaid))?;
    hook.verify(request, &hook.secret.clone().with_certificate(certificate), now).map_err(refused)
}

fn not_said(hook: &Hook, unsaid: &Unsaid) -> Problem {
    tracing::warn!(
        hook = hook.name,
        error = abide_model::causes::chain(unsaid),
        "Amazon SNS did not say what was asked"
    );
    let kind = match unsaid {
        // It will be no better when it comes again.
        Unsaid::Foreign | Unsaid::NoCertificate | Unsaid::Status(400..=499) => Kind::WrongSignature,
        Unsaid::Busy | Unsaid::Away(_) | Unsaid::Status(_) => Kind::Unavailable,
    };
    Problem::new(kind, unsaid.to_string())
}

/// `None` where it was answered before; an error while the first one is under way.
fn begin<'w>(worker: &'w Worker, client: &Arc<str>, key: &str) -> Result<Option<Begun<'w>>, Problem> {
    match worker.shared().hook_events.begin(client, key, 0) {
        Seen::New(begun) => Ok(Some(begun)),
        Seen::UnderWay => Err(Problem::new(Kind::UnderWay, "send it again")),
        Seen::Answered(_) | Seen::Another => Ok(None),
    }
}

async fn take(worker: &Worker, hook: &Hook, request: &Request<'_>) -> Result<Answer, Problem> {
    let metrics = &worker.shared().metrics;
    let mut answer = HookAnswer::default();
    let events = hook.read(request).inspect_err(|_| metrics.hook(&hook.name, "failed"))?;
    let mut told = Vec::new();
    for event in events {
        match event {
            Event::Said(said) => told.push(said),
            Event::Silent { .. } => answer.silent += 1,
            Event::Unknown { name } | Event::Nameless { name } => {
                tracing::warn!(
                    hook = hook.name,
                    event = name,
                    "an event that says nothing we know, or of nobody we know"
                );
                worker.shared().aside.keep(&hook.name, &name, worker.now());
                answer.unknown += 1;
            }
            Event::Confirm { url } => match confirm(hook, &url).await {
                Ok(()) => answer.confirmed += 1,
                Err(problem) if problem.kind == Kind::Unavailable => return Err(problem),
                Err(_) => answer.unknown += 1,
            },
        }
    }
    // Opt-ins may be refused, and no opt-out with them.
    let (outs, ins): (Vec<Told>, Vec<Told>) =
        told.into_iter().partition(|told| told.statement.direction == Direction::Out);
    for told in [outs, ins] {
        accept(worker, hook, told, &mut answer).await?;
    }
    for (outcome, count) in [
        ("accepted", answer.accepted),
        ("repeated", answer.repeated),
        ("silent", answer.silent),
        ("confirmed", answer.confirmed),
        ("unknown", answer.unknown),
    ] {
        (0..count).for_each(|_| metrics.hook(&hook.name, outcome));
    }
    Ok(json(&answer))
}

/// Once more is as good as once.
async fn confirm(hook: &Hook, url: &str) -> Result<(), Problem> {
    let amazon = hook.amazon.as_ref().ok_or_else(|| Problem::new(Kind::NotFound, "nobody confirms that"))?;
    amazon.confirm(url).await.map_err(|unsaid| not_said(hook, &unsaid))?;
    tracing::info!(hook = hook.name, "confirmed to Amazon SNS that it may post here");
    Ok(())
}

async fn accept(
    worker: &Worker,
    hook: &Hook,
    told: Vec<Told>,
    answer: &mut HookAnswer,
) -> Result<(), Problem> {
    let shared = worker.shared();
    let client: Arc<str> = format!("hook event {}", hook.name).into();
    let (mut said, mut begun, mut busy) = (Vec::new(), HashMap::new(), None);
    for Told { identifier, statement, event_id, event } in told {
        let Ok(identifier) = identifier.normalised(&shared.normaliser) else {
            tracing::warn!(hook = hook.name, event, "an event about an identifier that cannot be read");
            shared.aside.keep(&hook.name, event, worker.now());
            answer.unknown += 1;
            continue;
        };
        let keys = shared.keyring.signal_keys(&identifier);
        let Some(id) = event_id else {
            said.push(Said { keys, statement, batch: None });
            continue;
        };
        // One event may be about several people, and is a repetition for each of them alone.
        let id = format!("{id} of {:?}", keys.primary.key);
        let seen = if begun.contains_key(&id) { Ok(None) } else { begin(worker, &client, &id) };
        let batch = batch(worker, hook, &id, &keys, &statement);
        match (seen, batch) {
            (Ok(Some(one)), Ok(Known::New(batch))) => {
                begun.insert(id, one);
                said.push(Said { keys, statement, batch });
            }
            (Ok(None), _) | (_, Ok(Known::Repeated)) => answer.repeated += 1,
            (Err(problem), _) | (_, Err(problem)) => busy = Some(problem),
        }
    }
    let count = said.len();
    if !said.is_empty() {
        shared.intake()?.accept(said).await.map_err(refusal)?;
    }
    begun.into_values().for_each(|one| one.answered(Bytes::new()));
    answer.accepted += count;
    busy.map_or(Ok(()), Err)
}

/// What the list knows of an event.
enum Known {
    New(Option<BatchId>),
    Repeated,
}

/// The batch of an event. Dated or not, an opt-out that is said again is the same or stands a while longer. An opt-in that
/// has no date, said again after an opt-out, would stand above that: so its event is known by its batch, everywhere and
/// for good.
fn batch(
    worker: &Worker,
    hook: &Hook,
    id: &str,
    keys: &SignalKeys,
    statement: &Statement,
) -> Result<Known, Problem> {
    // A date that is still to come is taken for now, each time.
    let now = worker.now();
    let is_dated = statement.stated_at.is_some_and(|at| at.clamped_to(now) == at);
    if statement.direction == Direction::Out || is_dated {
        return Ok(Known::New(None));
    }
    let batch = BatchId::of_event(worker.shared().keyring.stand_in(&format!("{} {id}", hook.name)));
    let published = worker.list()?;
    let age_micros = published.sighting.age_micros(now, Instant::now().into_std());
    let age_max_s = worker.set_up().config.verdicts.list_age_max_s;
    // An old list may not know it yet; an opt-in can wait.
    if age_max_s != 0 && age_micros / 1_000_000 > i64::try_from(age_max_s).unwrap_or(i64::MAX) {
        return Err(Problem::new(
            Kind::Unavailable,
            "the list is too old to tell whether this was said before",
        ));
    }
    let state = published.snapshot.state(&keys.primary.key);
    let state = state.map_err(|error| Problem::of_list(&error))?;
    let Statement { mechanism, scope, claimant, .. } = statement.clone();
    let claim = Claim { mechanism, scope, claimant, batch: batch.clone() };
    let is_known = state
        .is_some_and(|state| state.has_event(&claim, statement.direction, &published.snapshot.retractions));
    Ok(if is_known { Known::Repeated } else { Known::New(Some(batch)) })
}
