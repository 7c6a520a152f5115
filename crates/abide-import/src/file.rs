//! The files that come in. Each is read more than once, so a stream is kept in a scratch file first.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use abide_formats::{Detected, HEAD_BYTES, Limits, Options, Reader, detect};
use sha2::{Digest, Sha256};
use tempfile::{NamedTempFile, TempPath};

use crate::{error::ImportError, hints::Hints};

/// A file of a list, and what it is called.
#[derive(Debug)]
pub struct ListFile {
    path: PathBuf,
    name: String,
    /// A scratch file that is here as long as this value.
    _spool: Option<Spool>,
    stamp: Stamp,
}

/// Tells whether a file was changed while it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    bytes: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    fn of(path: &Path) -> io::Result<Self> {
        let metadata = std::fs::metadata(path)?;
        Ok(Self { bytes: metadata.len(), modified: metadata.modified().ok() })
    }
}

#[derive(Debug)]
struct Spool {
    file: File,
    _name: Option<TempPath>,
}

impl Spool {
    /// It holds what people are called, so it loses its name at once where it can be read without one (Linux): nothing of
    /// it is left then, however the process ends.
    fn create(directory: &Path) -> io::Result<(PathBuf, Self)> {
        let (file, name) = NamedTempFile::new_in(directory)?.into_parts();
        match nameless(&file) {
            Some(path) => Ok((path, Self { file, _name: None })),
            None => Ok((name.to_path_buf(), Self { file, _name: Some(name) })),
        }
    }
}

#[cfg(target_os = "linux")]
fn nameless(file: &File) -> Option<PathBuf> {
    use std::os::fd::AsRawFd as _;
    let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    path.exists().then_some(path)
}

#[cfg(not(target_os = "linux"))]
fn nameless(_file: &File) -> Option<PathBuf> {
    None
}

impl ListFile {
    /// A file of this machine. Its base name tells some exports from others.
    pub fn at(path: &Path) -> Result<Self, ImportError> {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let stamp = Stamp::of(path).map_err(|source| ImportError::Read { file: name.clone(), source })?;
        Ok(Self { path: path.to_owned(), name, _spool: None, stamp })
    }

    /// A stream, such as standard input: copied to a scratch file that is readable by this user only
    /// and goes with this value.
    pub fn spool(mut stream: impl Read, name: &str, scratch_dir: &Path) -> Result<Self, ImportError> {
        let (path, mut spool) = Spool::create(scratch_dir).map_err(ImportError::Spool)?;
        io::copy(&mut stream, &mut spool.file).map_err(ImportError::Spool)?;
        let stamp = Stamp::of(&path).map_err(ImportError::Spool)?;
        Ok(Self { path, name: name.to_owned(), _spool: Some(spool), stamp })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn bytes(&self) -> u64 {
        self.stamp.bytes
    }

    fn unreadable(&self, source: io::Error) -> ImportError {
        ImportError::Read { file: self.name.clone(), source }
    }

    /// How to read it: as the user said, else as it looks.
    pub(crate) fn options(&self, hints: &Hints, limits: Limits) -> Result<Options, ImportError> {
        let mut head = Vec::new();
        let file = File::open(&self.path).map_err(|source| self.unreadable(source))?;
        file.take(HEAD_BYTES as u64).read_to_end(&mut head).map_err(|source| self.unreadable(source))?;
        let mut detected: Detected = detect(Some(&self.name), &head)?;
        if let Some(format) = hints.format {
            detected.format = format;
        }
        if let Some(has_header) = hints.has_header {
            detected.has_header = has_header;
        }
        Ok(Options { limits, ..Options::new(self.name.clone(), detected) })
    }

    /// Opens it for one pass; `seen` counts the bytes that were read.
    pub(crate) fn open(&self, options: &Options, seen: &Arc<AtomicU64>) -> Result<Reader, ImportError> {
        if !options.format.is_text() {
            return Ok(Reader::open(&self.path, options)?);
        }
        let file = File::open(&self.path).map_err(|source| self.unreadable(source))?;
        let counted = Counted { file, seen: Arc::clone(seen) };
        Ok(Reader::from_read(Box::new(counted), options)?)
    }

    pub(crate) fn digest_into(&self, digest: &mut Sha256) -> Result<(), ImportError> {
        let mut file = File::open(&self.path).map_err(|source| self.unreadable(source))?;
        let mut buffer = vec![0; 1 << 20];
        loop {
            match file.read(&mut buffer).map_err(|source| self.unreadable(source))? {
                0 => return Ok(()),
                read => digest.update(&buffer[..read]),
            }
        }
    }

    /// That it is still the file that was looked at first.
    pub(crate) fn check_unchanged(&self) -> Result<(), ImportError> {
        match Stamp::of(&self.path) {
            Ok(now) if now == self.stamp => Ok(()),
            _ => Err(ImportError::Changed { file: self.name.clone() }),
        }
    }
}

struct Counted {
    file: File,
    seen: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.seen.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
