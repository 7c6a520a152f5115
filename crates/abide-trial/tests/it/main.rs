//! Rulesets on trial: the default one passes, and each fault in a ruleset is found.

#![expect(clippy::unwrap_used, reason = "a test: what it cannot read is a failure")]

mod careless;
mod comparison;
mod default_ruleset;
mod examples;
mod faults;
mod ruleset;
mod synthetic;
