//! Who may ask, for what, and how often.

mod rate;

use std::{collections::HashMap, sync::Arc};

use abide_journal::{AccessId, AccessText, AccessToken, Right, Store, StoreError};
use abide_model::Time;
use arc_swap::ArcSwap;
use hyper::{
    HeaderMap,
    header::{AUTHORIZATION, HeaderName},
};

use crate::{
    limits::Limits,
    problem::{Kind, Problem},
};
use rate::Rate;

/// Whoever asks.
#[derive(Clone, Debug)]
pub(crate) enum Caller {
    /// No token was ever made, and the server can be reached from its own machine only.
    Anyone,
    Holder(Arc<Holder>),
}

/// The holder of a token, and what of their rates is used up.
#[derive(Debug)]
pub(crate) struct Holder {
    token: AccessToken,
    client: Arc<str>,
    checks: Rate,
    explains: Rate,
}

impl Caller {
    pub(crate) fn may(&self, right: Right) -> bool {
        match self {
            Self::Anyone => true,
            Self::Holder(holder) => holder.token.rights.contains(&right),
        }
    }

    pub(crate) fn require(&self, right: Right) -> Result<(), Problem> {
        if self.may(right) {
            return Ok(());
        }
        Err(Problem::new(Kind::NoRight, format!("the token lacks the right `{right}`")))
    }

    /// A name for what is kept by client.
    pub(crate) fn client(&self) -> Arc<str> {
        match self {
            Self::Anyone => "anyone".into(),
            Self::Holder(holder) => holder.client.clone(),
        }
    }

    /// Takes so many people off what may be asked about.
    pub(crate) fn spend_checks(&self, people: usize, now: Time) -> Result<(), Problem> {
        self.spend(people, now, |holder| &holder.checks)
    }

    pub(crate) fn spend_explains(&self, people: usize, now: Time) -> Result<(), Problem> {
        self.spend(people, now, |holder| &holder.explains)
    }

    fn spend(&self, people: usize, now: Time, rate: fn(&Holder) -> &Rate) -> Result<(), Problem> {
        let Self::Holder(holder) = self else { return Ok(()) };
        rate(holder).spend(people as u64, now).map_err(|wait_s| {
            let mut problem =
                Problem::new(Kind::TooMany, "this token has asked about as many people as it may for now");
            problem.retry_after_s = Some(wait_s);
            problem
        })
    }
}

/// Above `Authorization`, which a gateway passes on from its own client.
pub(crate) const ABIDE_TOKEN: HeaderName = HeaderName::from_static("abide-token");

fn shown(headers: &HeaderMap) -> Option<&str> {
    if let Some(token) = headers.get(ABIDE_TOKEN) {
        return token.to_str().ok();
    }
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The tokens of the store, as they were last read.
#[derive(Debug)]
pub(crate) struct Access {
    known: ArcSwap<Known>,
    /// It can be reached from other machines, so that nobody may ask without a token.
    is_public: bool,
    checks_per_s: u32,
    explains_per_min: u32,
}

#[derive(Debug)]
enum Known {
    /// They could not be read yet, and so nobody may ask.
    Nothing,
    /// None was ever made.
    None,
    Tokens(HashMap<AccessId, Arc<Holder>>),
}

impl Access {
    pub(crate) fn new(limits: &Limits, is_public: bool) -> Self {
        Self {
            is_public,
            known: ArcSwap::from_pointee(Known::Nothing),
            checks_per_s: limits.checks_per_s,
            explains_per_min: limits.explains_per_min,
        }
    }

    /// Reads them anew, and says whether there are any. After an error those read before count.
    pub(crate) async fn read(&self, store: &Store) -> Result<bool, StoreError> {
        let found = abide_journal::access_tokens(store).await?;
        for damaged in &found.damaged {
            tracing::error!(object = damaged, "an access token that nobody with the store's secret made");
        }
        let held = self.known.load();
        let were_any = self.is_public || matches!(**held, Known::Tokens(_));
        if found.sound.is_empty() && found.damaged.is_empty() {
            // What was closed does not open because somebody emptied a folder.
            let none = if were_any { Known::Tokens(HashMap::new()) } else { Known::None };
            self.known.store(Arc::new(none));
            return Ok(false);
        }
        let holder = |token: AccessToken| {
            let earlier = match &**held {
                Known::Tokens(holders) => {
                    holders.get(&token.id).filter(|holder| holder.token == token).cloned()
                }
                _ => None,
            };
            (token.id, earlier.unwrap_or_else(|| Arc::new(self.holder(token))))
        };
        let holders = found.sound.into_iter().map(holder).collect();
        self.known.store(Arc::new(Known::Tokens(holders)));
        Ok(true)
    }

    pub(crate) fn caller(&self, headers: &HeaderMap, now: Time) -> Result<Caller, Problem> {
        let known = self.known.load();
        let holders = match &**known {
            Known::None => return Ok(Caller::Anyone),
            Known::Nothing => return Err(Problem::new(Kind::NotReady, "the tokens could not be read yet")),
            Known::Tokens(holders) => holders,
        };
        let refused = || {
            Problem::new(
                Kind::NoToken,
                "show a token that counts as `Authorization: Bearer …`, or as `Abide-Token`",
            )
        };
        let text = shown(headers).and_then(AccessText::parse).ok_or_else(refused)?;
        let holder = holders.get(&text.id).filter(|holder| holder.token.is_of(&text)).ok_or_else(refused)?;
        if !holder.token.counts_at(now) {
            return Err(refused());
        }
        Ok(Caller::Holder(holder.clone()))
    }

    fn holder(&self, token: AccessToken) -> Holder {
        let checks = token.checks_per_s.unwrap_or(self.checks_per_s);
        let explains = token.explains_per_min.unwrap_or(self.explains_per_min);
        Holder {
            client: token.id.to_string().into(),
            checks: Rate::new(checks, 1),
            explains: Rate::new(explains, 60),
            token,
        }
    }
}
