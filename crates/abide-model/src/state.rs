//! What signals merge into: per identity, the latest `out` and `in` of each claim.
//!
//! Merging is the pointwise maximum and a union of keys, so replicas converge in any order, any
//! grouping, with any repetition. Retractions are a set that only grows; they take effect when
//! facts are read off, not in the merge.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    claimant::Claimant,
    identifier::IdentifierKind,
    key::{Key, TypedKey},
    mechanism::Mechanism,
    scope::Scope,
    signal::{BatchId, Direction, Signal},
    time::Time,
};

/// What a row of state is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Claim {
    pub mechanism: Mechanism,
    pub scope: Scope,
    pub claimant: Claimant,
    pub batch: BatchId,
}

/// The greatest `out` time and the greatest `in` time seen for a claim.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Moments {
    pub out: Option<Time>,
    pub opt_in: Option<Time>,
}

impl Moments {
    pub fn merge(&mut self, other: Self) {
        self.out = self.out.max(other.out);
        self.opt_in = self.opt_in.max(other.opt_in);
    }

    fn note(&mut self, direction: Direction, at: Time) {
        match direction {
            Direction::Out => self.out = self.out.max(Some(at)),
            Direction::In => self.opt_in = self.opt_in.max(Some(at)),
        }
    }
}

/// Everything that was said about one identifier: a primary key, the aliases that lead to it, and
/// the claims.
///
/// A statement that arrived hashed is kept under the digest's own key. Once a raw statement shows
/// that this key is an alias of a primary, both are one identity: their states merge, the primary
/// of the raw statement being the primary of both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityState {
    pub kind: IdentifierKind,
    pub primary: TypedKey,
    pub aliases: BTreeSet<TypedKey>,
    /// The key of the e-mail domain, where a mechanism needed it.
    pub domain: Option<Key>,
    pub claims: BTreeMap<Claim, Moments>,
}

impl Claim {
    pub fn of(signal: &Signal) -> Self {
        Self {
            mechanism: signal.mechanism.clone(),
            scope: signal.scope.clone(),
            claimant: signal.claimant.clone(),
            batch: signal.batch.clone(),
        }
    }
}

impl IdentityState {
    pub fn new(kind: IdentifierKind, primary: TypedKey) -> Self {
        Self { kind, primary, aliases: BTreeSet::new(), domain: None, claims: BTreeMap::new() }
    }

    pub fn of(signal: &Signal) -> Self {
        let mut state = Self::new(signal.keys.kind, signal.keys.primary);
        state.apply(signal);
        state
    }

    /// Takes a signal about this identity in. Its primary may be an alias here.
    pub fn apply(&mut self, signal: &Signal) {
        self.aliases.extend(signal.keys.aliases.iter().filter(|alias| **alias != self.primary));
        self.domain = self.domain.max(signal.keys.domain);
        self.claims.entry(Claim::of(signal)).or_default().note(signal.direction, signal.at);
    }

    /// Takes in another state of the same identity: of the same primary, or one of the two primaries
    /// being an alias of the other, which then stays the primary.
    pub fn merge(&mut self, other: &Self) {
        self.aliases.extend(other.keys());
        if other.aliases.contains(&self.primary) {
            self.aliases.insert(self.primary);
            self.primary = other.primary;
        }
        self.aliases.remove(&self.primary);
        self.domain = self.domain.max(other.domain);
        for (claim, moments) in &other.claims {
            self.claims.entry(claim.clone()).or_default().merge(*moments);
        }
    }

