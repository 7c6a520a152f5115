//! Puts a ruleset to the test before anybody is judged by it.
//!
//! In go a ruleset and its cases, out comes what is wrong with them: checks that come to another verdict, laws that a
//! made-up person breaks, rules that no case exercises, faults that no case would notice, and, beside another ruleset,
//! whoever would newly get through.
//!
//! Nothing here reads a file, waits, or draws a random number that no seed was given for.
//!
//! In reading order: [`cases`] are run through whatever answers them, [`stage`] answers in this process, [`coverage`]
//! watches it, [`synthetic`] makes cases up, [`weaker`] compares two rulesets, and a [`trial`] is all of it.

mod parallel;

pub mod cases;
mod stage;

mod coverage;
mod synthetic;
mod weaker;

pub mod trial;

pub use cases::{Answer, CaseFile, EnforcementPoint, Outcome, run};
pub use coverage::{Covered, covered};
pub use stage::{InMemory, unreadable};
pub use synthetic::{
    Finding, Synthetic, laws_of_people, lifted, looser_unsaid, strict_attributes, synthetic,
};
pub use trial::{Trial, TrialConfig};
pub use weaker::{Comparison, Differs, Example, compare, example, kinds, outline, shared_actions};
