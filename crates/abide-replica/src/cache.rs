//! Private local copies of index files, so that nobody can pull a mapped file away from under a
//! reader, and a second process finds it ready.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::mpsc,
    thread::{self, JoinHandle},
    time::Duration,
};

use abide_index::{IndexError, list::List};
use abide_journal::{Store, StoreError};
use abide_model::Time;
use bytes::Bytes;
use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use object_store::{ObjectStoreExt as _, path::Path as ObjectPath};
use sha2::{Digest, Sha256};

use crate::{error::ReplicaError, manifest::Part};

/// A folder of index files, each named by its digest.
#[derive(Clone, Debug)]
pub struct Cache {
    dir: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    #[error("could not {doing} in the cache folder `{}`; is there room, and may it be written?", dir.display())]
    Io { doing: &'static str, dir: PathBuf, source: io::Error },
    #[error("snapshot part `{name}` is missing")]
    Missing { name: String },
    #[error("snapshot part `{name}` is damaged: its digest differs")]
    Damaged { name: String },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("could not open the index `{name}`")]
    Index { name: String, source: IndexError },
}

/// Files of snapshots gone by stay this long, for processes that are about to open them.
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// How files begin that are being fetched, and folders in which a merge is at work.
pub(crate) const FETCHING: &str = ".abide-fetch-";
const SCRATCH: &str = ".abide-merge-";

/// Beginnings of files that a process which was killed left half-written.
const LEFT_BEHIND: [&str; 2] = [FETCHING, ".abide-index-"];

/// The name of a whole index file here; others in the folder are not ours to remove.
fn is_index(name: &str) -> bool {
    name.strip_suffix(".index").is_some_and(|digest| {
        digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    })
}

