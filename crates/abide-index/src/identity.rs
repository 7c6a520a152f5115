//! The cold part: one record an identity, in the order of primary keys, so that reading them one
//! after the other is a merge's input.

use std::fmt;

use crate::error::IndexError;
use crate::format::{BLOCK_BYTES, GROUP_IDENTITIES, Section};
use crate::image::{Image, damaged};
use crate::index::{SetId, read_set};

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
        let record = read_record(&mut self.rest).ok_or_else(|| group_damaged(self.image, self.next))?;
        record.view(self.image, ordinal)
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
    for _ in first..=ordinal {
        record = read_record(&mut rest);
    }
    record.ok_or_else(|| group_damaged(image, u64::from(ordinal)))?.view(image, ordinal)
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

/// A record as it stands in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    pub(crate) primary: [u8; 16],
    pub(crate) aliases: &'a [[u8; 16]],
    pub(crate) set: u32,
    pub(crate) state: RecordState<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecordState<'a> {
    /// One that others have too: its number among the sets.
    Interned(u32),
    Own(&'a [u8]),
}

impl<'a> Record<'a> {
    fn view(self, image: &'a Image, ordinal: u32) -> Result<StateView<'a>, IndexError> {
        let state = match self.state {
            RecordState::Own(state) => state,
            RecordState::Interned(number) => read_set(image, number)?,
        };
        let Record { primary, aliases, set, .. } = self;
        Ok(StateView { ordinal, primary, aliases, set: SetId::new(set), state })
    }
}

/// Appends a record to `bytes`.
pub(crate) fn write_record(bytes: &mut Vec<u8>, record: &Record<'_>) {
    bytes.extend_from_slice(&record.primary);
    write_count(bytes, record.set as usize);
    match record.state {
        RecordState::Interned(number) => {
            write_count(bytes, record.aliases.len() << 1 | 1);
            write_count(bytes, number as usize);
            bytes.extend_from_slice(record.aliases.as_flattened());
        }
        RecordState::Own(state) => {
            write_count(bytes, record.aliases.len() << 1);
            write_count(bytes, state.len());
            bytes.extend_from_slice(record.aliases.as_flattened());
            bytes.extend_from_slice(state);
        }
    }
}

/// Takes the first record off `bytes`, `None` if there is none whole.
fn read_record<'a>(bytes: &mut &'a [u8]) -> Option<Record<'a>> {
    let primary = *bytes.split_off(..16)?.first_chunk()?;
    let set = u32::try_from(read_count(bytes)?).ok()?;
    let aliases = read_count(bytes)?;
    let state = read_count(bytes)?;
    let is_interned = aliases & 1 == 1;
    let (aliases, _) = bytes.split_off(..(aliases >> 1).checked_mul(16)?)?.as_chunks();
    let state = if is_interned {
        RecordState::Interned(u32::try_from(state).ok()?)
    } else {
        RecordState::Own(bytes.split_off(..state)?)
    };
    Some(Record { primary, aliases, set, state })
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
            let own = vec![5; state];
            for state in [RecordState::Own(&own), RecordState::Interned(300)] {
                let record = Record { primary: [7; 16], aliases: &aliases, set: 9, state };
                let mut bytes = Vec::new();
                write_record(&mut bytes, &record);
                let mut rest = &bytes[..];
                assert_eq!(read_record(&mut rest), Some(record));
                assert!(rest.is_empty());
                for cut in 0..bytes.len() {
                    assert_eq!(read_record(&mut &bytes[..cut]), None);
                }
            }
        }
    }
}
