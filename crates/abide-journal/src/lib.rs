//! Signals on object storage: append, read, verify.
