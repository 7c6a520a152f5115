//! What came after the index was built: whole states in memory, which shadow the index's.

mod balance;
mod shards;

use std::{collections::HashSet, fmt, sync::Arc};

use abide_index::{IndexError, list::List};
use abide_model::{FactSet, Held, IdentityState, Key, Retractions, Signal};

use balance::Balance;
use shards::Shards;

/// One identity as the overlay knows it.
#[derive(Debug)]
pub struct Entry {
    pub state: IdentityState,
    pub facts: Arc<FactSet>,
}

/// A map from key to entry that is cheap to copy and to change by a little: each snapshot has its
/// own, and shares with the one before all that no signal has touched since.
#[derive(Clone, Default)]
pub struct Overlay {
    entries: Shards,
    /// Equal sets are one set, so that decisions are remembered by address.
    interned: Arc<HashSet<Arc<FactSet>>>,
    /// What its entries add to the forms that the list below holds, and what they replace there.
    balance: Balance,
    identities: usize,
    /// Identities of the list below that an entry stands for.
    shadowed: usize,
}

impl Overlay {
    pub fn get(&self, key: &Key) -> Option<&Arc<Entry>> {
        if self.identities == 0 { None } else { self.entries.get(key) }
    }

    /// Takes a signal in. What the list below knows of any of its keys comes along, so that an
    /// entry is always the whole state.
    pub fn apply(
        &mut self,
        signal: &Signal,
        below: Option<&List>,
        retractions: &Retractions,
    ) -> Result<(), IndexError> {
        let mut state = IdentityState::of(signal);
        // A signal joins what stood apart: several entries, several identities below.
        let mut replaced: Vec<Arc<Entry>> = Vec::new();
        let mut shadowed: Vec<IdentityState> = Vec::new();
        let typed = std::iter::once(&signal.keys.primary).chain(&signal.keys.aliases);
        for key in typed.map(|typed| typed.key) {
            if let Some(entry) = self.get(&key) {
                if !replaced.iter().any(|other| Arc::ptr_eq(other, entry)) {
                    replaced.push(entry.clone());
                }
            } else if let Some(held) = below.map_or(Ok(None), |below| below.state(&key))?
                && !shadowed.iter().any(|other| other.primary == held.primary)
            {
                shadowed.push(held);
            }
        }
        for held in replaced.iter().map(|entry| &entry.state).chain(&shadowed) {
            self.balance.take(held);
            state.merge(held);
        }
        self.balance.add(&state);
        self.identities = self.identities + 1 - replaced.len();
        self.shadowed += shadowed.len();
        self.put(state, retractions);
        Ok(())
    }

    fn put(&mut self, state: IdentityState, retractions: &Retractions) {
        let facts = self.intern(FactSet::in_force(&state, retractions));
        let entry = Arc::new(Entry { state, facts });
        for typed in entry.state.keys() {
            self.entries.insert(typed.key, entry.clone());
        }
    }

    fn intern(&mut self, facts: FactSet) -> Arc<FactSet> {
        if let Some(held) = self.interned.get(&facts) {
            return held.clone();
        }
        let facts = Arc::new(facts);
        Arc::make_mut(&mut self.interned).insert(facts.clone());
        facts
    }

    /// How many identities it holds.
    pub fn len(&self) -> usize {
        self.identities
    }

    pub fn is_empty(&self) -> bool {
        self.identities == 0
    }

    /// How many of them the list below holds too, apart or together.
    pub fn len_shadowed(&self) -> usize {
        self.shadowed
    }

    /// Which kinds and forms overlay and list hold together, if the list below holds `below`.
    pub fn held_with(&self, below: &Held) -> Held {
        self.balance.applied_to(below)
    }

    /// Every entry once, in no order.
    pub fn entries(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.entries.iter().filter(|(key, entry)| **key == entry.state.primary.key).map(|(_, entry)| entry)
    }
}

impl fmt::Debug for Overlay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Overlay").field("identities", &self.identities).finish_non_exhaustive()
    }
}
