//! Values that the libraries of Avro and Protobuf wrote, and bytes that nobody did.

#![expect(clippy::unwrap_used, reason = "tests")]
#![expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "any number will do")]

mod avro;
mod dice;
mod json;
mod laws;
mod protobuf;
