//! Outside formats to signals.
