//! One pass over an index and what is new gives the next index, and, for other engines, the same
//! states as Parquet.

use std::{iter::Peekable, path::Path};

use abide_index::{
    BuildConfig, BuildError, IndexError,
    list::{List, ListBuilder, SetCounts},
};
use abide_model::{Held, IdentityState, Retractions};

use crate::{
    delta::{Delta, DeltaError, Resolved},
    state_table::{StateTable, StateTableError},
};

/// What the merge made.
#[derive(Debug)]
pub struct Merged {
    pub identities: u64,
    pub keys: u64,
    pub held: Held,
    pub set_counts: SetCounts,
}

/// Where the merge writes, and within which limits.
#[derive(Debug)]
pub struct MergeConfig<'a> {
    pub index_path: &'a Path,
    /// The states as Parquet, where they are wanted.
    pub state_path: Option<&'a Path>,
    pub scratch_dir: &'a Path,
    pub memory_max_bytes: usize,
}

#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    #[error(transparent)]
    Delta(#[from] DeltaError),
    #[error("could not read the list that the new one builds on")]
    Below(#[source] IndexError),
    #[error("could not build the index")]
    Build(#[from] BuildError),
    #[error("could not write the states as Parquet")]
    StateTable(#[from] StateTableError),
}

/// Merges `delta` into `below`. `progress` is told the number of identities written, now and then.
pub fn merge(
    below: Option<&List>,
    delta: Delta,
    retractions: &Retractions,
    config: &MergeConfig<'_>,
    progress: &mut dyn FnMut(u64),
) -> Result<Merged, MergeError> {
    let resolved = delta.resolve(below)?;
    let build =
        BuildConfig { memory_max_bytes: config.memory_max_bytes, ..BuildConfig::new(config.scratch_dir) };
    let mut list = ListBuilder::create(config.index_path, build, retractions.clone())?;
    let mut table = config.state_path.map(StateTable::create).transpose()?;
    let mut identities = 0;
    for state in Merge::new(below, resolved) {
        let state = state?;
        list.push(&state)?;
        if let Some(table) = &mut table {
            table.push(&state)?;
        }
        identities += 1;
        if identities % 65_536 == 0 {
            progress(identities);
        }
    }
    if let Some(table) = table {
        table.finish()?;
    }
    progress(identities);
    let held = list.held().clone();
    let (summary, set_counts) = list.finish()?;
    Ok(Merged { identities, keys: summary.keys, held, set_counts })
}

/// The states of an index and of a delta as one sorted stream.
struct Merge<'a> {
    below: Peekable<Box<dyn Iterator<Item = Result<IdentityState, IndexError>> + 'a>>,
    new: Peekable<Resolved>,
}

impl<'a> Merge<'a> {
    fn new(below: Option<&'a List>, resolved: Resolved) -> Self {
        let absorbed = resolved.absorbed().clone();
        let below: Box<dyn Iterator<Item = _> + 'a> = match below {
            None => Box::new(std::iter::empty()),
            Some(list) => Box::new(
                (0_u32..)
                    .zip(list.states())
                    .filter(move |(at, _)| !absorbed.contains(at))
                    .map(|(_, state)| state),
            ),
        };
        Self { below: below.peekable(), new: resolved.peekable() }
    }

    fn take_below(&mut self) -> Result<IdentityState, MergeError> {
        self.below.next().expect("just peeked").map_err(MergeError::Below)
    }

    fn take_new(&mut self) -> Result<IdentityState, MergeError> {
        Ok(self.new.next().expect("just peeked")?.1)
    }
}

impl Iterator for Merge<'_> {
    type Item = Result<IdentityState, MergeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let below = match self.below.peek() {
            None => None,
            Some(Err(_)) => return Some(self.take_below()),
            Some(Ok(state)) => Some(state.primary.key),
        };
        let new = match self.new.peek() {
            None => None,
            Some(Err(_)) => return Some(self.take_new()),
            Some(Ok((root, _))) => Some(*root),
        };
        match (below, new) {
            (None, None) => None,
            (Some(_), None) => Some(self.take_below()),
            (None, Some(_)) => Some(self.take_new()),
            (Some(below), Some(new)) if below < new => Some(self.take_below()),
            (Some(below), Some(new)) if new < below => Some(self.take_new()),
            (Some(_), Some(_)) => Some(self.take_below().and_then(|mut state| {
                state.merge(&self.take_new()?);
                Ok(state)
            })),
        }
    }
}
