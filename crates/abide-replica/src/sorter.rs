//! Sorts more records than fit in memory, by key: runs go to scratch files and are merged when read.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, binary_heap::PeekMut},
    fs::File,
    io::{self, BufReader, BufWriter, Read, Seek, Write},
    path::{Path, PathBuf},
    thread::{self, JoinHandle},
};

use abide_model::Key;

/// Collects records of a key and some bytes. Records of one key come out one after the other, in
/// no order among themselves.
///
/// What no longer fits is sorted and written by another thread, while more is collected.
#[derive(Debug)]
pub(crate) struct Sorter {
    scratch_dir: PathBuf,
    memory_max_bytes: usize,
    collected: Collected,
    /// The run being written.
    spilling: Option<JoinHandle<io::Result<File>>>,
    runs: Vec<File>,
}

/// Records in memory.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    bytes: Vec<u8>,
    records: Vec<Record>,
}

/// Ordered as its fields are. A key is a number here: numbers are compared at once, bytes one by one.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Record {
    key: u128,
    start: u32,
    len: u32,
}

/// So many runs are open at the most; then they are merged into one, so that neither open files nor
/// their buffers grow with the length of the list.
const RUNS_MAX: usize = 64;

/// Where records begin must fit in 32 bits.
const MEMORY_MAX_BYTES: usize = 1 << 31;

impl Sorter {
    /// Scratch files are made in `scratch_dir` without a name, so nothing is left of them however
    /// the process ends.
    pub(crate) fn new(scratch_dir: &Path, memory_max_bytes: usize) -> Self {
        Self {
            scratch_dir: scratch_dir.to_owned(),
            memory_max_bytes: memory_max_bytes.min(MEMORY_MAX_BYTES),
            collected: Collected::default(),
            spilling: None,
            runs: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, key: Key, bytes: &[u8]) -> io::Result<()> {
        self.collected.push(key, bytes)?;
        // While one half is being written, the other is filled.
        if self.collected.memory_bytes() >= self.memory_max_bytes / 2 {
            self.spill()?;
        }
        Ok(())
    }

    fn spill(&mut self) -> io::Result<()> {
        self.end_spilling()?;
        let collected = std::mem::take(&mut self.collected);
        let run = self.new_run()?;
        self.spilling = Some(thread::spawn(move || collected.write_sorted(run)));
        Ok(())
    }

    /// Waits for the run that is being written.
    fn end_spilling(&mut self) -> io::Result<()> {
        let Some(spilling) = self.spilling.take() else { return Ok(()) };
        let run = spilling.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        self.runs.push(run);
        if self.runs.len() == RUNS_MAX { self.merge_runs() } else { Ok(()) }
    }

    fn merge_runs(&mut self) -> io::Result<()> {
        let mut run = self.new_run()?;
        let runs = std::mem::take(&mut self.runs);
        let mut sorted = Sorted::of_runs(runs, self.memory_max_bytes)?;
        while let Some((key, bytes)) = sorted.next()? {
            write_record(&mut run, u128::from_be_bytes(key.0), bytes)?;
        }
        self.runs.push(run.into_inner().map_err(io::IntoInnerError::into_error)?);
        Ok(())
    }

    fn new_run(&self) -> io::Result<BufWriter<File>> {
        let capacity = (self.memory_max_bytes / 16).clamp(1 << 13, 1 << 20);
        Ok(BufWriter::with_capacity(capacity, tempfile::tempfile_in(&self.scratch_dir)?))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.collected.records.is_empty() && self.runs.is_empty() && self.spilling.is_none()
    }

    /// Everything in the order of keys.
    pub(crate) fn finish(mut self) -> io::Result<Sorted> {
        if self.runs.is_empty() && self.spilling.is_none() {
            self.collected.records.sort_unstable();
            return Ok(Sorted::InMemory { collected: self.collected, next: 0 });
        }
        if !self.collected.records.is_empty() {
            self.spill()?;
        }
        self.end_spilling()?;
        Sorted::of_runs(self.runs, self.memory_max_bytes)
    }
}

impl Collected {
    fn push(&mut self, key: Key, bytes: &[u8]) -> io::Result<()> {
        let too_large = |_| io::Error::other("a record of more than 2 GiB");
        let start = u32::try_from(self.bytes.len()).map_err(too_large)?;
        let len = u32::try_from(bytes.len()).map_err(too_large)?;
        self.records.push(Record { key: u128::from_be_bytes(key.0), start, len });
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn memory_bytes(&self) -> usize {
        self.bytes.len() + self.records.len() * size_of::<Record>()
    }

    fn bytes_of(&self, record: &Record) -> &[u8] {
        &self.bytes[record.start as usize..][..record.len as usize]
    }

    fn write_sorted(mut self, mut run: BufWriter<File>) -> io::Result<File> {
        self.records.sort_unstable();
        for record in &self.records {
            write_record(&mut run, record.key, self.bytes_of(record))?;
        }
        run.into_inner().map_err(io::IntoInnerError::into_error)
    }
}

fn write_record(run: &mut impl Write, key: u128, bytes: &[u8]) -> io::Result<()> {
    let len = u32::try_from(bytes.len()).expect("checked when it was pushed");
    run.write_all(&key.to_be_bytes())?;
    run.write_all(&len.to_le_bytes())?;
    run.write_all(bytes)
}

/// The sorted records, to be gone through once or several times.
#[derive(Debug)]
pub(crate) enum Sorted {
    InMemory {
        collected: Collected,
        next: usize,
    },
    Spilled {
        runs: Vec<Run>,
        /// The next key of each run that has one.
        heads: BinaryHeap<Reverse<(u128, usize)>>,
        /// The record that was handed out last.
        current: Vec<u8>,
    },
}

/// A run being read.
#[derive(Debug)]
pub(crate) struct Run {
    file: BufReader<File>,
    /// Of its next record.
    bytes: Vec<u8>,
}

impl Run {
    /// Reads the next record and gives its key.
    fn advance(&mut self) -> io::Result<Option<u128>> {
        let mut head = [0; 20];
        match self.file.read_exact(&mut head) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            other => other?,
        }
        let (key, len) = head.split_at(16);
        let len = u32::from_le_bytes(len.try_into().expect("20 bytes less 16"));
        self.bytes.resize(len as usize, 0);
        self.file.read_exact(&mut self.bytes)?;
        Ok(Some(u128::from_be_bytes(key.try_into().expect("16 bytes"))))
    }
}

impl Sorted {
    fn of_runs(files: Vec<File>, memory_max_bytes: usize) -> io::Result<Self> {
        let buffer = (memory_max_bytes / (files.len() + 1)).clamp(1 << 13, 1 << 20);
        let run = |file| Run { file: BufReader::with_capacity(buffer, file), bytes: Vec::new() };
        let runs = files.into_iter().map(run).collect();
        let mut sorted = Self::Spilled { runs, heads: BinaryHeap::new(), current: Vec::new() };
        sorted.rewind()?;
        Ok(sorted)
    }

