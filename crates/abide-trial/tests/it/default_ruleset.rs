//! The default ruleset stands its own trial, with its own cases alone.

use std::sync::Arc;

use abide_rules::Ruleset;
use abide_trial::{Trial, TrialConfig};

use crate::ruleset::cases;

#[test]
fn it_passes_with_every_branch_taken_and_every_fault_noticed() {
    let rules = Arc::new(Ruleset::built_in().unwrap());
    let config = TrialConfig { seed: 1, coverage_min_percent: 100, threads: 2 };
    let trial = Trial::of(&rules, &cases(), config);
    assert!(trial.is_passed(), "{trial:#?}");
    let covered = &trial.covered;
    assert_eq!((covered.rules_applied, covered.percent()), (covered.rules, 100));
    // What was never tried must not pass for noticed.
    assert!(covered.mutants > 190 && trial.outcome.checks > 250, "{trial:?}");
}

/// A rule without a case is a rule that nobody would miss.
#[test]
fn a_rule_whose_cases_are_taken_away_is_untested() {
    let rules = Arc::new(Ruleset::built_in().unwrap());
    let without = cases().into_iter().filter(|file| !file.name.contains("deceased")).collect::<Vec<_>>();
    let covered = abide_trial::covered(&rules, &without, 2);
    assert!(covered.unnoticed.iter().any(|fault| fault == "the rule `deceased` left out"), "{covered:?}");
    assert!(
        covered.untaken.iter().any(|branch| branch == "the rule `deceased` never applies"),
        "{covered:?}"
    );
    assert!(covered.percent() < 100);
}

/// Without a case nobody has said what the ruleset means.
#[test]
fn no_cases_are_no_pass() {
    let config = TrialConfig { seed: 1, coverage_min_percent: 0, threads: 1 };
    let rules = Arc::new(Ruleset::built_in().unwrap());
    let trial = Trial::of(&rules, &[], config);
    assert!(
        trial.outcome.disagreements.is_empty() && trial.synthetic.findings.is_empty() && !trial.is_passed()
    );
}
