//! What can be wrong with a ruleset, and where.

use std::fmt;

use thiserror::Error;

pub use crate::nearest::Nearest;

/// A place in one of the texts of a ruleset; lines and columns count from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub file: String,
    pub line: usize,
    pub column: usize,
}

impl Place {
    /// The place `offset` bytes into `text`.
    pub(crate) fn at(file: &str, text: &str, offset: usize) -> Self {
        let before = &text.as_bytes()[..offset.min(text.len())];
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        // Continuation bytes of UTF-8 begin no character.
        let column = 1 + before[line_start..].iter().filter(|byte| **byte & 0xC0 != 0x80).count();
        Self { file: file.to_owned(), line, column }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// The first thing found wrong with a ruleset. Nothing of such a ruleset is used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{place}: {problem}")]
pub struct RulesetError {
    pub place: Place,
    pub problem: Problem,
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Problem {
    #[error("{0}")]
    Toml(String),
    #[error("{0}")]
    Cedar(String),
    #[error(
        "`{name}` is no name for {what}: write lower-case letters, digits and `_`, in words joined by `.`"
    )]
    InvalidName { what: &'static str, name: String },
    #[error("{0}")]
    UnknownMechanism(String),
    #[error("there is no {what} `{name}`{nearest}")]
    Unknown { what: &'static str, name: String, nearest: Nearest },
    #[error("{what} `{name}` is declared twice")]
    Twice { what: &'static str, name: String },
    #[error("no mechanism puts anybody into the segment `{0}`: list some in `mechanisms`, or take it out")]
    EmptySegment(String),
    #[error(
        "the mechanism `{0}` makes no segment, so what people said that way would be ignored: list it under a segment, \
         or under `[segmentless]` with the reason"
    )]
    IgnoredMechanism(&'static str),
    #[error("`{0}` makes a segment and stands under `[segmentless]` too")]
    Segmentless(String),
    #[error("the groups `{}` are in one another in a circle", .0.join("`, `"))]
    Cycle(Vec<String>),
    #[error(
        "the context attribute `{0}` has `values` but no `default`: give the one that is judged when none is named"
    )]
    NoDefault(String),
    #[error("the context attribute `{0}` has a `default` but no `values`")]
    DefaultWithoutValues(String),
    #[error("`{0}` names a scope, so it takes any text: leave out `values` and `default`")]
    ScopeAttribute(String),
    #[error("`{0}` is taken, since the schema of the policies has a type of that name")]
    ReservedAttribute(String),
    #[error("the segment `{segment}` has `{key}` but no `blocks`: say which actions it blocks")]
    NothingToQualify { segment: String, key: &'static str },
    #[error("the segment `{0}` has an empty `blocks`: name actions or groups, or take it out")]
    BlocksNothing(String),
    #[error("`{name}` is blocked twice by this table: {why}")]
    BlockedTwice { name: String, why: String },
    #[error("`{name}` is in use: the table of the segment `{segment}` makes a policy of that id")]
    TableId { segment: String, name: String },
    #[error("it is not text: byte {0} is no UTF-8")]
    NotUtf8(usize),
    #[error("the ruleset has {size} bytes; the most is {max}")]
    TooLarge { size: usize, max: usize },
    #[error(
        "this condition nests deeper than {0} brackets and operators: compare with a set (`[…].contains(…)`), or make \
         several policies of it"
    )]
    TooDeep(usize),
    #[error("a `max_age_days` is at least 1")]
    ZeroMaxAge,
    #[error("this policy has no name: put `@id(\"some-name\")` before it")]
    NoRuleId,
    #[error(
        "`{0}` is no id for a policy: write lower-case letters, digits and `-`, and no name that the engine uses itself"
    )]
    InvalidRuleId(String),
    #[error("the policy `{0}` forbids something and does not say why: put `@reason(\"…\")` before it")]
    NoReason(String),
    #[error("the policy `{0}` is a template (it has a `?principal` or `?resource`); write it out")]
    Template(String),
}
