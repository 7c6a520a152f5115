//! The index as a list of people: typed facts and states over the opaque bytes of [`Index`].
//!
//! [`ListBuilder`] takes [`IdentityState`]s in the order of their primary keys and writes, for
//! each, the facts in force (the hot part, interned) and the whole state (the cold part).
//! [`List`] gives them back.

mod alike;
mod bytes;
mod codec;
mod record;
mod words;

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    path::Path,
    sync::{Arc, OnceLock},
};

use abide_model::{FactSet, Form, Held, IdentifierKind, IdentityState, Key, Retractions, key::HeldCount};
use bytemuck::TransparentWrapper;
use serde::{Deserialize, Serialize};

pub use record::{Encoder, NumberedClaim, Record, RecordHead};
pub use words::Words;

use alike::Alikes;
use bytes::Input;

use crate::{
    BuildConfig, BuildError, Identity, Index, IndexBuilder, IndexError, Section, SetId, StateView, Summary,
};

/// What stands in the index's metadata: the words that its states and sets refer to by number, and
/// which forms it holds.
#[derive(Serialize, Deserialize)]
struct Metadata {
    words: Words,
    held: Vec<HeldRow>,
}

#[derive(Serialize, Deserialize)]
struct HeldRow {
    kind: u8,
    form: u8,
    version: u16,
    primaries: u64,
    aliased: u64,
}

/// An exclusion index opened as a list.
pub struct List {
    index: Index,
    words: Words,
    held: Held,
    /// Decoded when first asked for, so that opening does not depend on how many there are.
    sets: Vec<OnceLock<Arc<FactSet>>>,
}

impl List {
    pub fn open(path: &Path) -> Result<Self, IndexError> {
        Self::of(Index::open(path)?)
    }

    pub fn of(index: Index) -> Result<Self, IndexError> {
        let metadata: Metadata =
            serde_json::from_slice(index.metadata()).map_err(|_| undecodable(Section::Metadata))?;
        let mut held = Held::default();
        for row in metadata.held {
            let kind = IdentifierKind::from_code(row.kind).ok_or_else(|| undecodable(Section::Metadata))?;
            let form = Form::from_code(row.form).ok_or_else(|| undecodable(Section::Metadata))?;
            held.insert(
                kind,
                form,
                row.version,
                HeldCount { primaries: row.primaries, aliased: row.aliased },
            );
        }
        let sets = (0..index.set_count()).map(|_| OnceLock::new()).collect();
        Ok(Self { words: metadata.words, held, sets, index })
    }

    /// The facts in force under a key; `None` when the list does not know it.
    pub fn find(&self, key: &Key) -> Result<Option<&Arc<FactSet>>, IndexError> {
        self.index.find(&key.0)?.map(|set| self.facts(set)).transpose()
    }

    /// Which of many keys the list knows: calls `found` with the place in `keys`, in order.
    pub fn find_many<'l>(
        &'l self,
        keys: &[Key],
        scratch: &mut Vec<Option<SetId>>,
        mut found: impl FnMut(usize, &'l Arc<FactSet>),
    ) -> Result<(), IndexError> {
        self.index.find_many(Key::peel_slice(keys), scratch)?;
        for (at, set) in scratch.iter().enumerate() {
            if let Some(set) = set {
                found(at, self.facts(*set)?);
            }
        }
        Ok(())
    }

    fn facts(&self, set: SetId) -> Result<&Arc<FactSet>, IndexError> {
        let slot = self.sets.get(set.get() as usize).ok_or_else(|| undecodable(Section::Sets))?;
        if let Some(facts) = slot.get() {
            return Ok(facts);
        }
        let facts = codec::read_facts(self.index.set(set)?, &self.words)?;
        Ok(slot.get_or_init(|| Arc::new(facts)))
    }

    /// The whole state of the identity that a key leads to.
    pub fn state(&self, key: &Key) -> Result<Option<IdentityState>, IndexError> {
        let Some(view) = self.index.state(&key.0)? else { return Ok(None) };
        codec::read_state(Key(view.primary), view.aliases, view.state, &self.words).map(Some)
    }

    /// The primary key of the identity that a key leads to, without decoding its state.
    pub fn primary_of(&self, key: &Key) -> Result<Option<Key>, IndexError> {
        Ok(self.index.state(&key.0)?.map(|view| Key(view.primary)))
    }

