//! Places in the journal.

use std::{collections::BTreeMap, fmt, str::FromStr, sync::Arc};

use crate::claimant::is_name;

/// A writer's own stretch of the journal: one region, one server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(Arc<str>);

impl Origin {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Origin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        if is_name(text) && !text.contains('.') { Ok(Self(text.into())) } else { Err(InvalidOrigin) }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("an origin's name has lower-case letters, digits, `_` and `-`, 1 to 128 of them")]
pub struct InvalidOrigin;

/// Place in one origin's journal: the number of records up to and including this one. Gapless and
/// monotonic; not an offset, a count of people or a time.
pub type Position = u64;

/// How far each origin has been applied. An origin that is missing stands at 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Positions(BTreeMap<Origin, Position>);

impl Positions {
    pub fn of(&self, origin: &Origin) -> Position {
        self.0.get(origin).copied().unwrap_or(0)
    }

    /// Moves `origin` forward; never back.
    pub fn advance(&mut self, origin: &Origin, to: Position) {
        let held = self.0.entry(origin.clone()).or_insert(0);
        *held = (*held).max(to);
    }

    /// Whether everything up to a token is applied.
    pub fn reach(&self, token: &Token) -> bool {
        self.of(&token.origin) >= token.position
    }

    /// Whether everything that `other` has applied is applied here too.
    pub fn covers(&self, other: &Self) -> bool {
        other.iter().all(|(origin, position)| self.of(origin) >= position)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Origin, Position)> {
        self.0.iter().map(|(origin, position)| (origin, *position))
    }
}

impl FromIterator<(Origin, Position)> for Positions {
    fn from_iter<I: IntoIterator<Item = (Origin, Position)>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

/// `eu-1:42 us-1:7`, or `empty`.
impl fmt::Display for Positions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("empty");
        }
        for (at, (origin, position)) in self.iter().enumerate() {
            let gap = if at == 0 { "" } else { " " };
            write!(f, "{gap}{origin}:{position}")?;
        }
        Ok(())
    }
}

/// What an accepted signal returns: where to look whether it is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub origin: Origin,
    pub position: Position,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.origin, self.position)
    }
}
