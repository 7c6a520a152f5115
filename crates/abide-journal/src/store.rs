//! The root of a store: where it is, what it says about itself, and how single objects are read
//! and created under it.

mod description;
mod rekeyed;

use std::{fmt, ops::Range, path::Path as FilePath, sync::Arc};

use abide_model::{Forms, PhoneRegion, Secret, Time};
use bytes::Bytes;
use futures::TryStreamExt as _;
use hex::FromHex as _;
use object_store::{
    GetOptions, GetRange, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload,
    local::LocalFileSystem, path::Path, prefix::PrefixStore,
};

use crate::{chain::ChainKey, error::StoreError, sealed};

pub use rekeyed::Moved;
pub(crate) use rekeyed::{begin_rekey, rekey_begun};

const DESCRIPTION: &str = "abide.json";

/// A store's own random number, which tells stores apart.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct StoreId(pub [u8; 16]);

impl fmt::Display for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreId({self})")
    }
}

impl StoreId {
    fn parse(text: &str) -> Option<Self> {
        <[u8; 16]>::from_hex(text).ok().map(Self)
    }
}

/// What is settled for good when a store is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreConfig {
    /// 16 random bytes.
    pub id: StoreId,
    /// Whose national spellings of phone numbers are understood.
    pub phone_region: PhoneRegion,
    /// The forms that are derived from raw identifiers beyond `sha256`.
    pub forms: Forms,
}

/// The time of one secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch {
    pub number: u32,
    /// [`Secret::check_value`].
    pub check: [u8; 16],
    pub since: Time,
}

/// How often and after which pauses an object is written again while nobody can say whether it
/// stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// At least 1.
    pub attempts: u32,
    /// Doubles with every attempt.
    pub first_pause_ms: u64,
}

impl Default for Retry {
    /// About three seconds in all, beside what the client of a bucket tries by itself.
    fn default() -> Self {
        Self { attempts: 6, first_pause_ms: 100 }
    }
}

/// What came of creating an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Created {
    /// It stands with these bytes.
    Done,
    /// It stood before, with other bytes.
    Another(Bytes),
}

/// A directory or a bucket with an `abide.json`, opened with its secret. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Clone, Debug)]
struct Inner {
    objects: Arc<dyn ObjectStore>,
    location: String,
    config: StoreConfig,
    normalisers: Vec<u16>,
    epochs: Vec<Epoch>,
    epoch: u32,
    chain: ChainKey,
}

/// A directory as object storage, every write flushed to disk before it is answered. With
/// `create`, the directory is made if it is missing.
pub fn local_directory(directory: &FilePath, create: bool) -> Result<Arc<dyn ObjectStore>, StoreError> {
    let location = || directory.display().to_string();
    if create {
        std::fs::create_dir_all(directory).map_err(|source| {
            let source = object_store::Error::Generic { store: "directory", source: source.into() };
            StoreError::of("make", location(), source)
        })?;
    }
    if !directory.is_dir() {
        return Err(StoreError::NotAStore { location: location() });
    }
    let files = LocalFileSystem::new_with_prefix(directory)
        .map_err(|source| StoreError::of("open", location(), source))?;
    Ok(Arc::new(files.with_fsync(true)))
}

impl Store {
    /// Makes a new store at `prefix` (may be empty) of `objects`. One that exists is left alone.
    pub async fn init(
        objects: Arc<dyn ObjectStore>,
        prefix: &Path,
        config: StoreConfig,
        secret: &Secret,
        now: Time,
    ) -> Result<Self, StoreError> {
        let location = location(&*objects, prefix);
        let objects = under(objects, prefix);
        let first = Epoch { number: 1, check: secret.check_value(), since: now };
        let normalisers = [abide_model::identifier::NORMALISER_VERSION];
        let text = description::write(&config, &normalisers, &[first], &ChainKey::new(secret));
        if get(&*objects, DESCRIPTION).await?.is_some() {
            return Err(StoreError::AlreadyAStore { location });
        }
        if get(&*objects, rekeyed::REKEY).await?.is_some() {
            return Err(StoreError::UnfinishedRekey { location });
        }
        if any_object(&*objects, "journal").await? {
            return Err(StoreError::JournalWithoutStore { location });
        }
        match create(&*objects, DESCRIPTION, text.clone().into(), Retry::default()).await? {
            Created::Done => Self::of(objects, location, &text, secret),
            Created::Another(_) => Err(StoreError::AlreadyAStore { location }),
        }
    }

