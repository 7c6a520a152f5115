//! What mails' links lead to: the keys that they are sealed with, and what a person can choose to stop.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    path::PathBuf,
    sync::Mutex,
};

use abide_model::{Mechanism, SaidBy, Scope, Time};
use abide_signals::unsubscribe::{Link, LinkKeys, PATH, concerns};
use serde::{Deserialize, Serialize};

use crate::{
    config::is_address,
    problem::{Kind, Problem},
    secrets,
    tls::is_set,
};

/// `[serve.unsubscribe]` of `abide.toml`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Unsubscribe {
    /// The file with the keys that links are sealed with, the newest first; empty for no links.
    pub keys_file: PathBuf,
    /// The variable that holds them instead.
    pub keys_variable: String,
    /// The address that mails name, up to the path, e.g. `https://opt-out.example.com`.
    pub public: String,
    /// Who writes, in words, for the pages.
    pub sender: String,
    /// After so many days a link says nothing any more; 0 for never.
    pub link_days: u32,
    /// What a person can choose to stop on the page, besides what the link itself says.
    pub choices: Vec<Choice>,
}

/// One `[[serve.unsubscribe.choices]]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// What the page calls it, e.g. `The weekly letter`.
    pub label: String,
    pub mechanism: String,
    /// For whom, e.g. `list:weekly`; everyone, if it is left out.
    #[serde(default = "everyone")]
    pub scope: String,
}

fn everyone() -> String {
    Scope::Everyone.to_string()
}

/// Mails are answered late: Canada asks for 60 days in which a link works, the United States for 30.
const LINK_DAYS_MIN: u32 = 60;
const DAY_MICROS: i64 = 86_400_000_000;

impl Unsubscribe {
    pub fn is_on(&self) -> bool {
        is_set(&self.keys_file) || !self.keys_variable.is_empty()
    }

    /// Everything but the keys.
    pub(crate) fn check(&self) -> Result<Vec<Stop>, String> {
        if !self.is_on() {
            return Ok(Vec::new());
        }
        if is_set(&self.keys_file) && !self.keys_variable.is_empty() {
            return Err("unsubscribe: name a `keys_file` or a `keys_variable`".to_owned());
        }
        // Mailboxes ask by HTTPS only; without TLS it is good for trying.
        let is_plain = self.public.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>,\"".contains(&byte));
        if !is_address(&self.public) || !is_plain {
            return Err("unsubscribe: `public` is an address such as https://opt-out.example.com".to_owned());
        }
        if self.link_days != 0 && self.link_days < LINK_DAYS_MIN {
            return Err(format!(
                "unsubscribe: `link_days` is 0 for links that do not end, or {LINK_DAYS_MIN} at the least, as laws ask for"
            ));
        }
        self.choices.iter().map(Choice::read).collect()
    }

    /// With the keys; `None` where there are to be no links.
    pub fn open(&self) -> Result<Option<Links>, String> {
        let choices = self.check()?;
        if !self.is_on() {
            return Ok(None);
        }
        let text = if self.keys_variable.is_empty() {
            secrets::of_file(&self.keys_file)
        } else {
            secrets::of_variable(&self.keys_variable)
        };
        let keys = text.and_then(|text| LinkKeys::parse(&text).map_err(|error| error.to_string()));
        let keys = keys.map_err(|why| format!("unsubscribe: {why}"))?;
        let (public, sender) = (self.public.clone(), self.sender.clone());
        Ok(Some(Links { keys, public, sender, link_days: self.link_days, choices, uses: Mutex::default() }))
    }
}

impl Choice {
    fn read(&self) -> Result<Stop, String> {
        let fault = |why: &str| format!("unsubscribe, the choice `{}`: {why}", self.label);
        let mechanism: Mechanism = self
            .mechanism
            .parse()
            .map_err(|error: abide_model::mechanism::UnknownMechanism| fault(&error.to_string()))?;
        if mechanism.spec().said_by != SaidBy::Person {
            return Err(fault("this mechanism is the word of a source, not of a person"));
        }
        let scope = self
            .scope
            .parse()
            .map_err(|error: abide_model::scope::InvalidScope| fault(&error.to_string()))?;
        if self.label.trim().is_empty() {
            return Err("unsubscribe: a choice has a `label` for the page".to_owned());
        }
        Ok(Stop { label: self.label.clone(), mechanism, scope })
    }
}

