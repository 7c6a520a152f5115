//! The overlay's entries in two levels, so that a copy is small and a change copies little however many there are.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    sync::Arc,
};

use abide_model::Key;

use super::Entry;

const BRANCHES: usize = 512;
const LEAVES: usize = 64;

type Leaf = HashMap<Key, Arc<Entry>, BuildHasherDefault<KeyHasher>>;
type Branch = [Arc<Leaf>; LEAVES];

#[derive(Clone)]
pub(super) struct Shards(Vec<Arc<Branch>>);

impl Default for Shards {
    fn default() -> Self {
        let leaf = Arc::<Leaf>::default();
        let branch = Arc::new(std::array::from_fn(|_| leaf.clone()));
        Self(vec![branch; BRANCHES])
    }
}

impl Shards {
    pub(super) fn get(&self, key: &Key) -> Option<&Arc<Entry>> {
        let (branch, leaf) = place(key);
        self.0[branch][leaf].get(key)
    }

    /// What others share of the way to it is copied.
    pub(super) fn insert(&mut self, key: Key, entry: Arc<Entry>) {
        let (branch, leaf) = place(&key);
        let branch = Arc::make_mut(&mut self.0[branch]);
        Arc::make_mut(&mut branch[leaf]).insert(key, entry);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Key, &Arc<Entry>)> {
        self.0.iter().flat_map(|branch| branch.iter()).flat_map(|leaf| leaf.iter())
    }
}

/// Keys are evenly spread, so any of their bits will do.
fn place(key: &Key) -> (usize, usize) {
    let bits = usize::from(u16::from_le_bytes([key.0[0], key.0[1]]));
    (bits % BRANCHES, bits / BRANCHES % LEAVES)
}

/// Takes bits of the key, others than those that lead to its leaf: without the secret nobody can choose them.
#[derive(Default)]
struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(last) = bytes.last_chunk() {
            self.0 = u64::from_le_bytes(*last);
        }
    }

    /// The length, which all keys share.
    fn write_usize(&mut self, _: usize) {}
}
