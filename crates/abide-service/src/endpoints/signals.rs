//! `POST /v1/signals`: somebody said "do not", or "do again". Answered when it is durable and in force here.

use std::{borrow::Cow, iter};

use abide_journal::Right;
use abide_model::{Claimant, Direction, IdentifierKind, Mechanism, Proof, SaidBy, Time, signal::Statement};
use bytes::Bytes;
use futures::future::LocalBoxFuture;
use hyper::header::HeaderName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{mechanism, scope};
use crate::{
    access::Caller,
    ask::{Answer, Ask, MediaType, answer},
    consent::ConsentBody,
    intake::{Accepted, Refused, Said, Seen},
    problem::{Kind, Problem},
    wire::Subject,
    worker::Worker,
};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const KEY_LENGTH_MAX: usize = 255;

/// One statement about one person.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignalBody<'a> {
    /// Whom it is about: it is said of each of these identifiers.
    #[serde(borrow)]
    subject: Subject<'a>,
    /// How it was said, e.g. `email.unsubscribe` (`abide mechanisms` lists them).
    #[serde(borrow)]
    mechanism: Option<Cow<'a, str>>,
    /// Instead of a mechanism: what the person's browser or app sent. Each opt-out in it is a statement; what it does not
    /// refuse says nothing.
    #[serde(borrow)]
    consent: Option<ConsentBody<'a>>,
    /// For whom: `*`, `brand:NAME`, `list:NAME` or `sender:NUMBER`; `*` if it is left out.
    #[serde(borrow)]
    scope: Option<Cow<'a, str>>,
    #[serde(default)]
    direction: DirectionWord,
    /// Whose word it is, if it is a source's and not the person's own.
    #[serde(borrow)]
    source: Option<Cow<'a, str>>,
    /// When it was said, in RFC 3339; now, if it is left out.
    #[serde(borrow)]
    at: Option<Cow<'a, str>>,
    /// What shows that an opt-in is the person's own.
    proof: Option<ProofWord>,
    /// Who recorded it: a web form, a call centre, an integration.
    #[serde(borrow)]
    recorded_by: Option<Cow<'a, str>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum DirectionWord {
    #[default]
    Out,
    In,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ProofWord {
    DoubleOptIn,
    Handset,
    Login,
    Signed,
}

/// One, or many.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "describes what is read by hand, so that errors say where they are")]
pub(crate) enum SignalsRequest {
    One(Box<SignalBody<'static>>),
    Many(Vec<SignalBody<'static>>),
}

#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct SignalsAnswer {
    /// How many of the statements are durable now.
    accepted: usize,
    /// Where they stand: ask for it at `/v1/in-force/{token}`. Missing while they are on this node's disk only.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    durable: DurableWord,
    /// In force on the node that answers.
    in_force: bool,
    /// Which of the statements say nothing that could be recorded, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refused: Vec<RefusedBody>,
    /// What of consents could not be understood, beside what was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    not_understood: Vec<RefusedBody>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum DurableWord {
    /// In the store, for everyone.
    Store,
    /// On this node's disk, until the store can be reached again.
    Node,
}

#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
struct RefusedBody {
    /// From 0 on.
    at: usize,
    why: String,
}

pub(crate) fn signals(worker: &Worker, mut ask: Ask) -> LocalBoxFuture<'_, Result<Answer, Problem>> {
    Box::pin(async move {
        let media_type = ask.media_type()?;
        let set_up = worker.set_up();
        let limits = set_up.limits();
        let body = ask.read_body(limits.batch_bytes, limits).await?;
        let Some(key) = idempotency_key(&ask)? else {
            return Ok(answer(MediaType::Json, take(worker, &ask.caller, media_type, &body).await?));
        };
        let begun = match worker.shared().once.begin(&ask.caller.client(), &key, digest(&body)) {
            Seen::New(begun) => begun,
            Seen::Answered(earlier) => return Ok(answer(MediaType::Json, earlier)),
            Seen::UnderWay => return Err(Problem::new(Kind::UnderWay, "try again when that is answered")),
            Seen::Another => return Err(Problem::new(Kind::KeyReused, "use a new key for another request")),
        };
        let taken = take(worker, &ask.caller, media_type, &body).await?;
        begun.answered(taken.clone());
        Ok(answer(MediaType::Json, taken))
    })
}

