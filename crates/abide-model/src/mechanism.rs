//! How a choice was stated: a fact, never reinterpreted. What a mechanism means for whom may send
//! what is the ruleset's affair; what stands here are the properties of the act itself.

mod catalogue;

use std::{fmt, hash::Hash, hash::Hasher, str::FromStr, sync::Arc};

pub use catalogue::CATALOGUE;

use crate::identifier::IdentifierKind;

/// Whose act this is by nature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaidBy {
    Person,
    Source,
}

/// Through which identifiers of a person a fact counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Only on the very identifier that the action goes to.
    Address,
    /// Through any identifier of the person.
    Person,
    /// Through any identifier that comes with the same device.
    Device,
}

/// What, beyond the claimant's own later word, ends an opt-out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndedBy {
    /// A later proven opt-in of the person on the same channel, its scope equal or wider.
    Person,
    /// Only the paired act: START ends the STOP to that sender.
    Same,
    /// Only the claimant's own withdrawal, such as a registry's removal.
    Source,
    /// Nothing.
    Nobody,
}

/// A set of channels that a mechanism concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Channels(u8);

impl Channels {
    pub const NONE: Self = Self(0);
    pub const EMAIL: Self = Self(1);
    pub const SMS: Self = Self(1 << 1);
    pub const PHONE: Self = Self(1 << 2);
    pub const PUSH: Self = Self(1 << 3);
    pub const POST: Self = Self(1 << 4);
    /// Advertising, sale and sharing.
    pub const ADS: Self = Self(1 << 5);
    pub const TRACK: Self = Self(1 << 6);
    pub const CONTACT: Self = Self(0b001_1111);
    pub const ALL: Self = Self(0b111_1111);

    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub const fn includes(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// One row of the catalogue.
#[derive(Debug, PartialEq, Eq)]
pub struct MechanismSpec {
    /// A dotted path; `.*` at the end stands for one more segment of any name.
    pub path: &'static str,
    pub said_by: SaidBy,
    pub reach: Reach,
    pub ended_by: EndedBy,
    pub channels: Channels,
    /// Whether its `out` ends earlier consents. What a person says does; a registry's listing does
    /// not (consent given to a company stands beside it); a reassigned number does.
    pub voids_consent: bool,
    /// Whether a time window of it can be retracted by e-mail domain, so that signals carry the
    /// domain's key: an outage of one mail provider makes thousands of false bounces.
    pub keeps_domain: bool,
    /// What was done, in a few words.
    pub what: &'static str,
}

/// A mechanism of the catalogue, e.g. `email.unsubscribe` or `phone.dnc.us`.
#[derive(Clone)]
pub struct Mechanism {
    path: Arc<str>,
    spec: &'static MechanismSpec,
}

impl Mechanism {
    pub fn as_str(&self) -> &str {
        &self.path
    }

    /// Whether it can be said of an identifier of this kind. A whole e-mail domain cannot consent, and what says
    /// nothing about e-mail says nothing about one.
    pub fn can_be_said_of(&self, kind: IdentifierKind) -> bool {
        kind != IdentifierKind::EmailDomain || self.spec().channels.includes(Channels::EMAIL)
    }

    pub fn spec(&self) -> &'static MechanismSpec {
        self.spec
    }

    /// The registry's or string's own name in a family: `us` of `phone.dnc.us`.
    pub fn member(&self) -> Option<&str> {
        self.spec.path.strip_suffix('*').and_then(|prefix| self.path.strip_prefix(prefix))
    }
}

impl FromStr for Mechanism {
    type Err = UnknownMechanism;

    fn from_str(text: &str) -> Result<Self, UnknownMechanism> {
        match CATALOGUE.iter().find(|spec| spec.matches(text)) {
            Some(spec) => Ok(Self { path: text.into(), spec }),
            None => Err(UnknownMechanism { nearest: nearest(text) }),
        }
    }
}

impl MechanismSpec {
    fn matches(&self, path: &str) -> bool {
        let Some(prefix) = self.path.strip_suffix('*') else { return self.path == path };
        path.strip_prefix(prefix).is_some_and(|member| {
            !member.is_empty()
                && member.len() <= 64
                && member.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        })
    }
}

/// The mechanism of the catalogue whose path shares most with what was typed.
fn nearest(text: &str) -> &'static str {
    let shared = |spec: &&MechanismSpec| {
        let prefix = text.bytes().zip(spec.path.bytes()).take_while(|(a, b)| a == b).count();
        let words = text.split('.').filter(|word| spec.path.split('.').any(|other| other == *word)).count();
        prefix + 4 * words
    };
    CATALOGUE.iter().max_by_key(shared).expect("the catalogue is not empty").path
}

impl PartialEq for Mechanism {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

impl Eq for Mechanism {}

impl PartialOrd for Mechanism {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Mechanism {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.path.cmp(&other.path)
    }
}

impl Hash for Mechanism {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.path.hash(state);
    }
}

impl fmt::Debug for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("no such mechanism; the nearest is `{nearest}` (`abide mechanisms` lists them all)")]
pub struct UnknownMechanism {
    nearest: &'static str,
}
