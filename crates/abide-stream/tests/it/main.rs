//! Streams on real brokers.

#![expect(clippy::unwrap_used, reason = "tests")]

mod cases;
mod hand_over;
mod opt_outs;
mod routes;
mod schemas;
mod secure;
mod start;
mod world;
