//! The vocabulary of Abide as plain values.
