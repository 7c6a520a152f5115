//! The frame of an index file: head, sections and the blocks that checksums cover.
//! `docs/formats/index.md` says the same in prose; change both together.

use std::fmt;
use std::mem::{offset_of, size_of};

use bytemuck::{Pod, Zeroable};
use xxhash_rust::xxh3::xxh3_64;

use crate::error::IndexError;
use crate::line::{Entry, Line};

// The file is read in place, so the machine must share its byte order.
const _: () = assert!(cfg!(target_endian = "little"), "index files are little-endian");

/// The format that this version writes, and the newest that it reads.
pub const FORMAT_VERSION: u32 = 2;

pub(crate) const MAGIC: [u8; 8] = *b"abideidx";

/// A multiple of 64 and of 12, so that no line and no entry lies in two blocks.
pub(crate) const BLOCK_BYTES: usize = 48 * 1024;
/// As the head says it.
pub(crate) const BLOCK_BYTES_U32: u32 = 48 * 1024;
const _: () = assert!(BLOCK_BYTES_U32 as usize == BLOCK_BYTES);
pub(crate) const LINES_PER_BLOCK: usize = BLOCK_BYTES / size_of::<Line>();
pub(crate) const ENTRIES_PER_BLOCK: usize = BLOCK_BYTES / size_of::<Entry>();
const _: () =
    assert!(BLOCK_BYTES.is_multiple_of(size_of::<Line>()) && BLOCK_BYTES.is_multiple_of(size_of::<Entry>()));

/// Sections start at multiples of this, so that a line is one cache line. The gaps are zero.
pub(crate) const SECTION_ALIGN: u64 = 64;

/// Identities per entry of [`Section::Groups`].
pub(crate) const GROUP_IDENTITIES: u32 = 16;

/// A part of the file, numbered as in the head's section table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Section {
    Lines = 0,
    Entries = 1,
    Ordinals = 2,
    Records = 3,
    Groups = 4,
    SetOffsets = 5,
    Sets = 6,
    Metadata = 7,
    /// The first bytes of the file; not in the table.
    Head = 8,
    /// The checksums of all blocks; not in the table.
    Checksums = 9,
    /// The zero bytes between sections; not in the table.
    Gaps = 10,
}

pub(crate) const SECTIONS: [Section; 8] = [
    Section::Lines,
    Section::Entries,
    Section::Ordinals,
    Section::Records,
    Section::Groups,
    Section::SetOffsets,
    Section::Sets,
    Section::Metadata,
];

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Section::Lines => "lines",
            Section::Entries => "entries",
            Section::Ordinals => "ordinals",
            Section::Records => "records",
            Section::Groups => "groups",
            Section::SetOffsets => "set offsets",
            Section::Sets => "sets",
            Section::Metadata => "metadata",
            Section::Head => "head",
            Section::Checksums => "checksums",
            Section::Gaps => "gaps",
        })
    }
}

/// Where a section lies, in bytes from the start of the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct Extent {
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
}

impl Extent {
    pub(crate) fn end(self) -> u64 {
        self.offset + self.bytes
    }

    pub(crate) fn blocks(self) -> u64 {
        self.bytes.div_ceil(BLOCK_BYTES as u64)
    }
}

/// The first 256 bytes.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct Head {
    pub(crate) magic: [u8; 8],
    pub(crate) version: u32,
    pub(crate) block_bytes: u32,
    pub(crate) file_bytes: u64,
    pub(crate) keys: u64,
    pub(crate) identities: u64,
    pub(crate) sets: u64,
    /// Lines that keys map to; the section holds one more, which marks the end.
    pub(crate) lines: u64,
    /// Places in `entries`: one a key, two for a key in overflow.
    pub(crate) slots: u64,
    pub(crate) sections: [Extent; SECTIONS.len()],
    pub(crate) checksums: Extent,
    /// xxh3 of the checksum section.
    pub(crate) checksums_digest: u64,
    pub(crate) reserved: [u64; 4],
    /// xxh3 of all bytes of the head before this field.
    pub(crate) digest: u64,
}

pub(crate) const HEAD_BYTES: usize = size_of::<Head>();
const _: () = assert!(HEAD_BYTES == 256);

impl Head {
    pub(crate) fn extent(&self, section: Section) -> Extent {
        self.sections[section as usize]
    }

    pub(crate) fn seal(&mut self) {
        self.digest = self.own_digest();
    }

    fn own_digest(&self) -> u64 {
        xxh3_64(&bytemuck::bytes_of(self)[..offset_of!(Head, digest)])
    }

    /// The head of a file that begins with `start` (all of it, if shorter than a head) and is
    /// `file_bytes` long. What this returns is whole, of a format that we read, and consistent in
    /// itself, so that every section lies within the file.
    pub(crate) fn read(start: &[u8], file_bytes: u64) -> Result<Head, IndexError> {
        let magic = &start[..start.len().min(MAGIC.len())];
        if !MAGIC.starts_with(magic) {
            return Err(IndexError::NotAnIndex);
        }
        // The version comes before all else: a newer format may have another head.
        if let Some(version) = start.get(8..12) {
            let found = u32::from_le_bytes(version.try_into().expect("four bytes were taken"));
            if found > FORMAT_VERSION {
                return Err(IndexError::NewerFormat { found, supported: FORMAT_VERSION });
            }
            if (1..FORMAT_VERSION).contains(&found) {
                return Err(IndexError::OlderFormat { found });
            }
        }
        let Some(bytes) = start.get(..HEAD_BYTES) else {
            return Err(IndexError::Truncated { expected: HEAD_BYTES as u64, found: file_bytes });
        };
        let head: Head = bytemuck::pod_read_unaligned(bytes);
        if head.digest != head.own_digest() {
            return Err(HEAD_DAMAGED);
        }
        if file_bytes < head.file_bytes {
            return Err(IndexError::Truncated { expected: head.file_bytes, found: file_bytes });
        }
        if file_bytes > head.file_bytes || !head.is_consistent() {
            return Err(HEAD_DAMAGED);
        }
        Ok(head)
    }

    fn is_consistent(&self) -> bool {
        let bytes_match = |section, count: u64, size: usize| {
            count.checked_mul(size as u64) == Some(self.extent(section).bytes)
        };
        let inside = |extent: Extent| {
            extent.offset >= HEAD_BYTES as u64
                && extent.offset.is_multiple_of(SECTION_ALIGN)
                && extent.offset.checked_add(extent.bytes).is_some_and(|end| end <= self.file_bytes)
        };
        let limit = u64::from(u32::MAX);
        let groups = self.identities.div_ceil(u64::from(GROUP_IDENTITIES));
        self.version == FORMAT_VERSION
            && self.block_bytes == BLOCK_BYTES_U32
            && [self.keys, self.identities, self.sets, self.slots, self.lines].iter().all(|&n| n <= limit)
            && self.lines >= 1
            && self.sets >= 1
            && self.sections.iter().all(|&extent| inside(extent))
            && inside(self.checksums)
            && bytes_match(Section::Lines, self.lines + 1, size_of::<Line>())
            && bytes_match(Section::Entries, self.slots, size_of::<Entry>())
            && bytes_match(Section::Ordinals, self.slots, size_of::<u32>())
            && bytes_match(Section::Groups, groups + 1, size_of::<u64>())
            && bytes_match(Section::SetOffsets, self.sets + 1, size_of::<u64>())
            && self.checksums.bytes == 8 * self.sections.iter().map(|e| e.blocks()).sum::<u64>()
    }
}

const HEAD_DAMAGED: IndexError = IndexError::Damaged { section: Section::Head, block: 0 };
