//! Cases that are made up from the ruleset, and need nobody to say what they must come to: laws that hold of every
//! ruleset which keeps people's choices.

pub(crate) mod facts;
mod people;
mod seed;
mod spellings;

use std::sync::Arc;

use abide_rules::Ruleset;

/// A law that the ruleset breaks, and the smallest example found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// A name for machines: `monotone`.
    pub law: &'static str,
    /// A sentence for people.
    pub example: String,
}

/// How many made-up people each law that samples is tried on.
const SAMPLES: usize = 400;

/// Tries every law. Equal seeds try the same people.
pub fn synthetic(rules: &Arc<Ruleset>, seed: u64) -> Vec<Finding> {
    let mut seed = seed::Seed::new(seed);
    let mut findings = facts::meanings(rules);
    findings.extend(facts::basis(rules));
    findings.extend(facts::monotone(rules, &mut seed, SAMPLES));
    findings.extend(facts::unsaid(rules, &mut seed, SAMPLES));
    findings.extend(people::scopes(rules));
    findings.extend(people::addresses(rules));
    findings.extend(spellings::spellings(rules, &mut seed));
    findings
}
