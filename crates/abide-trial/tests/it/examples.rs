//! The rulesets under `examples/rulesets` are what they say, so that whoever copies one starts from a tested one.

use abide_trial::{Trial, TrialConfig};

use crate::ruleset::examples;

#[test]
fn every_example_passes_in_full() {
    let mut tried = 0;
    for (name, rules, cases) in examples() {
        let config = TrialConfig { seed: 1, coverage_min_percent: 100, threads: 2 };
        let trial = Trial::of(&rules, &cases, config);
        assert!(trial.is_passed(), "{name}: {trial:#?}");
        tried += 1;
    }
    assert!(tried > 0);
}
