//! Lists into real stores in real directories, through the public interface.

#![expect(clippy::unwrap_used, reason = "a test: what it cannot read is a failure")]

mod world;

mod files;
mod laws;
mod lists;
mod refusals;
mod store;
mod vendors;
mod whole;
