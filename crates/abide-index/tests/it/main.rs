//! The index through its public face.

#![expect(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::format_push_string,
    reason = "tests: small numbers, short strings, and a panic is how they fail"
)]

mod damage;
mod laws;
mod lists;
mod refusals;
