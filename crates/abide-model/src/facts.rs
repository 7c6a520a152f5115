//! From what was said to what is in force.
//!
//! Two steps, both pure. [`FactSet::in_force`] reads one identity's state and keeps what no later
//! word has ended; this happens when a list is built, and its result is small and shared by many
//! people. [`Effective::of`] looks at the facts of all identifiers of one person from the side of
//! one action in one context: scopes that do not apply drop out first, then reach, then
//! exceptions. What the remaining facts *mean* is the ruleset's affair.

mod standing;

pub use standing::{Judged, Standing, judge};

use crate::{
    action::{Context, Destination},
    claimant::Claimant,
    identifier::IdentifierKind,
    mechanism::{EndedBy, Mechanism, Reach},
    scope::{Applies, Scope},
    signal::Direction,
    state::{IdentityState, Retractions},
};

/// A statement in force: an opt-out, or the person's own consent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fact {
    pub direction: Direction,
    pub mechanism: Mechanism,
    pub scope: Scope,
    pub claimant: Claimant,
}

/// The facts in force for one identity.
///
/// Invariant: oldest first as far as an opt-out and a consent are concerned, since which came later
/// decides between them; opt-outs (or consents) with none of the other between them are sorted, so
/// that equal sets are equal whatever their times. On a tie the opt-out is the later.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FactSet(Vec<Fact>);

impl FactSet {
    /// What of a state is in force.
    pub fn in_force(state: &IdentityState, retractions: &Retractions) -> Self {
        let judged = judge(state, retractions);
        let mut standing: Vec<_> =
            judged.into_iter().filter(|judged| judged.standing == Standing::InForce).collect();
        standing.sort_by_key(|judged| (judged.at, judged.fact.direction == Direction::Out));
        let mut facts: Vec<Fact> = standing.into_iter().map(|judged| judged.fact).collect();
        facts.chunk_by_mut(|a, b| a.direction == b.direction).for_each(<[Fact]>::sort);
        facts.dedup();
        Self(facts)
    }

    /// Takes facts in the order of the invariant, as they were written down.
    pub fn from_ordered(facts: Vec<Fact>) -> Self {
        Self(facts)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Fact> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a FactSet {
    type Item = &'a Fact;
    type IntoIter = std::slice::Iter<'a, Fact>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The facts found under one key of a person, and the identifier that led there.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    pub kind: IdentifierKind,
    /// Whether the action goes to this very identifier.
    pub is_destination: bool,
    pub facts: &'a FactSet,
}

/// What counts for one action on one person in one context.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effective {
    pub outs: Vec<Fact>,
    /// Consents of the person that surely apply and that no later word has taken back here.
    pub consents: Vec<Fact>,
}

impl Effective {
    pub fn of<'a>(
        found: impl IntoIterator<Item = Found<'a>>,
        destination: Destination,
        context: &Context,
    ) -> Self {
        let mut effective = Self::default();
        for found in found {
            let here: Vec<Here<'_>> = found
                .facts
                .iter()
                .filter(|fact| counts(fact, &found, destination))
                .filter_map(|fact| match fact.scope.applies(context) {
                    Applies::No => None,
                    applies => Some(Here { fact, surely: applies == Applies::Surely }),
                })
                .collect();
            for (at, this) in here.iter().enumerate() {
                let later = &here[at + 1..];
                match this.fact.direction {
                    Direction::Out if !this.is_excepted(later, destination) => {
                        effective.outs.push(this.fact.clone());
                    }
                    Direction::In if this.is_consent(later, destination) => {
                        effective.consents.push(this.fact.clone());
                    }
                    _ => {}
                }
            }
        }
        effective.outs.sort();
        effective.outs.dedup();
        effective.consents.sort();
        effective.consents.dedup();
        effective
    }
}

/// A fact whose scope applies.
struct Here<'a> {
    fact: &'a Fact,
    surely: bool,
}

impl Here<'_> {
    /// A newer, narrower opt-in is an exception to an older, wider opt-out, and an opt-in that is
    /// wider here ends it; two scopes that cannot be compared leave it standing.
    fn is_excepted(&self, later: &[Here<'_>], destination: Destination) -> bool {
        self.fact.mechanism.spec().ended_by == EndedBy::Person
            && later.iter().any(|other| {
                other.fact.direction == Direction::In
                    && other.surely
                    && other.fact.mechanism.spec().channels.includes(destination.channels)
                    && (other.fact.scope.covers_here(&self.fact.scope)
                        || self.fact.scope.covers_here(&other.fact.scope))
            })
    }

    fn is_consent(&self, later: &[Here<'_>], destination: Destination) -> bool {
        self.surely
            && self.fact.mechanism.spec().channels.includes(destination.channels)
            && !later.iter().any(|other| {
                let spec = other.fact.mechanism.spec();
                other.fact.direction == Direction::Out
                    && spec.voids_consent
                    && spec.channels.meets(destination.channels)
            })
    }
}

/// Whether a fact counts through the identifier that it was found under.
fn counts(fact: &Fact, found: &Found<'_>, destination: Destination) -> bool {
    let spec = fact.mechanism.spec();
    // Many people share an address of the network, so nothing said of one reaches further.
    let reach = if found.kind == IdentifierKind::Ip { Reach::Address } else { spec.reach };
    match reach {
        Reach::Person | Reach::Device => true,
        // Letters go to no identifier that we know, so their facts count through all.
        Reach::Address => {
            found.is_destination || (destination.kind.is_none() && spec.channels.meets(destination.channels))
        }
    }
}

#[cfg(test)]
mod tests;
