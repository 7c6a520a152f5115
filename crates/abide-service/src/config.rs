//! What the service is told: `abide.toml`, then the environment, then flags.

mod layers;

use std::{net::SocketAddr, path::PathBuf};

use abide_model::{OnCannotTell, Time};
use serde::{Deserialize, Serialize};

use crate::{
    hooks::HookAccount,
    limits::Limits,
    mapping::{AuthzRoute, Mapping},
    peers::Peers,
    postfix::PolicyService,
    set_up::SetUp,
    tls::Tls,
    traces::Traces,
    unsubscribe::Unsubscribe,
};

pub use layers::{InvalidConfig, Layer, Layers};

/// The table `[serve]` of `abide.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where clients ask; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where `/metrics` is answered, apart from all else; empty for nowhere.
    pub metrics: String,
    /// Threads that answer; 0 for one a processor.
    pub workers: usize,
    /// How often the journal is looked at, in milliseconds.
    pub poll_ms: u64,
    /// How long the store may take to make a signal durable before this node's disk does, in milliseconds.
    pub spool_after_ms: u64,
    /// Where signals are kept while the store cannot be reached; a disk that lasts. Empty for the default.
    pub spool: PathBuf,
    /// How often this node tells the others how far it has read, in seconds; 0 for never.
    pub heartbeat_s: u64,
    /// How often the access tokens are read anew, in milliseconds.
    pub tokens_ms: u64,
    /// How long requests that were begun may take when the server is told to stop, in seconds.
    pub drain_s: u64,
    pub verdicts: Verdicts,
    /// Other nodes of the store, which tell this one what is new.
    pub peers: Peers,
    /// Certificates for HTTPS; plain HTTP without.
    pub tls: Tls,
    /// What gateways ask about.
    pub authz: Vec<AuthzRoute>,
    /// What a Postfix on this machine asks about.
    pub postfix: Vec<PolicyService>,
    /// Accounts at vendors whose webhooks are taken.
    pub hooks: Vec<HookAccount>,
    /// Links in mails by which a person says no.
    pub unsubscribe: Unsubscribe,
    /// Since when whoever runs this abides by Global Privacy Control (YYYY-MM-DD), for `/.well-known/gpc.json`; empty if
    /// they do not say so.
    pub gpc_since: String,
    /// Spans for OpenTelemetry.
    pub traces: Traces,
    pub limits: Limits,
}

/// What holds where a request does not say it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Verdicts {
    /// `block`, `allow` or `fail`.
    pub on_cannot_tell: String,
    /// How old the list may be, in seconds; 0 for any age.
    pub list_age_max_s: u64,
    /// Another identifier that cannot be read makes it `cannot_tell`.
    pub strict: bool,
    /// Hashed identifiers that do not reach every statement: `accept` or `cannot-tell`.
    pub uncovered: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7450)),
            metrics: "127.0.0.1:7451".to_owned(),
            workers: 0,
            poll_ms: 200,
            spool_after_ms: 2_000,
            spool: PathBuf::new(),
            heartbeat_s: 10,
            tokens_ms: 5_000,
            drain_s: 10,
            verdicts: Verdicts::default(),
            peers: Peers::default(),
            tls: Tls::default(),
            authz: Vec::new(),
            postfix: Vec::new(),
            hooks: Vec::new(),
            unsubscribe: Unsubscribe::default(),
            gpc_since: String::new(),
            traces: Traces::default(),
            limits: Limits::default(),
        }
    }
}

impl Default for Verdicts {
    fn default() -> Self {
        Self {
            on_cannot_tell: OnCannotTell::default().to_string(),
            list_age_max_s: 60,
            strict: false,
            uncovered: "cannot-tell".to_owned(),
        }
    }
}

/// Of a server as its clients know it, up to the path.
pub(crate) fn is_address(text: &str) -> bool {
    (text.starts_with("https://") || text.starts_with("http://")) && !text.ends_with('/')
}

impl Config {
    /// Refuses what has the right types and makes no sense.
    pub(crate) fn validate(&self) -> Result<(), String> {
        self.metrics_address().map_err(|()| "metrics is an address with a port, or empty".to_owned())?;
        if self.poll_ms == 0 || self.spool_after_ms == 0 || self.tokens_ms == 0 {
            return Err("poll_ms, spool_after_ms and tokens_ms are 1 at the least".to_owned());
        }
        if self.verdicts.on_cannot_tell.parse::<OnCannotTell>().is_err() {
            return Err("verdicts.on_cannot_tell is one of block, allow, fail".to_owned());
        }
        if !matches!(self.verdicts.uncovered.as_str(), "accept" | "cannot-tell") {
            return Err("verdicts.uncovered is accept or cannot-tell".to_owned());
        }
        Mapping::new(&self.authz)?;
        self.hooks.iter().try_for_each(|account| account.check().map(|_| ()))?;
        self.postfix.iter().try_for_each(|service| service.check().map(|_| ()))?;
        self.unsubscribe.check()?;
        self.peers.check()?;
        self.traces.check()?;
        self.tls.check()?;
        if !self.gpc_since.is_empty()
            && Time::parse_rfc3339(&format!("{}T00:00:00Z", self.gpc_since)).is_none()
        {
            return Err("gpc_since is a date such as 2026-11-26".to_owned());
        }
        self.limits.fault().map_or(Ok(()), |fault| Err(format!("limits: {fault}")))
    }

    /// Whether the secrets and files that are named can be had, as a server needs them at its start.
    pub fn check_secrets(&self) -> Result<(), String> {
        SetUp::open(self.clone())?;
        self.tls.clone().open().map(|_| ())
    }

    pub(crate) fn metrics_address(&self) -> Result<Option<SocketAddr>, ()> {
        if self.metrics.is_empty() {
            return Ok(None);
        }
        self.metrics.parse().map(Some).map_err(|_| ())
    }
}