impl Cache {
    pub fn new(dir: &Path) -> Result<Self, CacheError> {
        let cache = Self { dir: dir.to_owned() };
        fs::create_dir_all(dir).map_err(cache.failed("make"))?;
        Ok(cache)
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn failed(&self, doing: &'static str) -> impl FnOnce(io::Error) -> CacheError + use<> {
        let dir = self.dir.clone();
        move |source| CacheError::Io { doing, dir, source }
    }

    fn path_of(&self, part: &Part) -> PathBuf {
        self.dir.join(format!("{}.index", part.sha256))
    }

    /// Opens a part's list, fetching it first if it is not here yet. A local copy that does not open
    /// is fetched again.
    pub async fn open(&self, store: &Store, part: &Part) -> Result<List, CacheError> {
        let path = self.path_of(part);
        let whole = fs::metadata(&path).is_ok_and(|found| found.len() == part.bytes);
        if whole && let Ok(list) = List::open(&path) {
            return Ok(list);
        }
        // A read can be cut short without an error; what stands there has to be bad twice.
        match self.fetch(store, part).await {
            Err(CacheError::Damaged { .. }) => self.fetch(store, part).await?,
            fetched => fetched?,
        }
        List::open(&path).map_err(|source| CacheError::Index { name: part.name.clone(), source })
    }

    /// Under a name of its own until it is whole, so that processes which fetch the same part at once
    /// do not see each other's halves; the last to end gives its copy the name, and the others keep
    /// theirs open.
    async fn fetch(&self, store: &Store, part: &Part) -> Result<(), CacheError> {
        let object = ObjectPath::from(part.name.as_str());
        let found = match store.objects().head(&object).await {
            Err(object_store::Error::NotFound { .. }) => {
                return Err(CacheError::Missing { name: part.name.clone() });
            }
            found => found.map_err(|source| StoreError::of("read", part.name.as_str(), source))?,
        };
        let damaged = || CacheError::Damaged { name: part.name.clone() };
        if found.size != part.bytes {
            return Err(damaged());
        }
        let temporary = tempfile::Builder::new().prefix(FETCHING).tempfile_in(&self.dir);
        let mut temporary = temporary.map_err(self.failed("make a file"))?;
        let mut digest = DigestAside::start();
        let mut pieces = pieces_of(store, part);
        while let Some(piece) = pieces.try_next().await? {
            digest.update(piece.clone());
            temporary.write_all(&piece).map_err(self.failed("write"))?;
        }
        // Not synced: what a failure of the power leaves of a copy is refused by its checksums and fetched again.
        if digest.finish() != part.sha256 {
            return Err(damaged());
        }
        temporary.persist(self.path_of(part)).map_err(|error| self.failed("rename a file")(error.error))?;
        Ok(())
    }

    /// Takes an index file that was just built and uploaded as the local copy of `part`. It has to
    /// stand on the same file system.
    pub fn install(&self, built: &Path, part: &Part) -> Result<(), CacheError> {
        fs::rename(built, self.path_of(part)).map_err(self.failed("rename a file"))
    }

    /// Removes the local copy of a part, which then is fetched by whoever opens it next.
    pub fn discard(&self, part: &Part) {
        let _ = fs::remove_file(self.path_of(part));
    }

    /// Removes files of snapshots gone by, and what processes left behind that were killed. What
    /// cannot be removed stays; another process may be doing the same.
    pub fn tidy(&self, current: Option<&Part>, now: Time) {
        let Ok(entries) = fs::read_dir(&self.dir) else { return };
        let now = Duration::from_micros(u64::try_from(now.as_micros()).unwrap_or(0));
        for entry in entries.flatten() {
            let path = entry.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            let stale = entry.metadata().and_then(|found| found.modified()).is_ok_and(|written| {
                written
                    .duration_since(std::time::UNIX_EPOCH)
                    .is_ok_and(|written| now.checked_sub(written).is_some_and(|age| age > KEPT))
            });
            if !stale || current.is_some_and(|current| path == self.path_of(current)) {
                continue;
            }
            if path.is_dir() {
                if name.starts_with(SCRATCH) {
                    let _ = fs::remove_dir_all(path);
                }
            } else if is_index(name) || LEFT_BEHIND.iter().any(|prefix| name.starts_with(prefix)) {
                let _ = fs::remove_file(path);
            }
        }
    }
}

/// What a large object is read in, and how many of them at once. Together they are what a node that joins needs of memory
/// beside its list.
const PIECE_BYTES: u64 = 1 << 20;
const PIECES_AT_ONCE: usize = 8;

/// The bytes of a part, in order. Object storage gives one piece slowly and several at once several times as fast.
pub(crate) fn pieces_of<'p>(
    store: &'p Store,
    part: &'p Part,
) -> impl Stream<Item = Result<Bytes, StoreError>> + Unpin + 'p {
    let starts = (0..part.bytes.div_ceil(PIECE_BYTES)).map(|number| number * PIECE_BYTES);
    let object = ObjectPath::from(part.name.as_str());
    let pieces = stream::iter(starts).map(move |start| {
        let object = object.clone();
        async move {
            let range = start..part.bytes.min(start + PIECE_BYTES);
            let piece = store.objects().get_range(&object, range).await;
            piece.map_err(|source| StoreError::of("read", part.name.as_str(), source))
        }
    });
    Box::pin(pieces.buffered(PIECES_AT_ONCE))
}

/// Makes the SHA-256 of bytes in a thread of its own, while they are written or sent.
pub(crate) struct DigestAside {
    pieces: mpsc::SyncSender<Bytes>,
    thread: JoinHandle<Sha256>,
}

impl DigestAside {
    pub(crate) fn start() -> Self {
        // One is digested while the next is got ready.
        let (pieces, taken) = mpsc::sync_channel::<Bytes>(1);
        let thread = thread::spawn(move || {
            taken.iter().fold(Sha256::new(), |digest, piece| digest.chain_update(&piece))
        });
        Self { pieces, thread }
    }

    pub(crate) fn update(&mut self, piece: Bytes) {
        // It takes all there is, unless it panics, which comes out at the end.
        let _ = self.pieces.send(piece);
    }

    /// In hex.
    pub(crate) fn finish(self) -> String {
        drop(self.pieces);
        let digest = self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        hex::encode(digest.finalize())
    }
}

/// A folder for one merge, removed with all in it when dropped.
pub(crate) fn scratch_folder(dir: &Path) -> Result<tempfile::TempDir, ReplicaError> {
    tempfile::Builder::new().prefix(SCRATCH).tempdir_in(dir).map_err(ReplicaError::Scratch)
}
