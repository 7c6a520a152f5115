//! `xorf`: a binary fuse filter of 8 bits, which turns away 255 misses in 256, before an exact table.
//!
//! The table is the leanest that is exact: sorted keys, found by interpolation, since they are uniform.

use std::path::Path;

use anyhow::{Result, anyhow};
use xorf::{BinaryFuse8, Filter};

use super::{Footprint, Key, Structure, set_of};

pub(crate) struct Fuse {
    filter: BinaryFuse8,
    keys: Vec<Key>,
    sets: Vec<u32>,
}

impl Structure for Fuse {
    type Found = u32;

    fn build(keys: &[Key], _: &Path) -> Result<Option<Self>> {
        let filter =
            BinaryFuse8::try_from_iterator(keys.iter().map(low)).map_err(|why| anyhow!("fuse: {why}"))?;
        Ok(Some(Self { filter, keys: keys.to_vec(), sets: keys.iter().map(set_of).collect() }))
    }

    fn footprint(&self) -> Result<Footprint> {
        let filter = self.filter.len() as u64;
        Ok(Footprint { all: filter + 20 * self.keys.len() as u64, misses: filter })
    }

    fn find(&self, key: &Key) -> Option<u32> {
        if !self.filter.contains(&low(key)) {
            return None;
        }
        self.place(key).map(|at| self.sets[at])
    }
}

impl Fuse {
    /// From the place where a key would stand if all were spread evenly, step by step to where it stands.
    fn place(&self, key: &Key) -> Option<usize> {
        let guess = ((u128::from(high(key)) * self.keys.len() as u128) >> 64) as usize;
        let at = gallop(&self.keys, guess, key);
        (self.keys.get(at) == Some(key)).then_some(at)
    }
}

/// Where `key` stands or would be put in, beginning at a guess, in steps that double.
fn gallop(keys: &[Key], guess: usize, key: &Key) -> usize {
    let (mut low, mut high, mut step) = (guess, guess, 16);
    while low > 0 && keys[low] > *key {
        high = low;
        low = low.saturating_sub(step);
        step *= 2;
    }
    step = 16;
    while high < keys.len() && keys[high] < *key {
        low = high;
        high = (high + step).min(keys.len());
        step *= 2;
    }
    let end = (high + 1).min(keys.len());
    low + keys[low..end].partition_point(|one| one < key)
}

/// The order of keys is that of their first bytes, so these are the high ones.
fn high(key: &Key) -> u64 {
    u64::from_be_bytes(key[..8].try_into().expect("a key has 16 bytes"))
}

fn low(key: &Key) -> u64 {
    u64::from_be_bytes(key[8..].try_into().expect("a key has 16 bytes"))
}
