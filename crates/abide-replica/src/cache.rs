//! Private local copies of index files, so that nobody can pull a mapped file away from under a
//! reader, and a second process finds it ready.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use abide_index::{IndexError, list::List};
use abide_journal::{Store, StoreError};
use abide_model::Time;
use futures::TryStreamExt as _;
use object_store::{ObjectStoreExt as _, path::Path as ObjectPath};
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt as _;

use crate::manifest::{Part, hex};

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
    #[error("could not read snapshot part `{name}`")]
    Unreadable { name: String, source: object_store::Error },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("could not open the index `{name}`")]
    Index { name: String, source: IndexError },
}

/// Files of snapshots gone by stay this long, for processes that are about to open them.
const KEPT: Duration = Duration::from_secs(24 * 3600);

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
        self.fetch(store, part).await?;
        List::open(&path).map_err(|source| CacheError::Index { name: part.name.clone(), source })
    }

    async fn fetch(&self, store: &Store, part: &Part) -> Result<(), CacheError> {
        let unreadable = |source| CacheError::Unreadable { name: part.name.clone(), source };
        let found = match store.objects().get(&ObjectPath::from(part.name.as_str())).await {
            Err(object_store::Error::NotFound { .. }) => {
                return Err(CacheError::Missing { name: part.name.clone() });
            }
            found => found.map_err(unreadable)?,
        };
        let temporary = tempfile::NamedTempFile::new_in(&self.dir).map_err(self.failed("make a file"))?;
        let mut file = tokio::fs::File::from_std(temporary.reopen().map_err(self.failed("open a file"))?);
        let mut digest = Sha256::new();
        let mut bytes = found.into_stream();
        while let Some(chunk) = bytes.try_next().await.map_err(unreadable)? {
            digest.update(&chunk);
            file.write_all(&chunk).await.map_err(self.failed("write"))?;
        }
        file.sync_all().await.map_err(self.failed("write"))?;
        if hex(&digest.finalize()) != part.sha256 {
            return Err(CacheError::Damaged { name: part.name.clone() });
        }
        temporary.persist(self.path_of(part)).map_err(|error| self.failed("rename a file")(error.error))?;
        Ok(())
    }

    /// Takes an index file that was just built and uploaded as the local copy of `part`.
    pub fn install(&self, built: &Path, part: &Part) -> Result<List, CacheError> {
        let path = self.path_of(part);
        fs::rename(built, &path).map_err(self.failed("rename a file"))?;
        List::open(&path).map_err(|source| CacheError::Index { name: part.name.clone(), source })
    }

    /// Removes files of snapshots gone by. What cannot be removed stays; another process may be
    /// doing the same.
    pub fn tidy(&self, current: &Part, now: Time) {
        let Ok(entries) = fs::read_dir(&self.dir) else { return };
        let now = Duration::from_micros(u64::try_from(now.as_micros()).unwrap_or(0));
        for entry in entries.flatten() {
            let path = entry.path();
            let stale = entry.metadata().and_then(|found| found.modified()).is_ok_and(|written| {
                written
                    .duration_since(std::time::UNIX_EPOCH)
                    .is_ok_and(|written| now.checked_sub(written).is_some_and(|age| age > KEPT))
            });
            if stale && path.extension().is_some_and(|kind| kind == "index") && path != self.path_of(current)
            {
                let _ = fs::remove_file(path);
            }
        }
    }
}
