//! One file for each endpoint: what it takes, what it answers.

pub(crate) mod aside;
pub(crate) mod authz;
pub(crate) mod check;
pub(crate) mod filter;
pub(crate) mod gpc;
pub(crate) mod health;
pub(crate) mod hooks;
pub(crate) mod in_force;
pub(crate) mod links;
pub(crate) mod openapi;
pub(crate) mod push;
pub(crate) mod reload;
pub(crate) mod rules;
pub(crate) mod signals;
pub(crate) mod unsubscribe;

use abide_enforce::{Judgement, Options, Uncovered};
use abide_model::{Action, Context, Mechanism, Scope, Verdict};
use tokio::time::Instant;

use crate::{
    config::Verdicts,
    desk::Found,
    list::Published,
    problem::{Kind, Problem},
    wire::{Effect, OnDoubt, UncoveredWish, VerdictBody, VerdictWord, Wishes},
    worker::Worker,
};

/// In the words of a refusal stands none of the client's.
pub(crate) fn mechanism(named: &str) -> Result<Mechanism, String> {
    named.parse().map_err(|_| "there is no such mechanism; `abide mechanisms` lists them".to_owned())
}

/// For everyone, if nobody was named.
pub(crate) fn scope(named: Option<&str>) -> Result<Scope, String> {
    let Some(named) = named else { return Ok(Scope::Everyone) };
    named.parse().map_err(|error: abide_model::scope::InvalidScope| error.to_string())
}

pub(crate) fn action(text: &str) -> Result<Action, Problem> {
    text.parse().map_err(|error: abide_model::action::InvalidAction| Problem::invalid(error.to_string()))
}

/// Refuses a context that the ruleset does not know, in words that repeat nothing of it.
pub(crate) fn check_context(published: &Published, context: &Context) -> Result<(), Problem> {
    let rules = &published.snapshot.rules;
    rules.check_context(context).map_err(|_| {
        let known: Vec<&str> = rules.context_attributes().iter().map(|attribute| &*attribute.name).collect();
        Problem::invalid(format!(
            "the context has an attribute or a value that the ruleset does not; its attributes are {}",
            known.join(", ")
        ))
    })
}

/// What a request wishes, and the server's choice for the rest.
pub(crate) fn options(worker: &Worker, published: &Published, wishes: &Wishes) -> (Options, OnDoubt) {
    let set_up = worker.set_up();
    let Verdicts { list_age_max_s, strict, uncovered, on_cannot_tell } = &set_up.config.verdicts;
    let uncovered = match wishes.uncovered {
        Some(UncoveredWish::Accept) => Uncovered::Accept,
        None if uncovered == "accept" => Uncovered::Accept,
        _ => Uncovered::CannotTell,
    };
    let list_age_max_micros = match wishes.list_age_max_ms {
        Some(ms) => Some(i64::from(ms) * 1_000),
        None if *list_age_max_s == 0 => None,
        None => Some(i64::try_from(*list_age_max_s).unwrap_or(i64::MAX).saturating_mul(1_000_000)),
    };
    let strict = wishes.strict.unwrap_or(*strict);
    let now = published.sighting.now(worker.now(), Instant::now().into_std());
    let options = Options { strict, uncovered, list_age_max_micros, now };
    let set_up: abide_model::OnCannotTell = on_cannot_tell.parse().expect("it was checked at the start");
    (options, wishes.on_cannot_tell.unwrap_or(set_up.into()))
}

/// What is done; an error where nothing can be told and that was wished to be one.
pub(crate) fn effect(verdict: &Verdict, on_doubt: OnDoubt) -> Result<Effect, Problem> {
    Ok(match (verdict, on_doubt) {
        (Verdict::Allow, _) | (Verdict::CannotTell { .. }, OnDoubt::Allow) => Effect::Allow,
        (Verdict::Block { .. }, _) | (Verdict::CannotTell { .. }, OnDoubt::Block) => Effect::Block,
        (Verdict::CannotTell { why }, OnDoubt::Fail) => {
            return Err(Problem::new(Kind::CannotTell, why.to_string()));
        }
    })
}

pub(crate) fn verdict_body(found: &Found, effect: Effect, explain: bool) -> VerdictBody<'_> {
    let Judgement { verdict, partly } = &*found.judgement;
    let mut body = VerdictBody {
        verdict: match verdict {
            Verdict::Allow => VerdictWord::Allow,
            Verdict::Block { .. } => VerdictWord::Block,
            Verdict::CannotTell { .. } => VerdictWord::CannotTell,
        },
        effect,
        partly_judged: *partly,
        cause: None,
        why: None,
        rules: Vec::new(),
        reasons: None,
        segments: None,
        identifiers: None,
    };
    match verdict {
        Verdict::Allow => {}
        Verdict::CannotTell { why } => {
            body.cause = Some(why.cause());
            body.why = Some(why.to_string());
        }
        Verdict::Block { reasons } => {
            body.rules = reasons.iter().map(|reason| &*reason.rule).collect();
            body.reasons = explain.then(|| reasons.iter().map(Into::into).collect());
        }
    }
    if let Some(segments) = &found.segments {
        body.segments = Some(segments.iter().map(ToString::to_string).collect());
    }
    body
}
