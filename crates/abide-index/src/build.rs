//! Building: identities go in, in the order of their primary keys; one file comes out, complete or
//! not at all. Memory stays within the configured bound whatever the length of the list.

mod hot;
mod output;
mod postings;
mod scratch;
mod sets;

use std::fmt;
use std::fs::File;
use std::io::{self, Cursor, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use xxhash_rust::xxh3::xxh3_64;

use crate::error::BuildError;
use crate::format::{
    BLOCK_BYTES_U32, Extent, FORMAT_VERSION, GROUP_IDENTITIES, HEAD_BYTES, Head, MAGIC, SECTIONS, Section,
};
use crate::identity::{Record, RecordState, write_record};
use crate::index::Index;
use crate::line::Place;
use hot::HotWriter;
use output::{SectionWriter, Written, align};
use postings::{Posting, Postings};
use scratch::{Scratch, Spool};
use sets::{CommonStates, SetTable};

/// Leaves room below 2³² slots for keys in overflow, which take two.
const KEYS_MAX: u64 = 4_000_000_000;

/// One identity, to be stored.
#[derive(Clone, Copy)]
pub struct Identity<'a> {
    pub primary: [u8; 16],
    /// In any order. No key may occur twice in an index, not even within one identity.
    pub aliases: &'a [[u8; 16]],
    /// Interned: equal bytes get one [`SetId`](crate::SetId). An empty one is stored all the same.
    pub set: &'a [u8],
    pub state: &'a [u8],
}

/// What a build may use.
#[derive(Clone, Debug)]
pub struct BuildConfig {
    /// Where to put keys that do not fit in memory: up to 28 bytes a key, in files without a name,
    /// which are gone when the build ends, however it ends.
    pub scratch_dir: PathBuf,
    /// Bound on the buffers for keys. What grows beside them: the different sets, and 8 bytes of
    /// checksum for each 48 KiB of the file. Below some MiB the build is slow and the bound is not
    /// kept exactly, because every sorted run on disk needs 4 KiB to be read.
    pub memory_max_bytes: usize,
    /// Bound on the memory of different sets; beyond it the build is refused.
    pub set_bytes_max: usize,
    /// Kept with the list as it is.
    pub metadata: Vec<u8>,
    /// Whether the file is to be on the disk when it gets its name. A copy of what stands elsewhere need not be: what a
    /// failure of the power leaves of it is refused by its checksums.
    pub sync: bool,
}

impl BuildConfig {
    /// 256 MiB for keys, 256 MiB for sets, no metadata.
    pub fn new(scratch_dir: impl Into<PathBuf>) -> BuildConfig {
        BuildConfig {
            scratch_dir: scratch_dir.into(),
            memory_max_bytes: 256 << 20,
            set_bytes_max: 256 << 20,
            metadata: Vec::new(),
            sync: true,
        }
    }
}

/// What was built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    pub keys: u64,
    pub identities: u64,
    pub sets: u32,
    pub file_bytes: u64,
    /// Bytes that look-ups read: what should fit in memory.
    pub hot_bytes: u64,
}

/// Takes identities and makes a file ([`IndexBuilder::create`]) or the same bytes in memory
/// ([`IndexBuilder::in_memory`]). The bytes depend on nothing but the identities and the metadata.
pub struct IndexBuilder<T: Write + Seek = ToFile> {
    target: T,
    scratch: Scratch,
    metadata: Vec<u8>,
    records: SectionWriter,
    groups: Spool<u64>,
    sets: SetTable,
    states: CommonStates,
    postings: Postings,
    /// Buffer for the record being written.
    record: Vec<u8>,
    ordinals_max: usize,
    sync: bool,
    keys: u64,
    identities: u64,
    last_primary: [u8; 16],
    /// A write failed half-way: what was written is not what was pushed.
    abandoned: bool,
}

impl IndexBuilder<ToFile> {
    /// Begins a file that [`IndexBuilder::finish`] will put at `path`. Until then it stands in the
    /// same directory under a name of its own, and goes if the builder does. Readable by its owner
    /// only.
    pub fn create(path: &Path, config: BuildConfig) -> Result<IndexBuilder, BuildError> {
        let directory = directory_of(path);
        let temporary = tempfile::Builder::new()
            .prefix(".abide-index-")
            .suffix(".partial")
            .tempfile_in(directory)
            .map_err(BuildError::while_doing("create the index file"))?;
        let target = ToFile { temporary, path: path.to_owned() };
        Ok(IndexBuilder::new(target, Scratch::in_dir(config.scratch_dir.clone()), config))
    }

