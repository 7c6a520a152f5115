//! `POST /v1/filter`: which of these people may this be done to? Answers stand in the order of the questions.

use std::{borrow::Cow, ops::Range, sync::Arc};

use abide_enforce::{Judgement, Options, Part};
use abide_journal::Right;
use abide_model::{Action, Context, Tally, Uncertain, Verdict};
use futures::future::LocalBoxFuture;
use hyper::header::HeaderValue;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{action, check_context, effect, options, verdict_body};
use crate::{
    arrow::{self, Bounds},
    ask::{Answer, Ask, MediaType, answer},
    desk::{Found, Question, parts},
    list::Published,
    problem::{Kind, Problem},
    wire::{OnDoubt, StampBody, Subject, UncoveredWish, VerdictBody, Wishes, WrittenContext},
    worker::Worker,
};

const POINT: &str = "filter";

/// Few judgements are distinct, and those of a batch are one value each: so many of them are looked for.
const SAME_MAX: usize = 16;

/// So many people are judged before others get their turn on this thread.
const TURN: usize = 2_048;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FilterRequest<'a> {
    /// What is about to be done, e.g. `contact.email`.
    #[serde(borrow)]
    action: Cow<'a, str>,
    #[serde(borrow)]
    subjects: Vec<Subject<'a>>,
    #[serde(default)]
    context: WrittenContext,
    on_cannot_tell: Option<OnDoubt>,
    /// How old the list may be, in milliseconds.
    list_age_max_ms: Option<u32>,
    /// Another identifier that cannot be read makes it `cannot_tell`.
    strict: Option<bool>,
    uncovered: Option<UncoveredWish>,
    /// Also why, for each.
    #[serde(default)]
    explain: bool,
}

/// What is answered, for `/openapi.json`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FilterAnswer {
    action: String,
    #[serde(flatten)]
    stamp: StampBody,
    tally: TallyBody,
    /// One for each subject, in their order.
    verdicts: Vec<VerdictBody<'static>>,
}

/// `seen` is the sum of the others.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TallyBody {
    seen: u64,
    allowed: u64,
    blocked: u64,
    cannot_tell: u64,
    failed: u64,
}

impl From<Tally> for TallyBody {
    fn from(tally: Tally) -> Self {
        let Tally { seen, allowed, blocked, cannot_tell, failed } = tally;
        Self { seen, allowed, blocked, cannot_tell, failed }
    }
}

pub(crate) fn filter(worker: &Worker, mut ask: Ask) -> LocalBoxFuture<'_, Result<Answer, Problem>> {
    Box::pin(async move {
        let media_type = ask.media_type_of_many()?;
        let published = worker.list()?;
        let set_up = worker.set_up();
        let limits = set_up.limits();
        let body = ask.read_body(limits.batch_bytes, limits).await?;
        let (request, subjects) = match media_type {
            MediaType::Json => read_json(&body)?,
            MediaType::Ndjson => (read_query(&ask)?, read_lines(&body)),
            MediaType::Arrow => {
                let bounds = Bounds { subjects: limits.filter_subjects, bytes: limits.batch_bytes };
                (read_query(&ask)?, arrow::read(&body, bounds)?)
            }
        };
        if subjects.len() > limits.filter_subjects {
            return Err(Problem::new(
                Kind::TooLarge,
                format!("there are more than {} subjects", limits.filter_subjects),
            ));
        }
        ask.caller.spend_checks(subjects.len(), worker.now())?;
        if request.wishes.explain {
            if media_type == MediaType::Arrow {
                return Err(Problem::invalid("`explain` is answered as JSON"));
            }
            ask.caller.require(Right::Explain)?;
            ask.caller.spend_explains(subjects.len(), worker.now())?;
        }
        check_context(&published, &request.context)?;
        let (options, on_doubt) = options(worker, &published, &request.wishes);
        let found = judge(worker, &published, &request, options, &subjects).await?;
        let tally = count(worker, &published, &request.action, &found);
        if media_type == MediaType::Arrow {
            return write_columns(&published, on_doubt, &found, tally);
        }
        write(media_type, &published, &request, on_doubt, &found, tally)
    })
}

/// What is asked of all subjects.
#[derive(Debug)]
struct Request {
    action: Action,
    context: Context,
    wishes: Wishes,
}