fn idempotency_key(ask: &Ask) -> Result<Option<String>, Problem> {
    let Some(value) = ask.head.headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| !key.is_empty() && key.len() <= KEY_LENGTH_MAX);
    key.map(|key| Some(key.to_owned()))
        .ok_or_else(|| Problem::invalid("an idempotency key has 1 to 255 ASCII characters"))
}

/// Not secret and not stored: it only tells whether the same key came with the same body.
fn digest(body: &[u8]) -> u64 {
    use std::hash::{DefaultHasher, Hasher as _};
    let mut hasher = DefaultHasher::new();
    hasher.write(body);
    hasher.finish()
}

async fn take(
    worker: &Worker,
    caller: &Caller,
    media_type: MediaType,
    body: &[u8],
) -> Result<Bytes, Problem> {
    let signals_max = worker.set_up().limits().signals;
    let read = match media_type {
        MediaType::Json => read_json(body)?,
        MediaType::Ndjson | MediaType::Arrow => read_lines(body),
    };
    if read.len() > signals_max {
        return Err(Problem::new(Kind::TooLarge, format!("there are more than {signals_max} signals")));
    }
    let now = worker.now();
    let (mut said, mut refused) = (Vec::with_capacity(read.len()), Vec::new());
    let (mut accepted, mut is_any_silent, mut not_understood) = (0, false, Vec::new());
    for (at, body) in read.into_iter().enumerate() {
        match body.and_then(|body| statements(worker, &body, now)) {
            Ok((of_one, faults)) => {
                accepted += usize::from(!of_one.is_empty());
                is_any_silent |= of_one.is_empty();
                said.extend(of_one);
                not_understood.extend(faults.into_iter().map(|why| RefusedBody { at, why }));
            }
            Err(why) => refused.push(RefusedBody { at, why }),
        }
    }
    if said.is_empty() && !is_any_silent {
        let first = refused.into_iter().next().map(|refused| refused.why);
        return Err(Problem::invalid(first.unwrap_or_else(|| "there is no signal".to_owned())));
    }
    for one in &said {
        caller.require(match one.statement.direction {
            Direction::Out => Right::SignalsOut,
            Direction::In => Right::SignalsIn,
        })?;
    }
    let (token, durable, in_force) = if said.is_empty() {
        // Nobody refused anything, and nothing is to be made durable.
        (None, DurableWord::Store, true)
    } else {
        let (token, durable) = match worker.shared().intake()?.accept(said).await.map_err(refusal)? {
            Accepted::Store(token) => (Some(token.to_string()), DurableWord::Store),
            Accepted::Node => (None, DurableWord::Node),
        };
        (token, durable, worker.shared().list.current().is_some())
    };
    let body = SignalsAnswer { accepted, token, durable, in_force, refused, not_understood };
    Ok(serde_json::to_vec(&body).expect("strings and numbers become JSON").into())
}

pub(crate) fn refusal(refused: Refused) -> Problem {
    match refused {
        Refused::Full | Refused::Stopping => Problem::new(Kind::Unavailable, refused.to_string()),
        Refused::Failed { kind, why } => Problem::of_kind(kind, why),
    }
}

type Read<'a> = Vec<Result<SignalBody<'a>, String>>;

fn read_json(body: &[u8]) -> Result<Read<'_>, Problem> {
    let is_many = body.trim_ascii_start().starts_with(b"[");
    let wrong = |error: serde_json::Error| Problem::of_json(&error);
    if !is_many {
        return Ok(vec![Ok(serde_json::from_slice(body).map_err(wrong)?)]);
    }
    // First taken apart, so that one that is wrong does not cost the others.
    let parts: Vec<&serde_json::value::RawValue> = serde_json::from_slice(body).map_err(wrong)?;
    Ok(parts.into_iter().map(|part| read_one(part.get().as_bytes())).collect())
}

fn read_lines(body: &[u8]) -> Read<'_> {
    let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    lines.map(read_one).collect()
}

fn read_one(text: &[u8]) -> Result<SignalBody<'_>, String> {
    serde_json::from_slice(text).map_err(|error| Problem::of_json(&error).detail)
}

