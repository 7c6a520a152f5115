//! The vocabulary of Abide as plain values: identifiers and how they become keys, mechanisms and
//! what they mean, signals, the state that they merge into, facts, actions and verdicts.
//!
//! No I/O, no clock, no async: what needs the time takes it as an argument.
//!
//! In reading order: a text becomes an [`identifier`], an identifier becomes [`key`]s; a
//! [`mechanism`] with its [`scope`] and [`claimant`] makes a [`signal`]; signals merge into
//! [`state`], of which some [`facts`] are in force; an [`action`] on a person gets a [`verdict`]. Beside them,
//! [`contained`] is how all that reads foreign bytes calls a reader that may panic, and [`causes`] how an error is told.

pub mod time;

pub mod identifier;
pub mod key;
pub mod written;

pub mod claimant;
pub mod mechanism;
pub mod position;
pub mod scope;
pub mod signal;

pub mod facts;
pub mod state;

pub mod action;
pub mod tally;
pub mod verdict;

pub mod causes;
pub mod contained;

pub use action::{Action, Context, Destination};
pub use claimant::Claimant;
pub use facts::{Fact, FactSet};
pub use identifier::{
    Digest, Form, Identifier, IdentifierKind, InvalidIdentifier, Normaliser, PhoneRegion, Profile,
};
pub use key::{Forms, Held, HeldForms, Key, Keyring, Secret, TypedKey, Unsealed, UnsealedKeys};
pub use mechanism::{Channels, EndedBy, Mechanism, Reach, SaidBy};
pub use position::{Origin, Position, Positions, Token};
pub use scope::Scope;
pub use signal::{BatchId, Direction, Proof, Signal, SignalKeys};
pub use state::{Claim, IdentityState, Moments, Retraction, Retractions};
pub use tally::Tally;
pub use time::Time;
pub use verdict::{OnCannotTell, Reason, Uncertain, Verdict};
pub use written::{HashedAs, Written, kind_and_form};
