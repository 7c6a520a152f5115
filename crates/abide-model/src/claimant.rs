//! Who says it.

use std::{fmt, str::FromStr, sync::Arc};

/// Who makes a statement: the person, or a source by name (`ftc`, `hubspot`) whose word it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Claimant {
    Person,
    Source(Arc<str>),
}

impl Claimant {
    pub fn as_str(&self) -> &str {
        match self {
            Self::Person => "person",
            Self::Source(name) => name,
        }
    }
}

impl fmt::Display for Claimant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Claimant {
    type Err = InvalidClaimant;

    fn from_str(text: &str) -> Result<Self, InvalidClaimant> {
        if text == "person" {
            return Ok(Self::Person);
        }
        if is_name(text) { Ok(Self::Source(text.into())) } else { Err(InvalidClaimant) }
    }
}

/// Names that stand in paths, reports and rules: lower-case letters, digits, `.`, `_`, `-`.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 128
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-'))
}

#[derive(Debug, thiserror::Error)]
#[error("a source's name has lower-case letters, digits, `.`, `_` and `-`, 1 to 128 of them")]
pub struct InvalidClaimant;
