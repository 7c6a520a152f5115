//! What is to be taken back.

use abide_journal::counts_at_once;
use abide_model::{
    BatchId, Claimant, IdentifierKind, Keyring, Mechanism, Normaliser, Retraction, Time,
    identifier::NORMALISER_VERSION,
};
use anyhow::{Context as _, bail, ensure};

use super::parse_moment;
use crate::{
    batches::{Batches, Committed},
    imports,
};

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "What no batch holds")]
pub(crate) struct WindowFlags {
    /// Whose word it was, e.g. ses.
    #[arg(long, value_name = "NAME", requires = "between")]
    source: Option<Claimant>,

    /// How it was stated, e.g. email.bounce.hard.
    #[arg(long, requires = "between")]
    mechanism: Option<Mechanism>,

    /// When it was stated: from the first moment (included) to the second (not included).
    #[arg(long, value_name = "FROM..UNTIL", value_parser = parse_period, requires_all = ["source", "mechanism"])]
    between: Option<Period>,

    /// Only of addresses at this mail domain.
    #[arg(long, requires = "between")]
    domain: Option<String>,
}

#[derive(Clone, Copy, Debug)]
struct Period {
    from: Time,
    until: Time,
}

fn parse_period(text: &str) -> Result<Period, String> {
    let (from, until) = text.split_once("..").ok_or("a period is given as FROM..UNTIL")?;
    let moment = |text| parse_moment(text).map_err(|error| error.to_string());
    let period = Period { from: moment(from)?, until: moment(until)? };
    if period.from < period.until { Ok(period) } else { Err("the period ends before it begins".to_owned()) }
}

/// One batch, or one window of time.
#[derive(Debug)]
pub(crate) struct Target {
    retraction: Retraction,
    /// As the user gave it.
    domain: Option<String>,
}

impl WindowFlags {
    pub(super) fn target(
        &self,
        normaliser: &Normaliser,
        keyring: &Keyring,
        now: Time,
    ) -> anyhow::Result<Target> {
        let (Some(source), Some(mechanism), Some(Period { from, until })) =
            (self.source.clone(), self.mechanism.clone(), self.between)
        else {
            bail!("name a batch, or --source, --mechanism and --between");
        };
        ensure!(until <= now, "the period ends in the future; nobody knows yet what will be said in it");
        let domain = match &self.domain {
            None => None,
            Some(_) if !mechanism.spec().keeps_domain => {
                bail!("of {mechanism} the list keeps no mail domains, so it cannot be taken back by --domain")
            }
            Some(domain) => {
                let domain = normaliser.raw(IdentifierKind::EmailDomain, domain);
                let domain = domain.context("could not read --domain")?;
                Some(keyring.key(IdentifierKind::EmailDomain, domain.primary(), NORMALISER_VERSION))
            }
        };
        let retraction = Retraction::Window { source, mechanism, from, until, domain };
        Ok(Target { retraction, domain: self.domain.clone() })
    }
}

impl Target {
    pub(super) fn batch(batch: BatchId) -> Self {
        Self { retraction: Retraction::Batch(batch), domain: None }
    }

    pub(super) fn retraction(&self) -> Retraction {
        self.retraction.clone()
    }

    pub(super) fn name(&self) -> String {
        match (&self.retraction, &self.domain) {
            (Retraction::Window { domain: Some(_), source, mechanism, from, until }, Some(domain)) => {
                format!("{mechanism} said by {source} from {from} until {until}, at {domain}")
            }
            (what, _) => imports::what_of(what),
        }
    }

    /// Refuses what is not there, or was taken back already.
    pub(super) fn check(&mut self, batches: &Batches, now: Time) -> anyhow::Result<()> {
        let same = batches.retractions.iter().find(|taken| taken.record.what == self.retraction);
        if let Some(taken) = same {
            bail!("{} was taken back already, {}", self.name(), imports::why(taken));
        }
        let Retraction::Batch(batch) = &self.retraction else { return Ok(()) };
        // Whatever comes later and happens to share its name would be taken back too.
        ensure!(
            !batch.is_event(),
            "{batch} is never over: what other events say later would be lost; take opt-outs back with --source, --mechanism and --between, and end an opt-in with `abide opt-out`"
        );
        if let Some(Committed { record, .. }) = batches.committed.get(batch) {
            ensure!(
                record.signals > 0,
                "batch {batch} brought nothing in that could be taken back: its {} rows repeated what was known",
                record.rows_repeated
            );
            return Ok(());
        }
        ensure!(
            batches.others.contains_key(batch),
            "there is no batch {batch} in this store; `abide imports` lists them"
        );
        ensure!(
            counts_at_once(batch),
            "the import {batch} was not completed, so it has no effect; if it is under way, wait for its end"
        );
        ensure!(
            *batch != BatchId::live(now),
            "{batch} is not over: what people say later today would be lost; use --source, --mechanism and --between"
        );
        Ok(())
    }
}
