//! Samples of vendors' exports and fields, and the laws of reading rows.

mod examples;
mod fields;
mod laws;
mod samples;
