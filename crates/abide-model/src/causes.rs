//! An error and its causes in one line, for people.

use std::error::Error;

/// Some say what is behind them themselves; that is not said again.
pub fn chain(error: &dyn Error) -> String {
    let mut said = error.to_string();
    let mut at = error.source();
    while let Some(cause) = at {
        let cause_said = cause.to_string();
        if !said.ends_with(&cause_said) {
            said = format!("{said}: {cause_said}");
        }
        at = cause.source();
    }
    said
}
