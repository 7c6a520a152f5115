//! The hot part's two shapes. A *line* is one cache line: 16-bit tags of about seventeen keys and where
//! their *entries* begin. A key that is absent is usually told so by its line alone.

use bytemuck::{Pod, Zeroable};

pub(crate) const TAGS: usize = 29;
const TAGS_U8: u8 = 29;

/// Mean keys a line. With 29 tags, 0.3% of lines overflow and a key costs 64 / 17 + 12 bytes.
pub(crate) const KEYS_PER_LINE: u64 = 17;

/// Odd, so that multiplying by it loses nothing (2⁶⁴ divided by the golden ratio).
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// A key as the hot part sees it. `hi` then `lo`, big-endian, so that (hi, lo) sorts like the bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) hi: u64,
    pub(crate) lo: u64,
}

impl Place {
    #[inline]
    pub(crate) fn of(key: &[u8; 16]) -> Place {
        let both = u128::from_be_bytes(*key);
        #[expect(clippy::cast_possible_truncation, reason = "the two halves, on purpose")]
        Place { hi: (both >> 64) as u64, lo: both as u64 }
    }

    /// hi × lines / 2⁶⁴: below `lines`, and it grows with the key, so that lines are in key order.
    #[inline]
    pub(crate) fn line(self, lines: u64) -> usize {
        #[expect(clippy::cast_possible_truncation, reason = "below `lines`, which fits in 32 bits")]
        let line = ((u128::from(self.hi) * u128::from(lines)) >> 64) as usize;
        line
    }

    /// The low bits of `hi`: the high ones choose the line and say nothing new within it.
    #[inline]
    pub(crate) fn tag(self) -> u16 {
        #[expect(clippy::cast_possible_truncation, reason = "the low bits, on purpose")]
        let tag = self.hi as u16;
        tag
    }
    /// What an entry keeps. All of the key goes into it, and keys that differ in one half only never
    /// share it, so that keys which are not quite random, as in a test, are told apart too.
    #[inline]
    pub(crate) fn check(self) -> u64 {
        self.lo ^ self.hi.wrapping_mul(MIX)
    }
}

/// One cache line.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C, align(64))]
pub(crate) struct Line {
    /// Slot of the first entry. Tag `i` belongs to slot `base + i`.
    pub(crate) base: u32,
    /// Tags in use.
    pub(crate) count: u8,
    /// Bit 0: keys in overflow, from slot `base + count` to the next line's base.
    pub(crate) flags: u8,
    /// Unused ones are zero.
    pub(crate) tags: [u16; TAGS],
}

/// Lanes of a line, read as 16-bit words, before its tags.
const HEAD_LANES: u32 = 3;

impl Line {
    pub(crate) const OVERFLOW: u8 = 1;

    #[inline]
    pub(crate) fn has_overflow(&self) -> bool {
        self.flags & Line::OVERFLOW != 0
    }

    /// Bit `i` is set if tag `i` is `tag`.
    #[inline]
    pub(crate) fn matches(&self, tag: u16) -> u32 {
        // All 32 words of the line, head too, so that the compiler makes four vector compares of it.
        let words: &[u16; 32] = bytemuck::cast_ref(self);
        let mut equal = [0u8; 32];
        for (equal, &word) in equal.iter_mut().zip(words) {
            *equal = u8::from(word == tag);
        }
        let eights: [u64; 4] = bytemuck::cast(equal);
        if eights == [0; 4] {
            return 0;
        }
        let mut mask = 0;
        for (i, eight) in eights.into_iter().enumerate() {
            // Gathers the lowest bit of each of eight bytes in the top byte, in order.
            let bits = (eight.wrapping_mul(0x0102_0408_1020_4080) >> 56) as u32;
            mask |= bits << (8 * i);
        }
        (mask >> HEAD_LANES) & ((1 << self.count.min(TAGS_U8)) - 1)
    }
}

/// What a slot holds: [`Place::check`] of the key, and its set.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct Entry {
    check: [u32; 2],
    pub(crate) set: u32,
}

impl Entry {
    pub(crate) fn new(place: Place, set: u32) -> Entry {
        Entry { check: halves(place.check()), set }
    }

    #[inline]
    pub(crate) fn check(&self) -> u64 {
        whole(self.check)
    }
}

/// Two slots: a key for which its line had no tag left. Here the whole key is compared.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct OverflowEntry {
    entry: Entry,
    hi: [u32; 2],
    zero: u32,
}

impl OverflowEntry {
    pub(crate) fn new(place: Place, set: u32) -> OverflowEntry {
        OverflowEntry { entry: Entry::new(place, set), hi: halves(place.hi), zero: 0 }
    }

    pub(crate) fn place(&self) -> Place {
        let hi = whole(self.hi);
        Place { hi, lo: self.entry.check() ^ hi.wrapping_mul(MIX) }
    }
}

fn halves(word: u64) -> [u32; 2] {
    bytemuck::cast(word)
}

#[inline]
fn whole(halves: [u32; 2]) -> u64 {
    bytemuck::cast(halves)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The mask names each tag that is equal, and neither the line's head nor unused tags.
    #[test]
    fn mask_names_the_equal_tags() {
        let mut line: Line = Zeroable::zeroed();
        line.base = 0x0007_0007;
        line.count = 28;
        line.tags = [7; TAGS];
        assert_eq!(line.matches(7), (1 << 28) - 1);
        assert_eq!(line.matches(28), 0, "28 stands in the head only");
        for (tag, number) in line.tags.iter_mut().zip(0..) {
            *tag = number;
        }
        line.count = 29;
        for i in 0..29 {
            assert_eq!(line.matches(i), 1 << i);
        }
    }

    /// Lines follow the order of keys and every line number is in range.
    #[test]
    fn lines_grow_with_the_key() {
        let keys = [[0; 16], [1; 16], [0x7f; 16], [0x80; 16], [0xff; 16]];
        let lines: Vec<_> = keys.iter().map(|key| Place::of(key).line(1000)).collect();
        assert_eq!(lines, [0, 3, 498, 501, 999]);
    }
}
