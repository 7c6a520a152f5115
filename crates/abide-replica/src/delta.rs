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
    list::{Encoder, List, Record, Words},
};
use abide_model::{IdentityState, Key, Signal};

use crate::sorter::{Sorted, Sorter};

/// Collects new states, in any order, in bounded memory.
#[derive(Debug)]
pub struct Delta {
    encoder: Encoder,
    /// States by their own primary key, without it.
    states: Sorter,
    /// Primary keys by the alias that leads to them.
    edges: Sorter,
    /// For states that belong to another primary than their own.
    moved: Sorter,
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
    /// What it collects is to be merged with `below`, and with nothing else.
    pub fn new(below: Option<&List>, scratch_dir: &Path, memory_max_bytes: usize) -> Self {
        // Most of what comes has no alias, and what has one seldom moves.
        let sorter = |share| Sorter::new(scratch_dir, memory_max_bytes / share);
        Self {
            // Words keep their numbers, so that records of the index and new ones read alike.
            encoder: Encoder::new(below.map(|below| below.words().clone()).unwrap_or_default()),
            states: sorter(2),
            edges: sorter(4),
            moved: sorter(4),
            buffer: Vec::new(),
            len: 0,
        }
    }

    pub fn add(&mut self, state: &IdentityState) -> Result<(), DeltaError> {
        self.buffer.clear();
        self.encoder.state(state, &mut self.buffer);
        self.push(state.primary.key, state.aliases.iter().map(|alias| alias.key))
    }

    /// Adds the state that one signal makes.
    pub fn add_signal(&mut self, signal: &Signal) -> Result<(), DeltaError> {
        let keys = &signal.keys;
        self.buffer.clear();
        self.encoder.signal(signal, &mut self.buffer);
        let aliases = keys.aliases.iter().filter(|alias| **alias != keys.primary);
        self.push(keys.primary.key, aliases.map(|alias| alias.key))
    }

    fn push(&mut self, primary: Key, aliases: impl Iterator<Item = Key>) -> Result<(), DeltaError> {
        let after_primary = &self.buffer[primary.0.len()..];
        self.states.push(primary, after_primary).map_err(DeltaError::Scratch)?;
        for alias in aliases {
            self.edges.push(alias, &primary.0).map_err(DeltaError::Scratch)?;
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
        let has_edges = !self.edges.is_empty();
        let is_linked = below.is_some_and(|list| list.len_keys() > list.len_identities());
        let mut states = self.states.finish().map_err(DeltaError::Scratch)?;
        let mut resolver = Resolver {
            below,
            edges: self.edges.finish().map_err(DeltaError::Scratch)?,
            edge: None,
            encoder: self.encoder,
            moved: self.moved,
            has_moved: Marks::default(),
            buffer: self.buffer,
            absorbed: BTreeSet::new(),
        };
        // Where nothing is an alias of anything, all stay where they are.
        if has_edges || is_linked {
            resolver.walk(&mut states)?;
            states.rewind();
        }
        let mut resolved = Resolved {
            words: resolver.encoder.into_words(),
            stay: Stay { states, has_moved: resolver.has_moved, number: 0, root: None },
            is_given: false,
            moved: resolver.moved.finish().map_err(DeltaError::Scratch)?,
            next_moved: Ahead::default(),
            current: Vec::new(),
            absorbed: resolver.absorbed,
        };
        resolved.stay.advance()?;
        resolved.read_moved()?;
        Ok(resolved)
    }
}

/// Walks states and edges side by side, both in the order of keys.
struct Resolver<'a> {
    below: Option<&'a List>,
    edges: Sorted,
    /// The edge that the walk stands at: an alias and its primary.
    edge: Option<(Key, Key)>,
    encoder: Encoder,
    moved: Sorter,
    has_moved: Marks,
    buffer: Vec<u8>,
    absorbed: BTreeSet<u32>,
}

impl Resolver<'_> {
    fn walk(&mut self, states: &mut Sorted) -> Result<(), DeltaError> {
        self.next_edge()?;
        while let Some((key, bytes)) = states.next().map_err(DeltaError::Scratch)? {
            let root = self.root_of(key)?;
            self.has_moved.push(root != key);
            if root != key {
                set_whole(&mut self.buffer, key, bytes);
                self.moved.push(root, &self.buffer).map_err(DeltaError::Scratch)?;
            }
        }
        while self.edge.is_some() {
            self.next_edge()?;
        }
        Ok(())
    }

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
        let Some((alias, primary)) = self.edges.next().map_err(DeltaError::Scratch)? else {
            self.edge = None;
            return Ok(());
        };
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
            self.encoder.state(&held, &mut self.buffer);
            self.moved.push(primary, &self.buffer).map_err(DeltaError::Scratch)?;
        }
        Ok(())
    }
}

/// Makes a record of its primary key and what comes after.
fn set_whole(record: &mut Vec<u8>, primary: Key, after: &[u8]) {
    record.clear();
    record.extend(primary.0);
    record.extend_from_slice(after);
}

/// A bit for each record, in their order.
#[derive(Debug, Default)]
struct Marks {
    words: Vec<u64>,
    len: usize,
}

