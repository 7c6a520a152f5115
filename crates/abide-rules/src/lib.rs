//! Rulesets: read, validate, compile, decide on sets of facts.
