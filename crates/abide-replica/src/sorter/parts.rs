//! The parts of what was collected, each to be read and sorted by itself.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use abide_model::Key;

use super::{PARTS, Sorted, Sorter, Spill};

/// A key, and the length of what follows.
pub(super) const HEAD_BYTES: usize = 20;

/// Records of one part in the scratch file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) start: u64,
    pub(super) len: usize,
}

#[derive(Debug)]
pub(super) struct Parts {
    /// What was not spilled.
    collected: Vec<Vec<u8>>,
    /// Several threads read it, each at its own places.
    file: Option<Mutex<File>>,
    segments: Vec<Vec<Segment>>,
    scratch_dir: PathBuf,
    memory_max_bytes: usize,
    depth: usize,
}

/// A part is sorted in memory up to this share of what the sorter may use, since several are at a time.
const SHARE_OF_PART: usize = 8;
/// Smaller ones are sorted in any case.
const PART_BYTES_MIN: usize = 1 << 10;
/// The parts of a part are collected in no less memory than this, unless there was less from the start: what fills
/// sooner is written, and a thread started for it, with every few records.
const MEMORY_MIN_BYTES: usize = 1 << 20;
/// Less than this is sorted before other threads have begun.
const BYTES_ALONE_MAX: usize = 1 << 20;

impl Parts {
    pub(super) fn new(
        collected: Vec<Vec<u8>>,
        spilled: Option<Spill>,
        scratch_dir: &Path,
        memory_max_bytes: usize,
        depth: usize,
    ) -> Self {
        let (file, segments) = match spilled {
            Some(spilled) => (Some(Mutex::new(spilled.file)), spilled.segments),
            None => (None, vec![Vec::new(); PARTS]),
        };
        Self { collected, file, segments, scratch_dir: scratch_dir.to_owned(), memory_max_bytes, depth }
    }

    /// Whether reading them is worth threads.
    pub(super) fn are_many(&self) -> bool {
        self.file.is_some() || self.collected.iter().map(Vec::len).sum::<usize>() > BYTES_ALONE_MAX
    }

    /// The records of one part, sorted.
    pub(super) fn load(&self, number: usize, scratch: &mut Scratch) -> io::Result<Part> {
        let spilled: usize = self.segments[number].iter().map(|segment| segment.len).sum();
        let bytes = spilled + self.collected[number].len();
        if bytes > (self.memory_max_bytes / SHARE_OF_PART).max(PART_BYTES_MIN) {
            // After its last byte all of a key is the same.
            return if self.depth + 1 == size_of::<Key>() || self.is_alike(number)? {
                Ok(Part::Alike { left: self.pieces(number).rev().collect(), records: Records::default() })
            } else {
                Ok(Part::Split(Box::new(self.split(number)?.finish()?)))
            };
        }
        scratch.unsorted.clear();
        for piece in self.pieces(number) {
            self.read(piece, &mut scratch.unsorted)?;
        }
        Ok(Part::Sorted(Records::sorted(scratch)))
    }

