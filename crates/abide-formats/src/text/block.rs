//! Sixty-four bytes at a time: where in them a byte occurs, as a bit mask.

use wide::u8x16;

pub(crate) const BLOCK: usize = 64;

/// The block that starts at `at`; past the end of `bytes` it is filled with zeros, which we never look for.
#[inline]
pub(crate) fn block_at(bytes: &[u8], at: usize) -> [u8; BLOCK] {
    if let Some(whole) = bytes.get(at..at + BLOCK) {
        return whole.try_into().expect("the range is one block long");
    }
    let mut block = [0; BLOCK];
    let rest = &bytes[at..];
    block[..rest.len()].copy_from_slice(rest);
    block
}

/// Bit i is set where `block[i] == byte`.
#[inline]
pub(crate) fn matches(block: &[u8; BLOCK], byte: u8) -> u64 {
    let wanted = u8x16::splat(byte);
    let (quarters, _) = block.as_chunks::<16>();
    quarters.iter().enumerate().fold(0, |mask, (i, quarter)| {
        let equal = u8x16::new(*quarter).simd_eq(wanted);
        mask | u64::from(equal.to_bitmask()) << (16 * i)
    })
}

/// The positions of the set bits, lowest first.
#[inline]
pub(crate) fn bits(mut mask: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let at = (mask != 0).then(|| mask.trailing_zeros() as usize);
        mask &= mask.wrapping_sub(1);
        at
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_has_a_bit_for_every_match_and_no_other() {
        let text: Vec<u8> = (0..100).map(|i| if i % 7 == 0 { b',' } else { b'x' }).collect();
        for at in 0..text.len() {
            let found: Vec<usize> = bits(matches(&block_at(&text, at), b',')).map(|bit| at + bit).collect();
            let expected: Vec<usize> = (at..text.len().min(at + BLOCK)).filter(|i| i % 7 == 0).collect();
            assert_eq!(found, expected, "block at {at}");
        }
    }
}