    /// Writes the rest, makes it durable if that was asked for, and gives it its name. After an error nothing stands under
    /// that name that was not there before.
    pub fn finish(self) -> Result<Summary, BuildError> {
        let sync = self.sync;
        let (target, summary) = self.complete()?;
        let ToFile { temporary, path } = target;
        if sync {
            temporary.as_file().sync_all().map_err(BuildError::while_doing("make the index file durable"))?;
        }
        temporary
            .persist(&path)
            .map_err(|error| error.error)
            .map_err(BuildError::while_doing("give the index file its name"))?;
        if sync {
            sync_directory(directory_of(&path))
                .map_err(BuildError::while_doing("make the name of the index file durable"))?;
        }
        Ok(summary)
    }
}

impl IndexBuilder<ToMemory> {
    /// For lists that fit in memory.
    pub fn in_memory(metadata: &[u8]) -> IndexBuilder<ToMemory> {
        let config = BuildConfig {
            scratch_dir: PathBuf::new(),
            memory_max_bytes: usize::MAX,
            set_bytes_max: usize::MAX,
            metadata: metadata.to_vec(),
            sync: false,
        };
        IndexBuilder::new(Cursor::new(Vec::new()), Scratch::none(), config)
    }

    pub fn finish(self) -> Result<Index, BuildError> {
        Index::from_bytes(&self.finish_bytes()?).map_err(BuildError::ReadBack)
    }

    /// The bytes that would be in the file.
    pub fn finish_bytes(self) -> Result<Vec<u8>, BuildError> {
        Ok(self.complete()?.0.into_inner())
    }
}

impl<T: Write + Seek> IndexBuilder<T> {
    /// Replaces the metadata, for what is only known once everything was pushed.
    pub fn set_metadata(&mut self, metadata: Vec<u8>) {
        self.metadata = metadata;
    }

    fn new(target: T, scratch: Scratch, config: BuildConfig) -> IndexBuilder<T> {
        let memory = config.memory_max_bytes;
        IndexBuilder {
            target,
            scratch,
            metadata: config.metadata,
            records: SectionWriter::new(HEAD_BYTES as u64),
            groups: Spool::new(memory / 16),
            sets: SetTable::new(config.set_bytes_max),
            states: CommonStates::default(),
            postings: Postings::new(memory - memory / 8),
            record: Vec::new(),
            ordinals_max: memory / 16,
            sync: config.sync,
            keys: 0,
            identities: 0,
            last_primary: [0; 16],
            abandoned: false,
        }
    }

    /// Adds an identity. Primary keys must come in ascending order; a refused identity is not added,
    /// and the build may go on. A key that two identities hold is found by `finish`.
    pub fn push(&mut self, identity: Identity<'_>) -> Result<(), BuildError> {
        if self.abandoned {
            return Err(BuildError::Abandoned);
        }
        if self.identities > 0 && identity.primary <= self.last_primary {
            return Err(BuildError::OutOfOrder { ordinal: self.identities });
        }
        let keys = self.keys + 1 + identity.aliases.len() as u64;
        if keys > KEYS_MAX {
            return Err(BuildError::TooManyKeys { max: KEYS_MAX });
        }
        let set = self.sets.intern(identity.set)?;
        let state = match self.states.interned(identity.state, &mut self.sets)? {
            Some(number) => RecordState::Interned(number),
            None => RecordState::Own(identity.state),
        };
        let Identity { primary, aliases, .. } = identity;
        self.abandoned = true;
        self.append(&Record { primary, aliases, set, state })?;
        self.abandoned = false;
        self.keys = keys;
        self.identities += 1;
        self.last_primary = identity.primary;
        Ok(())
    }

    fn append(&mut self, record: &Record<'_>) -> Result<(), BuildError> {
        let ordinal = u32::try_from(self.identities).expect("there are no more identities than keys");
        if self.identities.is_multiple_of(u64::from(GROUP_IDENTITIES)) {
            self.groups.push(self.records.bytes(), &self.scratch)?;
        }
        self.record.clear();
        write_record(&mut self.record, record);
        self.records.write(&mut self.target, &self.record)?;

        let posting = |key| {
            let Place { hi, lo } = Place::of(key);
            Posting { hi, lo, ordinal, set: record.set }
        };
        self.postings.push_primary(posting(&record.primary), &self.scratch)?;
        for alias in record.aliases {
            self.postings.push_alias(posting(alias), &self.scratch)?;
        }
        Ok(())
    }

