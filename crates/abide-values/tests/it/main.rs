//! Values that the libraries of Avro and Protobuf wrote, and bytes that nobody did.

#![expect(clippy::unwrap_used, reason = "tests")]

mod avro;
mod dice;
mod laws;
mod protobuf;
