//! The snapshots of a store: which is the newest, and writing the next.

use std::{fs::File, io::Read, path::Path};

use abide_journal::{Created, Retry, Store, StoreError};
use abide_model::Time;
use object_store::{ObjectStoreExt as _, WriteMultipart, path::Path as ObjectPath};
use sha2::{Digest, Sha256};

use crate::{
    error::ReplicaError,
    manifest::{Manifest, Part, hex},
    replica::Replica,
};

/// What came of writing a snapshot.
#[derive(Debug)]
pub enum Compacted {
    /// It was written and is the newest.
    Written(Manifest),
    /// Nothing came in since the last one.
    Nothing,
    /// Somebody else wrote one in the meantime that this one does not cover.
    Overtaken,
}

/// The newest snapshot's manifest, if there is one.
pub async fn newest(store: &Store) -> Result<Option<Manifest>, ReplicaError> {
    let prefix = ObjectPath::from("snapshots");
    let listed = store.objects().list_with_delimiter(Some(&prefix)).await;
    let listed = listed.map_err(|source| StoreError::of("list", "snapshots", source))?;
    let numbers = listed
        .objects
        .iter()
        .filter_map(|object| object.location.filename()?.strip_suffix(".json")?.parse::<u64>().ok());
    let Some(mut number) = numbers.max() else { return Ok(None) };
    // A listing may lag behind; what is there can always be read.
    let mut newest = read(store, number).await?;
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
    Manifest::from_json(&bytes).map(Some).map_err(|source| ReplicaError::Manifest { name, source })
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
        self.refresh(now).await?;
        let positions = self.snapshot().positions.clone();
        if self.manifest.as_ref().is_some_and(|newest| newest.positions() == positions) {
            return Ok(Compacted::Nothing);
        }
        let scratch = tempfile::tempdir_in(&self.config.scratch_dir).map_err(ReplicaError::Scratch)?;
        let index_path = scratch.path().join("list.index");
        let state_path = scratch.path().join("states.parquet");
        let delta = self.take_delta()?;
        let merged = self.merge_into(delta, &index_path, Some(&state_path), progress)?;
        let stem = format!("snapshots/parts/{}-{unique:016x}", now.as_micros());
        let index = upload(&self.store, &index_path, format!("{stem}.index")).await?;
        let states = upload(&self.store, &state_path, format!("{stem}.parquet")).await?;
        let mut manifest = Manifest {
            number: self.manifest.as_ref().map_or(1, |newest| newest.number + 1),
            written_at: now,
            heads: self.heads(),
            clock: self.clock,
            retractions: (*self.retractions).clone(),
            sources: self.sources.clone(),
            activation: self.activation.clone(),
            open_batches: self.open_batches.for_manifest(),
            identities: merged.identities,
            keys: merged.keys,
            index,
            states,
        };
        let written = commit(&self.store, &mut manifest).await?;
        // Whether or not it became the newest, it is a correct list up to its positions.
        let list = self.cache.install(&index_path, &manifest.index)?;
        self.rebase(list);
        self.republish(now)?;
        if !written {
            return Ok(Compacted::Overtaken);
        }
        self.cache.tidy(&manifest.index, now);
        self.manifest = Some(manifest.clone());
        Ok(Compacted::Written(manifest))
    }
}

/// Creates the manifest under the next free number, as long as it covers the one before.
async fn commit(store: &Store, manifest: &mut Manifest) -> Result<bool, ReplicaError> {
    loop {
        let name = Manifest::object_name(manifest.number);
        match store.create(&name, manifest.to_json().into(), Retry::default()).await? {
            Created::Done => return Ok(true),
            Created::Another(bytes) => {
                let theirs =
                    Manifest::from_json(&bytes).map_err(|source| ReplicaError::Manifest { name, source })?;
                if !manifest.positions().covers(&theirs.positions()) {
                    return Ok(false);
                }
                manifest.number += 1;
            }
        }
    }
}

/// Parts of this size are uploaded one after the other.
const UPLOAD_BYTES: usize = 8 << 20;

async fn upload(store: &Store, path: &Path, name: String) -> Result<Part, ReplicaError> {
    let failed = |source| ReplicaError::Upload { name: name.clone(), source };
    let mut file = File::open(path).map_err(ReplicaError::Scratch)?;
    let multipart = store.objects().put_multipart(&ObjectPath::from(name.as_str())).await.map_err(failed)?;
    let mut upload = WriteMultipart::new_with_chunk_size(multipart, UPLOAD_BYTES);
    let mut digest = Sha256::new();
    let mut buffer = vec![0; UPLOAD_BYTES];
    let mut bytes = 0;
    loop {
        let read = file.read(&mut buffer).map_err(ReplicaError::Scratch)?;
        if read == 0 {
            break;
        }
        digest.update(&buffer[..read]);
        bytes += read as u64;
        upload.wait_for_capacity(2).await.map_err(failed)?;
        upload.write(&buffer[..read]);
    }
    upload.finish().await.map_err(failed)?;
    Ok(Part { name, bytes, sha256: hex(&digest.finalize()) })
}
