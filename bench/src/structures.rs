//! Maps from 16-byte keys to the number of a set, ours and ready ones, behind one trait.

mod abide;
mod fuse;
mod hash_map;
mod lmdb;
mod redb;

use std::path::Path;

use anyhow::{Result, bail};

pub(crate) use self::abide::Abide;
pub(crate) use self::fuse::Fuse;
pub(crate) use self::hash_map::HashMap;
pub(crate) use self::lmdb::Lmdb;
pub(crate) use self::redb::Redb;

/// Uniformly random, as encrypted digests are.
pub(crate) type Key = [u8; 16];

/// A list has few different sets of facts.
const SETS: u32 = 8;

/// The set of a key.
fn set_of(key: &Key) -> u32 {
    u32::from(key[15]) % SETS
}

/// How many bytes random look-ups are spread over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Footprint {
    /// All that look-ups may touch.
    pub(crate) all: u64,
    /// What those touch that miss, as far as it is less.
    pub(crate) misses: u64,
}

pub(crate) trait Structure: Sized {
    type Found: Copy;

    /// Of keys in ascending order. What lives in a file leaves it in `directory`, complete and durable, and gives
    /// `None`; what lives in memory gives itself.
    fn build(keys: &[Key], directory: &Path) -> Result<Option<Self>>;

    /// What every process does that finds the file.
    fn open(directory: &Path) -> Result<Self> {
        bail!("there is no file to open in {}", directory.display())
    }

    fn footprint(&self) -> Result<Footprint>;

    fn find(&self, key: &Key) -> Option<Self::Found>;

    /// Many keys, where the structure has a way of its own for that.
    fn find_many(&self, keys: &[Key], answers: &mut Vec<Option<Self::Found>>) {
        answers.clear();
        answers.extend(keys.iter().map(|key| self.find(key)));
    }
}
