//! Files in, files and reports out, on a real list, through the public interface only.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, helpers of tests too")]

mod doubt;
mod laws;
mod outputs;
mod refusals;
mod segments;
mod world;
