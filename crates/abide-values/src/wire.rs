//! Bytes that are read one after the other, and how far anything may go.

use crate::Unreadable;

/// Nothing that a person wrote is nested deeper, and what is read would else be limited by the stack.
const DEPTH_MAX: usize = 128;

/// One level further in.
pub(crate) fn deeper(depth: usize) -> Result<usize, Unreadable> {
    if depth < DEPTH_MAX { Ok(depth + 1) } else { Err(Unreadable) }
}

/// Where a value is being read.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'v> {
    pub(crate) rest: &'v [u8],
    /// How many more parts may be looked at. Parts that take no bytes (an array of a billion nulls) would else take for ever.
    steps: u64,
}

impl<'v> Cursor<'v> {
    pub(crate) fn new(rest: &'v [u8]) -> Self {
        Self { rest, steps: 10_000 + 16 * rest.len() as u64 }
    }

    /// For what makes something of each part, which is longer than the part.
    pub(crate) fn with_fewer_steps(self) -> Self {
        Self { steps: self.steps / 4, ..self }
    }

    pub(crate) fn step(&mut self) -> Result<(), Unreadable> {
        self.steps = self.steps.checked_sub(1).ok_or(Unreadable)?;
        Ok(())
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'v [u8], Unreadable> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Unreadable)?;
        self.rest = rest;
        Ok(taken)
    }

    /// What was read since the cursor stood there.
    pub(crate) fn since(&self, start: &'v [u8]) -> &'v [u8] {
        &start[..start.len() - self.rest.len()]
    }

    pub(crate) fn varint(&mut self) -> Result<u64, Unreadable> {
        let mut number = 0;
        for (at, byte) in self.rest.iter().take(10).enumerate() {
            let bits = u64::from(byte & 0x7f);
            // Of the tenth byte there is room for one bit.
            if at == 9 && bits > 1 {
                return Err(Unreadable);
            }
            number |= bits << (7 * at);
            if byte & 0x80 == 0 {
                self.rest = &self.rest[at + 1..];
                return Ok(number);
            }
        }
        Err(Unreadable)
    }

    /// A varint whose sign is its last bit.
    pub(crate) fn zigzag(&mut self) -> Result<i64, Unreadable> {
        self.varint().map(unzigzag)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

pub(crate) fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -((number & 1).cast_signed())
}

pub(crate) fn write_varint(mut number: u64, to: &mut Vec<u8>) {
    while number >= 0x80 {
        to.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    to.push(number.to_le_bytes()[0]);
}

pub(crate) fn write_zigzag(number: i64, to: &mut Vec<u8>) {
    write_varint(((number << 1) ^ (number >> 63)).cast_unsigned(), to);
}
