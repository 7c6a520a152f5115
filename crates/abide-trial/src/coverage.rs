//! What a set of cases exercises, and which faults it would notice.

mod noticing;

use std::{collections::BTreeMap, sync::Arc};

use abide_rules::{Branch, Coverage, Mutant, Ruleset};

use crate::{cases::CaseFile, weaker::compare};
use noticing::Checks;

/// How far cases go into a ruleset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Covered {
    pub rules: usize,
    pub rules_applied: usize,
    pub branches: usize,
    /// One sentence for each branch that no case takes.
    pub untaken: Vec<String>,
    pub mutants: usize,
    /// One sentence for each fault that no case would notice.
    pub unnoticed: Vec<String>,
    /// What could be left out, since everybody is judged alike without it.
    pub redundant: Vec<String>,
}

impl Covered {
    /// Branches taken, in hundredths, rounded down: 100 means all.
    pub fn percent(&self) -> u8 {
        let taken = self.branches - self.untaken.len();
        u8::try_from((taken * 100).checked_div(self.branches).unwrap_or(100)).expect("a part of a hundred")
    }
}

/// Runs all cases through the ruleset, and says what they would come to with each of its faults; on `threads` threads.
pub fn covered(rules: &Arc<Ruleset>, files: &[CaseFile], threads: usize) -> Covered {
    let checks = Checks::of(rules, files);
    let mut coverage = Coverage::new(rules);
    checks.questions().for_each(|question| coverage.observe(question));
    let untaken: Vec<&Branch> = coverage.untaken();
    let never = |branch: &&&Branch| branch.outcome == abide_rules::coverage::Outcome::Applied;
    let rules_count = rules.rules().count();
    let mutants = rules.mutants();
    let (redundant, unnoticed) = without_effect(rules, &checks.unnoticed(&mutants, threads));
    Covered {
        rules: rules_count,
        rules_applied: rules_count - untaken.iter().filter(never).count(),
        branches: coverage.len(),
        untaken: untaken.iter().map(ToString::to_string).collect(),
        mutants: mutants.len(),
        unnoticed,
        redundant,
    }
}

/// Beyond so many it is cases that are wanting, and comparing takes its time.
const COMPARED_MAX: usize = 16;

/// Tells faults apart: those that change no verdict of anybody, and those that do.
fn without_effect(rules: &Ruleset, unnoticed: &[&Mutant]) -> (Vec<String>, Vec<String>) {
    // Two faults may be the same in words.
    let named: BTreeMap<String, &Mutant> =
        unnoticed.iter().map(|mutant| (mutant.to_string(), *mutant)).collect();
    let are_few = named.len() <= COMPARED_MAX;
    let is_same = |mutant: &Mutant| {
        let comparison = compare(rules, &rules.mutated(mutant));
        comparison.is_no_weaker() && comparison.newly_blocked.is_empty()
    };
    let (same, other): (Vec<_>, Vec<_>) =
        named.into_iter().partition(|(_, mutant)| are_few && is_same(mutant));
    let names = |of: Vec<(String, _)>| of.into_iter().map(|(what, _)| what).collect();
    (names(same), names(other))
}
