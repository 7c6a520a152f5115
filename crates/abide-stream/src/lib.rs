//! The stream: Kafka in, only what may pass out, exactly once.
//!
//! In go records of topics, out come those that may pass, in one transaction with the offsets of what was read. Between them
//! stands the same boundary as for every adapter ([`Judge`](abide_enforce::Judge)). Opt-outs in the records themselves
//! go to the journal, and are in force for whatever comes after them.
//!
//! What this crate never does: let a record through that was not judged, judge one by a list that is not complete or older
//! than it may be, commit an opt-out that is not durable, or let an identifier reach a log, an error or a header.
//!
//! In reading order: a [`Config`] makes routes; a route finds people in a [`Record`]; the engine judges them, and `fate`
//! says what becomes of the record: so far there is no broker. A `worker` reads, asks the engine and writes, in
//! transactions; [`Stream`] starts as many as it is told to, and what follows the journal and writes to it.

mod config;
mod record;

mod reading;
mod schemas;

mod opt_outs;
mod route;

mod fate;
mod tallies;

mod engine;

mod follow;
mod keeper;
mod list;
mod mark;
mod plan;

mod broker;
mod clients;
mod complaints;
mod figures;
mod metrics;
mod registry;
mod worker;

mod pauses;

mod error;
mod stream;
mod trial;

pub use broker::{TopicReport, check};
pub use config::{
    Config, Format, InvalidConfig, OnBlocked, OptOutsConfig, RegistryConfig, RouteConfig, Setting,
    StreamConfig,
};
pub use error::StreamError;
pub use fate::{Cause, Deed};
pub use record::Record;
pub use stream::{Stream, Wiring};
pub use tallies::RouteTally;
pub use trial::{Told, Trial, Why, dry_run};
