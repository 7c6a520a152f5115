//! What is read anew while the server runs: settings that bear on single requests, with the secrets and files they name.

use std::{fmt, sync::Arc};

use crate::{
    config::Config,
    hooks::{Hook, HookAccount},
    limits::Limits,
    mapping::Mapping,
    problem::{Kind, Problem},
    unsubscribe::Links,
};

/// Reads the settings again, from wherever they were read at the start.
#[derive(Clone)]
pub struct ReadSettings(pub Arc<dyn Fn() -> Result<Config, String> + Send + Sync>);

impl fmt::Debug for ReadSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReadSettings(…)")
    }
}

/// Settings that were checked, opened, as they stand when a request asks for them.
#[derive(Debug)]
pub(crate) struct SetUp {
    pub(crate) config: Config,
    pub(crate) mapping: Mapping,
    pub(crate) hooks: Vec<Hook>,
    links: Option<Links>,
}

impl SetUp {
    pub(crate) fn open(config: Config) -> Result<Self, String> {
        Ok(Self {
            mapping: Mapping::new(&config.authz)?,
            hooks: config.hooks.iter().map(HookAccount::open).collect::<Result<_, _>>()?,
            links: config.unsubscribe.open()?,
            config,
        })
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.config.limits
    }

    /// What makes and opens the links of mails, where there are to be any.
    pub(crate) fn links(&self) -> Result<&Links, Problem> {
        let none = || Problem::new(Kind::NotFound, "this server has no [serve.unsubscribe]");
        self.links.as_ref().ok_or_else(none)
    }

    /// What differs from the settings that the server was started with, and cannot change while it runs.
    pub(crate) fn at_next_start(&self, started: &Config) -> Vec<&'static str> {
        let Config {
            listen,
            metrics,
            workers,
            poll_ms,
            spool_after_ms,
            spool,
            heartbeat_s,
            tokens_ms,
            drain_s,
            peers,
            tls,
            postfix,
            traces,
            limits,
            // Read anew.
            verdicts: _,
            authz: _,
            hooks: _,
            unsubscribe: _,
            gpc_since: _,
        } = &self.config;
        let Limits {
            connections,
            waiting_signals,
            idempotency_keys,
            hook_events,
            bodies_bytes,
            checks_per_s,
            explains_per_min,
            // Read anew.
            head_bytes: _,
            head_s: _,
            body_s: _,
            write_s: _,
            single_bytes: _,
            batch_bytes: _,
            hook_bytes: _,
            filter_subjects: _,
            signals: _,
            identifiers: _,
            link_uses_per_min: _,
        } = limits;
        let of_start = &started.limits;
        let same = [
            ("listen", *listen == started.listen),
            ("metrics", *metrics == started.metrics),
            ("workers", *workers == started.workers),
            ("poll_ms", *poll_ms == started.poll_ms),
            ("spool_after_ms", *spool_after_ms == started.spool_after_ms),
            ("spool", *spool == started.spool),
            ("heartbeat_s", *heartbeat_s == started.heartbeat_s),
            ("tokens_ms", *tokens_ms == started.tokens_ms),
            ("drain_s", *drain_s == started.drain_s),
            ("peers", *peers == started.peers),
            ("tls", *tls == started.tls),
            ("postfix", *postfix == started.postfix),
            ("traces", *traces == started.traces),
            ("limits.connections", *connections == of_start.connections),
            ("limits.waiting_signals", *waiting_signals == of_start.waiting_signals),
            ("limits.idempotency_keys", *idempotency_keys == of_start.idempotency_keys),
            ("limits.hook_events", *hook_events == of_start.hook_events),
            ("limits.bodies_bytes", *bodies_bytes == of_start.bodies_bytes),
            ("limits.checks_per_s", *checks_per_s == of_start.checks_per_s),
            ("limits.explains_per_min", *explains_per_min == of_start.explains_per_min),
        ];
        same.into_iter().filter(|(_, same)| !same).map(|(name, _)| name).collect()
    }
}
