//! The real binary: the cases, the flow of the README, and everything that can go wrong.

#![expect(clippy::unwrap_used, reason = "a test: what it cannot read is a failure")]

mod bad_rules;
mod cases;
mod crash;
mod disk;
mod doctor;
mod drop;
mod flow;
mod guard;
mod load;
mod lost_tail;
mod program;
mod rekey;
mod retract;
mod robust;
mod rules;
mod serve;
mod signals;
mod stream;
mod stream_login;
mod stream_twins;
mod unsubscribe_link;
mod world;
