//! The journal as whoever uses it sees it: on real stores, and on ones that fail.

#![expect(clippy::unwrap_used, reason = "what only tests call is a test")]

mod append;
mod batch;
mod busy;
mod damage;
mod file;
mod heartbeat;
mod rekey;
mod roll_up;
mod round_trip;
mod spool;
mod staged;
mod store;
mod world;