impl Marks {
    fn push(&mut self, mark: bool) {
        if self.len.is_multiple_of(64) {
            self.words.push(0);
        }
        *self.words.last_mut().expect("one was just pushed") |= u64::from(mark) << (self.len % 64);
        self.len += 1;
    }

    /// None are set beyond the last that was pushed.
    fn get(&self, at: usize) -> bool {
        self.words.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }
}

/// New states by the primary that they belong to, those of one identity together.
pub struct Resolved {
    words: Words,
    stay: Stay,
    /// The state that `stay` is at was handed out.
    is_given: bool,
    moved: Sorted,
    next_moved: Ahead,
    /// A record that is being merged with others.
    current: Vec<u8>,
    absorbed: BTreeSet<u32>,
}

/// The states that stay under their own primary key.
struct Stay {
    states: Sorted,
    has_moved: Marks,
    /// Of the next state.
    number: usize,
    /// The key of the state that it is at.
    root: Option<Key>,
}

impl Stay {
    fn advance(&mut self) -> Result<(), DeltaError> {
        self.root = None;
        while self.states.advance().map_err(DeltaError::Scratch)? {
            self.number += 1;
            if !self.has_moved.get(self.number - 1) {
                self.root = Some(self.states.current().0);
                break;
            }
        }
        Ok(())
    }
}

/// A record that was read ahead, under the primary that it belongs to in the end.
#[derive(Debug, Default)]
struct Ahead {
    root: Option<Key>,
    bytes: Vec<u8>,
}

impl Ahead {
    fn set(&mut self, record: Option<(Key, &[u8])>) {
        self.root = record.map(|(root, _)| root);
        self.bytes.clear();
        self.bytes.extend_from_slice(record.map_or(&[], |(_, bytes)| bytes));
    }
}

/// Everything new about one identity.
#[derive(Debug)]
pub enum NewState<'a> {
    /// One record, under its own primary.
    Record(Record<'a>),
    /// Its own primary may be an alias that the index below already knows to be one.
    Merged(IdentityState),
}

impl Resolved {
    /// Ordinals of the identities below that another has absorbed: their states come out here.
    pub fn absorbed(&self) -> &BTreeSet<u32> {
        &self.absorbed
    }

    /// The words of its records, which begin with those of the list below.
    pub fn words(&self) -> &Words {
        &self.words
    }

    /// The primary key of the next identity; `None` after the last.
    pub fn peek(&mut self) -> Result<Option<Key>, DeltaError> {
        if std::mem::take(&mut self.is_given) {
            self.stay.advance()?;
        }
        Ok(match (self.stay.root, self.next_moved.root) {
            (Some(stay), Some(moved)) => Some(stay.min(moved)),
            (stay, moved) => stay.or(moved),
        })
    }

    /// The next identity.
    pub fn next(&mut self) -> Result<Option<NewState<'_>>, DeltaError> {
        let Some(root) = self.peek()? else { return Ok(None) };
        if !self.is_one_record(root) {
            return self.merge_all(root).map(NewState::Merged).map(Some);
        }
        self.is_given = true;
        let (_, bytes) = self.stay.states.current();
        let record = Record::parse_after_primary(root, bytes).map_err(DeltaError::List)?;
        Ok(Some(NewState::Record(record)))
    }

    /// Whether all that is new about an identity is the record that `stay` is at.
    fn is_one_record(&self, root: Key) -> bool {
        self.stay.root == Some(root) && self.next_moved.root != Some(root) && self.stay.states.ends_key()
    }

    /// The next identity, decoded.
    pub fn next_state(&mut self) -> Result<Option<IdentityState>, DeltaError> {
        let Some(root) = self.peek()? else { return Ok(None) };
        self.merge_all(root).map(Some)
    }

    fn merge_all(&mut self, root: Key) -> Result<IdentityState, DeltaError> {
        self.read_next(root)?;
        let mut state = self.decode_current()?;
        while self.peek()? == Some(root) {
            self.read_next(root)?;
            let mut next = self.decode_current()?;
            // Which of two states names the root decides which key stays the primary, and only one
            // of them need list the other as its alias: the index below may be what links them.
            if next.primary.key == root && state.primary.key != root {
                std::mem::swap(&mut state, &mut next);
            }
            state.merge(&next);
        }
        Ok(state)
    }

    fn decode_current(&self) -> Result<IdentityState, DeltaError> {
        let record = Record::parse(&self.current).map_err(DeltaError::List)?;
        record.decode(&self.words).map_err(DeltaError::List)
    }

    /// Makes a record of `root` the current one.
    fn read_next(&mut self, root: Key) -> Result<(), DeltaError> {
        if self.stay.root == Some(root) {
            set_whole(&mut self.current, root, self.stay.states.current().1);
            self.stay.advance()
        } else {
            std::mem::swap(&mut self.current, &mut self.next_moved.bytes);
            self.read_moved()
        }
    }

    fn read_moved(&mut self) -> Result<(), DeltaError> {
        self.next_moved.set(self.moved.next().map_err(DeltaError::Scratch)?);
        Ok(())
    }
}

impl std::fmt::Debug for Resolved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resolved").field("absorbed", &self.absorbed.len()).finish_non_exhaustive()
    }
}
