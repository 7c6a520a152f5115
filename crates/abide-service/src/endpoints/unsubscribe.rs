//! `/u/{token}`: what the link in a mail leads to. Looking does nothing, since scanners of mailboxes look at every
//! link; `POST` acts, from a mailbox (RFC 8058) or from the page's forms.

use abide_model::{Claimant, signal::Statement};
use abide_signals::unsubscribe::{Link, PATH, concerns};
use futures::future::LocalBoxFuture;
use hyper::{
    header::{ACCEPT, CONTENT_TYPE},
    http::request::Parts,
};

use super::signals::refusal;
use crate::{
    ask::{Answer, Ask},
    intake::Said,
    page,
    problem::{Kind, Problem},
    unsubscribe::{Links, Stop},
    worker::Worker,
};

/// Who recorded it, in the journal.
const RECORDED_BY: &str = "unsubscribe link";

pub(crate) fn look(worker: &Worker, ask: Ask) -> LocalBoxFuture<'_, Result<Answer, Problem>> {
    Box::pin(async move {
        let set_up = worker.set_up();
        let opened =
            set_up.links().and_then(|links| Ok((links, links.open(token(&ask.head), worker.now())?)));
        let shown = opened.map(|(links, link)| {
            page::question(links, &links.stop_of(&link), &links.choices_of(&link), None)
        });
        for_its_reader(&ask.head, shown)
    })
}

pub(crate) fn act(worker: &Worker, mut ask: Ask) -> LocalBoxFuture<'_, Result<Answer, Problem>> {
    Box::pin(async move {
        let acted = unsubscribe(worker, &mut ask).await;
        for_its_reader(&ask.head, acted)
    })
}

async fn unsubscribe(worker: &Worker, ask: &mut Ask) -> Result<Answer, Problem> {
    let (shared, set_up, now) = (worker.shared(), worker.set_up(), worker.now());
    let (links, limits) = (set_up.links()?, set_up.limits());
    let link = links.open(token(&ask.head), now)?;
    let body = ask.read_body(limits.single_bytes, limits).await?;
    let stops = match ticked(&ask.head, &body) {
        // Mailboxes differ in how they send the one pair of RFC 8058. Who has the link may use it.
        None => vec![links.stop_of(&link)],
        Some(ticked) => chosen(links, &link, &ticked)?,
    };
    if stops.is_empty() {
        let note = "Nothing was ticked, so nothing was changed.";
        let shown = page::question(links, &links.stop_of(&link), &links.choices_of(&link), Some(note));
        return Ok(shown);
    }
    links.spend(token(&ask.head), limits.link_uses_per_min, now)?;
    let said = statements(worker, &link, &stops)?;
    shared.intake()?.accept(said).await.map_err(refusal)?;
    Ok(page::done(links, &stops))
}

fn token(head: &Parts) -> &str {
    head.uri.path().strip_prefix(PATH).unwrap_or_default()
}

/// What the page's second form names; `None` where it is anything else.
fn ticked(head: &Parts, body: &[u8]) -> Option<Vec<String>> {
    let media_type = head.headers.get(CONTENT_TYPE)?.to_str().ok()?;
    if !media_type.trim_start().to_ascii_lowercase().starts_with("application/x-www-form-urlencoded") {
        return None;
    }
    let (mut is_preferences, mut stops) = (false, Vec::new());
    for (name, value) in form_urlencoded::parse(body) {
        is_preferences |= (&*name, &*value) == page::PREFERENCES;
        if name == page::STOP {
            stops.push(value.into_owned());
        }
    }
    is_preferences.then_some(stops)
}

fn chosen(links: &Links, link: &Link, ticked: &[String]) -> Result<Vec<Stop>, Problem> {
    let choices = links.choices_of(link);
    let find = |value: &String| {
        let found = choices.iter().find(|stop| stop.value() == *value).map(|stop| (*stop).clone());
        found.ok_or_else(|| Problem::invalid("the choices have changed meanwhile; open the link again"))
    };
    ticked.iter().map(find).collect()
}

/// Each of these, of each identifier that it concerns.
fn statements(worker: &Worker, link: &Link, stops: &[Stop]) -> Result<Vec<Said>, Problem> {
    let shared = worker.shared();
    let mut said = Vec::new();
    for stop in stops {
        let statement = Statement {
            scope: stop.scope.clone(),
            recorded_by: Some(RECORDED_BY.into()),
            ..Statement::out(stop.mechanism.clone(), Claimant::Person)
        };
        for one in link.people.iter().filter(|one| concerns(&stop.mechanism, one.kind())) {
            let identifier = one.read(&shared.normaliser).map_err(|error| {
                tracing::error!(
                    error = error.to_string(),
                    "a link that was made here names what cannot be read"
                );
                Problem::new(Kind::Bug, "the address in this link cannot be read; write to the sender")
            })?;
            said.push(Said {
                keys: shared.keyring.signal_keys(&identifier),
                statement: statement.clone(),
                batch: None,
            });
        }
    }
    Ok(said)
}

/// A person is told in a page, a program in a problem.
fn for_its_reader(head: &Parts, answered: Result<Answer, Problem>) -> Result<Answer, Problem> {
    let accepts = head.headers.get(ACCEPT).and_then(|accepts| accepts.to_str().ok()).unwrap_or_default();
    match answered {
        Err(problem) if accepts.contains("text/html") => Ok(page::problem(&problem)),
        answered => answered,
    }
}
