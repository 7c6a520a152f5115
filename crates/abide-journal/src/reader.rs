//! Reading: what there is, one object, and following all origins.

mod follow;

use abide_model::{Origin, Time};
use futures::TryStreamExt as _;
use object_store::path::Path;

pub use follow::{Followed, Follower};

use crate::{
    error::{DamageKind, JournalError, StoreError},
    object::{JournalObject, ObjectName},
    store::Store,
};

const JOURNAL: &str = "journal";

/// Reads a store's journal. Cheap to make and to clone.
#[derive(Clone, Debug)]
pub struct Reader {
    store: Store,
}

/// An object as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectEntry {
    pub name: ObjectName,
    pub bytes: u64,
    /// By the store's clock.
    pub written_at: Time,
}

/// What stands under `journal/<origin>/`.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// In order of position.
    pub(crate) objects: Vec<ObjectEntry>,
    /// Names that are none of the journal's.
    pub(crate) foreign: Vec<String>,
}

impl Reader {
    pub fn new(store: &Store) -> Self {
        Self { store: store.clone() }
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    /// All origins that have a journal, in order of name.
    pub async fn origins(&self) -> Result<Vec<Origin>, StoreError> {
        self.top().await.map(|(origins, _)| origins)
    }

    /// The origins, and the names beside them that are none.
    pub(crate) async fn top(&self) -> Result<(Vec<Origin>, Vec<String>), StoreError> {
        let list = self.store.objects().list_with_delimiter(Some(&Path::from(JOURNAL))).await;
        let list = list.map_err(|source| StoreError::of("list", JOURNAL, source))?;
        let mut origins: Vec<Origin> = Vec::new();
        let mut foreign: Vec<String> =
            list.objects.iter().map(|object| object.location.to_string()).collect();
        for path in &list.common_prefixes {
            match path.filename().and_then(|name| name.parse().ok()) {
                Some(origin) => origins.push(origin),
                None => foreign.push(path.to_string()),
            }
        }
        origins.sort();
        Ok((origins, foreign))
    }

    /// The objects of an origin, in order of position. Bytes and times are of the listing, nothing
    /// has been read.
    pub async fn objects(&self, origin: &Origin) -> Result<Vec<ObjectEntry>, StoreError> {
        self.list(origin, None).await.map(|listing| listing.objects)
    }

    /// Reads one object whole (at most 32 MiB) and checks its seal; `None` when it is not there.
    pub async fn read(&self, name: &ObjectName) -> Result<Option<JournalObject>, JournalError> {
        match self.read_once(name).await {
            // A read can be cut short without an error; what stands there has to be bad twice.
            Err(JournalError::Damaged(damage)) if damage.what == DamageKind::Changed => {
                self.read_once(name).await
            }
            read => read,
        }
    }

    async fn read_once(&self, name: &ObjectName) -> Result<Option<JournalObject>, JournalError> {
        match self.store.get(&name.to_string()).await? {
            Some(bytes) => JournalObject::open(&self.store, name.clone(), bytes).map(Some),
            None => Ok(None),
        }
    }

    /// Objects after the one named `after`, or all.
    pub(crate) async fn list(
        &self,
        origin: &Origin,
        after: Option<&ObjectName>,
    ) -> Result<Listing, StoreError> {
        let under = format!("{JOURNAL}/{origin}");
        let path = Path::from(under.as_str());
        let objects = self.store.objects();
        let mut list = match after {
            None => objects.list(Some(&path)),
            Some(after) => objects.list_with_offset(Some(&path), &Path::from(after.to_string())),
        };
        let mut listing = Listing::default();
        while let Some(found) =
            list.try_next().await.map_err(|source| StoreError::of("list", under.as_str(), source))?
        {
            let own = found.location.prefix_match(&path).is_some_and(|rest| rest.count() == 1);
            let name = found.location.filename().and_then(|file| ObjectName::parse(origin, file));
            match name.filter(|_| own) {
                Some(name) => listing.objects.push(ObjectEntry {
                    name,
                    bytes: found.size,
                    written_at: Time::from_micros(found.last_modified.timestamp_micros()),
                }),
                None => listing.foreign.push(found.location.to_string()),
            }
        }
        listing.objects.sort_by_key(|object| object.name.first);
        Ok(listing)
    }
}
