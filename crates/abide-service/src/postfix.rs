//! SMTP access policy delegation (`check_policy_service` of Postfix): a mail to somebody who objects to it is refused at
//! `RCPT TO`.
//!
//! Requests are lines `name=value`, ended by an empty one; an answer is one line `action=…`, and an empty one. The protocol
//! knows no token, so only this machine is listened to. What is no such request ends the connection, and then Postfix
//! refuses the mail for now by itself (`smtpd_policy_service_default_action`).

use std::{collections::BTreeMap, io, net::SocketAddr, rc::Rc, sync::Arc, time::Duration};

use abide_model::{Action, Context, IdentifierKind, OnCannotTell, Uncertain, Verdict, Written};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::{JoinSet, LocalSet},
    time::{sleep, timeout},
};

use crate::{
    desk::{Question, parts},
    endpoints::options,
    server::Shared,
    wire::{OnDoubt, Subject, Wishes},
    worker::Worker,
};

const POINT: &str = "postfix";

/// One `[[serve.postfix]]` of `abide.toml`: mails of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyService {
    /// A loopback address; port 0 takes a free one.
    pub listen: SocketAddr,
    /// `contact.email`, if it is left out.
    #[serde(default = "contact_email")]
    pub action: String,
    #[serde(default)]
    pub context: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_cannot_tell: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list_age_max_ms: Option<u32>,
}

fn contact_email() -> String {
    "contact.email".to_owned()
}

/// The same, ready to be asked.
#[derive(Debug)]
pub(crate) struct Policy {
    action: Action,
    context: Context,
    wishes: Wishes,
}

impl PolicyService {
    pub(crate) fn check(&self) -> Result<Policy, String> {
        let fault = |why: &str| format!("postfix, {}: {why}", self.listen);
        if !self.listen.ip().is_loopback() {
            return Err(fault("it listens on a loopback address, since whoever asks shows no token"));
        }
        let action = self
            .action
            .parse()
            .map_err(|error: abide_model::action::InvalidAction| fault(&error.to_string()))?;
        let on_doubt = self.on_cannot_tell.as_deref().map(str::parse::<OnCannotTell>).transpose();
        let on_doubt = on_doubt.map_err(|expected| fault(&format!("on_cannot_tell is {expected}")))?;
        let mut context = Context::default();
        self.context.iter().for_each(|(name, value)| context.set(name, value));
        let wishes = Wishes {
            on_cannot_tell: on_doubt.map(OnDoubt::from),
            list_age_max_ms: self.list_age_max_ms,
            ..Wishes::default()
        };
        Ok(Policy { action, context, wishes })
    }
}

/// Answers on all listeners, in a thread of its own, until told to stop.
pub(crate) fn run(
    shared: Arc<Shared>,
    listeners: Vec<(std::net::TcpListener, Policy)>,
    mut stop: watch::Receiver<bool>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a thread can wait for sockets");
    let places = Arc::new(Semaphore::new(shared.config.limits.connections));
    let worker = Rc::new(Worker::new(shared));
    LocalSet::new().block_on(&runtime, async {
        let mut accepting = JoinSet::new();
        for (listener, policy) in listeners {
            let listener = TcpListener::from_std(listener).expect("it listens already");
            accepting.spawn_local(accept(worker.clone(), listener, Rc::new(policy), places.clone()));
        }
        // Between requests nothing is lost by an end: Postfix connects again, and an answer is not cut in two, since
        // nothing else runs while one is made.
        let _ = stop.wait_for(|stop| *stop).await;
    });
}

async fn accept(worker: Rc<Worker>, listener: TcpListener, policy: Rc<Policy>, places: Arc<Semaphore>) {
    let mut serving = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = serving.join_next() => continue,
        };
        let Ok((stream, _)) = accepted else {
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        // One too many is closed at once.
        let Ok(place) = places.clone().try_acquire_owned() else { continue };
        let (worker, policy) = (worker.clone(), policy.clone());
        serving.spawn_local(async move {
            if let Err(why) = converse(&worker, stream, &policy).await {
                tracing::warn!(why = why.to_string(), "a policy request of Postfix was not answered");
            }
            drop(place);
        });
    }
}

/// Why a conversation ended in the midst of it.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("it is none: not of lines `name=value`, or not of the kind `smtpd_access_policy`")]
    Foreign,
    #[error("it is longer than {0} bytes")]
    TooLarge(usize),
    #[error("it took too long to come, or its answer to be taken")]
    TooSlow,
    #[error("the connection broke")]
    Cut(#[from] io::Error),
}

