//! What may be done. Never a bool.

use std::{fmt, str::FromStr, sync::Arc};

use crate::{identifier::IdentifierKind, mechanism::Mechanism};

/// The answer for one person, one action, one context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No objection is known.
    Allow,
    /// At least one rule forbids it.
    Block { reasons: Vec<Reason> },
    /// It cannot be judged; what happens then is the caller's declared choice.
    CannotTell { why: Uncertain },
}

impl Verdict {
    /// `allow`, `block` or `cannot_tell`: the words of reports, metrics and wire formats.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Block { .. } => "block",
            Self::CannotTell { .. } => "cannot_tell",
        }
    }
}

/// Why something is blocked: the rule, and what it rests on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reason {
    /// The policy's id in the ruleset.
    pub rule: Arc<str>,
    /// The sentence that the policy carries for people.
    pub text: Arc<str>,
    /// The segments that the policy names and the person is in; empty when consent is missing.
    pub segments: Vec<Arc<str>>,
    /// The mechanisms in force that put the person there.
    pub mechanisms: Vec<Mechanism>,
    /// Who claims them.
    pub claimants: Vec<Arc<str>>,
}

/// Why nothing can be said.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Uncertain {
    DestinationMissing(IdentifierKind),
    DestinationUnreadable(IdentifierKind),
    /// Several identifiers of the destination's kind, and none was named as the one.
    DestinationAmbiguous(IdentifierKind),
    NoIdentifier,
    UnknownAction,
    /// The record could not be decoded.
    Undecodable,
    /// Another identifier cannot be read, and the caller asked for strictness.
    PartlyUnreadable(IdentifierKind),
    /// The list holds statements that the form of this identifier cannot reach.
    Uncovered(IdentifierKind),
    /// A source that the rule rests on has not been refreshed within its `max_age`.
    SourceStale {
        source: Arc<str>,
        mechanism: Arc<str>,
    },
    /// The list is older than the bound that this enforcement point declares.
    ListStale,
}

impl Uncertain {
    /// A word for reports and metrics.
    pub fn cause(&self) -> &'static str {
        match self {
            Self::DestinationMissing(_) => "destination_missing",
            Self::DestinationUnreadable(_) => "destination_unreadable",
            Self::DestinationAmbiguous(_) => "destination_ambiguous",
            Self::NoIdentifier => "no_identifier",
            Self::UnknownAction => "unknown_action",
            Self::Undecodable => "undecodable",
            Self::PartlyUnreadable(_) => "partly_unreadable",
            Self::Uncovered(_) => "uncovered",
            Self::SourceStale { .. } => "source_stale",
            Self::ListStale => "list_stale",
        }
    }
}

impl fmt::Display for Uncertain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DestinationMissing(kind) => write!(f, "there is no {kind} to send it to"),
            Self::DestinationUnreadable(kind) => write!(f, "the {kind} cannot be read"),
            Self::DestinationAmbiguous(kind) => {
                write!(f, "there are several of kind {kind}; name the one with --to")
            }
            Self::NoIdentifier => f.write_str("there is no identifier"),
            Self::UnknownAction => f.write_str("the ruleset has no such action"),
            Self::Undecodable => f.write_str("the record cannot be decoded"),
            Self::PartlyUnreadable(kind) => write!(f, "another identifier, of kind {kind}, cannot be read"),
            Self::Uncovered(kind) => {
                write!(f, "the list holds statements that this form of {kind} cannot reach")
            }
            Self::SourceStale { source, mechanism } => {
                write!(f, "the list {mechanism} of {source} is older than its limit")
            }
            Self::ListStale => f.write_str("the list is older than the limit set here"),
        }
    }
}

/// What to do with a record that cannot be judged. Nothing defaults to `Allow`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnCannotTell {
    #[default]
    Block,
    Allow,
    /// Stop the run.
    Fail,
}

impl FromStr for OnCannotTell {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "block" => Ok(Self::Block),
            "allow" => Ok(Self::Allow),
            "fail" => Ok(Self::Fail),
            _ => Err("one of `block`, `allow`, `fail`"),
        }
    }
}

impl fmt::Display for OnCannotTell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Block => "block",
            Self::Allow => "allow",
            Self::Fail => "fail",
        })
    }
}