fn read_json(body: &[u8]) -> Result<(Request, Vec<Subject<'_>>), Problem> {
    let read: FilterRequest<'_> = serde_json::from_slice(body).map_err(|error| Problem::of_json(&error))?;
    let wishes = Wishes {
        on_cannot_tell: read.on_cannot_tell,
        list_age_max_ms: read.list_age_max_ms,
        strict: read.strict,
        uncovered: read.uncovered,
        explain: read.explain,
    };
    Ok((Request { action: action(&read.action)?, context: read.context.0, wishes }, read.subjects))
}

/// `?action=contact.email&context.purpose=marketing&explain=true`
fn read_query(ask: &Ask) -> Result<Request, Problem> {
    let mut named = None;
    let mut context = Context::default();
    let mut wishes = Wishes::default();
    for (name, value) in ask.query() {
        let wrong = || Problem::invalid("a parameter of the query has a value that is not taken here");
        match &*name {
            "action" => named = Some(action(&value)?),
            "explain" => wishes.explain = value.parse().map_err(|_| wrong())?,
            "strict" => wishes.strict = Some(value.parse().map_err(|_| wrong())?),
            "list_age_max_ms" => wishes.list_age_max_ms = Some(value.parse().map_err(|_| wrong())?),
            "on_cannot_tell" => wishes.on_cannot_tell = Some(word(&value).ok_or_else(wrong)?),
            "uncovered" => wishes.uncovered = Some(word(&value).ok_or_else(wrong)?),
            other => match other.strip_prefix("context.") {
                Some(attribute) => context.set(attribute, &value),
                None => return Err(Problem::invalid("the query has a parameter that does not exist")),
            },
        }
    }
    let action = named.ok_or_else(|| Problem::invalid("the query names no `action`"))?;
    Ok(Request { action, context, wishes })
}

fn word<T: for<'de> Deserialize<'de>>(text: &str) -> Option<T> {
    T::deserialize(serde::de::value::StrDeserializer::<serde::de::value::Error>::new(text)).ok()
}

/// A line that is no JSON is somebody who cannot be judged; an empty one is nobody.
fn read_lines(body: &[u8]) -> Vec<Subject<'_>> {
    let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    lines
        .map(|line| {
            let nobody = |_| Subject { written: Vec::new(), is_undecodable: true };
            serde_json::from_slice(line).unwrap_or_else(nobody)
        })
        .collect()
}