    /// All that comes after the records, and at last the head.
    fn complete(mut self) -> Result<(T, Summary), BuildError> {
        if self.abandoned {
            return Err(BuildError::Abandoned);
        }
        let mut written = [const { None }; SECTIONS.len()];
        let target = &mut self.target;
        let mut keep = |section: Section, part: Written| {
            let end = align(part.extent.end());
            written[section as usize] = Some(part);
            end
        };

        self.groups.push(self.records.bytes(), &self.scratch)?;
        let mut end = keep(Section::Records, self.records.finish(target)?);
        let mut groups = SectionWriter::new(end);
        self.groups.drain_into(&mut groups, target)?;
        end = keep(Section::Groups, groups.finish(target)?);

        let sets = self.sets.len();
        let (offsets, contents) = self.sets.write(end, target)?;
        keep(Section::SetOffsets, offsets);
        end = keep(Section::Sets, contents);
        let mut metadata = SectionWriter::new(end);
        metadata.write(target, &self.metadata)?;
        end = keep(Section::Metadata, metadata.finish(target)?);

        let mut hot = HotWriter::new(self.keys, end, Spool::new(self.ordinals_max));
        self.postings.merge(|posting| hot.push(posting, &self.scratch, target))?;
        let hot = hot.finish(target)?;
        let hot_bytes = hot.lines.extent.bytes + hot.entries.extent.bytes;
        keep(Section::Lines, hot.lines);
        keep(Section::Entries, hot.entries);
        end = keep(Section::Ordinals, hot.ordinals);

        let head = Head {
            magic: MAGIC,
            version: FORMAT_VERSION,
            block_bytes: BLOCK_BYTES_U32,
            file_bytes: 0,
            keys: self.keys,
            identities: self.identities,
            sets: u64::from(sets),
            lines: hot.line_count,
            slots: hot.slot_count,
            sections: [Extent::default(); SECTIONS.len()],
            checksums: Extent::default(),
            checksums_digest: 0,
            reserved: [0; 4],
            digest: 0,
        };
        let written = written.map(|part| part.expect("every section was written above"));
        let file_bytes = seal(target, head, &written, end)?;
        let (keys, identities) = (self.keys, self.identities);
        Ok((self.target, Summary { keys, identities, sets, file_bytes, hot_bytes }))
    }
}

/// Writes the checksums at `offset` and the head that holds all together. Returns the file's bytes.
fn seal<T: Write + Seek>(
    target: &mut T,
    mut head: Head,
    sections: &[Written; SECTIONS.len()],
    offset: u64,
) -> Result<u64, BuildError> {
    let checksums: Vec<u64> = sections.iter().flat_map(|part| &part.checksums).copied().collect();
    let bytes: &[u8] = bytemuck::cast_slice(&checksums);
    for (extent, part) in head.sections.iter_mut().zip(sections) {
        *extent = part.extent;
    }
    head.checksums = Extent { offset, bytes: bytes.len() as u64 };
    head.checksums_digest = xxh3_64(bytes);
    head.file_bytes = head.checksums.end();
    head.seal();
    output::write_at(target, offset, bytes)?;
    output::write_at(target, 0, bytemuck::bytes_of(&head))?;
    Ok(head.file_bytes)
}

/// A file that gets its name when it is complete.
#[derive(Debug)]
pub struct ToFile {
    temporary: NamedTempFile,
    path: PathBuf,
}

/// Memory.
pub type ToMemory = Cursor<Vec<u8>>;

impl Write for ToFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.temporary.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.temporary.flush()
    }
}

impl Seek for ToFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.temporary.seek(to)
    }
}

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The rename is durable once the directory is.
fn sync_directory(directory: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}

impl<T: Write + Seek> fmt::Debug for IndexBuilder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IndexBuilder")
            .field("keys", &self.keys)
            .field("identities", &self.identities)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Identity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("aliases", &self.aliases.len()).finish_non_exhaustive()
    }
}
