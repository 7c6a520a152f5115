//! The solver finds every weakening and takes nothing else for one.

#![expect(clippy::unwrap_used, reason = "a test: what it cannot read is a failure")]

mod law;
mod proof;
mod ruleset;
