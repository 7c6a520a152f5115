//! The journal as whoever uses it sees it: on real stores, and on ones that fail.

#![expect(clippy::unwrap_used, reason = "what only tests call is a test")]

mod append;
mod batch;
mod damage;
mod file;
mod rekey;
mod round_trip;
mod store;
mod world;
