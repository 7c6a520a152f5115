//! Counting what was judged and what was done, by route, so that it always adds up.

use std::{collections::BTreeMap, sync::Arc};

use abide_model::{Tally, Verdict};
use serde::Serialize;

use crate::fate::{Deed, Fate};

/// What became of a route's records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteTally {
    pub tally: Tally,
    pub deeds: BTreeMap<Deed, u64>,
    /// How often each rule blocked.
    pub rules: BTreeMap<Arc<str>, u64>,
    /// How often each cause stood in the way of a verdict.
    pub causes: BTreeMap<&'static str, u64>,
    /// Signals that were in records.
    pub opt_outs: u64,
}

impl RouteTally {
    pub(crate) fn count(&mut self, fate: &Fate, deed: Deed) {
        *self.deeds.entry(deed).or_default() += 1;
        if deed == Deed::Read {
            return;
        }
        self.tally.seen += 1;
        match fate {
            Fate::Unasked => self.tally.allowed += 1,
            Fate::Poison(_) => self.tally.failed += 1,
            Fate::Judged(judgement) => match &judgement.verdict {
                Verdict::Allow => self.tally.allowed += 1,
                Verdict::Block { reasons } => {
                    self.tally.blocked += 1;
                    for reason in reasons {
                        *self.rules.entry(reason.rule.clone()).or_default() += 1;
                    }
                }
                Verdict::CannotTell { why } => {
                    self.tally.cannot_tell += 1;
                    *self.causes.entry(why.cause()).or_default() += 1;
                }
            },
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.tally.add(&other.tally);
        self.opt_outs += other.opt_outs;
        other.deeds.iter().for_each(|(deed, count)| *self.deeds.entry(*deed).or_default() += count);
        other.rules.iter().for_each(|(rule, count)| *self.rules.entry(rule.clone()).or_default() += count);
        other.causes.iter().for_each(|(cause, count)| *self.causes.entry(cause).or_default() += count);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.deeds.is_empty() && self.opt_outs == 0
    }

    /// What one transaction's record of the tallies' topic holds.
    pub(crate) fn to_json(&self, route: &str, ruleset: &str, position: &str) -> Vec<u8> {
        #[derive(Serialize)]
        struct Written<'w> {
            route: &'w str,
            seen: u64,
            allowed: u64,
            blocked: u64,
            cannot_tell: u64,
            failed: u64,
            deeds: BTreeMap<&'static str, u64>,
            rules: &'w BTreeMap<Arc<str>, u64>,
            causes: &'w BTreeMap<&'static str, u64>,
            opt_outs: u64,
            ruleset: &'w str,
            position: &'w str,
        }
        self.tally.assert_adds_up();
        let Tally { seen, allowed, blocked, cannot_tell, failed } = self.tally;
        let written = Written {
            route,
            seen,
            allowed,
            blocked,
            cannot_tell,
            failed,
            deeds: self.deeds.iter().map(|(deed, count)| (deed.as_str(), *count)).collect(),
            rules: &self.rules,
            causes: &self.causes,
            opt_outs: self.opt_outs,
            ruleset,
            position,
        };
        serde_json::to_vec(&written).expect("plain values become JSON")
    }
}
