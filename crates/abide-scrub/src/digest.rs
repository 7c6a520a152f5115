//! BLAKE3 of what streams by, where the report is to say it: as good as evidence as SHA-256, and several times as
//! fast. It still costs a tenth of the time that a file takes.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

/// How much there was, and its BLAKE3 in hex if it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Digested {
    pub(crate) bytes: u64,
    pub(crate) blake3: Option<String>,
}

/// A digest being made, or only a count.
#[derive(Clone)]
struct Digest(Option<Box<blake3::Hasher>>);

impl Digest {
    fn new(wanted: bool) -> Self {
        Self(wanted.then(Box::default))
    }

    fn update(&mut self, bytes: &[u8]) {
        if let Some(state) = &mut self.0 {
            state.update(bytes);
        }
    }

    fn of(&self, bytes: u64) -> Digested {
        Digested { bytes, blake3: self.0.as_ref().map(|state| state.finalize().to_hex().to_string()) }
    }
}

/// Digests what is read through it. The digest is asked for elsewhere, by the [`Seen`] that came with it.
pub(crate) struct DigestingRead<R> {
    inner: R,
    seen: Seen,
}

/// What went through a [`DigestingRead`] so far.
#[derive(Clone)]
pub(crate) struct Seen {
    digest: Arc<Mutex<Digest>>,
    bytes: Arc<AtomicU64>,
}

impl<R: Read> DigestingRead<R> {
    pub(crate) fn new(inner: R, wanted: bool) -> (Self, Seen) {
        let seen = Seen { digest: Arc::new(Mutex::new(Digest::new(wanted))), bytes: Arc::default() };
        (Self { inner, seen: seen.clone() }, seen)
    }
}

impl Seen {
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn digested(&self) -> Digested {
        self.digest.lock().unwrap_or_else(PoisonError::into_inner).of(self.bytes())
    }
}

impl<R: Read> Read for DigestingRead<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(into)?;
        self.seen.digest.lock().unwrap_or_else(PoisonError::into_inner).update(&into[..got]);
        self.seen.bytes.fetch_add(got as u64, Ordering::Relaxed);
        Ok(got)
    }
}

/// Digests what is written through it.
pub(crate) struct DigestingWrite<W> {
    inner: W,
    digest: Digest,
    bytes: u64,
}

impl<W: Write> DigestingWrite<W> {
    pub(crate) fn new(inner: W, wanted: bool) -> Self {
        Self { inner, digest: Digest::new(wanted), bytes: 0 }
    }

    pub(crate) fn into_parts(self) -> (W, Digested) {
        let digested = self.digest.of(self.bytes);
        (self.inner, digested)
    }
}

impl<W: Write> Write for DigestingWrite<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.inner.write(bytes)?;
        self.digest.update(&bytes[..taken]);
        self.bytes += taken as u64;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Digests a whole file, for formats that are not read from front to back. `None` when told to stop.
pub(crate) fn of_file(path: &Path, stop: &AtomicBool) -> io::Result<Option<Digested>> {
    of_rest(&mut File::open(path)?, stop)
}

/// Digests a file from where it stands to its end.
pub(crate) fn of_rest(file: &mut impl Read, stop: &AtomicBool) -> io::Result<Option<Digested>> {
    const STEP: usize = 1024 * 1024;
    let (mut digest, mut total) = (Digest::new(true), 0);
    let mut buffer = vec![0; STEP];
    while !stop.load(Ordering::Relaxed) {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(Some(digest.of(total))),
            Ok(got) => {
                digest.update(&buffer[..got]);
                total += got as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}