    /// What a claimant says under a mechanism for a scope, batch by batch, without what was taken back.
    pub fn counting<'s>(
        &'s self,
        mechanism: &'s Mechanism,
        scope: &'s Scope,
        claimant: &'s Claimant,
        retractions: &'s Retractions,
    ) -> impl Iterator<Item = Moments> + 's {
        let said = self.claims.iter().filter(move |(claim, _)| {
            claim.mechanism == *mechanism && claim.scope == *scope && claim.claimant == *claimant
        });
        said.filter_map(move |(claim, held)| retractions.remaining(self, claim, *held))
    }

    /// Whether a statement that has no date is an event's that was noted before, by its [batch](BatchId::of_event). An
    /// opt-out is one only while its claim stands: two events may share a batch, and no "do not" may be lost for that.
    /// What was taken back does not count.
    pub fn has_event(&self, claim: &Claim, direction: Direction, retractions: &Retractions) -> bool {
        let held = self.claims.get(claim).filter(|_| claim.batch.is_event());
        let held = held.and_then(|held| retractions.remaining(self, claim, *held));
        let Some(held) = held else { return false };
        match direction {
            Direction::In => held.opt_in.is_some(),
            Direction::Out => {
                let Claim { mechanism, scope, claimant, .. } = claim;
                let mut of_claim = Moments::default();
                self.counting(mechanism, scope, claimant, retractions).for_each(|held| of_claim.merge(held));
                held.out.is_some() && of_claim.out >= of_claim.opt_in
            }
        }
    }

    /// Every key that leads here, the primary first.
    pub fn keys(&self) -> impl Iterator<Item = &TypedKey> {
        std::iter::once(&self.primary).chain(&self.aliases)
    }

    /// The greatest time of an `in`, above which an undated live opt-out is stamped.
    pub fn latest_opt_in(&self) -> Option<Time> {
        self.claims.values().filter_map(|moments| moments.opt_in).max()
    }
}

/// A taking-back of what a batch or a window of time brought in. It names rows; nothing leaves the
/// journal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Retraction {
    Batch(BatchId),
    /// All `out`s of a source's mechanism stated in a window, for one e-mail domain or all.
    Window {
        source: Claimant,
        mechanism: Mechanism,
        from: Time,
        until: Time,
        domain: Option<Key>,
    },
}

/// All retractions of a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retractions {
    batches: BTreeSet<BatchId>,
    windows: BTreeSet<Retraction>,
}

impl Retractions {
    pub fn add(&mut self, retraction: Retraction) {
        match retraction {
            Retraction::Batch(batch) => {
                self.batches.insert(batch);
            }
            window @ Retraction::Window { .. } => {
                self.windows.insert(window);
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.batches.is_empty() && self.windows.is_empty()
    }

    /// Whether one of them names times, so that of two alike statements one may count and the other not.
    pub fn names_times(&self) -> bool {
        !self.windows.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = Retraction> {
        self.batches.iter().cloned().map(Retraction::Batch).chain(self.windows.iter().cloned())
    }

    /// What of a row still counts, `None` when nothing does.
    pub fn remaining(&self, state: &IdentityState, claim: &Claim, moments: Moments) -> Option<Moments> {
        if self.batches.contains(&claim.batch) {
            return None;
        }
        let mut left = moments;
        if let Some(out) = moments.out
            && self.windows.iter().any(|window| window.names(claim, state.domain, out))
        {
            left.out = None;
        }
        (left != Moments::default()).then_some(left)
    }
}

impl Retraction {
    /// Whether it takes a statement back that is about an identity of this e-mail domain.
    pub fn takes_back(&self, signal: &Signal, domain: Option<Key>) -> bool {
        match self {
            Self::Batch(batch) => signal.batch == *batch,
            Self::Window { .. } => {
                signal.direction == Direction::Out && self.names(&Claim::of(signal), domain, signal.at)
            }
        }
    }

    fn names(&self, claim: &Claim, of_domain: Option<Key>, out: Time) -> bool {
        match self {
            Self::Batch(batch) => claim.batch == *batch,
            Self::Window { source, mechanism, from, until, domain } => {
                claim.claimant == *source
                    && claim.mechanism == *mechanism
                    && (*from..*until).contains(&out)
                    && (domain.is_none() || *domain == of_domain)
            }
        }
    }
}

#[cfg(test)]
mod tests;
