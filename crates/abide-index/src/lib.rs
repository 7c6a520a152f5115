//! The exclusion index: one immutable file from key to facts.
