//! What a rekey leaves at the roots of two stores: `rekey.json` in the new one, which becomes its
//! `abide.json` at the end, and `moved.json` in the old one, which ends it.

use std::sync::Arc;

use abide_model::{Secret, Time};
use object_store::{ObjectStore, path::Path};
use serde::{Deserialize, Serialize};

use super::{
    Created, DESCRIPTION, Epoch, Retry, Store, StoreConfig, StoreId, any_object, create, description, get,
    location, under,
};
use crate::{chain::ChainKey, error::StoreError, sealed};

pub(super) const REKEY: &str = "rekey.json";
const MOVED: &str = "moved.json";

/// Where a store went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    pub store: StoreId,
    /// As the user named it.
    pub place: String,
    pub at: Time,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MovedJson {
    format: u64,
    /// The old store, so that the file means nothing in another.
    store: String,
    to_store: String,
    to_place: String,
    at_us: i64,
    /// Of the bytes, and checked there.
    #[serde(default, skip_serializing, rename = "seal")]
    _seal: String,
}

impl Store {
    /// Where this store went, if it was rekeyed.
    pub async fn moved(&self) -> Result<Option<Moved>, StoreError> {
        self.get(MOVED).await?.map(|text| self.read_moved(&text)).transpose()
    }

    /// Asked by whoever answers from the list, before it reads; and by whoever appends, after it has
    /// written and before it acknowledges: then it was in time, or sees this.
    pub async fn refuse_moved(&self) -> Result<(), StoreError> {
        match self.moved().await? {
            Some(moved) => Err(self.is_moved(&moved)),
            None => Ok(()),
        }
    }

    pub(crate) fn is_moved(&self, moved: &Moved) -> StoreError {
        StoreError::Moved { location: self.location().to_owned(), place: moved.place.clone() }
    }

    /// Ends this store, and tells where it went: another rekey may have been first.
    pub(crate) async fn move_to(&self, moved: &Moved, retry: Retry) -> Result<Moved, StoreError> {
        let json = MovedJson {
            format: 1,
            store: self.id().to_string(),
            to_store: moved.store.to_string(),
            to_place: moved.place.clone(),
            at_us: moved.at.as_micros(),
            _seal: String::new(),
        };
        let text = serde_json::to_vec_pretty(&json).expect("strings and numbers become JSON");
        let text = sealed::close(text, |text| self.chain().description_seal(text));
        match self.create(MOVED, text.into(), retry).await? {
            Created::Done => Ok(moved.clone()),
            Created::Another(theirs) => self.read_moved(&theirs),
        }
    }

    fn read_moved(&self, text: &[u8]) -> Result<Moved, StoreError> {
        let read = || {
            let sealed = sealed::holds(text, |text| self.chain().description_seal(text));
            let json: MovedJson = serde_json::from_slice(text).ok()?;
            if !sealed || json.store != self.id().to_string() {
                return None;
            }
            let (place, at) = (json.to_place, Time::from_micros(json.at_us));
            Some(Moved { store: StoreId::parse(&json.to_store)?, place, at })
        };
        read().ok_or(StoreError::DamagedMoved)
    }

    /// Makes a store of what [`begin_rekey`] began.
    pub(crate) async fn complete_rekey(&self, retry: Retry) -> Result<(), StoreError> {
        let another = || StoreError::AlreadyAStore { location: self.location().to_owned() };
        let text = self.get(REKEY).await?.ok_or_else(another)?;
        match self.create(DESCRIPTION, text, retry).await? {
            Created::Done => Ok(()),
            Created::Another(_) => Err(another()),
        }
    }
}

/// The id of what was begun at a place.
pub(crate) async fn rekey_begun(
    objects: Arc<dyn ObjectStore>,
    prefix: &Path,
) -> Result<Option<StoreId>, StoreError> {
    let text = get(&*under(objects, prefix), REKEY).await?;
    text.map(|text| Ok(description::read(&text)?.config.id)).transpose()
}

/// Begins the store that `old` is to become, or opens what was begun of it. Its secrets are those of
/// the old one and the new one, by which it is known whose it is.
pub(crate) async fn begin_rekey(
    old: &Store,
    objects: Arc<dyn ObjectStore>,
    prefix: &Path,
    id: StoreId,
    secret: &Secret,
    now: Time,
) -> Result<Store, StoreError> {
    let location = location(&*objects, prefix);
    let objects = under(objects, prefix);
    if get(&*objects, DESCRIPTION).await?.is_some() {
        return Err(StoreError::AlreadyAStore { location });
    }
    let text = match get(&*objects, REKEY).await? {
        Some(text) => text,
        None if any_object(&*objects, "journal").await? => {
            return Err(StoreError::JournalWithoutStore { location });
        }
        None => {
            let number = old.epoch() + 1;
            let newest = Epoch { number, check: secret.check_value(), since: now };
            let epochs: Vec<Epoch> = old.epochs().iter().copied().chain([newest]).collect();
            let config = StoreConfig { id, ..old.config().clone() };
            let text = description::write(&config, old.normalisers(), &epochs, &ChainKey::new(secret));
            let text = bytes::Bytes::from(text);
            match create(&*objects, REKEY, text.clone(), Retry::default()).await? {
                Created::Done => text,
                Created::Another(theirs) => theirs,
            }
        }
    };
    let begun = description::read(&text)?.epochs;
    if begun.split_last().is_none_or(|(_, former)| former != old.epochs()) {
        return Err(StoreError::RekeyOfAnother { location });
    }
    Store::of(objects, location, &text, secret)
}
