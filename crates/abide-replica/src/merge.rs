//! One pass over an index and what is new gives the next index, and, for other engines, the same
//! states as Parquet.

use std::{cmp::Ordering, iter::Peekable, path::Path};

use abide_index::{
    BuildConfig, BuildError, IndexError,
    list::{List, ListBuilder, SetCounts, Stored},
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
pub(crate) struct MergeConfig<'a> {
    pub(crate) index_path: &'a Path,
    /// The states as Parquet, where they are wanted.
    pub(crate) state_path: Option<&'a Path>,
    pub(crate) scratch_dir: &'a Path,
    pub(crate) memory_max_bytes: usize,
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

/// Merges `delta` into `below`, whose sets are taken over if `sets_hold`: if it was made under the
/// same retractions. `progress` is told the number of identities written, now and then.
pub(crate) fn merge(
    below: Option<&List>,
    sets_hold: bool,
    delta: Delta,
    retractions: &Retractions,
    config: &MergeConfig<'_>,
    progress: &mut dyn FnMut(u64),
) -> Result<Merged, MergeError> {
    let resolved = delta.resolve(below)?;
    let build =
        BuildConfig { memory_max_bytes: config.memory_max_bytes, ..BuildConfig::new(config.scratch_dir) };
    let mut list = ListBuilder::create_after(below, config.index_path, build, retractions.clone())?;
    let mut table = config.state_path.map(StateTable::create).transpose()?;
    let mut identities = 0;
    for next in Merge::new(below, resolved) {
        match next? {
            Next::Stored(stored) if sets_hold => {
                list.push_stored(&stored)?;
                if let Some(table) = &mut table {
                    table.push(&stored.state().map_err(MergeError::Below)?)?;
                }
            }
            next => {
                let state = next.state()?;
                list.push(&state)?;
                if let Some(table) = &mut table {
                    table.push(&state)?;
                }
            }
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
    let (summary, set_counts) = list.finish(below)?;
    Ok(Merged { identities, keys: summary.keys, held, set_counts })
}

/// An identity of the next list.
enum Next<'a> {
    /// As it stands in the list below: nothing new was said.
    Stored(Stored<'a>),
    Changed(IdentityState),
}

impl Next<'_> {
    fn state(self) -> Result<IdentityState, MergeError> {
        match self {
            Self::Stored(stored) => stored.state().map_err(MergeError::Below),
            Self::Changed(state) => Ok(state),
        }
    }
}

type StoredStream<'a> = Box<dyn Iterator<Item = Result<Stored<'a>, IndexError>> + 'a>;

/// The identities of a list and of a delta as one sorted stream.
struct Merge<'a> {
    below: Peekable<StoredStream<'a>>,
    new: Peekable<Resolved>,
}

impl<'a> Merge<'a> {
    fn new(below: Option<&'a List>, resolved: Resolved) -> Self {
        let absorbed = resolved.absorbed().clone();
        let stays = move |stored: &Result<Stored<'_>, IndexError>| match stored {
            Ok(stored) => !absorbed.contains(&stored.ordinal()),
            Err(_) => true,
        };
        let below: StoredStream<'a> = match below {
            None => Box::new(std::iter::empty()),
            Some(list) => Box::new(list.stored().filter(stays)),
        };
        Self { below: below.peekable(), new: resolved.peekable() }
    }

    fn take_below(&mut self) -> Result<Next<'a>, MergeError> {
        self.below.next().expect("just peeked").map(Next::Stored).map_err(MergeError::Below)
    }

    fn take_new(&mut self) -> Result<Next<'a>, MergeError> {
        Ok(Next::Changed(self.new.next().expect("just peeked")?.1))
    }

    fn take_both(&mut self) -> Result<Next<'a>, MergeError> {
        let mut state = self.take_below()?.state()?;
        state.merge(&self.take_new()?.state()?);
        Ok(Next::Changed(state))
    }
}

impl<'a> Iterator for Merge<'a> {
    type Item = Result<Next<'a>, MergeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let below = match self.below.peek() {
            None => None,
            Some(Err(_)) => return Some(self.take_below()),
            Some(Ok(stored)) => Some(stored.primary()),
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
            (Some(below), Some(new)) => Some(match below.cmp(&new) {
                Ordering::Less => self.take_below(),
                Ordering::Greater => self.take_new(),
                Ordering::Equal => self.take_both(),
            }),
        }
    }
}
