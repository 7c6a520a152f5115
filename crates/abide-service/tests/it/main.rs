//! The real server on a free port, with a real store in a temporary directory, spoken to over HTTP.

#![expect(clippy::unwrap_used, reason = "a test: what it cannot read is a failure")]

mod access;
mod authz;
mod browser;
mod cases;
mod client;
mod consent;
mod cut_off;
mod description;
mod filter;
mod hooks;
mod postfix;
mod push;
mod refused;
mod reload;
mod schemathesis;
mod signals;
mod sns;
mod tls;
mod traces;
mod unsubscribe;
mod world;
