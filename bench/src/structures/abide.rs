//! Ours, with states as long as an import's in the cold part.

use std::path::Path;

use abide_index::{BuildConfig, Identity, Index, IndexBuilder, SetId};
use anyhow::Result;

use super::{Footprint, Key, Structure, set_of};

/// `docs/formats/index.md`: a line of 64 bytes for 17 keys on average.
const LINE_BYTES: u64 = 64;
const KEYS_A_LINE: u64 = 17;

const FILE: &str = "index";

pub(crate) struct Abide(Index);

impl Structure for Abide {
    type Found = SetId;

    fn build(keys: &[Key], directory: &Path) -> Result<Option<Self>> {
        let mut builder = IndexBuilder::create(&directory.join(FILE), BuildConfig::new(directory))?;
        let state = [0x5a; 20];
        for key in keys {
            let set = set_of(key).to_le_bytes();
            builder.push(Identity { primary: *key, aliases: &[], set: &set, state: &state })?;
        }
        builder.finish()?;
        Ok(None)
    }

    fn open(directory: &Path) -> Result<Self> {
        Ok(Self(Index::open(&directory.join(FILE))?))
    }

    fn footprint(&self) -> Result<Footprint> {
        let misses = self.0.len_keys().div_ceil(KEYS_A_LINE) * LINE_BYTES;
        Ok(Footprint { all: self.0.hot_bytes(), misses })
    }

    fn find(&self, key: &Key) -> Option<SetId> {
        self.0.find(key).expect("the index was just built")
    }

    fn find_many(&self, keys: &[Key], answers: &mut Vec<Option<SetId>>) {
        self.0.find_many(keys, answers).expect("the index was just built");
    }
}
