//! Everything that a ruleset has to stand before it may be stored.

use std::sync::Arc;

use abide_rules::Ruleset;

use crate::{
    cases::{CaseFile, Outcome, run},
    coverage::{Covered, covered},
    stage::InMemory,
    synthetic::{Synthetic, synthetic},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrialConfig {
    /// Equal seeds make up the same people.
    pub seed: u64,
    /// Below so many hundredths of branches taken the ruleset fails, and with 100 also if a fault would go unnoticed.
    pub coverage_min_percent: u8,
    pub threads: usize,
}

/// What came out.
#[derive(Clone, Debug)]
pub struct Trial {
    pub config: TrialConfig,
    pub files: usize,
    pub outcome: Outcome,
    pub synthetic: Synthetic,
    pub covered: Covered,
}

impl Trial {
    pub fn of(rules: &Arc<Ruleset>, files: &[CaseFile], config: TrialConfig) -> Self {
        Self {
            config,
            files: files.len(),
            outcome: run(&InMemory { rules: rules.clone() }, files, config.threads),
            synthetic: synthetic(rules, config.seed, config.threads),
            covered: covered(rules, files, config.threads),
        }
    }

    /// Where no case says what the ruleset means, nothing has been tested.
    pub fn is_passed(&self) -> bool {
        self.files > 0
            && self.outcome.disagreements.is_empty()
            && self.synthetic.findings.is_empty()
            && self.is_covered()
    }

    pub fn is_covered(&self) -> bool {
        let wanted = self.config.coverage_min_percent;
        self.covered.percent() >= wanted && (wanted < 100 || self.covered.unnoticed.is_empty())
    }
}
