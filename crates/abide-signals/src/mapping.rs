//! Any JSON to statements, by a mapping file: a new integration needs no code.
//!
//! ```toml
//! claimant = "shop"              # whose word it is
//! select = ".events[]"           # the events in a body; all of it if not said
//!
//! [[signal]]
//! when = '.type == "unsubscribed"'
//! email = ".user.email"          # or phone, user_id, maid, push_token, cookie, ip, email_domain
//! mechanism = "email.list"
//! scope = { jq = '"list:" + .list' }
//! at = ".time"                   # RFC 3339, or seconds or milliseconds since 1970
//! id = ".id"
//! ```
//!
//! Identifiers, `when`, `at` and `id` are jq expressions. `mechanism`, `scope` and `claimant` are fixed, or
//! computed as `{ jq = "…" }`. `direction = "in"` takes the claimant's own word back; as the person's own
//! (`claimant = "person"`) it needs a `proof` and `recorded_by`.
//!
//! **Bounded.** Expressions come with the configuration and events from outside, so an event must not be
//! able to make an expression run for ever: what can loop or recurse (`def`, `range`, `until`, `recurse(f)`
//! and the like) or reach out of the event (`env`, `input`, `now`) is not offered, so every expression ends; it is
//! as long as 2,000 characters, gives one value, and a body has at most 10,000 events. An expression that
//! fails on an event makes a [`MappingFault`] of that event with the line of the file, and shows nothing of it.

mod expression;

use std::{str::FromStr, sync::Arc};

use abide_model::{Claimant, Direction, IdentifierKind, Mechanism, Proof, Scope, Time, signal::Statement};
use jaq_json::Val;
use serde::Deserialize;
use serde_json::Value as Json;
use toml::Spanned;

use crate::hooks::RawIdentifier;
use expression::Expression;

/// Of one body.
const EVENTS_MAX: usize = 10_000;

/// A mapping file, compiled.
#[derive(Debug)]
pub struct Mapping {
    claimant: Setting<Claimant>,
    select: Option<Expression>,
    signals: Vec<Rule>,
}

/// One `[[signal]]`.
#[derive(Debug)]
struct Rule {
    when: Option<Expression>,
    identifiers: Vec<(IdentifierKind, Expression)>,
    mechanism: Setting<Mechanism>,
    scope: Setting<Scope>,
    claimant: Option<Setting<Claimant>>,
    direction: Direction,
    proof: Option<Proof>,
    recorded_by: Option<Arc<str>>,
    at: Option<Expression>,
    id: Option<Expression>,
    line: usize,
}

#[derive(Debug)]
enum Setting<T> {
    Fixed(T),
    Computed(Expression),
}

/// One statement that an event makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapped {
    pub identifier: RawIdentifier,
    pub statement: Statement,
    /// As the event says; the same again is a repetition.
    pub event_id: Option<String>,
    /// Of the `[[signal]]` in the file, counted from 1.
    pub line: usize,
}

/// Why a mapping file is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct InvalidMapping {
    pub line: usize,
    pub what: String,
}

