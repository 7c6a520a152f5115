//! `hashbrown`, a Swiss table. Keys are random already, so their first bytes are the hash.

use std::hash::{BuildHasherDefault, Hasher};
use std::path::Path;

use anyhow::Result;

use super::{Footprint, Key, Structure, set_of};

pub(crate) struct HashMap(hashbrown::HashMap<Key, u32, BuildHasherDefault<FirstBytes>>);

#[derive(Default)]
pub(crate) struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = u64::from_le_bytes(bytes[..8].try_into().expect("a key has 16 bytes"));
    }

    /// An array announces its length, which is always the same.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Structure for HashMap {
    type Found = u32;

    fn build(keys: &[Key], _: &Path) -> Result<Option<Self>> {
        let mut map = hashbrown::HashMap::with_capacity_and_hasher(keys.len(), BuildHasherDefault::default());
        map.extend(keys.iter().map(|key| (*key, set_of(key))));
        Ok(Some(Self(map)))
    }

    fn footprint(&self) -> Result<Footprint> {
        let all = self.0.allocation_size() as u64;
        Ok(Footprint { all, misses: all })
    }

    fn find(&self, key: &Key) -> Option<u32> {
        self.0.get(key).copied()
    }
}