    /// Back to the first record.
    pub(crate) fn rewind(&mut self) -> io::Result<()> {
        match self {
            Self::InMemory { next, .. } => *next = 0,
            Self::Spilled { runs, heads, .. } => {
                heads.clear();
                for (number, run) in runs.iter_mut().enumerate() {
                    run.file.rewind()?;
                    heads.extend(run.advance()?.map(|key| Reverse((key, number))));
                }
            }
        }
        Ok(())
    }

    /// The next record, `None` after the last.
    pub(crate) fn next(&mut self) -> io::Result<Option<(Key, &[u8])>> {
        match self {
            Self::InMemory { collected, next } => {
                let Some(record) = collected.records.get(*next) else { return Ok(None) };
                *next += 1;
                Ok(Some((Key(record.key.to_be_bytes()), collected.bytes_of(record))))
            }
            Self::Spilled { runs, heads, current } => {
                let Some(mut head) = heads.peek_mut() else { return Ok(None) };
                let Reverse((key, number)) = *head;
                std::mem::swap(current, &mut runs[number].bytes);
                match runs[number].advance()? {
                    Some(next) => *head = Reverse((next, number)),
                    None => drop(PeekMut::pop(head)),
                }
                Ok(Some((Key(key.to_be_bytes()), current)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever fits in memory, what comes out is what went in, by key.
        #[test]
        fn sorting_keeps_everything(
            records in prop::collection::vec((any::<[u8; 16]>(), prop::collection::vec(any::<u8>(), 0..40)), 0..200),
            memory_max_bytes in 1_usize..20_000,
        ) {
            let scratch = tempfile::tempdir().unwrap();
            let mut sorter = Sorter::new(scratch.path(), memory_max_bytes);
            for (key, bytes) in &records {
                sorter.push(Key(*key), bytes).unwrap();
            }
            let mut sorted = sorter.finish().unwrap();
            let mut expected: Vec<_> = records.iter().map(|(key, bytes)| (Key(*key), bytes.clone())).collect();
            expected.sort();
            for _ in ["once", "again"] {
                let mut found = Vec::new();
                while let Some((key, bytes)) = sorted.next().unwrap() {
                    found.push((key, bytes.to_vec()));
                }
                prop_assert!(found.is_sorted_by_key(|(key, _)| *key));
                found.sort();
                prop_assert_eq!(&found, &expected);
                sorted.rewind().unwrap();
            }
        }
    }
}
