//! A batch that this process writes itself: its signals are gathered while they are written, so that nobody has to
//! read them back from the journal once it is committed.

use std::{collections::VecDeque, sync::Arc};

use abide_index::list::List;
use abide_journal::{Appended, Followed, Head};
use abide_model::{BatchId, Position, Signal};

use crate::{delta::Delta, error::ReplicaError, replica::Replica};

/// The signals of a batch on its way. They count for nothing before [`Replica::take_over`].
#[derive(Debug)]
pub struct Gathered {
    batch: BatchId,
    /// What the delta can be merged with.
    base: Option<Arc<List>>,
    delta: Delta,
}

impl Gathered {
    /// Takes a signal that is appended as part of the batch.
    pub fn add(&mut self, signal: &Signal) -> Result<(), ReplicaError> {
        Ok(self.delta.add_signal(signal)?)
    }
}

/// A batch that was gathered and committed, until the journal is followed that far.
#[derive(Debug)]
pub(crate) struct OwnBatch {
    gathered: Gathered,
    /// Its objects that have not come by: where each begins, and the head after it. A link stands for all records
    /// before it, so an object that ends with it is the one that was written.
    objects: VecDeque<(Position, Head)>,
}

/// What an object that comes by is of the batch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum OwnPart {
    /// One that only holds signals of it.
    Signals(BatchId),
    /// The last one, which ends with the record that commits it.
    End(BatchId),
}

impl OwnBatch {
    pub(crate) fn part(&mut self, followed: &Followed) -> Option<OwnPart> {
        let (first, head) = self.objects.front()?;
        if followed.first() != *first || followed.object.head() != *head {
            return None;
        }
        self.objects.pop_front();
        let batch = self.gathered.batch.clone();
        Some(if self.objects.is_empty() { OwnPart::End(batch) } else { OwnPart::Signals(batch) })
    }

    /// Whether none of its objects can come by any more, after an object with that head.
    pub(crate) fn is_passed(&self, head: &Head) -> bool {
        let last = self.objects.back();
        last.is_none_or(|(_, last)| last.origin == head.origin && last.position <= head.position)
    }

    /// Its signals, if they still go with that base.
    pub(crate) fn into_delta(self, base: Option<&Arc<List>>) -> Option<Delta> {
        let goes_with = match (&self.gathered.base, base) {
            (None, None) => true,
            (Some(gathered), Some(base)) => Arc::ptr_eq(gathered, base),
            _ => false,
        };
        goes_with.then_some(self.gathered.delta)
    }
}

impl Replica {
    /// Begins to gather the signals of a batch that is about to be written by this process.
    pub fn gather(&self, batch: BatchId) -> Gathered {
        Gathered { batch, base: self.base.clone(), delta: self.new_delta() }
    }

    /// The batch was committed: when its objects come by, what was gathered of them is taken instead of being read.
    pub fn take_over(&mut self, gathered: Gathered, appended: &Appended) {
        let firsts = appended.objects.iter().map(|object| object.first);
        let objects = firsts.zip(appended.heads.iter().cloned()).collect();
        self.own = Some(OwnBatch { gathered, objects });
    }
}

#[cfg(test)]
mod tests {
    use abide_journal::Link;

    use super::*;

    #[test]
    fn a_batch_is_passed_with_its_last_object() {
        let head =
            |origin: &str, position| Head { origin: origin.parse().unwrap(), position, link: Link([7; 16]) };
        let scratch = tempfile::tempdir().unwrap();
        let delta = Delta::new(None, scratch.path(), 1 << 16);
        let gathered = Gathered { batch: "import".parse().unwrap(), base: None, delta };
        let objects = [(1, head("writer", 10)), (11, head("writer", 20))].into();
        let own = OwnBatch { gathered, objects };
        assert!(!own.is_passed(&head("writer", 19)));
        assert!(!own.is_passed(&head("another", 30)));
        assert!(own.is_passed(&head("writer", 20)));
        assert!(own.is_passed(&head("writer", 30)));
    }
}
