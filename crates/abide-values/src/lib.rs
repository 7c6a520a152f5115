//! Values of events: what stands at certain places of a JSON text, an Avro datum or a Protobuf message, and the value
//! without it.
//!
//! A place is a path, the same in all three. Values are read along the tree of all paths, in one pass that skips everything
//! else: what no path leads to is not made into anything. Foreign bytes never panic, never run out of stack and never take
//! longer than their length explains: what does not fit is [`Unreadable`].
//!
//! What this crate never does: wait, ask for a schema, or let a value into an error.

mod found;
mod paths;

mod json;

mod avro;
mod protobuf;
mod wire;

mod schema;

pub use found::{Found, NotText, Unreadable, WhyNot};
pub use paths::Paths;
pub use schema::{InvalidSchema, Kind, Schema};
