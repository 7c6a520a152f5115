//! Sorts more records than fit in memory, by key: runs go to scratch files and are merged when read.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    fs::File,
    io::{self, BufReader, BufWriter, Read, Seek, Write},
    path::{Path, PathBuf},
};

use abide_model::Key;

/// Collects records of a key and some bytes. Records of one key come out one after the other, in
/// no order among themselves.
#[derive(Debug)]
pub(crate) struct Sorter {
    scratch_dir: PathBuf,
    memory_max_bytes: usize,
    bytes: Vec<u8>,
    records: Vec<Record>,
    runs: Vec<File>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Record {
    key: Key,
    start: usize,
    len: u32,
}

/// So many runs are open at the most; then they are merged into one, so that neither open files nor
/// their buffers grow with the length of the list.
const RUNS_MAX: usize = 64;

impl Sorter {
    /// Scratch files are made in `scratch_dir` without a name, so nothing is left of them however
    /// the process ends.
    pub(crate) fn new(scratch_dir: &Path, memory_max_bytes: usize) -> Self {
        Self {
            scratch_dir: scratch_dir.to_owned(),
            memory_max_bytes,
            bytes: Vec::new(),
            records: Vec::new(),
            runs: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, key: Key, bytes: &[u8]) -> io::Result<()> {
        let len = u32::try_from(bytes.len()).map_err(|_| io::Error::other("a record of more than 4 GiB"))?;
        self.records.push(Record { key, start: self.bytes.len(), len });
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() + self.records.len() * size_of::<Record>() >= self.memory_max_bytes {
            self.spill()?;
        }
        Ok(())
    }

    fn spill(&mut self) -> io::Result<()> {
        self.records.sort_unstable();
        let mut run = self.new_run()?;
        for record in &self.records {
            write_record(&mut run, record.key, self.bytes_of(record))?;
        }
        self.records.clear();
        self.bytes.clear();
        self.keep(run)?;
        if self.runs.len() == RUNS_MAX { self.merge_runs() } else { Ok(()) }
    }

    fn merge_runs(&mut self) -> io::Result<()> {
        let mut run = self.new_run()?;
        let runs = std::mem::take(&mut self.runs);
        let mut sorted = Sorted::of_runs(runs, self.memory_max_bytes)?;
        while let Some((key, bytes)) = sorted.next_record()? {
            write_record(&mut run, key, &bytes)?;
        }
        self.keep(run)
    }

    fn new_run(&self) -> io::Result<BufWriter<File>> {
        let capacity = (self.memory_max_bytes / 16).clamp(1 << 13, 1 << 20);
        Ok(BufWriter::with_capacity(capacity, tempfile::tempfile_in(&self.scratch_dir)?))
    }

    fn keep(&mut self, run: BufWriter<File>) -> io::Result<()> {
        let mut file = run.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        self.runs.push(file);
        Ok(())
    }

    fn bytes_of(&self, record: &Record) -> &[u8] {
        &self.bytes[record.start..record.start + record.len as usize]
    }

    /// Everything in the order of keys.
    pub(crate) fn finish(mut self) -> io::Result<Sorted> {
        if self.runs.is_empty() {
            self.records.sort_unstable();
            let in_memory = Some(self);
            return Ok(Sorted { runs: Vec::new(), heads: BinaryHeap::new(), in_memory, next_in_memory: 0 });
        }
        if !self.records.is_empty() {
            self.spill()?;
        }
        Sorted::of_runs(self.runs, self.memory_max_bytes)
    }
}

fn write_record(run: &mut impl Write, key: Key, bytes: &[u8]) -> io::Result<()> {
    let len = u32::try_from(bytes.len()).expect("checked when it was pushed");
    run.write_all(&key.0)?;
    run.write_all(&len.to_le_bytes())?;
    run.write_all(bytes)
}

/// The sorted records.
#[derive(Debug)]
pub(crate) struct Sorted {
    runs: Vec<BufReader<File>>,
    heads: BinaryHeap<Reverse<(Key, usize, Vec<u8>)>>,
    /// Where nothing had to be spilled.
    in_memory: Option<Sorter>,
    next_in_memory: usize,
}

impl Sorted {
    fn of_runs(runs: Vec<File>, memory_max_bytes: usize) -> io::Result<Self> {
        let buffer = (memory_max_bytes / (runs.len() + 1)).clamp(1 << 13, 1 << 20);
        let runs: Vec<_> = runs.into_iter().map(|file| BufReader::with_capacity(buffer, file)).collect();
        let mut sorted = Self { runs, heads: BinaryHeap::new(), in_memory: None, next_in_memory: 0 };
        for run in 0..sorted.runs.len() {
            sorted.advance(run)?;
        }
        Ok(sorted)
    }

    fn advance(&mut self, run: usize) -> io::Result<()> {
        let file = &mut self.runs[run];
        let mut key = [0; 16];
        match file.read_exact(&mut key) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            other => other?,
        }
        let mut len = [0; 4];
        file.read_exact(&mut len)?;
        let mut bytes = vec![0; u32::from_le_bytes(len) as usize];
        file.read_exact(&mut bytes)?;
        self.heads.push(Reverse((Key(key), run, bytes)));
        Ok(())
    }

    fn next_record(&mut self) -> io::Result<Option<(Key, Vec<u8>)>> {
        if let Some(sorter) = &self.in_memory {
            let Some(record) = sorter.records.get(self.next_in_memory) else { return Ok(None) };
            self.next_in_memory += 1;
            return Ok(Some((record.key, sorter.bytes_of(record).to_vec())));
        }
        let Some(Reverse((key, run, bytes))) = self.heads.pop() else { return Ok(None) };
        self.advance(run)?;
        Ok(Some((key, bytes)))
    }
}

impl Iterator for Sorted {
    type Item = io::Result<(Key, Vec<u8>)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_record().transpose()
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
            let sorted: Vec<_> = sorter.finish().unwrap().map(|record| record.unwrap()).collect();
            prop_assert!(sorted.is_sorted_by_key(|(key, _)| *key));
            let mut expected: Vec<_> = records.iter().map(|(key, bytes)| (Key(*key), bytes.clone())).collect();
            let mut found = sorted;
            expected.sort();
            found.sort();
            prop_assert_eq!(found, expected);
        }
    }
}
