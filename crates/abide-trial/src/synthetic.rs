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

/// Tries every law. Equal seeds try the same people.
pub fn synthetic(rules: &Arc<Ruleset>, seed: u64) -> Synthetic {
    let mut seed = seed::Seed::new(seed);
    let circumstances = match circumstances::Circumstances::of(rules) {
        Ok(circumstances) => circumstances,
        Err(finding) => return Synthetic { findings: vec![finding], ..Synthetic::default() },
    };
    let mut findings = facts::meanings(rules, &circumstances.all());
    findings.extend(facts::basis(rules));
    let tried = strictness::strictness(rules, &circumstances, &mut seed);
    findings.extend(tried.findings);
    findings.extend(people::scopes(rules));
    findings.extend(people::addresses(rules));
    findings.extend(spellings::spellings(rules, &mut seed));
    Synthetic { findings, blocked_tried: tried.blocked_tried }
}
