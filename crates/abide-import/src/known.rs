//! What the store knows already: which statements are new, and which of those count.

use std::sync::Arc;

use abide_enforce::{Scratch, Snapshot};
use abide_index::IndexError;
use abide_model::{
    BatchId, Direction, Fact, FactSet, IdentityState, Key, Moments, Retractions, mechanism::EndedBy,
};

use crate::{
    error::ImportError,
    statements::{Said, Statements, Terms, Times},
};

/// The list as it was when the import began.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) batch: BatchId,
    pub(crate) times: Times,
}

/// What the list knows under the keys of one statement.
#[derive(Clone, Copy, Default)]
struct Hit<'s> {
    primary: Option<&'s Arc<FactSet>>,
    any: bool,
}

impl Known {
    /// Leaves only statements that are new, and counts those that are in force.
    pub(crate) fn keep_new(&self, statements: &mut Statements) -> Result<(), ImportError> {
        let mut is_new = vec![true; statements.said.len()];
        let mut in_force = 0;
        let hits = self.hits(statements)?;
        for (at, said) in statements.said.iter().enumerate() {
            match hits.get(at).copied().filter(|hit| hit.any) {
                // Nobody ever said anything about it.
                None => in_force += 1,
                Some(hit) => match self.news(said, statements.terms_of(said), hit)? {
                    News::Repeated => is_new[at] = false,
                    News::New { in_force: counts } => in_force += u64::from(counts),
                },
            }
        }
        statements.keep(&is_new);
        statements.tally.in_force = in_force;
        Ok(())
    }

    /// One entry for each statement; none at all while the list is empty.
    fn hits<'s>(&'s self, statements: &Statements) -> Result<Vec<Hit<'s>>, IndexError> {
        if self.snapshot.len_identities() == 0 {
            return Ok(Vec::new());
        }
        let (keys, owners) = keys_of(statements);
        let mut hits = vec![Hit::default(); statements.said.len()];
        self.snapshot.find_many(&keys, &mut Scratch::default(), |at, facts| {
            let said = owners[at] as usize;
            hits[said].any = true;
            if keys[at] == statements.said[said].keys.primary.key {
                hits[said].primary = Some(facts);
            }
        })?;
        Ok(hits)
    }

    fn news(&self, said: &Said, terms: &Terms, hit: Hit<'_>) -> Result<News, ImportError> {
        if let (Some(facts), None) = (hit.primary, said.stated_at)
            && facts.iter().any(|fact| is_claim(fact, terms))
            && said.keys.domain.is_none()
            && self.aliases_lead_there(said)?
        {
            return Ok(News::Repeated);
        }
        let keys = &said.keys;
        let mut state = IdentityState::new(keys.kind, keys.primary);
        if let Some(held) = self.snapshot.state(&keys.primary.key)? {
            if self.repeats(said, terms, &held) {
                return Ok(News::Repeated);
            }
            state.merge(&held);
        }
        for alias in &keys.aliases {
            if let Some(held) = self.snapshot.state(&alias.key)? {
                state.merge(&held);
            }
        }
        let signal = terms.signal(Direction::Out, keys.clone(), said.stated_at, &self.batch, self.times)?;
        state.apply(&signal);
        let facts = FactSet::in_force(&state, &self.snapshot.retractions);
        Ok(News::New { in_force: facts.iter().any(|fact| is_claim(fact, terms)) })
    }

    /// Whether what is held under the primary key says all of it already: the claim, and every
    /// spelling by which the identifier can be found.
    fn repeats(&self, said: &Said, terms: &Terms, held: &IdentityState) -> bool {
        let moments = claim_of(held, terms, &self.snapshot.retractions);
        let is_said = match said.stated_at {
            None => stands(moments, terms),
            Some(at) => moments.out >= Some(at),
        };
        is_said
            && said.keys.aliases.iter().all(|alias| held.keys().any(|known| known.key == alias.key))
            && (said.keys.domain.is_none() || held.domain.is_some())
    }

    /// The same without reading the state.
    fn aliases_lead_there(&self, said: &Said) -> Result<bool, IndexError> {
        let place = self.place_of(&said.keys.primary.key)?;
        for alias in &said.keys.aliases {
            if self.place_of(&alias.key)? != place {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn place_of(&self, key: &Key) -> Result<Option<Place>, IndexError> {
        if let Some(entry) = self.snapshot.overlay.get(key) {
            return Ok(Some(Place::Overlay(entry.state.primary.key)));
        }
        let Some(base) = &self.snapshot.base else { return Ok(None) };
        Ok(base.ordinal(key)?.map(Place::Base))
    }
}

/// Where an identity stands in a list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Overlay(Key),
    Base(u32),
}

enum News {
    Repeated,
    New { in_force: bool },
}

/// All keys of all statements, and for each the statement that it is of.
pub(crate) fn keys_of(statements: &Statements) -> (Vec<Key>, Vec<u32>) {
    let mut keys = Vec::with_capacity(2 * statements.said.len());
    let mut owners = Vec::with_capacity(2 * statements.said.len());
    for (at, said) in statements.said.iter().enumerate() {
        keys.push(said.keys.primary.key);
        keys.extend(said.keys.aliases.iter().map(|alias| alias.key));
        owners.resize(keys.len(), u32::try_from(at).expect("a piece has fewer statements than that"));
    }
    (keys, owners)
}

/// The latest `out` and `in` of a claim, retracted ones aside.
pub(crate) fn claim_of(state: &IdentityState, terms: &Terms, retractions: &Retractions) -> Moments {
    let Terms { mechanism, scope, claimant } = terms;
    let mut moments = Moments::default();
    state.counting(mechanism, scope, claimant, retractions).for_each(|counting| moments.merge(counting));
    moments
}

/// Whether the claimant itself still says so, whatever others have said since.
pub(crate) fn stands(moments: Moments, terms: &Terms) -> bool {
    moments.out.is_some()
        && (moments.out >= moments.opt_in || terms.mechanism.spec().ended_by == EndedBy::Nobody)
}

fn is_claim(fact: &Fact, terms: &Terms) -> bool {
    fact.direction == Direction::Out
        && fact.mechanism == terms.mechanism
        && fact.scope == terms.scope
        && fact.claimant == terms.claimant
}
