//! The bytes of an open index, and the checks that stand before them: no byte of a section leaves
//! this module before the checksum of its block was found right, once per open file.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use bytemuck::{Pod, Zeroable};
use memmap2::Mmap;
use xxhash_rust::xxh3::xxh3_64;

use crate::error::IndexError;
use crate::format::{BLOCK_BYTES, Extent, HEAD_BYTES, Head, SECTIONS, Section};

pub(crate) struct Image {
    backing: Backing,
    head: Head,
    /// Number of each section's first block in the checksum table.
    first_blocks: [usize; SECTIONS.len()],
    /// A bit per block: its checksum was found right.
    verified: Box<[AtomicU64]>,
}

enum Backing {
    Mapped(Mmap),
    Memory { chunks: Vec<AlignedChunk>, bytes: usize },
}

/// Gives memory the alignment that lines need.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
struct AlignedChunk([u8; 64]);

impl Backing {
    #[inline]
    fn bytes(&self) -> &[u8] {
        match self {
            Backing::Mapped(map) => map,
            Backing::Memory { chunks, bytes } => &bytemuck::cast_slice(chunks)[..*bytes],
        }
    }
}

impl Image {
    pub(crate) fn open(path: &Path) -> Result<Image, IndexError> {
        let io = |source| IndexError::Io { source };
        let file = File::open(path).map_err(io)?;
        if file.metadata().map_err(io)?.len() == 0 {
            return Err(IndexError::Truncated { expected: HEAD_BYTES as u64, found: 0 });
        }
        #[expect(unsafe_code, reason = "a memory map is the point of the format")]
        // SAFETY: the map is read-only and the file is a private local copy that appears under its
        // name complete (by rename) and is never modified or cut afterwards, only unlinked; so the
        // bytes behind this slice do not change while it lives.
        let map = unsafe { Mmap::map(&file) }.map_err(io)?;
        Image::new(Backing::Mapped(map))
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Image, IndexError> {
        let mut chunks = vec![AlignedChunk::zeroed(); bytes.len().div_ceil(64)];
        bytemuck::cast_slice_mut(&mut chunks)[..bytes.len()].copy_from_slice(bytes);
        Image::new(Backing::Memory { chunks, bytes: bytes.len() })
    }

    /// Reads the head, the checksums and the metadata, and nothing else.
    fn new(backing: Backing) -> Result<Image, IndexError> {
        let bytes = backing.bytes();
        let head = Head::read(&bytes[..bytes.len().min(HEAD_BYTES)], bytes.len() as u64)?;
        if xxh3_64(slice(bytes, head.checksums)) != head.checksums_digest {
            return Err(IndexError::Damaged { section: Section::Checksums, block: 0 });
        }
        let mut first_blocks = [0; SECTIONS.len()];
        let mut blocks = 0;
        for (first, extent) in first_blocks.iter_mut().zip(head.sections) {
            *first = blocks;
            blocks += to_usize(extent.blocks());
        }
        let verified = (0..blocks.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        let image = Image { backing, head, first_blocks, verified };
        image.section(Section::Metadata)?;
        Ok(image)
    }

    #[inline]
    pub(crate) fn head(&self) -> &Head {
        &self.head
    }

    /// A section whole, **not yet verified**: the caller must have [`Image::ensure`] pass for each
    /// block that it reads from.
    #[inline]
    pub(crate) fn unverified<T: Pod>(&self, section: Section) -> &[T] {
        bytemuck::cast_slice(slice(self.backing.bytes(), self.head.extent(section)))
    }

    /// Makes sure that block `block` of `section` is what was written.
    #[inline]
    pub(crate) fn ensure(&self, section: Section, block: usize) -> Result<(), IndexError> {
        let number = self.first_blocks[section as usize] + block;
        // Relaxed: the bytes never change, the bit only saves checking them again.
        if self.verified[number / 64].load(Ordering::Relaxed) >> (number % 64) & 1 == 1 {
            return Ok(());
        }
        self.verify_block(section, block)
    }

    #[cold]
    #[inline(never)]
    fn verify_block(&self, section: Section, block: usize) -> Result<(), IndexError> {
        let number = self.first_blocks[section as usize] + block;
        let bytes = slice(self.backing.bytes(), self.head.extent(section));
        let start = block * BLOCK_BYTES;
        let content = &bytes[start..bytes.len().min(start + BLOCK_BYTES)];
        let checksums: &[u64] = bytemuck::cast_slice(slice(self.backing.bytes(), self.head.checksums));
        if xxh3_64(content) != checksums[number] {
            return Err(damaged(section, block));
        }
        self.verified[number / 64].fetch_or(1 << (number % 64), Ordering::Relaxed);
        Ok(())
    }

    /// The bytes `start..end` of a section, verified. A range that leaves the section was read from
    /// the file, so the file is damaged.
    pub(crate) fn bytes(&self, section: Section, start: u64, end: u64) -> Result<&[u8], IndexError> {
        let extent = self.head.extent(section);
        if start > end || end > extent.bytes {
            return Err(damaged(section, to_usize(start) / BLOCK_BYTES));
        }
        let (start, end) = (to_usize(start), to_usize(end));
        for block in start / BLOCK_BYTES..end.div_ceil(BLOCK_BYTES) {
            self.ensure(section, block)?;
        }
        Ok(&slice(self.backing.bytes(), extent)[start..end])
    }

    /// The items `start..end` of a section that is an array, verified.
    pub(crate) fn items<T: Pod>(&self, section: Section, start: u64, end: u64) -> Result<&[T], IndexError> {
        let size = size_of::<T>() as u64;
        Ok(bytemuck::cast_slice(self.bytes(section, start * size, end * size)?))
    }

    pub(crate) fn section(&self, section: Section) -> Result<&[u8], IndexError> {
        self.bytes(section, 0, self.head.extent(section).bytes)
    }

    /// Reads the whole file and checks every byte of it, also what was checked before.
    pub(crate) fn verify(&self) -> Result<(), IndexError> {
        for section in SECTIONS {
            for block in 0..to_usize(self.head.extent(section).blocks()) {
                self.verify_block(section, block)?;
            }
        }
        let mut extents = self.head.sections.to_vec();
        extents.push(self.head.checksums);
        extents.sort_unstable_by_key(|extent| (extent.offset, extent.bytes));
        let mut end = HEAD_BYTES as u64;
        for extent in extents {
            let gap = Extent { offset: end, bytes: extent.offset.saturating_sub(end) };
            if slice(self.backing.bytes(), gap).iter().any(|&byte| byte != 0) {
                return Err(damaged(Section::Gaps, to_usize(gap.offset) / BLOCK_BYTES));
            }
            end = extent.end();
        }
        Ok(())
    }
}

pub(crate) fn damaged(section: Section, block: usize) -> IndexError {
    IndexError::Damaged { section, block: block as u64 }
}

#[inline]
fn slice(bytes: &[u8], extent: Extent) -> &[u8] {
    &bytes[to_usize(extent.offset)..to_usize(extent.end())]
}

#[inline]
fn to_usize(n: u64) -> usize {
    usize::try_from(n).expect("it lies within bytes that are in memory")
}
