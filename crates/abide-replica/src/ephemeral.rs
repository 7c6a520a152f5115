//! A list without a store: read from a file, used once, gone.

use std::{path::Path, sync::Arc};

use abide_enforce::{Overlay, Snapshot, Sources};
use abide_index::list::List;
use abide_model::{Positions, Retractions, Signal, Time};
use abide_rules::Ruleset;

use crate::{
    delta::Delta,
    error::ReplicaError,
    merge::{MergeConfig, merge},
};

/// Collects signals into a [`Snapshot`] of its own.
#[derive(Debug)]
pub struct Ephemeral {
    delta: Delta,
    scratch: tempfile::TempDir,
    memory_max_bytes: usize,
}

impl Ephemeral {
    pub fn new(scratch_dir: &Path, memory_max_bytes: usize) -> Result<Self, ReplicaError> {
        let scratch = crate::cache::scratch_folder(scratch_dir)?;
        Ok(Self { delta: Delta::new(None, scratch.path(), memory_max_bytes), scratch, memory_max_bytes })
    }

    pub fn add(&mut self, signal: &Signal) -> Result<(), ReplicaError> {
        Ok(self.delta.add_signal(signal)?)
    }

    pub fn finish(self, rules: Arc<Ruleset>, now: Time) -> Result<Snapshot, ReplicaError> {
        let index_path = self.scratch.path().join("list.index");
        let config = MergeConfig {
            index_path: &index_path,
            state_path: None,
            scratch_dir: self.scratch.path(),
            memory_max_bytes: self.memory_max_bytes,
        };
        merge(None, true, self.delta, &Retractions::default(), &config, &mut |_| ())?;
        // The file goes with the folder; the mapping keeps its bytes.
        let list = List::open(&index_path).map_err(ReplicaError::List)?;
        Ok(Snapshot {
            rules,
            base: Some(Arc::new(list)),
            overlay: Overlay::default(),
            retractions: Arc::default(),
            positions: Positions::default(),
            sources: Sources::default(),
            as_of: now,
        })
    }
}
