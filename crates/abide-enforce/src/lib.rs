//! Snapshot and decide: the boundary that every adapter goes through.
