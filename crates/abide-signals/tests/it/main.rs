//! Samples of vendors' exports and fields, and the laws of reading rows.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod consent;
mod examples;
mod fields;
mod hooks;
mod laws;
mod mapping;
mod samples;
mod unsubscribe;
