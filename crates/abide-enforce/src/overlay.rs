//! What came after the index was built: whole states in memory, which shadow the index's.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::Arc,
};

use abide_index::{IndexError, list::List};
use abide_model::{FactSet, Held, IdentityState, Key, Retractions, Signal};

/// One identity as the overlay knows it.
#[derive(Debug)]
pub struct Entry {
    pub state: IdentityState,
    pub facts: Arc<FactSet>,
}

/// A map from key to entry that is cheap to copy and to change by a little: each snapshot has its
/// own, and shares with the one before all shards that no signal has touched since.
#[derive(Clone)]
pub struct Overlay {
    shards: Vec<Arc<HashMap<Key, Arc<Entry>>>>,
    /// Equal sets are one set, so that decisions are remembered by address.
    interned: Arc<HashSet<Arc<FactSet>>>,
    held: Held,
    identities: usize,
}

const SHARDS: usize = 1024;

impl Default for Overlay {
    fn default() -> Self {
        let empty = Arc::new(HashMap::new());
        Self { shards: vec![empty; SHARDS], interned: Arc::default(), held: Held::default(), identities: 0 }
    }
}

impl Overlay {
    pub fn get(&self, key: &Key) -> Option<&Arc<Entry>> {
        if self.identities == 0 { None } else { self.shards[shard_of(key)].get(key) }
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
        let mut known = false;
        let typed = std::iter::once(&signal.keys.primary).chain(&signal.keys.aliases);
        for key in typed.map(|typed| typed.key) {
            if let Some(entry) = self.get(&key) {
                state.merge(&entry.state);
                known = true;
            } else if let Some(below) = below
                && let Some(held) = below.state(&key)?
            {
                state.merge(&held);
                known = true;
            }
        }
        if !known {
            self.held.count_primary(state.kind, state.primary);
            self.held.count_aliases(state.kind, &state.aliases);
        }
        self.put(state, retractions);
        Ok(())
    }

    fn put(&mut self, state: IdentityState, retractions: &Retractions) {
        let facts = self.intern(FactSet::in_force(&state, retractions));
        let entry = Arc::new(Entry { state, facts });
        let mut new = true;
        for typed in entry.state.keys() {
            let shard = Arc::make_mut(&mut self.shards[shard_of(&typed.key)]);
            new &= shard.insert(typed.key, entry.clone()).is_none();
        }
        self.identities += usize::from(new);
    }

    fn intern(&mut self, facts: FactSet) -> Arc<FactSet> {
        if let Some(held) = self.interned.get(&facts) {
            return held.clone();
        }
        let facts = Arc::new(facts);
        Arc::make_mut(&mut self.interned).insert(facts.clone());
        facts
    }

    /// How many identities it holds, as the bound on its memory: at least the true number.
    pub fn len(&self) -> usize {
        self.identities
    }

    pub fn is_empty(&self) -> bool {
        self.identities == 0
    }

    /// The forms of identities that the list below did not know.
    pub fn held(&self) -> &Held {
        &self.held
    }

    /// Every entry once, in no order.
    pub fn entries(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.shards.iter().flat_map(|shard| {
            shard.iter().filter(|(key, entry)| **key == entry.state.primary.key).map(|(_, entry)| entry)
        })
    }
}

/// Keys are evenly spread, so any of their bits will do.
fn shard_of(key: &Key) -> usize {
    usize::from(u16::from_le_bytes([key.0[0], key.0[1]])) % SHARDS
}

impl fmt::Debug for Overlay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Overlay").field("identities", &self.identities).finish_non_exhaustive()
    }
}
