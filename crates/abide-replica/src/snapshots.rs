//! The snapshots of a store: which is the newest, and writing the next.

use std::{fs::File, io::Read, path::Path};

use abide_index::list::List;
use abide_journal::{Created, Retry, Store, StoreError};
use abide_model::{Positions, Time};
use bytes::Bytes;
use futures::{TryStreamExt as _, future::join};
use object_store::{ObjectStoreExt as _, WriteMultipart, path::Path as ObjectPath};
use sha2::{Digest, Sha256};

use crate::{
    cache::{Cache, CacheError, DigestAside},
    error::ReplicaError,
    manifest::{InvalidManifest, Manifest, Part},
    obsolete::SnapshotWait,
    replica::Replica,
};

/// What came of writing a snapshot.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one of it at a time")]
pub enum Compacted {
    /// It was written and is the newest.
    Written(Manifest),
    /// Nothing came in since the last one.
    Nothing,
    /// Somebody else wrote one in the meantime, and this one does not cover it or adds nothing.
    Overtaken,
}

/// The newest snapshot's manifest, if there is one.
pub async fn newest(store: &Store) -> Result<Option<Manifest>, ReplicaError> {
    let number = listed(store).await?.into_iter().max().unwrap_or(0);
    let listed = if number == 0 { None } else { read(store, number).await? };
    // A listing may lag behind; what is there can always be read.
    Ok(newest_after(store, number).await?.or(listed))
}

/// The numbers of the snapshots that a listing shows.
async fn listed(store: &Store) -> Result<Vec<u64>, ReplicaError> {
    let prefix = ObjectPath::from("snapshots");
    let listed = store.objects().list_with_delimiter(Some(&prefix)).await;
    let listed = listed.map_err(|source| StoreError::of("list", "snapshots", source))?;
    Ok(listed.objects.iter().filter_map(|object| Manifest::number_of(object.location.as_ref())).collect())
}

/// The newest snapshot whose list can be opened: an earlier one still tells everything together with the journal. Where none
/// was ever whole, the journal does so alone.
pub(crate) async fn open_newest(
    store: &Store,
    cache: &Cache,
) -> Result<Option<(Manifest, List)>, ReplicaError> {
    loop {
        let Some(last) = newest(store).await? else { return Ok(None) };
        let found = open_any(store, cache, last.number).await?;
        if let Found::Whole(manifest, list) = found {
            return Ok(Some((manifest, list)));
        }
        // Whoever was suspended in there long enough found all of them superseded.
        if newest(store).await?.as_ref() == Some(&last) {
            return match found {
                Found::Missing(missing) => Err(missing.into()),
                _ => Ok(None),
            };
        }
    }
}

/// What there is of several snapshots.
#[expect(clippy::large_enum_variant, reason = "there is one of it at a time")]
enum Found {
    Whole(Manifest, List),
    /// Of one that was whole.
    Missing(CacheError),
    NoneWasWhole,
}

/// The last one up to a number that can be opened. Numbers in between may have been taken back, and several in a row may have
/// lost their parts, each before it was committed.
async fn open_any(store: &Store, cache: &Cache, newest: u64) -> Result<Found, ReplicaError> {
    let mut numbers = listed(store).await?;
    numbers.retain(|number| *number < newest);
    // A listing may lag behind.
    numbers.push(newest);
    numbers.sort_unstable();
    let mut found = Found::NoneWasWhole;
    for number in numbers.into_iter().rev() {
        let Some(manifest) = read(store, number).await? else { continue };
        match cache.open(store, &manifest.index).await {
            Err(missing @ CacheError::Missing { .. }) => {
                if matches!(found, Found::NoneWasWhole) && !came_late(store, &manifest).await? {
                    found = Found::Missing(missing);
                }
            }
            opened => return Ok(Found::Whole(manifest, opened?)),
        }
    }
    Ok(found)
}

/// Whether a manifest came so long after its parts that they were no longer waited for: it was never whole.
async fn came_late(store: &Store, manifest: &Manifest) -> Result<bool, ReplicaError> {
    let name = Manifest::object_name(manifest.number);
    let committed_at = match store.objects().head(&ObjectPath::from(name.as_str())).await {
        Ok(object) => Time::from_micros(object.last_modified.timestamp_micros()),
        // Its compactor knows it too by now, and has taken it back.
        Err(object_store::Error::NotFound { .. }) => return Ok(true),
        Err(source) => return Err(StoreError::of("read", name, source).into()),
    };
    Ok(committed_at.micros_since(manifest.written_at) >= SnapshotWait::LEAST_US - CLOCK_US)
}

/// A node's clock may be so far behind the store's.
const CLOCK_US: i64 = 3_600_000_000;

