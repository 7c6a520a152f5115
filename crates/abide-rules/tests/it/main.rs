//! The default ruleset, what is refused, and the laws of deciding.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

mod case_text;
mod cases;
mod default_ruleset;
mod laws;
mod refused;
mod story;
mod tables;
