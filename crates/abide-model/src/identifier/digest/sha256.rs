//! SHA-256 of short texts. Nearly every identifier fits into one block with its padding (FIPS 180-4,
//! section 5.1.1), and then the hash is one compression and nothing around it.

#[cfg(target_arch = "x86_64")]
mod pair;

use std::borrow::Borrow;

use sha2::{Digest as _, Sha256, block_api::compress256};

/// What fits into a block beside the bit that ends a text and its length.
const TEXT_MAX: usize = 64 - 1 - size_of::<u64>();

/// FIPS 180-4, section 5.3.3.
const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// A short text, padded to the one block that is hashed of it.
#[derive(Clone)]
pub(crate) struct Block([u8; 64]);

impl Default for Block {
    /// Blank.
    #[inline]
    fn default() -> Self {
        Self([0; 64])
    }
}

impl Block {
    /// `None` for a text that needs more than one block.
    #[inline]
    pub(crate) fn of(text: &str) -> Option<Self> {
        let mut block = Self::default();
        block.fill(text).then_some(block)
    }

    /// Makes a blank block that of a text. False, and it stays blank, for a text that needs more than one.
    #[inline]
    pub(crate) fn fill(&mut self, text: &str) -> bool {
        let Self(block) = self;
        let Some(room) = block[..TEXT_MAX].get_mut(..text.len()) else { return false };
        room.copy_from_slice(text.as_bytes());
        block[text.len()] = 0x80;
        // A text this short has fewer than 2^16 bits.
        let bits = u16::try_from(8 * text.len()).expect("at most 55 bytes");
        block[62..].copy_from_slice(&bits.to_be_bytes());
        true
    }

    /// The first half of the hash.
    #[inline]
    fn first_16(&self) -> [u8; 16] {
        let mut state = INITIAL;
        compress256(&mut state, std::slice::from_ref(&self.0));
        let [a, b, c, d, ..] = state;
        (u128::from(a) << 96 | u128::from(b) << 64 | u128::from(c) << 32 | u128::from(d)).to_be_bytes()
    }
}

/// Gives `finish` the first half of the hash of each block, with what came with it. Two at a time, which together are
/// done sooner than one after the other.
#[inline]
pub(crate) fn hash_each<P>(
    blocks: impl IntoIterator<Item = (P, impl Borrow<Block>)>,
    mut finish: impl FnMut(P, [u8; 16]),
) {
    let mut blocks = blocks.into_iter();
    while let Some((place, block)) = blocks.next() {
        let Some((other_place, other_block)) = blocks.next() else {
            return finish(place, block.borrow().first_16());
        };
        let [hash, other_hash] = first_16_of_pair([block.borrow(), other_block.borrow()]);
        finish(place, hash);
        finish(other_place, other_hash);
    }
}

#[inline]
fn first_16_of_pair(pair: [&Block; 2]) -> [[u8; 16]; 2] {
    #[cfg(target_arch = "x86_64")]
    if let Some(both) = pair::first_16_of(pair) {
        return both;
    }
    pair.map(Block::first_16)
}

pub(super) fn first_16_of(text: &str) -> [u8; 16] {
    match Block::of(text) {
        Some(block) => block.first_16(),
        None => super::first_16(&Sha256::digest(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of every length around the block's end, it is the SHA-256 that everybody else computes.
    #[test]
    fn agrees_with_the_whole_hash() {
        for len in 0..200 {
            let text = "a.b@example.test".repeat(13)[..len].to_owned();
            assert_eq!(first_16_of(&text), Sha256::digest(&text)[..16], "{len} bytes");
        }
    }

    #[test]
    fn a_pair_agrees_with_each_alone() {
        for (one, other) in [("a@example.test", "b@example.test"), ("", &"x".repeat(TEXT_MAX))] {
            let blocks = [one, other].map(|text| Block::of(text).unwrap());
            assert_eq!(first_16_of_pair(blocks.each_ref()), [one, other].map(first_16_of));
        }
    }
}
