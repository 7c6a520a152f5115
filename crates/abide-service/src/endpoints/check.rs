//! `POST /v1/check`: may this be done to this person?

use std::{borrow::Cow, sync::Arc};

use abide_enforce::{Judgement, Part};
use abide_index::IndexError;
use abide_journal::Right;
use abide_model::{BatchId, Identifier, IdentifierKind, Signal, Uncertain, Verdict, Written};
use futures::future::LocalBoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{action, check_context, effect, options, verdict_body};
use crate::{
    ask::{Answer, Ask, MediaType, answer},
    consent::ConsentBody,
    desk::{Found, Question, parts},
    list::{self, Published},
    problem::Problem,
    wire::{OnDoubt, ReadBody, StampBody, Subject, UncoveredWish, VerdictBody, Wishes, WrittenContext},
    worker::Worker,
};

pub(crate) const POINT: &str = "check";

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckRequest<'a> {
    /// What is about to be done, e.g. `contact.email`.
    #[serde(borrow)]
    action: Cow<'a, str>,
    /// All identifiers of the person that are at hand.
    #[serde(borrow, default)]
    subject: Subject<'a>,
    /// The identifier that the action goes to, where `subject` has several of its kind.
    #[serde(borrow, default)]
    to: Subject<'a>,
    #[serde(default)]
    context: WrittenContext,
    /// What the person's browser or app sent with the request that this is about: an opt-out in it counts for this
    /// answer, as if it had been said of each identifier just now. It is not kept; `/v1/signals` keeps it.
    #[serde(borrow)]
    consent: Option<ConsentBody<'a>>,
    on_cannot_tell: Option<OnDoubt>,
    /// How old the list may be, in milliseconds.
    list_age_max_ms: Option<u32>,
    /// Another identifier that cannot be read makes it `cannot_tell`.
    strict: Option<bool>,
    uncovered: Option<UncoveredWish>,
    /// Also why.
    #[serde(default)]
    explain: bool,
}

/// What is answered, for `/openapi.json`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CheckAnswer {
    action: String,
    #[serde(flatten)]
    stamp: StampBody,
    #[serde(flatten)]
    verdict: VerdictBody<'static>,
}

pub(crate) fn check(worker: &Worker, mut ask: Ask) -> LocalBoxFuture<'_, Result<Answer, Problem>> {
    Box::pin(async move {
        ask.json_only()?;
        let published = worker.list()?;
        let set_up = worker.set_up();
        let limits = set_up.limits();
        let body = ask.read_body(limits.single_bytes, limits).await?;
        let request: CheckRequest<'_> =
            serde_json::from_slice(&body).map_err(|error| Problem::of_json(&error))?;
        ask.caller.spend_checks(1, worker.now())?;
        if request.explain {
            ask.caller.require(Right::Explain)?;
            ask.caller.spend_explains(1, worker.now())?;
        }
        judge(worker, &published, request)
    })
}

fn judge(worker: &Worker, published: &Arc<Published>, request: CheckRequest<'_>) -> Result<Answer, Problem> {
    let CheckRequest {
        action: named, subject, to, context: WrittenContext(context), consent, explain, ..
    } = request;
    if subject.is_undecodable || to.is_undecodable {
        return Err(Problem::invalid(
            "an identifier is of a kind or form that does not exist, or is no text (see /openapi.json)",
        ));
    }
    if subject.written.len() + to.written.len() > worker.set_up().limits().identifiers {
        return Err(Problem::invalid("there are more identifiers than one person may come with"));
    }
    let action = action(&named)?;
    check_context(published, &context)?;
    let wishes = Wishes {
        on_cannot_tell: request.on_cannot_tell,
        list_age_max_ms: request.list_age_max_ms,
        strict: request.strict,
        uncovered: request.uncovered,
        explain,
    };
    let (options, on_doubt) = options(worker, published, &wishes);
    let question = Question { action: &action, context: &context, options, with_segments: explain };

    let goes_to = to.written.len();
    let mut all = to;
    all.written.extend(subject.written);
    let mut shape = Vec::with_capacity(all.written.len());
    parts(&all, |at| at < goes_to, &mut shape);
    let judged = match consent {
        None => worker.desk().judge_one(published, &shape, &all, &question),
        Some(consent) => judge_with(worker, published, &shape, &all, &consent, &question),
    };
    let found = judged.map_err(|error| Problem::of_list(&error))?;
    worker.shared().metrics.verdicts(POINT, &published.snapshot.rules, &action, &found.judgement, 1);

    let mut body = verdict_body(&found, effect(&found.judgement.verdict, on_doubt)?, explain);
    if explain {
        body.identifiers = Some(all.written.iter().map(|written| read_body(worker, written)).collect());
    }
    Ok(answer(MediaType::Json, write(&action, published, &body)))
}