/// What is said of each identifier of a person. In the errors stands no word that the client sent.
fn statements(worker: &Worker, body: &SignalBody<'_>, now: Time) -> Result<(Vec<Said>, Vec<String>), String> {
    let shared = worker.shared();
    let written = body.subject.decoded()?;
    if written.is_empty() || written.len() > worker.set_up().limits().identifiers {
        return Err("a signal is about one person with at least one identifier, and not too many".to_owned());
    }
    let (statements, faults) = match (&body.mechanism, &body.consent) {
        (Some(named), None) => (vec![statement(body, mechanism(named)?, now)?], Vec::new()),
        (None, Some(consent)) => consented(body, consent, now)?,
        _ => return Err("a signal has a `mechanism`, or a `consent`".to_owned()),
    };
    let mut said = Vec::new();
    for written in written {
        let identifier = written.read(&shared.normaliser).map_err(|error| error.to_string())?;
        let keys = iter::repeat_n(shared.keyring.signal_keys(&identifier), statements.len());
        for (keys, statement) in keys.zip(&statements) {
            check_domain_mechanism(identifier.kind(), &statement.mechanism)?;
            said.push(Said { keys, statement: statement.clone(), batch: None });
        }
    }
    Ok((said, faults))
}

/// What a consent refuses, and what of it could not be understood; an error if that is all there is.
fn consented(
    body: &SignalBody<'_>,
    consent: &ConsentBody<'_>,
    now: Time,
) -> Result<(Vec<Statement>, Vec<String>), String> {
    if body.direction == DirectionWord::In || body.proof.is_some() || body.source.is_some() {
        return Err(
            "a consent gives opt-outs of the person only; leave direction, proof and source out".to_owned()
        );
    }
    let found = consent.read();
    let faults: Vec<String> = found.faults.iter().map(ToString::to_string).collect();
    if found.statements.is_empty()
        && let Some(first) = faults.first()
    {
        return Err(first.clone());
    }
    let dated = |said: Statement| statement(body, said.mechanism, now);
    Ok((found.statements.into_iter().map(dated).collect::<Result<_, _>>()?, faults))
}

fn statement(body: &SignalBody<'_>, mechanism: Mechanism, now: Time) -> Result<Statement, String> {
    let claimant = match (&body.source, mechanism.spec().said_by) {
        (Some(source), _) => {
            source.parse().map_err(|error: abide_model::claimant::InvalidClaimant| error.to_string())?
        }
        (None, SaidBy::Person) => Claimant::Person,
        (None, SaidBy::Source) => return Err("this is the word of a source; name it as `source`".to_owned()),
    };
    let scope = scope(body.scope.as_deref())?;
    let stated_at = match &body.at {
        None => None,
        Some(at) => Some(
            Time::parse_rfc3339(at)
                .filter(|at| *at <= now)
                .ok_or_else(|| "`at` is a time in the past, such as 2026-11-22T10:00:00Z".to_owned())?,
        ),
    };
    let recorded_by = match body.recorded_by.as_deref() {
        Some(name) if name.len() > 128 || name.chars().any(char::is_control) => {
            return Err("`recorded_by` has up to 128 characters".to_owned());
        }
        name => name.map(Into::into),
    };
    let statement = Statement {
        scope,
        stated_at,
        recorded_by,
        direction: match body.direction {
            DirectionWord::Out => Direction::Out,
            DirectionWord::In => Direction::In,
        },
        proof: body.proof.map(|proof| match proof {
            ProofWord::DoubleOptIn => Proof::DoubleOptIn,
            ProofWord::Handset => Proof::Handset,
            ProofWord::Login => Proof::Login,
            ProofWord::Signed => Proof::Signed,
        }),
        ..Statement::out(mechanism, claimant)
    };
    statement.validate().map_err(|_| {
        "an opt-in counts as the person's only with `proof` and `recorded_by`; else name the `source` whose word it is"
            .to_owned()
    })?;
    Ok(statement)
}

fn check_domain_mechanism(kind: IdentifierKind, mechanism: &Mechanism) -> Result<(), String> {
    if !mechanism.can_be_said_of(kind) {
        return Err(
            "this mechanism says nothing about e-mail, so it cannot be said of an e-mail domain".to_owned()
        );
    }
    Ok(())
}
