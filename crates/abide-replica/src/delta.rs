//! What is new, sorted by the identity that it belongs to, so that it can be merged with an index
//! in one pass.
//!
//! A statement about a hashed identifier stands under the digest's own key until a raw statement
//! shows whose alias that key is. [`Delta`] settles this for everything new at once: it follows
//! aliases among the new states and into the index below, and names the identities of the index
//! that are absorbed by another.

use std::{collections::BTreeSet, io, path::Path};

use abide_index::{
    IndexError,
    list::{List, Words, decode_state, encode_state},
};
use abide_model::{IdentityState, Key};

use crate::sorter::{Sorted, Sorter};

/// Collects new states, in any order, in bounded memory.
#[derive(Debug)]
pub struct Delta {
    words: Words,
    /// States by their own primary key.
    states: Sorter,
    /// Primary keys by the alias that leads to them.
    edges: Sorter,
    resolved: Sorter,
    buffer: Vec<u8>,
    len: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum DeltaError {
    #[error("could not write or read scratch files; is there room in the scratch folder?")]
    Scratch(#[source] io::Error),
    #[error("could not read the list")]
    List(#[source] IndexError),
}

impl Delta {
    pub fn new(scratch_dir: &Path, memory_max_bytes: usize) -> Self {
        let sorter = || Sorter::new(scratch_dir, memory_max_bytes / 3);
        Self {
            words: Words::default(),
            states: sorter(),
            edges: sorter(),
            resolved: sorter(),
            buffer: Vec::new(),
            len: 0,
        }
    }

    pub fn add(&mut self, state: &IdentityState) -> Result<(), DeltaError> {
        self.buffer.clear();
        encode_state(state, &mut self.words, &mut self.buffer);
        self.states.push(state.primary.key, &self.buffer).map_err(DeltaError::Scratch)?;
        for alias in &state.aliases {
            self.edges.push(alias.key, &state.primary.key.0).map_err(DeltaError::Scratch)?;
        }
        self.len += 1;
        Ok(())
    }

    /// How many states were added; several may be of one identity.
    pub fn len(&self) -> u64 {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Brings each state under the primary that it belongs to in the end.
    pub fn resolve(self, below: Option<&List>) -> Result<Resolved, DeltaError> {
        let edges = self.edges.finish().map_err(DeltaError::Scratch)?;
        let mut resolver = Resolver {
            below,
            edges,
            edge: None,
            words: self.words,
            resolved: self.resolved,
            buffer: self.buffer,
            absorbed: BTreeSet::new(),
        };
        resolver.next_edge()?;
        for record in self.states.finish().map_err(DeltaError::Scratch)? {
            let (key, bytes) = record.map_err(DeltaError::Scratch)?;
            let root = resolver.root_of(key)?;
            resolver.resolved.push(root, &bytes).map_err(DeltaError::Scratch)?;
        }
        while resolver.edge.is_some() {
            resolver.next_edge()?;
        }
        Ok(Resolved {
            words: resolver.words,
            sorted: resolver.resolved.finish().map_err(DeltaError::Scratch)?,
            ahead: None,
            absorbed: resolver.absorbed,
        })
    }
}

/// Walks states and edges side by side, both in the order of keys.
struct Resolver<'a> {
    below: Option<&'a List>,
    edges: Sorted,
    /// The edge that the walk stands at: an alias and its primary.
    edge: Option<(Key, Key)>,
    words: Words,
    resolved: Sorter,
    buffer: Vec<u8>,
    absorbed: BTreeSet<u32>,
}

impl Resolver<'_> {
    /// The primary that a state's own key belongs to in the end.
    fn root_of(&mut self, key: Key) -> Result<Key, DeltaError> {
        while self.edge.is_some_and(|(alias, _)| alias < key) {
            self.next_edge()?;
        }
        if let Some((alias, primary)) = self.edge
            && alias == key
        {
            return Ok(primary);
        }
        let held = self.below.map_or(Ok(None), |list| list.primary_of(&key)).map_err(DeltaError::List)?;
        Ok(held.unwrap_or(key))
    }

    fn next_edge(&mut self) -> Result<(), DeltaError> {
        let Some(record) = self.edges.next() else {
            self.edge = None;
            return Ok(());
        };
        let (alias, primary) = record.map_err(DeltaError::Scratch)?;
        let primary = Key(primary.try_into().expect("an edge holds one key"));
        self.edge = Some((alias, primary));
        self.absorb(alias, primary)
    }

    /// What the index below holds under the alias as an identity of its own now belongs to the
    /// primary.
    fn absorb(&mut self, alias: Key, primary: Key) -> Result<(), DeltaError> {
        let Some(list) = self.below else { return Ok(()) };
        if list.primary_of(&alias).map_err(DeltaError::List)? != Some(alias) {
            return Ok(());
        }
        let held = list.state(&alias).map_err(DeltaError::List)?.expect("its key was just found");
        let ordinal = list.ordinal(&alias).map_err(DeltaError::List)?.expect("its key was just found");
        if self.absorbed.insert(ordinal) {
            self.buffer.clear();
            encode_state(&held, &mut self.words, &mut self.buffer);
            self.resolved.push(primary, &self.buffer).map_err(DeltaError::Scratch)?;
        }
        Ok(())
    }
}

/// New states by the primary that they belong to, those of one identity merged.
pub struct Resolved {
    words: Words,
    sorted: Sorted,
    ahead: Option<(Key, IdentityState)>,
    absorbed: BTreeSet<u32>,
}

impl Resolved {
    /// Ordinals of the identities below that another has absorbed: their states come out here.
    pub fn absorbed(&self) -> &BTreeSet<u32> {
        &self.absorbed
    }

    fn next_record(&mut self) -> Result<Option<(Key, IdentityState)>, DeltaError> {
        let Some(record) = self.sorted.next() else { return Ok(None) };
        let (root, bytes) = record.map_err(DeltaError::Scratch)?;
        let state = decode_state(&bytes, &self.words).map_err(DeltaError::List)?;
        Ok(Some((root, state)))
    }

    fn next_identity(&mut self) -> Result<Option<(Key, IdentityState)>, DeltaError> {
        let first = match self.ahead.take() {
            Some(ahead) => Some(ahead),
            None => self.next_record()?,
        };
        let Some((root, mut state)) = first else { return Ok(None) };
        while let Some((next_root, mut next)) = self.next_record()? {
            if next_root != root {
                self.ahead = Some((next_root, next));
                break;
            }
            // Which of two states names the root decides which key stays the primary, and only one
            // of them need list the other as its alias: the index below may be what links them.
            if next.primary.key == root && state.primary.key != root {
                std::mem::swap(&mut state, &mut next);
            }
            state.merge(&next);
        }
        Ok(Some((root, state)))
    }
}

impl Iterator for Resolved {
    /// The primary key in the end, and the state, whose own primary may be an alias that the index
    /// below already knows to be one.
    type Item = Result<(Key, IdentityState), DeltaError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_identity().transpose()
    }
}

impl std::fmt::Debug for Resolved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resolved").field("absorbed", &self.absorbed.len()).finish_non_exhaustive()
    }
}
