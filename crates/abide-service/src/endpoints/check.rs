//! `POST /v1/check`: may this be done to this person?

use std::{borrow::Cow, sync::Arc};

use abide_journal::Right;
use futures::future::LocalBoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{action, check_context, effect, options, verdict_body};
use crate::{
    ask::{Answer, Ask, MediaType, answer},
    desk::{Question, parts},
    list::Published,
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
        let limits = &worker.shared().config.limits;
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
    let CheckRequest { action: named, subject, to, context: WrittenContext(context), explain, .. } = request;
    if subject.is_undecodable || to.is_undecodable {
        return Err(Problem::invalid(
            "an identifier is of a kind or form that does not exist, or is no text (see /openapi.json)",
        ));
    }
    if subject.written.len() + to.written.len() > worker.shared().config.limits.identifiers {
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
    let (options, on_doubt) = options(worker, &wishes);
    let question = Question { action: &action, context: &context, options, with_segments: explain };

    let goes_to = to.written.len();
    let mut all = to;
    all.written.extend(subject.written);
    let mut shape = Vec::with_capacity(all.written.len());
    parts(&all, |at| at < goes_to, &mut shape);
    let mut found = None;
    let judged =
        worker.desk().judge(published, &shape, std::iter::once(&all), &question, |one| found = Some(one));
    judged.map_err(|error| Problem::of_list(&error))?;
    let found = found.expect("one person was asked about");
    worker.shared().metrics.verdict(POINT, &action, &found.judgement);

    let mut body = verdict_body(&found, effect(&found.judgement.verdict, on_doubt)?, explain);
    if explain {
        body.identifiers = Some(all.written.iter().map(|written| read_body(worker, written)).collect());
    }
    Ok(answer(MediaType::Json, write(&action, published, &body)))
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

fn read_body(worker: &Worker, written: &crate::wire::Written<'_>) -> ReadBody {
    let kind = written.kind.as_str();
    match written.read(&worker.shared().normaliser) {
        Ok(identifier) => ReadBody { kind, hashed: Some(identifier.is_hashed()), error: None },
        Err(error) => ReadBody { kind, hashed: None, error: Some(error.to_string()) },
    }
}
