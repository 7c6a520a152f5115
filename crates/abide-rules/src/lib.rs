//! Rulesets: what mechanisms mean, which actions there are, and what blocks them.
//!
//! In goes the text of a ruleset (`ruleset.toml` and Cedar policies; the default one is built in),
//! out comes an immutable [`Ruleset`] that was checked as a whole: every name is declared, every
//! policy fits the schema that follows from the declarations, every mechanism of the catalogue
//! reaches a segment or is declared not to. [`Ruleset::decide`] then maps the facts that count for
//! one action to a verdict; it is pure and total.
//!
//! This crate reads no file, knows no list and looks nobody up.
//!
//! In reading order: [`sources`] are the texts, a [`manifest`] is what `ruleset.toml` declares,
//! policies and manifest make a [`ruleset`], which [`decide`](Ruleset::decide)s. [`difference`] puts two
//! into words, [`common`] words let a solver compare two, [`coverage`] watches decisions and [`mutant`]s are what cases
//! have to notice. A [`case`] is a small story with the verdicts that it must come to.

pub mod error;
pub mod sources;
pub mod version;

mod expression;
pub mod manifest;
mod nearest;
mod policies;
mod schema;

mod cedar;
mod decide;
pub mod outcome;
pub mod question;
pub mod ruleset;

pub mod common;
pub mod coverage;
pub mod difference;
pub mod mutant;
pub mod shape;

pub mod case;

pub use case::{Case, CaseError};
pub use cedar::Effort;
pub use common::{Common, Given, Inexpressible, Side};
pub use coverage::{Branch, Coverage};
pub use difference::Change;
pub use error::{Place, Problem, RulesetError};
pub use manifest::{
    action::{ActionSpec, Basis},
    context::{AttributeKind, AttributeSpec, InvalidContext},
    max_age::MaxAge,
    segment::{Pattern, SegmentSpec},
};
pub use mutant::{Mutant, RuleFaults, Settled};
pub use outcome::Outcome;
pub use policies::{Effect, RuleSpec};
pub use question::Question;
pub use ruleset::Ruleset;
pub use shape::{Reading, Shape};
pub use sources::RulesetSources;
pub use version::RulesetVersion;
