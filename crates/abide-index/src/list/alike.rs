//! Records that are alike but for their key and time: of millions in a list there are some dozen kinds.

use std::collections::HashMap;

use abide_model::{FactSet, Held, IdentityState, Retractions};

use super::{SetCounts, record::Record};

/// What follows from a record of one opt-out, by all of it but its keys and time.
#[derive(Debug, Default)]
pub(super) struct Alikes {
    known: Vec<Alike>,
    numbers: HashMap<Box<[u8]>, usize>,
    last: usize,
    /// How many aliases a record has, and then its bytes before the time.
    key: Vec<u8>,
    /// The state of the last record without aliases that one was known for.
    last_state: Vec<u8>,
}

#[derive(Debug)]
pub(super) struct Alike {
    key: Box<[u8]>,
    /// The bytes of its facts.
    pub(super) set: Box<[u8]>,
    facts: FactSet,
    /// What one such record adds.
    held: Held,
    /// How many came after the first.
    count: u64,
}

/// Remembered at the most.
const KNOWN_MAX: usize = 1 << 16;

impl Alikes {
    /// What is known of a record that says the very same as the last one, which is counted.
    pub(super) fn again(&mut self, record: &Record<'_>) -> Option<&Alike> {
        if !record.aliases.is_empty() || *self.last_state != *record.state {
            return None;
        }
        let alike = self.known.get_mut(self.last)?;
        alike.count += 1;
        Some(alike)
    }

    /// What is known of records like this one, which is counted.
    pub(super) fn of(&mut self, record: &Record<'_>, before_time: &[u8]) -> Option<&Alike> {
        self.note_key(record, before_time);
        if self.known.get(self.last).is_none_or(|last| *last.key != *self.key) {
            self.last = *self.numbers.get(&*self.key)?;
        }
        self.last_state.clear();
        if record.aliases.is_empty() {
            self.last_state.extend_from_slice(record.state);
        }
        let alike = &mut self.known[self.last];
        alike.count += 1;
        Some(alike)
    }

    pub(super) fn learn(
        &mut self,
        record: &Record<'_>,
        before_time: &[u8],
        state: &IdentityState,
        set: &[u8],
        retractions: &Retractions,
    ) {
        if self.known.len() >= KNOWN_MAX {
            return;
        }
        self.note_key(record, before_time);
        let mut held = Held::default();
        held.count_primary(state.kind, state.primary);
        held.count_aliases(state.kind, &state.aliases);
        let key: Box<[u8]> = (*self.key).into();
        self.numbers.insert(key.clone(), self.known.len());
        let facts = FactSet::in_force(state, retractions);
        self.known.push(Alike { key, set: set.into(), facts, held, count: 0 });
    }

    fn note_key(&mut self, record: &Record<'_>, before_time: &[u8]) {
        self.key.clear();
        self.key.extend(record.aliases.len().to_le_bytes());
        self.key.extend_from_slice(before_time);
    }

    pub(super) fn add_to_held(&self, held: &mut Held) {
        for alike in &self.known {
            held.merge_times(&alike.held, alike.count);
        }
    }

    pub(super) fn add_to_counts(self, counts: &mut SetCounts) {
        for alike in self.known {
            *counts.entry(alike.facts).or_default() += alike.count;
        }
    }
}