    /// Whether all records are of one key. Stops at the first that is of another, so it reads much only where there is
    /// nothing to split.
    fn is_alike(&self, number: usize) -> io::Result<bool> {
        let mut first = None;
        for piece in self.pieces(number) {
            let mut bytes = Vec::new();
            self.read(piece, &mut bytes)?;
            let mut records = Records::unsorted(bytes);
            while records.advance() {
                let (key, _) = records.current();
                if *first.get_or_insert(key) != key {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// By the next byte.
    pub(super) fn split(&self, number: usize) -> io::Result<Sorter> {
        let memory_max_bytes = (self.memory_max_bytes / 4).max(self.memory_max_bytes.min(MEMORY_MIN_BYTES));
        let mut sorter = Sorter::below(&self.scratch_dir, memory_max_bytes, self.depth + 1);
        for piece in self.pieces(number) {
            let mut bytes = Vec::new();
            self.read(piece, &mut bytes)?;
            let mut records = Records::unsorted(bytes);
            while records.advance() {
                let (key, bytes) = records.current();
                sorter.push(key, bytes)?;
            }
        }
        Ok(sorter)
    }

    fn pieces(&self, number: usize) -> impl DoubleEndedIterator<Item = Piece> + use<> {
        let spilled = self.segments[number].clone().into_iter().map(Piece::Spilled);
        spilled.chain([Piece::Collected(number)])
    }

    /// Appends the bytes of a piece.
    pub(super) fn read(&self, piece: Piece, into: &mut Vec<u8>) -> io::Result<()> {
        match piece {
            Piece::Collected(number) => into.extend_from_slice(&self.collected[number]),
            Piece::Spilled(Segment { start, len }) => {
                let file = self.file.as_ref().expect("what was spilled is in the file");
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                file.seek(SeekFrom::Start(start))?;
                let read = (&mut *file).take(len as u64).read_to_end(into)?;
                if read < len {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
        }
        Ok(())
    }
}

/// Some of the records of a part, where they were put.
#[derive(Clone, Copy, Debug)]
pub(super) enum Piece {
    Spilled(Segment),
    Collected(usize),
}

/// Memory that loading one part after the other uses again.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    unsorted: Vec<u8>,
    order: Vec<Place>,
}

/// A part being gone through.
#[derive(Debug)]
pub(super) enum Part {
    Sorted(Records),
    Split(Box<Sorted>),
    /// Records of one key, a piece at a time, the next of which is the last.
    Alike {
        left: Vec<Piece>,
        records: Records,
    },
}

impl Part {
    /// Goes to the next record, if there is one.
    pub(super) fn advance(&mut self, parts: &Parts) -> io::Result<bool> {
        match self {
            Self::Sorted(records) => Ok(records.advance()),
            Self::Split(sorted) => sorted.advance(),
            Self::Alike { left, records } => {
                while !records.advance() {
                    let Some(piece) = left.pop() else { return Ok(false) };
                    let mut bytes = Vec::new();
                    parts.read(piece, &mut bytes)?;
                    *records = Records::unsorted(bytes);
                }
                Ok(true)
            }
        }
    }

    /// Whether it is certain that no other record of the current one's key follows.
    pub(super) fn ends_key(&self) -> bool {
        match self {
            Self::Sorted(records) => records.ends_key(),
            Self::Split(sorted) => sorted.ends_key(),
            Self::Alike { .. } => false,
        }
    }

    pub(super) fn current(&self) -> (Key, &[u8]) {
        match self {
            Self::Sorted(records) | Self::Alike { records, .. } => records.current(),
            Self::Split(sorted) => sorted.current(),
        }
    }
}

/// Records in memory, one after the other.
#[derive(Debug, Default)]
pub(super) struct Records {
    bytes: Vec<u8>,
    /// Where the current one begins and ends.
    start: usize,
    end: usize,
}

/// Where a record is. Ordered as its fields are: by key, of which the numbers are the halves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    high: u64,
    low: u64,
    start: usize,
}

impl Records {
    fn unsorted(bytes: Vec<u8>) -> Self {
        Self { bytes, start: 0, end: 0 }
    }

    /// Puts them in order, so that whoever goes through them reads memory from its start to its end.
    fn sorted(Scratch { unsorted: bytes, order }: &mut Scratch) -> Self {
        order.clear();
        let mut start = 0;
        while start < bytes.len() {
            let number = |at| u64::from_be_bytes(array(&bytes[start + at..]));
            order.push(Place { high: number(0), low: number(8), start });
            start = end_of(bytes, start);
        }
        order.sort_unstable();
        let mut sorted = Vec::with_capacity(bytes.len());
        for Place { start, .. } in order {
            sorted.extend_from_slice(&bytes[*start..end_of(bytes, *start)]);
        }
        Self::unsorted(sorted)
    }

    fn advance(&mut self) -> bool {
        if self.end == self.bytes.len() {
            return false;
        }
        self.start = self.end;
        self.end = end_of(&self.bytes, self.start);
        true
    }

    fn current(&self) -> (Key, &[u8]) {
        (Key(array(&self.bytes[self.start..])), &self.bytes[self.start + HEAD_BYTES..self.end])
    }

    /// Whether the next one, if there is one, is of another key.
    fn ends_key(&self) -> bool {
        let key = &self.bytes[self.start..][..size_of::<Key>()];
        !self.bytes[self.end..].starts_with(key)
    }
}

fn end_of(bytes: &[u8], start: usize) -> usize {
    start + HEAD_BYTES + u32::from_le_bytes(array(&bytes[start + size_of::<Key>()..])) as usize
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    *bytes.first_chunk().expect("records are whole")
}
