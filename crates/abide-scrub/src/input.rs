//! The file that comes in, and its digest.

use std::{
    fmt,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    time::SystemTime,
};

use abide_formats::{Format, FormatError, Options, Reader};

use crate::{
    digest::{Digested, DigestingRead, Seen},
    error::ScrubError,
};

/// What to read, and how.
#[derive(Debug)]
pub struct Input {
    pub source: Source,
    /// Its format, as [`abide_formats::detect`] found or the user said; its name goes into messages and the report.
    pub options: Options,
}

pub enum Source {
    File(PathBuf),
    /// Standard input, for example. Parquet and Arrow IPC need a file.
    Stream(Box<dyn Read + Send>),
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Stream(_) => f.write_str("Stream"),
        }
    }
}

/// A reader, and the place where the digest of its input comes from.
pub(crate) struct Opened {
    pub(crate) reader: Reader,
    pub(crate) evidence: Evidence,
}

pub(crate) enum Evidence {
    /// Digested as it is read.
    Streamed(Seen),
    /// Read in any order, so digested on the side if that is wanted.
    Aside { path: PathBuf, stamp: Stamp, digests: bool },
}

/// Tells whether a file was changed while it was read twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    bytes: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        Ok(Self { bytes: metadata.len(), modified: metadata.modified().ok() })
    }
}

impl Input {
    pub fn name(&self) -> &str {
        &self.options.name
    }

    pub(crate) fn path(&self) -> Option<&Path> {
        match &self.source {
            Source::File(path) => Some(path),
            Source::Stream(_) => None,
        }
    }

    pub(crate) fn open(self, digests: bool) -> Result<Opened, ScrubError> {
        let failed = |source| FormatError::Open { name: self.options.name.clone(), source };
        match self.source {
            Source::File(path) if matches!(self.options.format, Format::Parquet | Format::ArrowFile) => {
                let stamp = Stamp::of(&path).map_err(failed)?;
                let reader = Reader::open(&path, &self.options)?;
                Ok(Opened { reader, evidence: Evidence::Aside { path, stamp, digests } })
            }
            Source::File(path) => {
                let file = File::open(&path).map_err(failed)?;
                streamed(Box::new(file), &self.options, digests)
            }
            Source::Stream(stream) => streamed(stream, &self.options, digests),
        }
    }
}

fn streamed(stream: Box<dyn Read + Send>, options: &Options, digests: bool) -> Result<Opened, ScrubError> {
    let (stream, seen) = DigestingRead::new(stream, digests);
    let reader = Reader::from_read(Box::new(stream), options)?;
    Ok(Opened { reader, evidence: Evidence::Streamed(seen) })
}

impl Evidence {
    /// Bytes of the input read so far.
    pub(crate) fn bytes(&self) -> u64 {
        match self {
            Self::Streamed(seen) => seen.bytes(),
            Self::Aside { .. } => 0,
        }
    }

    /// The digest at the end, `aside` being what was made on the side.
    pub(crate) fn digested(&self, name: &str, aside: Option<Digested>) -> Result<Digested, ScrubError> {
        let (path, stamp) = match self {
            Self::Streamed(seen) => return Ok(seen.digested()),
            Self::Aside { path, stamp, .. } => (path, stamp),
        };
        let digested = aside.unwrap_or(Digested { bytes: stamp.bytes, blake3: None });
        if Stamp::of(path).is_ok_and(|now| now == *stamp) && digested.bytes == stamp.bytes {
            return Ok(digested);
        }
        Err(ScrubError::InputChanged { name: name.to_owned() })
    }
}
