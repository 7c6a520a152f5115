//! All keys of a build with what they point at, sorted whatever their number: primary keys come
//! sorted already and are one run; aliases are sorted a memoryful at a time; then all runs are merged.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;

use bytemuck::{Pod, Zeroable};

use super::scratch::{Scratch, Spool, append, read_at};
use crate::error::BuildError;

/// One key of an identity. Ordered as its fields are: by key first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Posting {
    pub(super) hi: u64,
    pub(super) lo: u64,
    pub(super) ordinal: u32,
    pub(super) set: u32,
}

pub(super) struct Postings {
    primaries: Spool<Posting>,
    /// Not yet sorted.
    aliases: Vec<Posting>,
    aliases_max: usize,
    /// Sorted runs, one after the other.
    alias_file: Option<File>,
    /// Where each run ends in the file.
    run_ends: Vec<u64>,
    merge_bytes: usize,
}

/// Bounds on the memory of one run while merging.
const RUN_BYTES_MIN: usize = 4 << 10;
const RUN_BYTES_MAX: usize = 1 << 20;

impl Postings {
    pub(super) fn new(memory_max_bytes: usize) -> Postings {
        Postings {
            primaries: Spool::new(memory_max_bytes / 8),
            aliases: Vec::new(),
            aliases_max: (memory_max_bytes / 2 / size_of::<Posting>()).max(1),
            alias_file: None,
            run_ends: Vec::new(),
            merge_bytes: memory_max_bytes / 4,
        }
    }

    pub(super) fn push_primary(&mut self, posting: Posting, scratch: &Scratch) -> Result<(), BuildError> {
        self.primaries.push(posting, scratch)
    }

    pub(super) fn push_alias(&mut self, posting: Posting, scratch: &Scratch) -> Result<(), BuildError> {
        if self.aliases.len() == self.aliases_max {
            self.spill_aliases(scratch)?;
        }
        self.aliases.push(posting);
        Ok(())
    }

    fn spill_aliases(&mut self, scratch: &Scratch) -> Result<(), BuildError> {
        self.aliases.sort_unstable();
        let file = match &mut self.alias_file {
            Some(file) => file,
            none => none.insert(scratch.file()?),
        };
        append(file, &self.aliases)?;
        let start = self.run_ends.last().copied().unwrap_or(0);
        self.run_ends.push(start + size_of_val(&*self.aliases) as u64);
        self.aliases.clear();
        Ok(())
    }

    /// Hands every posting to `take` in the order of keys, and refuses a key that comes twice.
    pub(super) fn merge(
        mut self,
        mut take: impl FnMut(Posting) -> Result<(), BuildError>,
    ) -> Result<(), BuildError> {
        self.aliases.sort_unstable();
        let buffer_bytes = (self.merge_bytes / (self.run_ends.len() + 1)).clamp(RUN_BYTES_MIN, RUN_BYTES_MAX);
        let (primary_file, primary_bytes, primary_tail) = self.primaries.into_parts();
        let mut runs = vec![
            Run::new(primary_file.as_ref(), 0, primary_bytes, primary_tail, buffer_bytes),
            Run::new(None, 0, 0, self.aliases, buffer_bytes),
        ];
        let mut start = 0;
        for end in self.run_ends {
            runs.push(Run::new(self.alias_file.as_ref(), start, end, Vec::new(), buffer_bytes));
            start = end;
        }

        let mut heads = BinaryHeap::new();
        for (number, run) in runs.iter_mut().enumerate() {
            heads.extend(run.next()?.map(|posting| Reverse((posting, number))));
        }
        let mut last: Option<Posting> = None;
        let mut take_next = |posting: Posting| {
            if let Some(last) = last
                && (last.hi, last.lo) == (posting.hi, posting.lo)
            {
                return Err(BuildError::KeyTwice { first: last.ordinal, second: posting.ordinal });
            }
            last = Some(posting);
            take(posting)
        };
        while heads.len() > 1 {
            let mut head = heads.peek_mut().expect("there are more than one");
            let Reverse((posting, number)) = *head;
            match runs[number].next()? {
                Some(next) => *head = Reverse((next, number)),
                None => drop(PeekMut::pop(head)),
            }
            take_next(posting)?;
        }
        // Mostly there are no aliases.
        if let Some(Reverse((posting, number))) = heads.pop() {
            take_next(posting)?;
            while let Some(posting) = runs[number].next()? {
                take_next(posting)?;
            }
        }
        Ok(())
    }
}

/// A sorted run being read: a range of a file, then what is in memory.
struct Run<'a> {
    file: Option<&'a File>,
    at: u64,
    end: u64,
    buffer: Vec<Posting>,
    taken: usize,
    buffer_max: usize,
    tail: Vec<Posting>,
}

impl Run<'_> {
    fn new(file: Option<&File>, at: u64, end: u64, tail: Vec<Posting>, buffer_bytes: usize) -> Run<'_> {
        let buffer_max = buffer_bytes / size_of::<Posting>();
        Run { file, at, end, buffer: Vec::new(), taken: 0, buffer_max, tail }
    }

    #[inline]
    fn next(&mut self) -> Result<Option<Posting>, BuildError> {
        if self.taken == self.buffer.len() {
            self.refill()?;
        }
        let next = self.buffer.get(self.taken).copied();
        self.taken += usize::from(next.is_some());
        Ok(next)
    }

    fn refill(&mut self) -> Result<(), BuildError> {
        self.taken = 0;
        let Some(file) = self.file.filter(|_| self.at < self.end) else {
            self.buffer = std::mem::take(&mut self.tail);
            return Ok(());
        };
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX) / size_of::<Posting>();
        self.buffer.resize(left.min(self.buffer_max), Posting::zeroed());
        read_at(file, self.at, bytemuck::cast_slice_mut(&mut self.buffer))?;
        self.at += size_of_val(&*self.buffer) as u64;
        Ok(())
    }
}
