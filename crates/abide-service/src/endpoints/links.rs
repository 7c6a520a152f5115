//! `POST /v1/unsubscribe-links`: links for the mails that are about to be sent, one or many.

use std::borrow::Cow;

use abide_signals::unsubscribe::{Addressee, Link, headers};
use futures::future::LocalBoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{mechanism, scope};
use crate::{
    ask::{Answer, Ask, json},
    problem::{Kind, Problem},
    unsubscribe::Links,
    wire::Subject,
    worker::Worker,
};

/// One mail's.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkBody<'a> {
    /// Whom the mail goes to.
    #[serde(borrow)]
    subject: Subject<'a>,
    /// For whom using it counts, e.g. `list:weekly` or `brand:acme`; `*` if it is left out.
    #[serde(borrow)]
    scope: Option<Cow<'a, str>>,
    /// What using it says; `email.list` for a list and `email.unsubscribe` for all else, if it is left out.
    #[serde(borrow)]
    mechanism: Option<Cow<'a, str>>,
}

/// One, or many.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "describes what is read by hand, so that errors say where they are")]
pub(crate) enum LinksRequest {
    One(LinkBody<'static>),
    Many(Vec<LinkBody<'static>>),
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct LinksAnswer {
    /// In the order of the request.
    links: Vec<LinkAnswer>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct LinkAnswer {
    url: String,
    /// The value of the header `List-Unsubscribe`.
    list_unsubscribe: String,
    /// The value of the header `List-Unsubscribe-Post`.
    list_unsubscribe_post: String,
}

pub(crate) fn links(worker: &Worker, mut ask: Ask) -> LocalBoxFuture<'_, Result<Answer, Problem>> {
    Box::pin(async move {
        ask.json_only()?;
        let set_up = worker.set_up();
        let (links, limits) = (set_up.links()?, set_up.limits());
        let body = ask.read_body(limits.batch_bytes, limits).await?;
        let is_many = body.trim_ascii_start().starts_with(b"[");
        let asked: Vec<LinkBody<'_>> = if is_many {
            serde_json::from_slice(&body)
        } else {
            serde_json::from_slice(&body).map(|one| vec![one])
        }
        .map_err(|error| Problem::of_json(&error))?;
        let signals_max = limits.signals;
        if asked.len() > signals_max {
            return Err(Problem::new(Kind::TooLarge, format!("there are more than {signals_max} links")));
        }
        let made = asked.iter().enumerate().map(|(at, body)| {
            make(worker, links, body).map_err(|why| Problem::invalid(format!("link {at}: {why}")))
        });
        Ok(json(&LinksAnswer { links: made.collect::<Result<_, Problem>>()? }))
    })
}

fn make(worker: &Worker, links: &Links, body: &LinkBody<'_>) -> Result<LinkAnswer, String> {
    let shared = worker.shared();
    let written = body.subject.decoded()?;
    let scope = scope(body.scope.as_deref())?;
    let mechanism = match body.mechanism.as_deref() {
        None => Link::mechanism_for(&scope),
        Some(named) => mechanism(named)?,
    };
    let people = written.iter().map(|written| {
        let read = written.read(&shared.normaliser).map_err(|error| error.to_string())?;
        Ok(Addressee::of(&read, &*written.text))
    });
    let people = people.collect::<Result<Vec<_>, String>>()?;
    let link = Link::new(worker.now(), mechanism, scope, people).map_err(|error| error.to_string())?;
    let nonce = (shared.random)().map_err(|error| {
        tracing::error!(error = error.to_string(), "no random numbers to be had");
        "no random numbers to be had on this node".to_owned()
    })?;
    let url = links.url(&link, nonce);
    let [(_, list_unsubscribe), (_, list_unsubscribe_post)] = headers(&url);
    Ok(LinkAnswer { url, list_unsubscribe, list_unsubscribe_post })
}