/// Judges one person by the list and by what a consent says of each of their identifiers. What of it cannot be understood
/// might be an opt-out, so that an allow cannot be told.
fn judge_with(
    worker: &Worker,
    published: &Published,
    shape: &[Part],
    subject: &Subject<'_>,
    consent: &ConsentBody<'_>,
    question: &Question<'_>,
) -> Result<Found, IndexError> {
    let said = consent.read();
    let shared = worker.shared();
    // What cannot be read is said with the verdict.
    let readable = |written: &Written<'_>| written.read(&shared.normaliser).ok();
    let about: Vec<Identifier> = subject.written.iter().filter_map(readable).collect();
    let judge = |about: &[Identifier], shape: &[Part], subject: &Subject<'_>| {
        let now = worker.now();
        // Later than all that the list holds.
        let mut at = shared.list.clock().map_or(now, |clock| clock.max(now));
        let mut signals = Vec::new();
        for identifier in about {
            let keys = shared.keyring.signal_keys(identifier);
            for statement in &said.statements {
                at = at.successor();
                let signal = Signal::new(keys.clone(), statement.clone(), BatchId::live(now), now, at);
                signals.push(signal.expect("consents are opt-outs, which contradict nothing"));
            }
        }
        let snapshot = list::above(&published.snapshot, &signals, None)?;
        worker.desk().judge_apart(&snapshot, shape, subject, question)
    };
    if about.is_empty() && !said.statements.is_empty() {
        // Nobody can be read of whom it could be said. It is said by whoever comes with it all the same, so what it blocks is
        // blocked.
        let written =
            Written { kind: IdentifierKind::Cookie, form: None, text: "whoever comes with it".into() };
        let anybody = written.read(&shared.normaliser).expect("a cookie is any text");
        let shape = [Part { kind: anybody.kind(), to: false }];
        let found = judge(&[anybody], &shape, &Subject::of(vec![written]))?;
        if matches!(found.judgement.verdict, Verdict::Block { .. }) {
            return Ok(found);
        }
    }
    let mut found = judge(&about, shape, subject)?;
    if !said.faults.is_empty() && found.judgement.verdict == Verdict::Allow {
        let verdict = Verdict::CannotTell { why: Uncertain::Undecodable };
        found.judgement = Arc::new(Judgement { verdict, partly: found.judgement.partly });
    }
    Ok(found)
}

/// The action and the stamp, then the verdict.
fn write(action: &abide_model::Action, published: &Published, body: &VerdictBody<'_>) -> Vec<u8> {
    let mut text = Vec::with_capacity(512);
    text.extend_from_slice(b"{\"action\":\"");
    // Lower-case letters, dots and `_`: nothing to escape.
    text.extend_from_slice(action.as_str().as_bytes());
    text.extend_from_slice(b"\",");
    text.extend_from_slice(published.stamp.as_bytes());
    let at = text.len();
    serde_json::to_writer(&mut text, body).expect("a vector takes everything");
    text[at] = b',';
    text
}

fn read_body(worker: &Worker, written: &abide_model::Written<'_>) -> ReadBody {
    let kind = written.kind.as_str();
    match written.read(&worker.shared().normaliser) {
        Ok(identifier) => ReadBody { kind, hashed: Some(identifier.is_hashed()), error: None },
        Err(error) => ReadBody { kind, hashed: None, error: Some(error.to_string()) },
    }
}
