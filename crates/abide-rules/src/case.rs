//! Cases: small stories with the verdicts that they must come to, as TOML.
//!
//! ```toml
//! # A transactional mail passes an unsubscribe.
//! [[signal]]                       # in the order of arrival
//! email = "jane@example.com"       # exactly one identifier
//! mechanism = "email.unsubscribe"
//! scope = "brand:acme"             # `*` if left out
//!
//! [[check]]
//! email = "Jane@Example.com"
//! action = "contact.email"
//! context = { purpose = "transactional", brand = "acme" }
//! verdict = "allow"                # allow, block or cannot_tell
//! reasons = ["…"]                  # the rules that block, or the cause of cannot_tell: exactly these
//!
//! [[source]]                       # a list that is not fresh: heard just now if left out
//! claimant = "ftc"
//! mechanism = "phone.dnc.us"
//! age_days = 40
//! ```
//!
//! In goes such a text, out comes a [`Case`] whose words are all known to the model. Whether the
//! ruleset knows the actions is found when it is run; running is somebody else's affair, since the
//! same case runs through every way that data take.

mod identifier;
mod read;

use abide_model::{
    Action, BatchId, Claimant, Context, Mechanism, PhoneRegion, Time, key::Forms, signal::Statement,
};
use thiserror::Error;

pub use identifier::CaseIdentifier;

/// One story.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    pub store: CaseStore,
    pub signals: Vec<CaseSignal>,
    pub retractions: Vec<CaseRetraction>,
    /// Sources that have not delivered just now.
    pub sources: Vec<CaseSource>,
    pub checks: Vec<CaseCheck>,
}

/// What the store was told when it was made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CaseStore {
    /// US if left out.
    pub phone_region: PhoneRegion,
    pub forms: Forms,
}

/// One statement. A raw or hashed identifier, when it arrived, and what was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseSignal {
    pub identifier: CaseIdentifier,
    /// Both when it was stated and when it arrived: a second after the one before if left out.
    pub at: Time,
    /// `case` if left out.
    pub batch: BatchId,
    pub statement: Statement,
}

/// How long ago a source delivered its list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseSource {
    pub claimant: Claimant,
    pub mechanism: Mechanism,
    pub age_days: u32,
}

/// A taking-back, after all the signals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaseRetraction {
    Batch(BatchId),
    Window { source: Claimant, mechanism: Mechanism, from: Time, until: Time, domain: Option<String> },
}

/// A question and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseCheck {
    /// The person's identifiers, by kind.
    pub subject: Vec<CaseIdentifier>,
    pub action: Action,
    pub context: Context,
    pub expected: Expected,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    Allow,
    /// The ids of the rules, sorted; `None` where the case does not say.
    Block {
        rules: Option<Vec<String>>,
    },
    /// The cause; `None` where the case does not say.
    CannotTell {
        cause: Option<String>,
    },
}

impl Expected {
    /// Whether a verdict is what was expected.
    pub fn is_met_by(&self, verdict: &abide_model::Verdict) -> bool {
        use abide_model::Verdict;
        match (self, verdict) {
            (Self::Allow, Verdict::Allow) => true,
            (Self::Block { rules }, Verdict::Block { reasons }) => rules.as_ref().is_none_or(|rules| {
                rules.iter().map(String::as_str).eq(reasons.iter().map(|reason| &*reason.rule))
            }),
            (Self::CannotTell { cause }, Verdict::CannotTell { why }) => {
                cause.as_ref().is_none_or(|cause| cause == why.cause())
            }
            _ => false,
        }
    }
}

impl Case {
    /// Reads a case; a word that nothing knows is an error, so that no case passes by a typo.
    pub fn parse(text: &str) -> Result<Self, CaseError> {
        read::read(text)
    }
}

/// Why a text is no case. Identifiers in it are not repeated.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CaseError {
    #[error("line {line}, column {column}: {message}")]
    Toml { line: usize, column: usize, message: String },
    #[error("{entry} {number}: {message}")]
    Entry { entry: &'static str, number: usize, message: String },
    #[error("{entry} {number}: give exactly one identifier (`email`, `phone`, …, or `kind` with `sha256`)")]
    OneIdentifier { entry: &'static str, number: usize },
    #[error("check {number}: there is nobody to judge; give an identifier or `subject`")]
    NoSubject { number: usize },
    #[error("source {number}: a list is between 0 and 36500 days old")]
    Age { number: usize },
    #[error("there is no [[check]], so it cannot fail")]
    NoCheck,
    #[error("{entry} {number}: `{text}` is not a time; write 2026-01-31T12:00:00Z")]
    Time { entry: &'static str, number: usize, text: String },
    #[error("[store]: {0}")]
    Store(String),
    #[error("check {number}: `reasons` go with the verdicts `block` and `cannot_tell` (one cause) only")]
    Reasons { number: usize },
}
