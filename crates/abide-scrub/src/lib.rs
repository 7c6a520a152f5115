//! Applies verdicts to whole files.