    /// The number of the identity that a key leads to: below [`List::len_identities`].
    pub fn ordinal(&self, key: &Key) -> Result<Option<u32>, IndexError> {
        self.index.ordinal(&key.0)
    }

    /// All states, by primary key; the place is the identity's ordinal.
    pub fn states(&self) -> impl Iterator<Item = Result<IdentityState, IndexError>> + '_ {
        self.stored().map(|stored| stored?.state())
    }

    /// All identities, by primary key, as they are stored.
    pub fn stored(&self) -> impl Iterator<Item = Result<Stored<'_>, IndexError>> + '_ {
        self.index.identities().map(|view| Ok(Stored { list: self, view: view? }))
    }

    /// The words of its records, by number.
    pub fn words(&self) -> &Words {
        &self.words
    }

    pub fn held(&self) -> &Held {
        &self.held
    }

    pub fn len_identities(&self) -> u64 {
        self.index.len_identities()
    }

    pub fn len_keys(&self) -> u64 {
        self.index.len_keys()
    }

    pub fn index(&self) -> &Index {
        &self.index
    }
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("List")
            .field("identities", &self.len_identities())
            .field("keys", &self.len_keys())
            .finish_non_exhaustive()
    }
}

/// An identity as a list holds it, not decoded.
#[derive(Clone, Copy, Debug)]
pub struct Stored<'l> {
    list: &'l List,
    view: StateView<'l>,
}

impl Stored<'_> {
    /// Its number in its list.
    pub fn ordinal(&self) -> u32 {
        self.view.ordinal
    }

    pub fn primary(&self) -> Key {
        Key(self.view.primary)
    }

    pub fn state(&self) -> Result<IdentityState, IndexError> {
        self.record().decode(&self.list.words)
    }
}

impl<'l> Stored<'l> {
    pub fn record(&self) -> Record<'l> {
        Record { primary: self.primary(), aliases: self.view.aliases, state: self.view.state }
    }
}

/// Builds a [`List`] from states in ascending order of their primary keys.
#[derive(Debug)]
pub struct ListBuilder {
    builder: IndexBuilder,
    words: Words,
    held: Held,
    retractions: Retractions,
    set: Vec<u8>,
    /// The last state that was pushed, encoded.
    primary: Key,
    aliases: Vec<[u8; 16]>,
    state: Vec<u8>,
    /// How many identities have which facts, for reports.
    set_counts: HashMap<FactSet, u64>,
    /// The same for those taken over as they were stored, by their set's number in the list below.
    stored_counts: Vec<u64>,
    /// What is known of records that are alike.
    alikes: Alikes,
}

/// How many identities stand under the same facts.
pub type SetCounts = BTreeMap<FactSet, u64>;

impl ListBuilder {
    /// Begins a list that [`ListBuilder::finish`] will put at `path`. What retractions name counts no
    /// more in its facts, but stays in its states.
    pub fn create(path: &Path, config: BuildConfig, retractions: Retractions) -> Result<Self, BuildError> {
        Self::create_after(None, Words::default(), path, config, retractions)
    }

    /// [`ListBuilder::create`] for a list that takes identities over from `below` as they are stored,
    /// and records that were encoded with `words`, which begin with those of `below`.
    pub fn create_after(
        below: Option<&List>,
        words: Words,
        path: &Path,
        config: BuildConfig,
        retractions: Retractions,
    ) -> Result<Self, BuildError> {
        Ok(Self {
            builder: IndexBuilder::create(path, config)?,
            words,
            held: Held::default(),
            retractions,
            set: Vec::new(),
            primary: Key([0; 16]),
            aliases: Vec::new(),
            state: Vec::new(),
            set_counts: HashMap::new(),
            stored_counts: vec![0; below.map_or(0, |below| below.sets.len())],
            alikes: Alikes::default(),
        })
    }

    pub fn push(&mut self, state: &IdentityState) -> Result<(), BuildError> {
        let facts = FactSet::in_force(state, &self.retractions);
        self.set.clear();
        // Nothing in force is the empty set, whose bytes are empty.
        if !facts.is_empty() {
            codec::write_facts(&facts, &mut self.words, &mut self.set);
        }
        self.state.clear();
        codec::write_state(state, &mut self.words, &mut self.state);
        self.primary = state.primary.key;
        self.aliases.clear();
        self.aliases.extend(state.aliases.iter().map(|alias| alias.key.0));
        self.builder.push(Identity {
            primary: state.primary.key.0,
            aliases: &self.aliases,
            set: &self.set,
            state: &self.state,
        })?;
        self.held.count_primary(state.kind, state.primary);
        self.held.count_aliases(state.kind, &state.aliases);
        if let Some(count) = self.set_counts.get_mut(&facts) {
            *count += 1;
        } else {
            self.set_counts.insert(facts, 1);
        }
        Ok(())
    }