    pub async fn open(
        objects: Arc<dyn ObjectStore>,
        prefix: &Path,
        secret: &Secret,
    ) -> Result<Self, StoreError> {
        let location = location(&*objects, prefix);
        let objects = under(objects, prefix);
        let text = describe(&*objects, &location).await?;
        Self::of(objects, location, &text, secret)
    }

    fn of(
        objects: Arc<dyn ObjectStore>,
        location: String,
        text: &[u8],
        secret: &Secret,
    ) -> Result<Self, StoreError> {
        let description = description::read(text)?;
        let newest = description.epochs.last().expect("a description without a secret was refused");
        let check = secret.check_value();
        if newest.check != check {
            let is_former = description.epochs.iter().any(|epoch| epoch.check == check);
            return Err(if is_former {
                StoreError::FormerSecret { location }
            } else {
                StoreError::WrongSecret { location }
            });
        }
        let chain = ChainKey::new(secret);
        if !sealed::holds(text, |text| chain.description_seal(text)) {
            return Err(StoreError::WrongDescription { what: "its seal does not hold" });
        }
        let inner = Inner {
            objects,
            location,
            epoch: newest.number,
            chain,
            config: description.config,
            normalisers: description.normalisers,
            epochs: description.epochs,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Which store stands at `prefix`, for whoever has to find its secret first.
    pub async fn id_of(objects: Arc<dyn ObjectStore>, prefix: &Path) -> Result<StoreId, StoreError> {
        let location = location(&*objects, prefix);
        let text = describe(&*under(objects, prefix), &location).await?;
        Ok(description::read(&text)?.config.id)
    }

    /// The same store, identity and keys, on another object storage: what a node keeps of its own.
    pub(crate) fn on(&self, objects: Arc<dyn ObjectStore>) -> Self {
        let inner = Inner { location: objects.to_string(), objects, ..(*self.inner).clone() };
        Self { inner: Arc::new(inner) }
    }

    pub fn id(&self) -> StoreId {
        self.inner.config.id
    }

    pub fn config(&self) -> &StoreConfig {
        &self.inner.config
    }

    /// The normaliser versions under which keys may stand in this store, ascending.
    pub fn normalisers(&self) -> &[u16] {
        &self.inner.normalisers
    }

    pub fn epochs(&self) -> &[Epoch] {
        &self.inner.epochs
    }

    /// For messages: the directory or bucket.
    pub fn location(&self) -> &str {
        &self.inner.location
    }

    /// The object storage, rooted at this store.
    pub fn objects(&self) -> &Arc<dyn ObjectStore> {
        &self.inner.objects
    }

    /// Puts a keyed hash at the end of a snapshot's manifest, pretty-printed JSON, so that only a
    /// holder of the secret can write one, and only for this store.
    pub fn seal_manifest(&self, text: Vec<u8>) -> Vec<u8> {
        sealed::close(text, |text| self.inner.chain.manifest_seal(self.inner.config.id, text))
    }

    pub fn is_sealed_manifest(&self, bytes: &[u8]) -> bool {
        sealed::holds(bytes, |text| self.inner.chain.manifest_seal(self.inner.config.id, text))
    }

    pub(crate) fn chain(&self) -> &ChainKey {
        &self.inner.chain
    }

    pub(crate) fn epoch(&self) -> u32 {
        self.inner.epoch
    }

    /// The bytes of an object, named from the store's root; `None` when there is none.
    pub async fn get(&self, name: &str) -> Result<Option<Bytes>, StoreError> {
        get(&*self.inner.objects, name).await
    }

    /// Creates an object that was not there, and returns only when it is known what stands there.
    ///
    /// After any error or "already exists" the object is read back: its own bytes mean that it is
    /// done, another's are handed out, absence means the same bytes again.
    pub async fn create(&self, name: &str, bytes: Bytes, retry: Retry) -> Result<Created, StoreError> {
        create(&*self.inner.objects, name, bytes, retry).await
    }

    /// Some bytes of an object; `None` when there is none.
    pub(crate) async fn get_range(&self, name: &str, range: Range<u64>) -> Result<Option<Bytes>, StoreError> {
        let unreadable = |source| StoreError::of("read", name, source);
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        match self.inner.objects.get_opts(&Path::from(name), options).await {
            Ok(found) => found.bytes().await.map(Some).map_err(unreadable),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(unreadable(source)),
        }
    }

    /// Deletes an object; one that is not there counts as deleted.
    pub async fn delete(&self, name: &str) -> Result<(), StoreError> {
        match self.inner.objects.delete(&Path::from(name)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(source) => Err(StoreError::of("delete", name, source)),
        }
    }

    /// What the store's clock says: object storage tells its time only by dating what is written.
    /// `asker` names the object that is overwritten for it, `nodes/<asker>.clock`.
    pub async fn time(&self, asker: &str) -> Result<Time, StoreError> {
        let name = format!("nodes/{asker}.clock");
        self.overwrite(&name, "abide\n".into()).await?;
        let found = self.inner.objects.head(&Path::from(name.as_str())).await;
        let found = found.map_err(|source| StoreError::of("read", name, source))?;
        Ok(Time::from_micros(found.last_modified.timestamp_micros()))
    }

    /// Writes an object that may be there: for what may be lost or repeated, such as a heartbeat.
    pub async fn overwrite(&self, name: &str, bytes: Bytes) -> Result<(), StoreError> {
        let put = self.inner.objects.put(&Path::from(name), PutPayload::from_bytes(bytes)).await;
        put.map(|_| ()).map_err(|source| StoreError::of("write", name, source))
    }
}

/// The text of `abide.json`.
async fn describe(objects: &dyn ObjectStore, location: &str) -> Result<Bytes, StoreError> {
    let location = || location.to_owned();
    if let Some(text) = get(objects, DESCRIPTION).await? {
        return Ok(text);
    }
    Err(match get(objects, rekeyed::REKEY).await? {
        Some(_) => StoreError::UnfinishedRekey { location: location() },
        None => StoreError::NotAStore { location: location() },
    })
}

async fn get(objects: &dyn ObjectStore, name: &str) -> Result<Option<Bytes>, StoreError> {
    let unreadable = |source| StoreError::of("read", name, source);
    match objects.get(&Path::from(name)).await {
        Ok(found) => found.bytes().await.map(Some).map_err(unreadable),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(source) => Err(unreadable(source)),
    }
}

async fn create(
    objects: &dyn ObjectStore,
    name: &str,
    bytes: Bytes,
    retry: Retry,
) -> Result<Created, StoreError> {
    let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
    let mut attempt = 0;
    loop {
        let put =
            objects.put_opts(&Path::from(name), PutPayload::from_bytes(bytes.clone()), options.clone()).await;
        let Err(error) = put else { return Ok(Created::Done) };
        if let Some(created) = read_back(objects, name, &bytes).await {
            return Ok(created);
        }
        attempt += 1;
        let error = StoreError::of("write", name, error);
        if attempt >= retry.attempts || matches!(error, StoreError::Denied { .. }) {
            return Err(error);
        }
        let pause_ms = retry.first_pause_ms << (attempt - 1).min(16);
        tokio::time::sleep(std::time::Duration::from_millis(pause_ms)).await;
    }
}

/// What stands there now; `None` when it is absent or cannot be told.
async fn read_back(objects: &dyn ObjectStore, name: &str, own: &Bytes) -> Option<Created> {
    let first = get(objects, name).await.ok()??;
    if first == *own {
        return Some(Created::Done);
    }
    // A read that was cut short must not make our own object look like another's.
    let second = get(objects, name).await.ok()??;
    if second == *own {
        return Some(Created::Done);
    }
    (first == second).then_some(Created::Another(second))
}

async fn any_object(objects: &dyn ObjectStore, under: &str) -> Result<bool, StoreError> {
    let mut list = objects.list(Some(&Path::from(under)));
    let first = list.try_next().await.map_err(|source| StoreError::of("list", under, source))?;
    Ok(first.is_some())
}

fn under(objects: Arc<dyn ObjectStore>, prefix: &Path) -> Arc<dyn ObjectStore> {
    if prefix.is_root() { objects } else { Arc::new(PrefixStore::new(objects, prefix.clone())) }
}

fn location(objects: &dyn ObjectStore, prefix: &Path) -> String {
    if prefix.is_root() { objects.to_string() } else { format!("{objects}/{prefix}") }
}
