//! One pass over an index and what is new gives the next index, and, for other engines, the same
//! states as Parquet.

use std::{iter::Peekable, path::Path};

use abide_index::{
    BuildConfig, BuildError, IndexError,
    list::{List, ListBuilder, Record, SetCounts, Stored, Words},
};
use abide_model::{Held, IdentityState, Retractions};

use crate::{
    delta::{Delta, DeltaError, NewState, Resolved},
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
    let build = BuildConfig {
        memory_max_bytes: config.memory_max_bytes,
        // What is to last is uploaded.
        sync: false,
        ..BuildConfig::new(config.scratch_dir)
    };
    let words = resolved.words().clone();
    let mut list = ListBuilder::create_after(below, words, config.index_path, build, retractions.clone())?;
    let mut table = config.state_path.map(StateTable::create).transpose()?;
    let mut identities = 0;
    let mut merge = Merge::new(below, resolved);
    while let Some(next) = merge.next()? {
        let mut tabled = |record: &Record<'_>, words: &Words| {
            table.as_mut().map_or(Ok(()), |table| table.push(record, words))
        };
        match next {
            Next::Stored(stored) => {
                let record = stored.record();
                if sets_hold { list.push_stored(&stored) } else { list.push_record(&record) }?;
                tabled(&record, list.words())?;
            }
            Next::New(record) => {
                list.push_record(&record)?;
                tabled(&record, list.words())?;
            }
            Next::Merged(state) => {
                list.push(&state)?;
                tabled(&list.pushed(), list.words())?;
            }
        }
        identities += 1;
        if identities % 65_536 == 0 {
            progress(identities);
        }
    }
    if let Some(table) = table {
        table.finish(list.words())?;
    }
    progress(identities);
    let held = list.held();
    let (summary, set_counts) = list.finish(below)?;
    Ok(Merged { identities, keys: summary.keys, held, set_counts })
}

/// An identity of the next list.
pub(crate) enum Next<'a> {
    /// As it stands in the list below: nothing new was said.
    Stored(Stored<'a>),
    /// As it was said: nothing was known before.
    New(Record<'a>),
    Merged(IdentityState),
}

type StoredStream<'a> = Peekable<Box<dyn Iterator<Item = Result<Stored<'a>, IndexError>> + 'a>>;

/// The identities of a list and of a delta as one sorted stream.
struct Merge<'a> {
    below: StoredStream<'a>,
    new: Resolved,
}

impl<'a> Merge<'a> {
    fn new(below: Option<&'a List>, new: Resolved) -> Self {
        let absorbed = new.absorbed().clone();
        let stays = move |stored: &Result<Stored<'_>, IndexError>| match stored {
            Ok(stored) => !absorbed.contains(&stored.ordinal()),
            Err(_) => true,
        };
        let below: Box<dyn Iterator<Item = _>> = match below {
            None => Box::new(std::iter::empty()),
            Some(list) => Box::new(list.stored().filter(stays)),
        };
        Self { below: below.peekable(), new }
    }

    fn next(&mut self) -> Result<Option<Next<'_>>, MergeError> {
        let below = match self.below.peek() {
            Some(Ok(stored)) => Some(stored.primary()),
            Some(Err(_)) => return self.take_below(),
            None => None,
        };
        match (below, self.new.peek()?) {
            (Some(below), Some(new)) if below == new => self.take_both(),
            (Some(below), new) if new.is_none_or(|new| below < new) => self.take_below(),
            _ => Ok(self.new.next()?.map(Next::from)),
        }
    }

    fn take_below(&mut self) -> Result<Option<Next<'_>>, MergeError> {
        self.below.next().transpose().map(|stored| stored.map(Next::Stored)).map_err(MergeError::Below)
    }

    fn take_both(&mut self) -> Result<Option<Next<'_>>, MergeError> {
        let stored = self.below.next().expect("just peeked").map_err(MergeError::Below)?;
        let mut state = stored.state().map_err(MergeError::Below)?;
        let new = self.new.next_state()?.expect("just peeked");
        state.merge(&new);
        Ok(Some(Next::Merged(state)))
    }
}

impl<'a> From<NewState<'a>> for Next<'a> {
    fn from(new: NewState<'a>) -> Self {
        match new {
            NewState::Record(record) => Self::New(record),
            NewState::Merged(state) => Self::Merged(state),
        }
    }
}
