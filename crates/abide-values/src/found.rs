//! What is found, and why something is not.

use std::{borrow::Cow, fmt};

/// A text that a path led to. Where that is a list, each of its elements is found; where there is nothing, nothing is.
#[derive(Clone, PartialEq, Eq)]
pub struct Found<'v> {
    /// The path's number.
    pub path: usize,
    /// A string, or a number for its digits, as ids of customers often are.
    pub text: Result<Cow<'v, str>, NotText>,
}

/// There is something, and it is no text: an object, a switch, bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotText;

/// It is not what it should be. Nothing of it is told, since it is personal data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the value does not fit its format")]
pub struct Unreadable;

/// Why something is not taken out of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WhyNot {
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error("its schema allows neither null nor anything empty there")]
    NotAllowed,
}

/// Personal data.
impl fmt::Debug for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Found({})", self.path)
    }
}
