//! The default ruleset, what is refused, and the laws of deciding.

mod case_text;
mod cases;
mod default_ruleset;
mod laws;
mod refused;
mod story;
