//! Lists of identities to test with, and how they are built.

use std::path::Path;

use abide_index::{BuildConfig, BuildError, Identity, Index, IndexBuilder, Summary, ToMemory};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::sample::Index as Pick;

#[derive(Clone, Debug)]
pub(crate) struct Owned {
    pub(crate) primary: [u8; 16],
    pub(crate) aliases: Vec<[u8; 16]>,
    pub(crate) set: Vec<u8>,
    pub(crate) state: Vec<u8>,
}

impl Owned {
    pub(crate) fn view(&self) -> Identity<'_> {
        Identity { primary: self.primary, aliases: &self.aliases, set: &self.set, state: &self.state }
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = [u8; 16]> {
        [self.primary].into_iter().chain(self.aliases.iter().copied())
    }
}

/// Uniform keys, as in earnest, among keys that crowd in a line, so that it overflows, and keys that
/// a line cannot tell apart.
fn any_key() -> impl Strategy<Value = [u8; 16]> {
    let uniform = any::<[u8; 16]>();
    // Two bits that no twin has in its check: no key that is one bit off one of these looks like a twin.
    let crowded = (0..2u64, any::<u16>()).prop_map(|(hi, lo)| key(hi << 40, u64::from(lo) | 3 << 20));
    // Two checks that differ in two bits: no key that is one bit off a twin is a twin.
    let twins = (any::<u16>(), 0..2u64).prop_map(|(number, check)| twin(number, check * 3));
    prop_oneof![uniform, crowded, twins]
}

/// Keys with the same tag and the same check, whatever the number; the constant is the format's.
pub(crate) fn twin(number: u16, check: u64) -> [u8; 16] {
    let hi = u64::from(number) << 16;
    key(hi, check ^ hi.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

pub(crate) fn key(hi: u64, lo: u64) -> [u8; 16] {
    ((u128::from(hi) << 64) | u128::from(lo)).to_be_bytes()
}

/// Identities in the order of their primary keys, no key twice.
pub(crate) fn any_list() -> impl Strategy<Value = Vec<Owned>> {
    let keys = prop_oneof![btree_set(any_key(), 0..40), btree_set(any_key(), 0..600)];
    let contents = (vec(any::<u8>(), 0..3), vec(any::<u8>(), 0..200));
    (keys, vec(any::<Pick>(), 600), vec(contents, 600)).prop_map(|(keys, owners, contents)| {
        let mut list: Vec<Owned> = Vec::new();
        for (key, (owner, (set, state))) in keys.into_iter().zip(owners.iter().zip(contents)) {
            // Two keys in three begin an identity, the others go to one that there is.
            let places = list.len() + list.len().div_ceil(2).max(1);
            match list.get_mut(owner.index(places * 2) / 2) {
                Some(owner) => owner.aliases.push(key),
                None => list.push(Owned { primary: key, aliases: Vec::new(), set, state }),
            }
        }
        list
    })
}

/// A fixed list of `count` uniform identities with zero to two aliases.
pub(crate) fn uniform_list(count: u64) -> Vec<Owned> {
    let mut list: Vec<_> = (0..count)
        .map(|i| Owned {
            primary: uniform_key(i),
            aliases: (0..i % 3).map(|alias| uniform_key(count * (alias + 1) + i)).collect(),
            set: (i % 7).to_le_bytes()[..(i % 3) as usize].to_vec(),
            state: i.to_string().repeat((i % 5) as usize).into_bytes(),
        })
        .collect();
    list.sort_unstable_by_key(|identity| identity.primary);
    list
}

/// A permutation of 64 bits, twice (splitmix64).
pub(crate) fn uniform_key(i: u64) -> [u8; 16] {
    let mix = |mut x: u64| {
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    };
    let start = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    key(mix(start), mix(start ^ 0x5555_5555_5555_5555))
}

pub(crate) const METADATA: &[u8] = br#"{"positions":{"here":12}}"#;

fn in_memory(list: &[Owned]) -> Result<IndexBuilder<ToMemory>, BuildError> {
    let mut builder = IndexBuilder::in_memory(METADATA);
    list.iter().try_for_each(|identity| builder.push(identity.view()))?;
    Ok(builder)
}

pub(crate) fn build_bytes(list: &[Owned]) -> Result<Vec<u8>, BuildError> {
    in_memory(list)?.finish_bytes()
}

pub(crate) fn build(list: &[Owned]) -> Index {
    in_memory(list).and_then(IndexBuilder::<ToMemory>::finish).unwrap()
}

/// With `memory_max_bytes` that small, nearly every key is spilled.
pub(crate) fn build_file(
    list: &[Owned],
    path: &Path,
    memory_max_bytes: usize,
) -> Result<Summary, BuildError> {
    let mut config = BuildConfig::new(path.parent().unwrap());
    config.memory_max_bytes = memory_max_bytes;
    config.metadata = METADATA.to_vec();
    let mut builder = IndexBuilder::create(path, config)?;
    list.iter().try_for_each(|identity| builder.push(identity.view()))?;
    builder.finish()
}
