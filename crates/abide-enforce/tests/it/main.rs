//! The boundary: remembered or asked afresh, from memory or from an index, the verdict is the same.

#![expect(clippy::unwrap_used, reason = "what only tests call is a test")]

mod laws;
mod memory;