async fn newest_after(store: &Store, mut number: u64) -> Result<Option<Manifest>, ReplicaError> {
    let mut newest = None;
    while let Some(next) = read(store, number + 1).await? {
        number += 1;
        newest = Some(next);
    }
    Ok(newest)
}

/// A snapshot's manifest by number.
pub async fn read(store: &Store, number: u64) -> Result<Option<Manifest>, ReplicaError> {
    let name = Manifest::object_name(number);
    let Some(bytes) = store.get(&name).await? else { return Ok(None) };
    match Manifest::from_json(&bytes, store) {
        Ok(manifest) if manifest.number == number => Ok(Some(manifest)),
        Ok(_) => Err(ReplicaError::Manifest { name, source: InvalidManifest::Field("number") }),
        Err(source) => Err(ReplicaError::Manifest { name, source }),
    }
}

impl Replica {
    /// Reads what there is, merges it into one list and writes that as the store's next snapshot.
    /// `unique` is a random number, for the parts' names. `progress` is told the number of
    /// identities written, now and then.
    pub async fn compact(
        &mut self,
        now: Time,
        unique: u64,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Compacted, ReplicaError> {
        // Not published first: what is too much for memory is to be merged once, not twice. Boxed, so that
        // the futures of callers stay small.
        Box::pin(self.catch_up(now)).await?;
        // By listing: the one after the one held here may be deleted already.
        let newest = newest(&self.store).await?;
        let (number, positions) =
            newest.as_ref().map(|newest| (newest.number, newest.positions())).unwrap_or_default();
        let heads = self.heads();
        let own: Positions = heads.iter().map(|head| (head.origin.clone(), head.position)).collect();
        let stands = match &newest {
            Some(newest) => parts_stand(&self.store, newest).await?,
            None => true,
        };
        if positions.covers(&own) && stands {
            self.publish(now)?;
            return Ok(Compacted::Nothing);
        }
        // It came while this was reading, and of one origin it knows more.
        if !own.covers(&positions) {
            self.publish(now)?;
            return Ok(Compacted::Overtaken);
        }
        let scratch = crate::cache::scratch_folder(&self.config.scratch_dir)?;
        let index_path = scratch.path().join("list.index");
        let state_path = scratch.path().join("states.parquet");
        let merged = self.merge_into_base(&index_path, Some(&state_path), progress)?;
        // Whether or not it becomes the store's newest, it is a correct list up to its positions.
        self.publish(now)?;
        let stem = format!("snapshots/parts/{}-{unique:016x}", now.as_micros());
        let parts = upload_both(&self.store, &index_path, &state_path, &stem);
        let (index, states) = Box::pin(parts).await?;
        let mut manifest = Manifest {
            number: number + 1,
            written_at: now,
            heads,
            clock: self.clock,
            retractions: (*self.retractions).clone(),
            sources: self.sources.clone(),
            activations: self.activations.clone(),
            open_batches: self.open_batches.for_manifest(),
            identities: merged.identities,
            keys: merged.keys,
            index,
            states,
        };
        if !commit(&self.store, &mut manifest).await? {
            return Ok(Compacted::Overtaken);
        }
        if !came_in_time(&self.store, &manifest).await? {
            self.store.delete(&Manifest::object_name(manifest.number)).await?;
            return Ok(Compacted::Overtaken);
        }
        // The snapshot stands. A local copy that cannot be kept is fetched by whoever needs it, who
        // also learns why.
        let _ = self.cache.install(&index_path, &manifest.index);
        self.cache.tidy(Some(&manifest.index), now);
        self.manifest = Some(manifest.clone());
        Ok(Compacted::Written(manifest))
    }
}

/// Creates the manifest under the next free number, as long as it covers the one before.
async fn commit(store: &Store, manifest: &mut Manifest) -> Result<bool, ReplicaError> {
    loop {
        let name = Manifest::object_name(manifest.number);
        match store.create(&name, manifest.to_json(store).into(), Retry::default()).await? {
            Created::Done => return Ok(true),
            Created::Another(bytes) => {
                let theirs = Manifest::from_json(&bytes, store)
                    .map_err(|source| ReplicaError::Manifest { name, source })?;
                let (own, theirs) = (manifest.positions(), theirs.positions());
                if !own.covers(&theirs) || theirs.covers(&own) {
                    return Ok(false);
                }
                manifest.number += 1;
            }
        }
    }
}

/// Whether a manifest that was just created is in force. A compactor that slept may have taken a
/// number that was used and deleted, or its parts may have been deleted as nobody's.
async fn came_in_time(store: &Store, manifest: &Manifest) -> Result<bool, ReplicaError> {
    if !parts_stand(store, manifest).await? {
        return Ok(false);
    }
    // Whoever wrote the next one need not have seen this: one of the same number may have been taken back.
    let newest = newest(store).await?.map_or(0, |newest| newest.number);
    Ok(match read(store, manifest.number + 1).await? {
        Some(next) => next.positions().covers(&manifest.positions()),
        None => newest <= manifest.number,
    })
}

async fn parts_stand(store: &Store, manifest: &Manifest) -> Result<bool, ReplicaError> {
    for part in [&manifest.index, &manifest.states] {
        match store.objects().head(&ObjectPath::from(part.name.as_str())).await {
            Ok(_) => {}
            Err(object_store::Error::NotFound { .. }) => return Ok(false),
            Err(source) => return Err(StoreError::of("read", part.name.as_str(), source).into()),
        }
    }
    Ok(true)
}

/// Uploads the index and the states, beside each other. Where one fails nobody knows of the other, and on a full disk
/// its room is wanted.
async fn upload_both(
    store: &Store,
    index: &Path,
    states: &Path,
    stem: &str,
) -> Result<(Part, Part), ReplicaError> {
    let uploads =
        join(upload(store, index, format!("{stem}.index")), upload(store, states, format!("{stem}.parquet")));
    match uploads.await {
        (Ok(index), Ok(states)) => Ok((index, states)),
        (Ok(other), Err(error)) | (Err(error), Ok(other)) => {
            let _ = store.objects().delete(&ObjectPath::from(other.name.as_str())).await;
            Err(error)
        }
        (Err(error), Err(_)) => Err(error),
    }
}

/// What is larger than this is uploaded in pieces of this size.
const UPLOAD_BYTES: usize = 8 << 20;

/// How far an upload has come.
struct Upload {
    file: File,
    digest: DigestAside,
    bytes: u64,
}

impl Upload {
    fn read(&mut self) -> Result<Bytes, ReplicaError> {
        let mut buffer = Vec::with_capacity(UPLOAD_BYTES);
        (&mut self.file).take(UPLOAD_BYTES as u64).read_to_end(&mut buffer).map_err(ReplicaError::Scratch)?;
        self.bytes += buffer.len() as u64;
        let piece = Bytes::from(buffer);
        self.digest.update(piece.clone());
        Ok(piece)
    }
}

async fn upload(store: &Store, path: &Path, name: String) -> Result<Part, ReplicaError> {
    let file = File::open(path).map_err(ReplicaError::Scratch)?;
    let mut upload = Upload { file, digest: DigestAside::start(), bytes: 0 };
    let first = upload.read()?;
    if first.len() < UPLOAD_BYTES {
        // The name is unique, so nobody else's bytes can stand there.
        store.create(&name, first, Retry::default()).await?;
    } else {
        upload_in_pieces(store, &mut upload, first, &name).await?;
    }
    Ok(Part { name, bytes: upload.bytes, sha256: upload.digest.finish() })
}

async fn upload_in_pieces(
    store: &Store,
    upload: &mut Upload,
    first: Bytes,
    name: &str,
) -> Result<(), ReplicaError> {
    let failed = |source| ReplicaError::Store(StoreError::of("write", name, source));
    let multipart = store.objects().put_multipart(&ObjectPath::from(name)).await.map_err(failed)?;
    let mut writing = WriteMultipart::new_with_chunk_size(multipart, UPLOAD_BYTES);
    let mut piece = first;
    while !piece.is_empty() {
        writing.put(piece);
        if let Err(error) = writing.wait_for_capacity(2).await {
            // Best effort: what is left of it is no object, only space, which the bucket's own rule
            // for uploads that were never completed frees.
            let _ = writing.abort().await;
            return Err(failed(error));
        }
        piece = upload.read()?;
    }
    writing.finish().await.map_err(failed)?;
    Ok(())
}

/// Reads a part whole and compares its digest; the inner error says what is wrong with it.
pub async fn check_part(store: &Store, part: &Part) -> Result<Result<(), String>, ReplicaError> {
    let unreadable = |source| StoreError::of("read", part.name.as_str(), source);
    let found = match store.objects().get(&ObjectPath::from(part.name.as_str())).await {
        Err(object_store::Error::NotFound { .. }) => {
            return Ok(Err(format!("snapshot part `{}` is missing", part.name)));
        }
        found => found.map_err(unreadable)?,
    };
    let mut digest = Sha256::new();
    let mut bytes = found.into_stream();
    while let Some(chunk) = bytes.try_next().await.map_err(unreadable)? {
        digest.update(&chunk);
    }
    let sound = hex::encode(digest.finalize()) == part.sha256;
    Ok(if sound { Ok(()) } else { Err(format!("snapshot part `{}` was changed", part.name)) })
}
