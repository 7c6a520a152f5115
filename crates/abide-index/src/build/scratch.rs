//! What does not fit in memory goes to files without a name.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

use bytemuck::Pod;

use super::output::SectionWriter;
use crate::error::BuildError;
use crate::format::BLOCK_BYTES;

pub(super) struct Scratch {
    /// None for a build in memory, whose bounds are never reached.
    dir: Option<PathBuf>,
}

impl Scratch {
    pub(super) fn in_dir(dir: PathBuf) -> Scratch {
        Scratch { dir: Some(dir) }
    }

    pub(super) fn none() -> Scratch {
        Scratch { dir: None }
    }

    pub(super) fn file(&self) -> Result<File, BuildError> {
        let dir = self.dir.as_ref().expect("a build in memory has no bound that would make it spill");
        tempfile::tempfile_in(dir).map_err(BuildError::while_doing("create a scratch file"))
    }
}

/// A sequence that is written once and read once, in order: in memory up to a bound, then on disk.
pub(super) struct Spool<T> {
    tail: Vec<T>,
    tail_max: usize,
    /// What comes before `tail`.
    file: Option<File>,
    file_bytes: u64,
}

impl<T: Pod> Spool<T> {
    pub(super) fn new(memory_max_bytes: usize) -> Spool<T> {
        let tail_max = (memory_max_bytes / size_of::<T>()).max(1);
        Spool { tail: Vec::new(), tail_max, file: None, file_bytes: 0 }
    }

    #[inline]
    pub(super) fn push(&mut self, item: T, scratch: &Scratch) -> Result<(), BuildError> {
        if self.tail.len() == self.tail_max {
            self.spill(scratch)?;
        }
        self.tail.push(item);
        Ok(())
    }

    fn spill(&mut self, scratch: &Scratch) -> Result<(), BuildError> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(scratch.file()?),
        };
        append(file, &self.tail)?;
        self.file_bytes += size_of_val(&*self.tail) as u64;
        self.tail.clear();
        Ok(())
    }

    /// The file, how many bytes of it count, and what comes after them.
    pub(super) fn into_parts(self) -> (Option<File>, u64, Vec<T>) {
        (self.file, self.file_bytes, self.tail)
    }

    pub(super) fn drain_into<W: Write + Seek>(
        self,
        section: &mut SectionWriter,
        target: &mut W,
    ) -> Result<(), BuildError> {
        if let Some(file) = self.file {
            let mut buffer = vec![0; BLOCK_BYTES];
            let mut at = 0;
            while at < self.file_bytes {
                let left = usize::try_from(self.file_bytes - at).unwrap_or(usize::MAX);
                let bytes = left.min(BLOCK_BYTES);
                read_at(&file, at, &mut buffer[..bytes])?;
                section.write(target, &buffer[..bytes])?;
                at += bytes as u64;
            }
        }
        section.write(target, bytemuck::cast_slice(&self.tail))
    }
}

/// Writes where the last write ended.
pub(super) fn append<T: Pod>(mut file: &File, items: &[T]) -> Result<(), BuildError> {
    file.write_all(bytemuck::cast_slice(items)).map_err(BuildError::while_doing("write a scratch file"))
}

pub(super) fn read_at(mut file: &File, offset: u64, bytes: &mut [u8]) -> Result<(), BuildError> {
    file.seek(SeekFrom::Start(offset))
        .and_then(|_| file.read_exact(bytes))
        .map_err(BuildError::while_doing("read a scratch file"))
}