/// What an event made of an expression that is no good. It shows nothing of the event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct MappingFault {
    /// Of the expression in the file; 0 where the body itself is no good.
    pub line: usize,
    pub what: &'static str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    claimant: Spanned<Text>,
    select: Option<Spanned<String>>,
    signal: Vec<Spanned<SignalTable>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignalTable {
    when: Option<Spanned<String>>,
    mechanism: Spanned<Text>,
    scope: Option<Spanned<Text>>,
    claimant: Option<Spanned<Text>>,
    direction: Option<Spanned<String>>,
    proof: Option<Spanned<String>>,
    recorded_by: Option<String>,
    at: Option<Spanned<String>>,
    id: Option<Spanned<String>>,
    email: Option<Spanned<String>>,
    phone: Option<Spanned<String>>,
    user_id: Option<Spanned<String>>,
    maid: Option<Spanned<String>>,
    push_token: Option<Spanned<String>>,
    cookie: Option<Spanned<String>>,
    ip: Option<Spanned<String>>,
    email_domain: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Text {
    Fixed(String),
    Computed { jq: String },
}

impl Mapping {
    pub fn parse(text: &str) -> Result<Self, InvalidMapping> {
        let line_of = |at: usize| 1 + text[..at.min(text.len())].matches('\n').count();
        let file: File = toml::from_str(text).map_err(|error| InvalidMapping {
            line: error.span().map_or(1, |span| line_of(span.start)),
            what: error.message().to_owned(),
        })?;
        let claimant = setting(file.claimant, &line_of)?;
        let select = file.select.map(|select| expression(&select, "select", &line_of)).transpose()?;
        let signals = file.signal.into_iter().map(|table| rule(table, &line_of)).collect::<Result<_, _>>()?;
        Ok(Self { claimant, select, signals })
    }

    /// All statements of a body, those that can be made; an expression that fails is a fault of its own.
    ///
    /// # Errors
    ///
    /// Where the body cannot be taken apart into events: it is no JSON, or `select` fails on it.
    pub fn read(&self, body: &[u8]) -> Result<Vec<Result<Mapped, MappingFault>>, MappingFault> {
        let no_json = MappingFault { line: 0, what: "the body is not JSON" };
        // Its limit of depth keeps the other parser from running out of stack.
        serde_json::from_slice::<Json>(body).map_err(|_| no_json.clone())?;
        let body = jaq_json::read::parse_single(body).map_err(|_| no_json)?;
        let events = match &self.select {
            Some(select) => select.values(body, EVENTS_MAX)?,
            None => vec![body],
        };
        Ok(events.iter().flat_map(|event| self.event(event)).collect())
    }

    fn event(&self, event: &Val) -> Vec<Result<Mapped, MappingFault>> {
        let mut all = Vec::new();
        for rule in &self.signals {
            match rule.read(event, &self.claimant) {
                Ok(read) => all.extend(read),
                Err(fault) => all.push(Err(fault)),
            }
        }
        all
    }
}

impl Rule {
    /// Of each identifier what it says, or why it cannot be read; an error is of all of them.
    fn read(
        &self,
        event: &Val,
        claimant: &Setting<Claimant>,
    ) -> Result<Vec<Result<Mapped, MappingFault>>, MappingFault> {
        if let Some(when) = &self.when
            && !when.is_true(event)?
        {
            return Ok(Vec::new());
        }
        let mut read = Vec::new();
        let stated_at = match self.at.as_ref().map(|at| at.time(event)).transpose() {
            Ok(stated_at) => stated_at.flatten(),
            // An opt-out counts from now on, whenever it was said.
            Err(fault) if self.direction == Direction::Out => {
                read.push(Err(fault));
                None
            }
            Err(fault) => return Err(fault),
        };
        let statement = Statement {
            mechanism: self.mechanism.read(event)?,
            scope: self.scope.read(event)?,
            claimant: self.claimant.as_ref().unwrap_or(claimant).read(event)?,
            direction: self.direction,
            stated_at,
            proof: self.proof,
            recorded_by: self.recorded_by.clone(),
        };
        let fault = |what| MappingFault { line: self.line, what };
        statement.validate().map_err(|_| fault("an opt-in of the person needs `proof` and `recorded_by`"))?;
        let event_id = self.id.as_ref().map(|id| id.text(event)).transpose()?.flatten();
        let said_of = |kind, text| Mapped {
            identifier: RawIdentifier::new(kind, text),
            statement: statement.clone(),
            event_id: event_id.clone(),
            line: self.line,
        };
        let texts = self.identifiers.iter().map(|(kind, text)| (*kind, text.text(event)));
        read.extend(texts.filter_map(|(kind, text)| Some(text.transpose()?.map(|text| said_of(kind, text)))));
        if read.is_empty() { Err(fault("it says out, and has none of the identifiers")) } else { Ok(read) }
    }
}

impl<T: FromStr + Clone> Setting<T> {
    fn read(&self, event: &Val) -> Result<T, MappingFault> {
        match self {
            Self::Fixed(value) => Ok(value.clone()),
            Self::Computed(expression) => {
                let text = expression.text(event)?.ok_or(expression.fault("it gives nothing"))?;
                text.parse().map_err(|_| expression.fault("what it gives is not what is wanted here"))
            }
        }
    }
}

fn rule(table: Spanned<SignalTable>, line_of: &dyn Fn(usize) -> usize) -> Result<Rule, InvalidMapping> {
    let line = line_of(table.span().start);
    let table = table.into_inner();
    let by_kind = [
        (IdentifierKind::Email, table.email),
        (IdentifierKind::Phone, table.phone),
        (IdentifierKind::UserId, table.user_id),
        (IdentifierKind::Maid, table.maid),
        (IdentifierKind::PushToken, table.push_token),
        (IdentifierKind::Cookie, table.cookie),
        (IdentifierKind::Ip, table.ip),
        (IdentifierKind::EmailDomain, table.email_domain),
    ];
    let identifiers = by_kind
        .into_iter()
        .filter_map(|(kind, jq)| Some((kind, jq?)))
        .map(|(kind, jq)| Ok((kind, expression(&jq, kind.as_str(), line_of)?)))
        .collect::<Result<Vec<_>, _>>()?;
    if identifiers.is_empty() {
        return Err(InvalidMapping {
            line,
            what: "a signal needs an identifier, such as `email`".to_owned(),
        });
    }
    let direction = match table.direction {
        None => Direction::Out,
        Some(word) => match word.as_ref().as_str() {
            "out" => Direction::Out,
            "in" => Direction::In,
            _ => {
                return Err(InvalidMapping {
                    line: line_of(word.span().start),
                    what: "`direction` is `out` or `in`".to_owned(),
                });
            }
        },
    };
    let proof = table.proof.map(|proof| {
        let line = line_of(proof.span().start);
        proof
            .as_ref()
            .parse()
            .map_err(|error: &str| InvalidMapping { line, what: format!("`proof` is {error}") })
    });
    let optional =
        |jq: Option<Spanned<String>>, name| jq.map(|jq| expression(&jq, name, line_of)).transpose();
    Ok(Rule {
        when: optional(table.when, "when")?,
        identifiers,
        mechanism: setting(table.mechanism, line_of)?,
        scope: table.scope.map_or(Ok(Setting::Fixed(Scope::Everyone)), |scope| setting(scope, line_of))?,
        claimant: table.claimant.map(|claimant| setting(claimant, line_of)).transpose()?,
        direction,
        proof: proof.transpose()?,
        recorded_by: table.recorded_by.map(Into::into),
        at: optional(table.at, "at")?,
        id: optional(table.id, "id")?,
        line,
    })
}

fn setting<T>(text: Spanned<Text>, line_of: &dyn Fn(usize) -> usize) -> Result<Setting<T>, InvalidMapping>
where
    T: FromStr<Err: ToString>,
{
    let line = line_of(text.span().start);
    match text.into_inner() {
        Text::Fixed(text) => text
            .parse()
            .map(Setting::Fixed)
            .map_err(|error: T::Err| InvalidMapping { line, what: error.to_string() }),
        Text::Computed { jq } => Expression::compile(&jq, line).map(Setting::Computed),
    }
}

fn expression(
    jq: &Spanned<String>,
    name: &str,
    line_of: &dyn Fn(usize) -> usize,
) -> Result<Expression, InvalidMapping> {
    let line = line_of(jq.span().start);
    Expression::compile(jq.as_ref(), line)
        .map_err(|error| InvalidMapping { what: format!("`{name}`: {}", error.what), ..error })
}

/// Seconds or milliseconds: no date before 5138 is as many seconds as this.
fn time_of(number: f64) -> Option<Time> {
    const SECONDS_MAX: f64 = 1e11;
    const MILLIS_MAX: f64 = 1e14;
    let micros = match number.abs() {
        n if n < SECONDS_MAX => number * 1e6,
        n if n < MILLIS_MAX => number * 1e3,
        _ => return None,
    };
    #[expect(clippy::cast_possible_truncation, reason = "bounded above")]
    Some(Time::from_micros(micros.round() as i64))
}
