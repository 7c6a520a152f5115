//! The cold part: one record an identity, in the order of primary keys, so that reading them one
//! after the other is a merge's input.

use std::fmt;

use crate::error::IndexError;
use crate::format::{BLOCK_BYTES, GROUP_IDENTITIES, Section};
use crate::image::{Image, damaged};
use crate::index::SetId;

/// An identity as it stands in an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateView<'a> {
    /// Number in the order of primary keys, from 0.
    pub ordinal: u32,
    pub primary: [u8; 16],
    /// In the order in which they were pushed.
    pub aliases: &'a [[u8; 16]],
    pub set: SetId,
    pub state: &'a [u8],
}

impl StateView<'_> {
    pub(crate) fn holds(&self, key: &[u8; 16]) -> bool {
        self.primary == *key || self.aliases.contains(key)
    }
}

/// Every identity in the order of primary keys. Ends after the first error.
pub struct Identities<'a> {
    image: &'a Image,
    next: u64,
    /// What is left of the group that `next` is in.
    rest: &'a [u8],
}

impl<'a> Identities<'a> {
    pub(crate) fn new(image: &'a Image) -> Identities<'a> {
        Identities { image, next: 0, rest: &[] }
    }

    fn read_next(&mut self) -> Result<StateView<'a>, IndexError> {
        if self.next.is_multiple_of(u64::from(GROUP_IDENTITIES)) {
            self.rest = group(self.image, self.next / u64::from(GROUP_IDENTITIES))?;
        }
        let ordinal = u32::try_from(self.next).expect("the head allows no more identities than that");
        read_record(&mut self.rest, ordinal).ok_or_else(|| group_damaged(self.image, self.next))
    }
}

impl<'a> Iterator for Identities<'a> {
    type Item = Result<StateView<'a>, IndexError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.image.head().identities {
            return None;
        }
        let read = self.read_next();
        self.next = if read.is_ok() { self.next + 1 } else { u64::MAX };
        Some(read)
    }
}

impl fmt::Debug for Identities<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identities").field("next", &self.next).finish_non_exhaustive()
    }
}

/// Identity number `ordinal`, which was read from the file.
pub(crate) fn read_identity(image: &Image, ordinal: u32) -> Result<StateView<'_>, IndexError> {
    if u64::from(ordinal) >= image.head().identities {
        return Err(damaged(Section::Ordinals, 0));
    }
    let first = ordinal - ordinal % GROUP_IDENTITIES;
    let mut rest = group(image, u64::from(ordinal / GROUP_IDENTITIES))?;
    let mut record = None;
    for ordinal in first..=ordinal {
        record = read_record(&mut rest, ordinal);
    }
    record.ok_or_else(|| group_damaged(image, u64::from(ordinal)))
}

/// The records of up to [`GROUP_IDENTITIES`] identities.
fn group(image: &Image, number: u64) -> Result<&[u8], IndexError> {
    let bounds: &[u64] = image.items(Section::Groups, number, number + 2)?;
    image.bytes(Section::Records, bounds[0], bounds[1])
}

/// Only a file that was not made by our builder gets here: the bytes are as written, but no records.
fn group_damaged(image: &Image, ordinal: u64) -> IndexError {
    let number = ordinal / u64::from(GROUP_IDENTITIES);
    let start = image.items::<u64>(Section::Groups, number, number + 1).map_or(0, |start| start[0]);
    IndexError::Damaged { section: Section::Records, block: start / BLOCK_BYTES as u64 }
}

/// Appends a record to `bytes`.
pub(crate) fn write_record(
    bytes: &mut Vec<u8>,
    primary: &[u8; 16],
    aliases: &[[u8; 16]],
    set: u32,
    state: &[u8],
) {
    bytes.extend_from_slice(primary);
    bytes.extend_from_slice(&set.to_le_bytes());
    write_count(bytes, aliases.len());
    write_count(bytes, state.len());
    bytes.extend_from_slice(aliases.as_flattened());
    bytes.extend_from_slice(state);
}

/// Takes the first record off `bytes`, `None` if there is none whole.
fn read_record<'a>(bytes: &mut &'a [u8], ordinal: u32) -> Option<StateView<'a>> {
    let primary = *bytes.split_off(..16)?.first_chunk()?;
    let set = u32::from_le_bytes(*bytes.split_off(..4)?.first_chunk()?);
    let aliases = read_count(bytes)?;
    let state = read_count(bytes)?;
    let (aliases, _) = bytes.split_off(..aliases.checked_mul(16)?)?.as_chunks();
    let state = bytes.split_off(..state)?;
    Some(StateView { ordinal, primary, aliases, set: SetId::new(set), state })
}

/// Seven bits a byte, lowest first, the top bit set in all but the last (LEB128).
#[expect(clippy::cast_possible_truncation, reason = "below 128")]
fn write_count(bytes: &mut Vec<u8>, mut count: usize) {
    while count >= 0x80 {
        bytes.push((count & 0x7f) as u8 | 0x80);
        count >>= 7;
    }
    bytes.push(count as u8);
}

fn read_count(bytes: &mut &[u8]) -> Option<usize> {
    let mut count = 0;
    for shift in (0..usize::BITS).step_by(7) {
        let byte = *bytes.split_off_first()?;
        count |= usize::from(byte & 0x7f).checked_shl(shift)?;
        if byte < 0x80 {
            return Some(count);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record that is cut anywhere is no record; whole, it is what was written.
    #[test]
    fn records_survive_the_way_there_and_back() {
        for (aliases, state) in [(0, 0), (1, 127), (3, 128), (130, 20_000)] {
            let aliases: Vec<_> = (0..aliases).map(|i| [i; 16]).collect();
            let state = vec![5; state];
            let mut bytes = Vec::new();
            write_record(&mut bytes, &[7; 16], &aliases, 9, &state);
            let expected = StateView {
                ordinal: 4,
                primary: [7; 16],
                aliases: &aliases,
                set: SetId::new(9),
                state: &state,
            };
            let mut rest = &bytes[..];
            assert_eq!(read_record(&mut rest, 4), Some(expected));
            assert!(rest.is_empty());
            for cut in 0..bytes.len() {
                assert_eq!(read_record(&mut &bytes[..cut], 4), None);
            }
        }
    }
}