/// Something that can be stopped, and its name for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stop {
    pub(crate) label: String,
    pub(crate) mechanism: Mechanism,
    pub(crate) scope: Scope,
}

impl Stop {
    /// How the page's form names it: what it says, and not its place, since settings change while a page is open.
    pub(crate) fn value(&self) -> String {
        format!("{} {}", self.mechanism, self.scope)
    }
}

/// Links of this controller's mails.
#[derive(Debug)]
pub struct Links {
    keys: LinkKeys,
    public: String,
    pub(crate) sender: String,
    link_days: u32,
    choices: Vec<Stop>,
    uses: Mutex<Uses>,
}

impl Links {
    /// The address with a link in it, for the mail.
    pub fn url(&self, link: &Link, nonce: [u8; 12]) -> String {
        format!("{}{PATH}{}", self.public, link.seal(&self.keys, nonce))
    }

    pub(crate) fn open(&self, token: &str, now: Time) -> Result<Link, Problem> {
        let link = Link::open(token, &self.keys)
            .map_err(|invalid| Problem::new(Kind::NotFound, invalid.to_string()))?;
        let age_days = now.micros_since(link.minted_at) / DAY_MICROS;
        if self.link_days != 0 && age_days > i64::from(self.link_days) {
            return Err(Problem::new(Kind::Expired, "use the link in a newer mail, or write to the sender"));
        }
        Ok(link)
    }

    /// What the link itself says.
    pub(crate) fn stop_of(&self, link: &Link) -> Stop {
        let known =
            self.choices.iter().find(|stop| stop.mechanism == link.mechanism && stop.scope == link.scope);
        known.cloned().unwrap_or_else(|| {
            let from = if self.sender.is_empty() { String::new() } else { format!(" from {}", self.sender) };
            let label = match &link.scope {
                Scope::List(_) => format!("this mailing list{from}"),
                _ => format!("messages like this one{from}"),
            };
            Stop { label, mechanism: link.mechanism.clone(), scope: link.scope.clone() }
        })
    }

    /// What else the person of a link can stop.
    pub(crate) fn choices_of(&self, link: &Link) -> Vec<&Stop> {
        let meant = |stop: &&Stop| link.people.iter().any(|one| concerns(&stop.mechanism, one.kind()));
        self.choices.iter().filter(meant).collect()
    }

    /// Counts a use of a link. Each writes to the journal, so that a link that is used without end is told to wait.
    pub(crate) fn spend(&self, token: &str, per_min: u32, now: Time) -> Result<(), Problem> {
        let mut uses = self.uses.lock().expect("what is done under this lock does not panic");
        if uses.spend(token, per_min, now) {
            return Ok(());
        }
        let mut problem = Problem::new(Kind::TooMany, "this link was used often within a minute");
        problem.retry_after_s = Some(60);
        Err(problem)
    }
}

/// How often each link was used in this minute.
#[derive(Debug, Default)]
struct Uses {
    minute: i64,
    counts: HashMap<u64, u32>,
    hasher: RandomState,
}

const MINUTE_MICROS: i64 = 60_000_000;
/// Only real links are counted, so this is many mails being answered in one minute.
const LINKS_MAX: usize = 100_000;

impl Uses {
    fn spend(&mut self, token: &str, per_min: u32, now: Time) -> bool {
        let minute = now.as_micros().div_euclid(MINUTE_MICROS);
        if minute != self.minute || self.counts.len() >= LINKS_MAX {
            self.minute = minute;
            self.counts.clear();
        }
        let count = self.counts.entry(self.hasher.hash_one(token)).or_default();
        *count = count.saturating_add(1);
        per_min == 0 || *count <= per_min
    }
}
