//! Interns sets, and states that many have: equal bytes get one id, in the order in which they first come.

use std::collections::HashMap;
use std::io::{Seek, Write};

use super::output::{SectionWriter, Written, align};
use crate::error::BuildError;

pub(super) struct SetTable {
    ids: HashMap<Box<[u8]>, u32>,
    /// The set that came last; mostly the next is the same.
    last: (Box<[u8]>, u32),
    bytes: usize,
    bytes_max: usize,
}

/// What the table costs a set beside its bytes, about.
const SET_OVERHEAD_BYTES: usize = 64;

impl SetTable {
    /// With the empty set as number 0.
    pub(super) fn new(bytes_max: usize) -> SetTable {
        SetTable { ids: HashMap::from([(Box::default(), 0)]), last: Default::default(), bytes: 0, bytes_max }
    }

    pub(super) fn intern(&mut self, set: &[u8]) -> Result<u32, BuildError> {
        if *self.last.0 == *set {
            return Ok(self.last.1);
        }
        let id = self.number(set)?;
        self.last = (set.into(), id);
        Ok(id)
    }

    fn number(&mut self, set: &[u8]) -> Result<u32, BuildError> {
        if let Some(&id) = self.ids.get(set) {
            return Ok(id);
        }
        let bytes = self.bytes + set.len() + SET_OVERHEAD_BYTES;
        let id = u32::try_from(self.ids.len());
        let (true, Ok(id)) = (bytes <= self.bytes_max, id) else {
            return Err(BuildError::TooManySets { bytes_max: self.bytes_max });
        };
        self.bytes = bytes;
        self.ids.insert(set.into(), id);
        Ok(id)
    }

    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.ids.len()).expect("ids were given in 32 bits")
    }

    /// Writes where each set begins and the last ends, then the sets, from `offset` on.
    pub(super) fn write<T: Write + Seek>(
        &self,
        offset: u64,
        target: &mut T,
    ) -> Result<(Written, Written), BuildError> {
        let mut sets: Vec<_> = self.ids.iter().map(|(set, &id)| (id, set)).collect();
        sets.sort_unstable();
        let offsets_bytes = (sets.len() as u64 + 1) * size_of::<u64>() as u64;
        let mut offsets = SectionWriter::new(offset);
        let mut contents = SectionWriter::new(align(offset + offsets_bytes));
        for (_, set) in sets {
            offsets.write(target, &contents.bytes().to_le_bytes())?;
            contents.write(target, set)?;
        }
        offsets.write(target, &contents.bytes().to_le_bytes())?;
        Ok((offsets.finish(target)?, contents.finish(target)?))
    }
}

/// States that two identities in a row had, which are kept among the sets. Of a list without dates all states are
/// such a one; of one with dates none is.
#[derive(Default)]
pub(super) struct CommonStates {
    last: Vec<u8>,
    last_number: Option<u32>,
    numbers: HashMap<Box<[u8]>, u32>,
}

/// Bounds on what is kept.
const COMMON_STATES_MAX: usize = 1 << 14;
const COMMON_STATE_BYTES_MAX: usize = 256;

impl CommonStates {
    /// The number of a state that is common.
    pub(super) fn interned(&mut self, state: &[u8], sets: &mut SetTable) -> Result<Option<u32>, BuildError> {
        let comes_again = *self.last == *state;
        if comes_again && self.last_number.is_some() {
            return Ok(self.last_number);
        }
        self.last_number = self.numbers.get(state).copied();
        if self.last_number.is_none()
            && comes_again
            && self.numbers.len() < COMMON_STATES_MAX
            && state.len() <= COMMON_STATE_BYTES_MAX
        {
            let number = sets.number(state)?;
            self.numbers.insert(state.into(), number);
            self.last_number = Some(number);
        }
        self.last.clear();
        self.last.extend_from_slice(state);
        Ok(self.last_number)
    }
}
