//! One statement: who says what about whom, how, and when.

use std::{fmt, str::FromStr, sync::Arc};

use crate::{
    claimant::Claimant,
    identifier::IdentifierKind,
    key::{Key, TypedKey},
    mechanism::Mechanism,
    scope::Scope,
    time::Time,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// "Do not."
    Out,
    /// "Do again": consent, or a source's withdrawal of its own claim.
    In,
}

impl Direction {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Out => "out",
            Self::In => "in",
        }
    }
}

/// What shows that an opt-in is the person's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Proof {
    /// Confirmed from the mailbox itself.
    DoubleOptIn,
    /// Sent from the handset itself.
    Handset,
    /// Set by the person after logging in.
    Login,
    /// On a signed document.
    Signed,
}

impl Proof {
    pub const ALL: [Self; 4] = [Self::DoubleOptIn, Self::Handset, Self::Login, Self::Signed];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::DoubleOptIn => "double_opt_in",
            Self::Handset => "handset",
            Self::Login => "login",
            Self::Signed => "signed",
        }
    }
}

impl FromStr for Proof {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|proof| proof.as_str() == text)
            .ok_or("one of `double_opt_in`, `handset`, `login`, `signed`")
    }
}

/// What came in together and can be taken back together: one import, one day's live signals, or an event.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId(Arc<str>);

const LIVE_EVENT: &str = "live-event-";

impl BatchId {
    /// The batch of what arrives one by one, by day, so that a window of days can be taken back
    /// without losing what was said on another day.
    pub fn live(received_at: Time) -> Self {
        Self(format!("live-{}", received_at.date_compact()).into())
    }

    /// The batch of an undated statement that an event made: an event that comes again finds its batch among those of its
    /// claim, however much later and on whichever node ([`IdentityState::has_event`](crate::IdentityState::has_event)). `event`
    /// stands for the event's own id. There are no more such batches than a `u16` has values, since every list holds their
    /// names; one in 65,536 events about somebody is taken for an earlier one about them.
    pub fn of_event(event: [u8; 16]) -> Self {
        let [first, second, ..] = event;
        Self(format!("{LIVE_EVENT}{first:02x}{second:02x}").into())
    }

    pub fn is_event(&self) -> bool {
        self.0.starts_with(LIVE_EVENT)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for BatchId {
    type Err = InvalidBatchId;

    fn from_str(text: &str) -> Result<Self, InvalidBatchId> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if !text.is_empty() && text.len() <= 64 && text.bytes().all(plain) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidBatchId)
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a batch id has lower-case letters, digits and `-`, 1 to 64 of them")]
pub struct InvalidBatchId;

/// The keys of the identifier that a statement is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignalKeys {
    pub kind: IdentifierKind,
    pub primary: TypedKey,
    /// Other spellings and forms of the same identifier; they point at the primary.
    pub aliases: Vec<TypedKey>,
    /// The key of a raw e-mail's domain.
    pub domain: Option<Key>,
}

/// One statement, as the journal keeps it. Made by [`Signal::new`] only, so that what is
/// contradictory in itself does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    pub keys: SignalKeys,
    pub mechanism: Mechanism,
    pub scope: Scope,
    pub claimant: Claimant,
    pub direction: Direction,
    /// As the source says, clamped to receipt; `None` when it did not say.
    pub stated_at: Option<Time>,
    pub received_at: Time,
    /// What statements are compared by: `stated_at`, or else the hybrid logical clock.
    pub at: Time,
    pub batch: BatchId,
    pub proof: Option<Proof>,
    /// Who recorded it: a web form, a call centre, an integration.
    pub recorded_by: Option<Arc<str>>,
    /// A salted commitment to the evidence, which itself stands elsewhere and stays erasable.
    pub evidence: Option<[u8; 32]>,
}

/// A statement before it has keys and a batch: what parsers of outside formats give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    pub mechanism: Mechanism,
    pub scope: Scope,
    pub claimant: Claimant,
    pub direction: Direction,
    pub stated_at: Option<Time>,
    pub proof: Option<Proof>,
    pub recorded_by: Option<Arc<str>>,
}

impl Statement {
    /// An undated opt-out for everyone, the rest as the caller sets it.
    pub fn out(mechanism: Mechanism, claimant: Claimant) -> Self {
        Self {
            mechanism,
            scope: Scope::Everyone,
            claimant,
            direction: Direction::Out,
            stated_at: None,
            proof: None,
            recorded_by: None,
        }
    }

    /// Refuses what is contradictory in itself.
    pub fn validate(&self) -> Result<(), InvalidStatement> {
        let person = self.claimant == Claimant::Person;
        match (self.direction, person) {
            (Direction::In, true) if self.proof.is_none() => Err(InvalidStatement::UnprovenOptIn),
            (Direction::In, true) if self.recorded_by.is_none() => Err(InvalidStatement::UnrecordedOptIn),
            _ => Ok(()),
        }
    }
}

impl Signal {
    /// `clock` is the store's hybrid logical clock at this moment; it dates what the source did
    /// not. `received_at` is the wall clock.
    pub fn new(
        keys: SignalKeys,
        statement: Statement,
        batch: BatchId,
        received_at: Time,
        clock: Time,
    ) -> Result<Self, InvalidStatement> {
        statement.validate()?;
        let stated_at = statement.stated_at.map(|stated| stated.clamped_to(received_at));
        let domain = keys.domain.filter(|_| statement.mechanism.spec().keeps_domain);
        Ok(Self {
            keys: SignalKeys { domain, ..keys },
            mechanism: statement.mechanism,
            scope: statement.scope,
            claimant: statement.claimant,
            direction: statement.direction,
            stated_at,
            received_at,
            at: stated_at.unwrap_or(clock),
            batch,
            proof: statement.proof,
            recorded_by: statement.recorded_by,
            evidence: None,
        })
    }
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidStatement {
    #[error(
        "an opt-in counts as the person's only with a proof; give --proof, or --source for the word of a source"
    )]
    UnprovenOptIn,
    #[error("an opt-in of the person needs the one who recorded it; give --recorded-by")]
    UnrecordedOptIn,
}
