//! Sorts more records than fit in memory, by key.
//!
//! Keys are random, so records fall into parts of about the same size by the first byte of their key. Parts are
//! collected in memory and go to a scratch file as often as memory is full; in the end each is read, sorted, and handed
//! out, by threads that are a part ahead of whoever asks. A part that is too large for that is sorted in the same way by
//! the next byte.

mod parts;
mod sorted;

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    thread::{self, JoinHandle},
};

use abide_model::Key;

use parts::{Parts, Segment};
pub(crate) use sorted::Sorted;

/// Collects records of a key and some bytes. Records of one key come out one after the other, in
/// no order among themselves.
///
/// What no longer fits is written by another thread, while more is collected.
#[derive(Debug)]
pub(crate) struct Sorter {
    scratch_dir: PathBuf,
    memory_max_bytes: usize,
    /// So many bytes of all keys are the same.
    depth: usize,
    /// By the byte of the key after those.
    collected: Vec<Vec<u8>>,
    collected_bytes: usize,
    spilling: Option<JoinHandle<io::Result<Spill>>>,
    spilled: Option<Spill>,
}

/// Parts in a scratch file.
#[derive(Debug)]
struct Spill {
    file: File,
    bytes: u64,
    segments: Vec<Vec<Segment>>,
    /// What was just written, to be filled again.
    spare: Vec<Vec<u8>>,
}

const PARTS: usize = 256;

/// Collected parts take up to twice the memory of what is in them, and there are two sets of them.
const SHARE_COLLECTED: usize = 4;

impl Sorter {
    /// The scratch file is made in `scratch_dir` without a name, so nothing is left of it however
    /// the process ends.
    pub(crate) fn new(scratch_dir: &Path, memory_max_bytes: usize) -> Self {
        Self::below(scratch_dir, memory_max_bytes, 0)
    }

    fn below(scratch_dir: &Path, memory_max_bytes: usize, depth: usize) -> Self {
        Self {
            scratch_dir: scratch_dir.to_owned(),
            memory_max_bytes,
            depth,
            collected: vec![Vec::new(); PARTS],
            collected_bytes: 0,
            spilling: None,
            spilled: None,
        }
    }

    pub(crate) fn push(&mut self, key: Key, bytes: &[u8]) -> io::Result<()> {
        let len = u32::try_from(bytes.len()).map_err(|_| io::Error::other("a record of more than 4 GiB"))?;
        let part = &mut self.collected[usize::from(key.0[self.depth])];
        part.extend_from_slice(&key.0);
        part.extend_from_slice(&len.to_le_bytes());
        part.extend_from_slice(bytes);
        self.collected_bytes += parts::HEAD_BYTES + bytes.len();
        if self.collected_bytes >= self.memory_max_bytes / SHARE_COLLECTED { self.spill() } else { Ok(()) }
    }

    fn spill(&mut self) -> io::Result<()> {
        self.end_spilling()?;
        let mut spill = match self.spilled.take() {
            Some(spilled) => spilled,
            None => Spill::new(&self.scratch_dir)?,
        };
        let spare = std::mem::take(&mut spill.spare);
        let collected = std::mem::replace(&mut self.collected, spare);
        self.collected_bytes = 0;
        self.spilling = Some(thread::spawn(move || spill.write(collected)));
        Ok(())
    }

    fn end_spilling(&mut self) -> io::Result<()> {
        if let Some(spilling) = self.spilling.take() {
            let spilled = spilling.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            self.spilled = Some(spilled);
        }
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.collected_bytes == 0 && self.spilled.is_none() && self.spilling.is_none()
    }

    /// Everything in the order of keys.
    pub(crate) fn finish(mut self) -> io::Result<Sorted> {
        self.end_spilling()?;
        let parts =
            Parts::new(self.collected, self.spilled, &self.scratch_dir, self.memory_max_bytes, self.depth);
        Ok(Sorted::new(parts))
    }
}

impl Spill {
    fn new(scratch_dir: &Path) -> io::Result<Self> {
        let file = tempfile::tempfile_in(scratch_dir)?;
        Ok(Self { file, bytes: 0, segments: vec![Vec::new(); PARTS], spare: vec![Vec::new(); PARTS] })
    }

    fn write(mut self, mut collected: Vec<Vec<u8>>) -> io::Result<Self> {
        for (part, segments) in collected.iter_mut().zip(&mut self.segments) {
            if part.is_empty() {
                continue;
            }
            self.file.write_all(part)?;
            segments.push(Segment { start: self.bytes, len: part.len() });
            self.bytes += part.len() as u64;
            part.clear();
        }
        self.spare = collected;
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Random ones, some that are alike up to their last byte, and one that comes often.
    fn key() -> impl Strategy<Value = [u8; 16]> {
        prop_oneof![
            any::<[u8; 16]>(),
            any::<u8>().prop_map(|last| {
                let mut key = [7; 16];
                key[15] = last;
                key
            }),
            Just([9; 16]),
        ]
    }

    /// Records of one key in little memory, and at last one of another.
    fn parts_of(
        records: usize,
        other: Option<[u8; 16]>,
        memory_max_bytes: usize,
    ) -> (tempfile::TempDir, Parts) {
        let scratch = tempfile::tempdir().unwrap();
        let mut sorter = Sorter::new(scratch.path(), memory_max_bytes);
        for key in std::iter::repeat_n([9; 16], records).chain(other) {
            sorter.push(Key(key), b"a record").unwrap();
        }
        sorter.end_spilling().unwrap();
        let parts = Parts::new(sorter.collected, sorter.spilled, scratch.path(), memory_max_bytes, 0);
        (scratch, parts)
    }

    #[test]
    fn one_key_that_comes_often_is_not_split() {
        let (_scratch, parts) = parts_of(100_000, None, 1 << 16);
        assert!(matches!(parts.load(9, &mut parts::Scratch::default()).unwrap(), parts::Part::Alike { .. }));
    }

    /// However deep a part is split, what is written at once does not become less and less.
    #[test]
    fn splitting_leaves_memory() {
        let mut other = [9; 16];
        other[15] = 8;
        let (_scratch, parts) = parts_of(100_000, Some(other), 1 << 16);
        let mut sorter = parts.split(9).unwrap();
        sorter.end_spilling().unwrap();
        let segments = &sorter.spilled.unwrap().segments[9];
        // 28 bytes each, and a quarter of memory is full at once.
        assert!(segments.len() <= 100_001 * 28 / (1 << 14), "{}", segments.len());
    }

    proptest! {
        // Each spill is a thread and each split a file.
        #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

        /// Whatever fits in memory, what comes out is what went in, by key.
        #[test]
        fn sorting_keeps_everything(
            records in prop::collection::vec((key(), prop::collection::vec(any::<u8>(), 0..40)), 0..200),
            memory_max_bytes in 400_usize..20_000,
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
                sorted.rewind();
            }
        }
    }
}
