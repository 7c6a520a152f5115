//! Writes sections block by block, with their checksums, several at once into one file.

use std::io::{Seek, SeekFrom, Write};

use xxhash_rust::xxh3::xxh3_64;

use crate::error::BuildError;
use crate::format::{BLOCK_BYTES, Extent, SECTION_ALIGN};

/// A section being written at a known offset. It seeks before each block, so that others may be
/// written to the same target meanwhile.
pub(super) struct SectionWriter {
    extent: Extent,
    /// The block not yet full; `extent` does not count it.
    block: Vec<u8>,
    checksums: Vec<u64>,
}

/// A section complete on disk, with a checksum a block.
pub(super) struct Written {
    pub(super) extent: Extent,
    pub(super) checksums: Vec<u64>,
}

impl SectionWriter {
    pub(super) fn new(offset: u64) -> SectionWriter {
        SectionWriter { extent: Extent { offset, bytes: 0 }, block: Vec::new(), checksums: Vec::new() }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.extent.bytes + self.block.len() as u64
    }

    pub(super) fn write<T: Write + Seek>(
        &mut self,
        target: &mut T,
        mut bytes: &[u8],
    ) -> Result<(), BuildError> {
        while !bytes.is_empty() {
            let room = BLOCK_BYTES - self.block.len();
            let (now, later) = bytes.split_at(bytes.len().min(room));
            self.block.extend_from_slice(now);
            if self.block.len() == BLOCK_BYTES {
                self.write_block(target)?;
            }
            bytes = later;
        }
        Ok(())
    }

    pub(super) fn finish<T: Write + Seek>(mut self, target: &mut T) -> Result<Written, BuildError> {
        if !self.block.is_empty() {
            self.write_block(target)?;
        }
        Ok(Written { extent: self.extent, checksums: self.checksums })
    }

    fn write_block<T: Write + Seek>(&mut self, target: &mut T) -> Result<(), BuildError> {
        write_at(target, self.extent.end(), &self.block)?;
        self.checksums.push(xxh3_64(&self.block));
        self.extent.bytes += self.block.len() as u64;
        self.block.clear();
        Ok(())
    }
}

pub(super) fn write_at<T: Write + Seek>(target: &mut T, offset: u64, bytes: &[u8]) -> Result<(), BuildError> {
    target
        .seek(SeekFrom::Start(offset))
        .and_then(|_| target.write_all(bytes))
        .map_err(BuildError::while_doing("write the index file"))
}

/// Where the next section begins.
pub(super) fn align(end: u64) -> u64 {
    end.next_multiple_of(SECTION_ALIGN)
}
