//! Cases that are made up from the ruleset, and need nobody to say what they must come to: laws that hold of every
//! ruleset which keeps people's choices.

mod circumstances;
pub(crate) mod facts;
mod people;
mod seed;
mod spellings;
mod strictness;

use std::sync::Arc;

use abide_rules::Ruleset;

use crate::{cases::EnforcementPoint, stage::InMemory};
pub(crate) use strictness::smallest;
pub use strictness::{lifted, looser_unsaid, strict_attributes};

/// A law that the ruleset breaks, and the smallest example found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// A name for machines: `monotone`.
    pub law: &'static str,
    /// A sentence for people.
    pub example: String,
}

/// What trying the laws came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Synthetic {
    pub findings: Vec<Finding>,
    /// Blocked people whom the laws of strictness were tried on: laws that nobody was there for prove nothing.
    pub blocked_tried: usize,
}

/// Tries every law. Equal seeds try the same people, on however many threads.
pub fn synthetic(rules: &Arc<Ruleset>, seed: u64, threads: usize) -> Synthetic {
    let (number, mut seed) = (seed, seed::Seed::new(seed));
    let circumstances = match circumstances::Circumstances::of(rules) {
        Ok(circumstances) => circumstances,
        Err(finding) => return Synthetic { findings: vec![finding], ..Synthetic::default() },
    };
    let mut findings = facts::meanings(rules, &circumstances.all());
    findings.extend(facts::basis(rules));
    let tried = strictness::strictness(rules, &circumstances, &mut seed, threads);
    findings.extend(tried.findings);
    findings.extend(laws_of_people(rules, &InMemory { rules: rules.clone() }, number));
    Synthetic { findings, blocked_tried: tried.blocked_tried }
}

/// Tries the laws that rest on which identifier something was said of, and to whom, on whatever answers by these rules.
pub fn laws_of_people(rules: &Ruleset, point: &impl EnforcementPoint, seed: u64) -> Vec<Finding> {
    let mut findings = people::scopes(rules, point);
    findings.extend(people::addresses(rules, point));
    findings.extend(spellings::spellings(rules, point, &mut seed::Seed::new(seed)));
    findings
}
