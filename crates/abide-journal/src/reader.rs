//! Reading: what there is, one object, and following all origins.

mod follow;
mod listing;

use abide_model::{Origin, Position, Time};
use futures::TryStreamExt as _;
use object_store::path::Path;

pub use follow::{Followed, Follower, Step};
pub use listing::ObjectEntry;
pub(crate) use listing::{Listing, folder};

use crate::{
    error::{Damage, DamageKind, JournalError, StoreError},
    object::{JournalObject, ObjectName},
    store::Store,
};

const JOURNAL: &str = "journal";

/// Reads a store's journal. Cheap to make and to clone.
#[derive(Clone, Debug)]
pub struct Reader {
    store: Store,
}

/// How often something is looked for again that was rolled up between listing and reading it.
const LOOKS_MAX: u32 = 8;

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

    /// The objects that tell an origin's journal, in order of position; what was rolled up and still
    /// stands is not among them. Bytes and times are of the listing, nothing has been read.
    pub async fn objects(&self, origin: &Origin) -> Result<Vec<ObjectEntry>, StoreError> {
        self.list(origin, 0).await.map(|listing| listing.cover())
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

    /// The object that holds a position, if the journal leads that far.
    pub async fn holding(
        &self,
        origin: &Origin,
        position: Position,
    ) -> Result<Option<JournalObject>, JournalError> {
        let mut looked_from = None;
        for _ in 0..LOOKS_MAX {
            let listing = self.list(origin, 0).await?;
            if let Some(roll_up) = listing.roll_up_of(position) {
                match self.read(&roll_up.name).await? {
                    Some(object) => return Ok(Some(object)),
                    // A longer one has taken its place.
                    None => continue,
                }
            }
            let before =
                listing.cover().into_iter().map(|entry| entry.name).rfind(|name| name.first <= position);
            let start = before.unwrap_or_else(|| ObjectName::appended(origin, 1));
            match self.walk_to(start.clone(), position).await? {
                Some(object) if !self.is_believed(&object).await? => {}
                Some(object) => return Ok(Some(object)),
                // Whoever slept since that listing looks for what was rolled up and deleted meanwhile: only when
                // another one leads to the same place is there nothing.
                None if looked_from.as_ref() != Some(&start) => looked_from = Some(start),
                None => return Ok(None),
            }
        }
        Err(Damage::new(&ObjectName::appended(origin, position), position, DamageKind::Missing).into())
    }

    /// From name to name, since a listing may lag.
    async fn walk_to(
        &self,
        mut name: ObjectName,
        position: Position,
    ) -> Result<Option<JournalObject>, JournalError> {
        while let Some(object) = self.read(&name).await? {
            if object.last() >= position {
                return Ok(Some(object));
            }
            name = ObjectName::appended(&name.origin, object.last() + 1);
        }
        Ok(None)
    }

    /// The newest object that leads beyond a position, if there is one.
    pub(crate) async fn newest(
        &self,
        origin: &Origin,
        after: Position,
    ) -> Result<Option<JournalObject>, JournalError> {
        let mut vanished = None;
        for _ in 0..LOOKS_MAX {
            let listing = self.list(origin, after).await?;
            let leads_on = |entry: &&ObjectEntry| entry.name.named_to() > after;
            let Some(newest) = listing.newest().filter(leads_on) else { return Ok(None) };
            match self.read(&newest.name).await? {
                Some(object) if self.is_believed(&object).await? => return Ok(Some(object)),
                _ => vanished = Some(newest.name.clone()),
            }
        }
        let name = vanished.unwrap_or_else(|| ObjectName::appended(origin, after + 1));
        Err(Damage::new(&name, None, DamageKind::Missing).into())
    }

    /// Whether an object that was just read is part of the journal. A roll-up always is. What was
    /// appended is if no roll-up holds its place even now: its name was never free to be used again.
    pub(crate) async fn is_believed(&self, object: &JournalObject) -> Result<bool, StoreError> {
        if object.name().is_roll_up() {
            return Ok(true);
        }
        let (origin, first) = (&object.name().origin, object.first());
        Ok(self.list(origin, first - 1).await?.roll_up_of(first).is_none())
    }

    /// The objects that lead beyond a position, and everything with 0.
    pub(crate) async fn list(&self, origin: &Origin, after: Position) -> Result<Listing, StoreError> {
        let under = folder(origin);
        let path = Path::from(under.as_str());
        let offset = Path::from(ObjectName::appended(origin, after).to_string());
        let mut list = match after {
            0 => self.store.objects().list(Some(&path)),
            _ => self.store.objects().list_with_offset(Some(&path), &offset),
        };
        let mut listing = Listing::default();
        while let Some(found) =
            list.try_next().await.map_err(|source| StoreError::of("list", under.as_str(), source))?
        {
            let own = found.location.prefix_match(&path).is_some_and(|rest| rest.count() == 1);
            let name = found.location.filename().and_then(|file| ObjectName::parse(origin, file));
            match name.filter(|_| own) {
                Some(name) => {
                    let written_at = Time::from_micros(found.last_modified.timestamp_micros());
                    listing.add(name, found.size, written_at);
                }
                None => listing.foreign.push(found.location.to_string()),
            }
        }
        listing.sort();
        Ok(listing)
    }
}