async fn converse(worker: &Worker, stream: TcpStream, policy: &Policy) -> Result<(), Broken> {
    let set_up = worker.set_up();
    let limits = set_up.limits();
    let _ = stream.set_nodelay(true);
    let (reading, mut writing) = stream.into_split();
    let mut reading = BufReader::new(reading);
    // Postfix keeps a connection for its next request.
    while !reading.fill_buf().await?.is_empty() {
        let request = timeout(limits.body(), read(&mut reading, limits.single_bytes));
        let Some(request) = request.await.map_err(|_| Broken::TooSlow)?? else { break };
        let answer = format!("action={}\n\n", decide(worker, policy, &request));
        let written = timeout(limits.write(), writing.write_all(answer.as_bytes()));
        written.await.map_err(|_| Broken::TooSlow)??;
    }
    Ok(())
}

/// What is asked about; of the rest of a request nothing is kept.
#[derive(Debug, Default)]
struct Request {
    is_policy: bool,
    recipient: Option<Vec<u8>>,
}

/// `None` where the other side has gone in the midst of it: nobody waits for an answer.
async fn read(
    reading: &mut BufReader<tokio::net::tcp::OwnedReadHalf>,
    bytes_max: usize,
) -> Result<Option<Request>, Broken> {
    let mut request = Request::default();
    let mut left = bytes_max;
    let mut line = Vec::new();
    loop {
        line.clear();
        let length = reading.take(left as u64 + 1).read_until(b'\n', &mut line).await?;
        if length > left {
            return Err(Broken::TooLarge(bytes_max));
        }
        left -= length;
        let Some(text) = line.strip_suffix(b"\n") else { return Ok(None) };
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if text.is_empty() {
            return if request.is_policy { Ok(Some(request)) } else { Err(Broken::Foreign) };
        }
        let at = text.iter().position(|byte| *byte == b'=').ok_or(Broken::Foreign)?;
        let (name, value) = (&text[..at], &text[at + 1..]);
        match name {
            b"request" => request.is_policy = value == b"smtpd_access_policy",
            // A second one would be somebody else.
            b"recipient" if request.recipient.is_some() => return Err(Broken::Foreign),
            b"recipient" => request.recipient = Some(value.to_vec()),
            _ => {}
        }
    }
}

/// What Postfix is to do, in words that name nobody.
fn decide(worker: &Worker, policy: &Policy, request: &Request) -> String {
    let later = |why: &str| format!("451 4.7.1 {why}");
    let Ok(published) = worker.list() else {
        return later("it cannot be told yet whether the recipient objects");
    };
    if published.snapshot.rules.check_context(&policy.context).is_err() {
        tracing::error!("the ruleset in force does not know the context of [[serve.postfix]]");
        return later("it cannot be told whether the recipient objects");
    }
    let recipient = request.recipient.as_deref().filter(|recipient| !recipient.is_empty());
    let written = recipient.map(|recipient| Written {
        kind: IdentifierKind::Email,
        form: None,
        // What is no text is no address either; with other characters in its place it might be somebody's.
        text: std::str::from_utf8(recipient).unwrap_or_default().into(),
    });
    let subject = Subject::of(written.into_iter().collect());
    let mut shape = Vec::new();
    parts(&subject, |_| true, &mut shape);
    let (options, on_doubt) = options(worker, &published, &policy.wishes);
    let question =
        Question { action: &policy.action, context: &policy.context, options, with_segments: false };
    let judged = worker.desk().judge_one(&published, &shape, &subject, &question);
    let found = match judged {
        Ok(found) => found,
        Err(error) => {
            tracing::error!(error = abide_model::causes::chain(&error), "could not read the list");
            return later("it cannot be told whether the recipient objects");
        }
    };
    let verdict = &found.judgement.verdict;
    worker.shared().metrics.verdicts(POINT, &published.snapshot.rules, &policy.action, &found.judgement, 1);
    match verdict {
        Verdict::Allow => "DUNNO".to_owned(),
        Verdict::Block { reasons } => {
            let rules: Vec<&str> = reasons.iter().map(|reason| &*reason.rule).collect();
            format!("550 5.7.1 the recipient objects to this mail ({})", rules.join(", "))
        }
        Verdict::CannotTell { .. } if on_doubt == OnDoubt::Allow => "DUNNO".to_owned(),
        // Time helps, and nothing is lost meanwhile.
        Verdict::CannotTell { why: why @ (Uncertain::ListStale | Uncertain::SourceStale { .. }) } => {
            later(&format!("it cannot be told whether the recipient objects ({})", why.cause()))
        }
        Verdict::CannotTell { why } if on_doubt == OnDoubt::Fail => {
            later(&format!("it cannot be told whether the recipient objects ({})", why.cause()))
        }
        Verdict::CannotTell { why } => {
            format!("550 5.7.1 it cannot be told whether the recipient objects ({})", why.cause())
        }
    }
}
