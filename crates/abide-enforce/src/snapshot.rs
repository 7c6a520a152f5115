//! The immutable value in which the control path and the data path meet.

use std::{collections::BTreeMap, fmt, sync::Arc};

use abide_index::{IndexError, SetId, list::List};
use abide_model::{
    Claimant, FactSet, Held, IdentityState, Key, Mechanism, Positions, Retractions, Signal, Time,
};
use abide_rules::Ruleset;

use crate::overlay::Overlay;

/// When each source last delivered its list, by mechanism.
pub type Sources = BTreeMap<(Mechanism, Claimant), Time>;

/// Rules + list at one set of positions. Shared as `Arc`, swapped whole.
#[derive(Clone)]
pub struct Snapshot {
    pub rules: Arc<Ruleset>,
    pub base: Option<Arc<List>>,
    pub overlay: Overlay,
    pub retractions: Arc<Retractions>,
    pub positions: Positions,
    pub sources: Sources,
    /// When it was last confirmed that nothing newer is to be had.
    pub as_of: Time,
}

/// Room that batch look-ups reuse.
#[derive(Debug, Default)]
pub struct Scratch(Vec<Option<SetId>>);

impl Snapshot {
    /// The facts in force under a key, if the list knows it.
    pub fn find(&self, key: &Key) -> Result<Option<&Arc<FactSet>>, IndexError> {
        // Overlay first: it holds what came after the index was built and must win.
        if let Some(entry) = self.overlay.get(key) {
            return Ok(Some(&entry.facts));
        }
        self.base.as_ref().map_or(Ok(None), |base| base.find(key))
    }

    /// Calls `found` with the place in `keys` and the facts of every key that the list knows, in
    /// no order.
    pub fn find_many<'s>(
        &'s self,
        keys: &[Key],
        scratch: &mut Scratch,
        mut found: impl FnMut(usize, &'s Arc<FactSet>),
    ) -> Result<(), IndexError> {
        if let Some(base) = &self.base {
            base.find_many(keys, &mut scratch.0, |at, facts| {
                if self.overlay.get(&keys[at]).is_none() {
                    found(at, facts);
                }
            })?;
        }
        if !self.overlay.is_empty() {
            for (at, key) in keys.iter().enumerate() {
                if let Some(entry) = self.overlay.get(key) {
                    found(at, &entry.facts);
                }
            }
        }
        Ok(())
    }

    /// Everything that was said about the identity that a key leads to.
    pub fn state(&self, key: &Key) -> Result<Option<IdentityState>, IndexError> {
        if let Some(entry) = self.overlay.get(key) {
            return Ok(Some(entry.state.clone()));
        }
        self.base.as_ref().map_or(Ok(None), |base| base.state(key))
    }

    /// The same list with these signals in it, which the journal's positions and the list's age say nothing of.
    pub fn with<'s>(&self, signals: impl IntoIterator<Item = &'s Signal>) -> Result<Self, IndexError> {
        let mut with = self.clone();
        for signal in signals {
            with.overlay.apply(signal, with.base.as_deref(), &with.retractions)?;
        }
        Ok(with)
    }

    /// Everything that was said, identity by identity, in no order.
    pub fn states(&self) -> impl Iterator<Item = Result<IdentityState, IndexError>> + '_ {
        let below = self.base.iter().flat_map(|base| base.states());
        // What the overlay knows too, it knows better.
        let below = below
            .filter(|state| !matches!(state, Ok(state) if self.overlay.get(&state.primary.key).is_some()));
        below.chain(self.overlay.entries().map(|entry| Ok(entry.state.clone())))
    }

    /// Which kinds and forms of identifiers the list holds.
    pub fn held(&self) -> Held {
        let nothing = Held::default();
        self.overlay.held_with(self.base.as_ref().map_or(&nothing, |base| base.held()))
    }

    /// How many identities the list holds, those included of which nothing is in force any more.
    pub fn len_identities(&self) -> u64 {
        let below = self.base.as_ref().map_or(0, |base| base.len_identities());
        below - self.overlay.len_shadowed() as u64 + self.overlay.len() as u64
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("positions", &self.positions)
            .field("base", &self.base)
            .field("overlay", &self.overlay)
            .finish_non_exhaustive()
    }
}
