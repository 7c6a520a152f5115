//! What a set of cases exercises, and which faults it would notice.

use std::{collections::BTreeMap, sync::Arc};

use abide_enforce::Asked;
use abide_rules::{
    Branch, Coverage, Ruleset,
    case::{CaseCheck, Expected},
};

use crate::{cases::CaseFile, stage::Stage, weaker::compare};

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

/// Runs all cases through the ruleset and through each of its mutants.
pub fn covered(rules: &Arc<Ruleset>, files: &[CaseFile]) -> Covered {
    let mut coverage = Coverage::new(rules);
    let mut played = Vec::new();
    for file in files {
        let stage = Stage::set(&file.case, rules.clone());
        for check in &file.case.checks {
            let question = stage.question(check);
            stage.with_known(&question, |judge, known| {
                if let Some(effective) = judge.effective(&question, known, 0, &check.action, &check.context) {
                    coverage.observe(&effective, &check.action, &check.context);
                }
            });
        }
        played.push(Played {
            questions: file.case.checks.iter().map(|check| stage.question(check)).collect(),
            stage,
            file,
        });
    }
    let untaken: Vec<&Branch> = coverage.untaken();
    let never = |branch: &&&Branch| branch.outcome == abide_rules::coverage::Outcome::Applied;
    let rules_count = rules.rules().count();
    let mutants = rules.mutants();
    let unnoticed = mutants.iter().filter_map(|mutant| {
        let mutated = Arc::new(rules.mutated(mutant));
        if is_noticed(&mutated, mutant.rule.as_deref(), &mut played) {
            return None;
        }
        let subject = mutant.rule.as_ref().map(|rule| format!("the rule `{rule}` ")).unwrap_or_default();
        Some((format!("{subject}{}", mutant.what), mutated))
    });
    let unnoticed: BTreeMap<String, Arc<Ruleset>> = unnoticed.collect();
    let (redundant, unnoticed) = without_effect(rules, unnoticed);
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
fn without_effect(rules: &Ruleset, unnoticed: BTreeMap<String, Arc<Ruleset>>) -> (Vec<String>, Vec<String>) {
    let are_few = unnoticed.len() <= COMPARED_MAX;
    let is_same = |mutated: &Ruleset| {
        let comparison = compare(rules, mutated);
        comparison.is_no_weaker() && comparison.newly_blocked.is_empty()
    };
    let (same, other): (Vec<_>, Vec<_>) =
        unnoticed.into_iter().partition(|(_, mutated)| are_few && is_same(mutated));
    let names = |of: Vec<(String, _)>| of.into_iter().map(|(what, _)| what).collect();
    (names(same), names(other))
}

/// A case whose list and questions are ready: mutants differ in their rules alone.
struct Played<'f> {
    file: &'f CaseFile,
    stage: Stage,
    questions: Vec<Asked>,
}

/// Whether some check comes to another verdict. Those that name the rule are asked first, since one is enough.
fn is_noticed(mutated: &Arc<Ruleset>, rule: Option<&str>, played: &mut [Played<'_>]) -> bool {
    let names_it = |check: &CaseCheck| match (&check.expected, rule) {
        (Expected::Block { rules: Some(rules) }, Some(rule)) => rules.iter().any(|other| other == rule),
        _ => false,
    };
    played.iter_mut().for_each(|case| case.stage.snapshot.rules = mutated.clone());
    [true, false].into_iter().any(|first| {
        played.iter().any(|case| {
            let checks = case.file.case.checks.iter().zip(&case.questions);
            checks
                .filter(|(check, _)| names_it(check) == first)
                .any(|(check, question)| !case.stage.answer(check, question).meets(&check.expected))
        })
    })
}
