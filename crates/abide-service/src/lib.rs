//! The service: signals in, verdicts out, over HTTP.
//!
//! In go requests, out come answers; between them stand the same boundary as for every adapter
//! ([`Judge`](abide_enforce::Judge)) and the same journal. Worker threads answer verdicts from memory and never wait
//! for the store; a few background tasks follow the journal and make signals durable.
//!
//! What this crate never does: answer from a list that is not complete, acknowledge a signal that is not durable, or
//! let an identifier reach a log, an error or a metric.
//!
//! In reading order: a [`Config`] and a [`Wiring`] start a [`Server`]. Its acceptor hands connections to workers; a
//! worker finds the endpoint in the table of routes; `endpoints` has one file for each. What they ask stands in `list`
//! (the list as it stands here) and `desk` (verdicts, fast); what they accept goes to `intake`.

mod config;
mod limits;
mod outgoing;
mod secrets;
mod tls;

mod list;

mod follow;
mod in_turn;
mod intake;
mod peers;
mod push;
mod since;

mod access;

mod aside;
mod desk;
mod hooks;
mod mapping;
mod sns;
mod unsubscribe;
mod wire;

mod set_up;

mod consent;

mod arrow;
mod ask;
mod body;
mod page;
mod problem;

mod endpoints;
mod postfix;
mod routes;

mod deadline;
mod metrics;
mod server;
mod traces;
mod worker;

pub use config::{Config, InvalidConfig, Layer, Layers, Verdicts};
pub use hooks::{HookAccount, Signed, StopWord};
pub use limits::Limits;
pub use mapping::AuthzRoute;
pub use peers::Peers;
pub use postfix::PolicyService;
pub use server::{Server, ServerError, Wiring};
pub use set_up::ReadSettings;
pub use tls::Tls;
pub use traces::Traces;
pub use unsubscribe::{Choice, Links, Unsubscribe};