/// One answer for each subject, in their order.
async fn judge(
    worker: &Worker,
    published: &Arc<Published>,
    request: &Request,
    options: Options,
    subjects: &[Subject<'_>],
) -> Result<Vec<Found>, Problem> {
    let question = Question {
        action: &request.action,
        context: &request.context,
        options,
        with_segments: request.wishes.explain,
    };
    let identifiers_max = worker.set_up().limits().identifiers;
    let mut found = Vec::with_capacity(subjects.len());
    for turn in subjects.chunks(TURN) {
        if !found.is_empty() {
            tokio::task::yield_now().await;
        }
        let mut answers: Vec<Option<Found>> = turn.iter().map(|_| None).collect();
        for (shape, members) in alike(turn, identifiers_max) {
            let mut places = members.iter();
            let people = members.iter().map(|at| &turn[*at]);
            let judged = worker.desk().judge(published, &shape, people, &question, |one| {
                answers[*places.next().expect("one answer a person")] = Some(one);
            });
            judged.map_err(|error| Problem::of_list(&error))?;
        }
        found.extend(answers.into_iter().map(|answer| answer.unwrap_or_else(undecodable)));
    }
    Ok(found)
}

/// Those who come with the same kinds of identifiers are looked up together. Who cannot be decoded is in no group.
fn alike(turn: &[Subject<'_>], identifiers_max: usize) -> Vec<(Vec<Part>, Vec<usize>)> {
    let mut groups: Vec<(Vec<Part>, Vec<usize>)> = Vec::new();
    let mut shape = Vec::new();
    for (at, subject) in turn.iter().enumerate() {
        if subject.is_undecodable || subject.written.len() > identifiers_max {
            continue;
        }
        parts(subject, |_| false, &mut shape);
        match groups.iter_mut().find(|(known, _)| *known == shape) {
            Some((_, members)) => members.push(at),
            None => groups.push((shape.clone(), vec![at])),
        }
    }
    groups
}

fn undecodable() -> Found {
    let verdict = Verdict::CannotTell { why: Uncertain::Undecodable };
    Found { judgement: Arc::new(Judgement { verdict, partly: false }), segments: None }
}

fn count(worker: &Worker, published: &Published, action: &Action, found: &[Found]) -> Tally {
    let mut tally = Tally { seen: found.len() as u64, ..Tally::default() };
    let mut same: Vec<(&Arc<Judgement>, u64)> = Vec::new();
    for one in found {
        match same.iter_mut().take(SAME_MAX).find(|(judgement, _)| Arc::ptr_eq(judgement, &one.judgement)) {
            Some((_, count)) => *count += 1,
            None => same.push((&one.judgement, 1)),
        }
    }
    for (judgement, count) in same {
        match judgement.verdict {
            Verdict::Allow => tally.allowed += count,
            Verdict::Block { .. } => tally.blocked += count,
            Verdict::CannotTell { .. } => tally.cannot_tell += count,
        }
        worker.shared().metrics.verdicts(POINT, &published.snapshot.rules, action, judgement, count);
    }
    tally.assert_adds_up();
    tally
}

fn write_columns(
    published: &Published,
    on_doubt: OnDoubt,
    found: &[Found],
    tally: Tally,
) -> Result<Answer, Problem> {
    let mut answers = arrow::Answers::default();
    for one in found {
        answers.push(&verdict_body(one, effect(&one.judgement.verdict, on_doubt)?, false));
    }
    let tally = serde_json::to_string(&TallyBody::from(tally)).expect("numbers become JSON");
    let stamp = format!("{{{}}}", published.stamp);
    let columns = answers.finish([("abide.stamp", &stamp), ("abide.tally", &tally)]);
    let mut answer = answer(MediaType::Arrow, columns);
    stamp_head(&mut answer, &stamp, &tally);
    Ok(answer)
}

/// Where the body has no place for it.
fn stamp_head(answer: &mut Answer, stamp: &str, tally: &str) {
    let headers = answer.headers_mut();
    headers.insert("abide-stamp", HeaderValue::try_from(stamp).expect("ASCII, and no line breaks"));
    headers.insert("abide-tally", HeaderValue::try_from(tally).expect("ASCII"));
}

fn write(
    media_type: MediaType,
    published: &Published,
    request: &Request,
    on_doubt: OnDoubt,
    found: &[Found],
    tally: Tally,
) -> Result<Answer, Problem> {
    let mut text = Vec::with_capacity(64 * found.len() + 512);
    let tally = serde_json::to_string(&TallyBody::from(tally)).expect("numbers become JSON");
    let stamp = &published.stamp;
    if media_type == MediaType::Json {
        let head = format!("{{\"action\":\"{}\",{stamp},\"tally\":{tally},\"verdicts\":[", request.action);
        text.extend_from_slice(head.as_bytes());
    }
    // Where the answer to somebody of whom the same is known stands already.
    let mut same: Vec<(&Arc<Judgement>, Range<usize>)> = Vec::new();
    for (at, one) in found.iter().enumerate() {
        match media_type {
            MediaType::Json if at > 0 => text.push(b','),
            MediaType::Ndjson if at > 0 => text.push(b'\n'),
            _ => {}
        }
        let known = same.iter().find(|(judgement, _)| Arc::ptr_eq(judgement, &one.judgement));
        if let Some((_, place)) = known {
            text.extend_from_within(place.clone());
            continue;
        }
        let begin = text.len();
        let body = verdict_body(one, effect(&one.judgement.verdict, on_doubt)?, request.wishes.explain);
        serde_json::to_writer(&mut text, &body).expect("a vector takes everything");
        // Segments are everybody's own.
        if !request.wishes.explain && same.len() < SAME_MAX {
            same.push((&one.judgement, begin..text.len()));
        }
    }
    text.extend_from_slice(if media_type == MediaType::Json { b"]}" } else { b"\n" });
    let mut answer = answer(media_type, text);
    if media_type == MediaType::Ndjson {
        stamp_head(&mut answer, &format!("{{{stamp}}}"), &tally);
    }
    Ok(answer)
}