    /// The record that the last [`ListBuilder::push`] made of its state.
    pub fn pushed(&self) -> Record<'_> {
        Record { primary: self.primary, aliases: &self.aliases, state: &self.state }
    }

    /// [`ListBuilder::push`] for a record that was encoded with the words that [`ListBuilder::create_after`]
    /// was given.
    pub fn push_record(&mut self, record: &Record<'_>) -> Result<(), BuildError> {
        if let Some(alike) = self.alikes.again(record) {
            return self.builder.push(Identity {
                primary: record.primary.0,
                aliases: record.aliases,
                set: &alike.set,
                state: record.state,
            });
        }
        let alike = record.alike().map_err(BuildError::ReadBack)?;
        let Some(before_time) = alike.filter(|_| !self.retractions.names_times()) else {
            return self.push(&record.decode(&self.words).map_err(BuildError::ReadBack)?);
        };
        if let Some(alike) = self.alikes.of(record, before_time) {
            return self.builder.push(Identity {
                primary: record.primary.0,
                aliases: record.aliases,
                set: &alike.set,
                state: record.state,
            });
        }
        let state = record.decode(&self.words).map_err(BuildError::ReadBack)?;
        self.push(&state)?;
        self.alikes.learn(record, before_time, &state, &self.set, &self.retractions);
        Ok(())
    }

    /// Takes an identity over, byte for byte, from the list that [`ListBuilder::create_after`] was
    /// given and that was built under the same retractions.
    pub fn push_stored(&mut self, stored: &Stored<'_>) -> Result<(), BuildError> {
        let Stored { list, view } = stored;
        let set = list.index.set(view.set).map_err(BuildError::ReadBack)?;
        let keys = codec::read_keys(stored.primary(), view.aliases, &mut Input(view.state))
            .map_err(BuildError::ReadBack)?;
        self.builder.push(Identity {
            primary: view.primary,
            aliases: view.aliases,
            set,
            state: view.state,
        })?;
        self.held.count_primary(keys.kind, keys.primary);
        self.held.count_aliases(keys.kind, &keys.aliases);
        self.stored_counts[view.set.get() as usize] += 1;
        Ok(())
    }

    /// The words of its records, by number.
    pub fn words(&self) -> &Words {
        &self.words
    }

    /// What it holds so far.
    pub fn held(&self) -> Held {
        let mut held = self.held.clone();
        self.alikes.add_to_held(&mut held);
        held
    }

    /// Writes the list out, complete or not at all. `below` is the list that
    /// [`ListBuilder::create_after`] was given.
    pub fn finish(mut self, below: Option<&List>) -> Result<(Summary, SetCounts), BuildError> {
        let held = self.held();
        self.builder.set_metadata(metadata(self.words, &held));
        let summary = self.builder.finish()?;
        let mut counts: SetCounts = self.set_counts.into_iter().collect();
        self.alikes.add_to_counts(&mut counts);
        for (set, count) in (0..).zip(self.stored_counts).filter(|(_, count)| *count > 0) {
            let below = below.expect("it was given one to take identities over from");
            let facts = below.facts(SetId::new(set)).map_err(BuildError::ReadBack)?;
            *counts.entry((**facts).clone()).or_default() += count;
        }
        Ok((summary, counts))
    }
}

fn metadata(words: Words, held: &Held) -> Vec<u8> {
    let held = held
        .iter()
        .map(|((kind, form, version), count)| HeldRow {
            kind: kind.code(),
            form: form.code(),
            version,
            primaries: count.primaries,
            aliased: count.aliased,
        })
        .collect();
    serde_json::to_vec(&Metadata { words, held }).expect("words and numbers are always JSON")
}

fn undecodable(section: Section) -> IndexError {
    // The checksum held, so it was written like this: no block is to blame.
    IndexError::Damaged { section, block: 0 }
}

#[cfg(test)]
mod tests;
