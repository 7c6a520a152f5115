//! Numbers as bytes: LEB128, signed ones zigzagged.

use super::undecodable;
use crate::{IndexError, Section};

pub(crate) fn write_number(mut number: u64, into: &mut Vec<u8>) {
    while number >= 0x80 {
        into.push(u8::try_from(number & 0x7f).expect("7 bits") | 0x80);
        number >>= 7;
    }
    into.push(u8::try_from(number).expect("below 0x80"));
}

pub(crate) fn write_signed(number: i64, into: &mut Vec<u8>) {
    write_number(((number << 1) ^ (number >> 63)).cast_unsigned(), into);
}

/// Reads from the front of a slice; what is missing or too large is damage.
pub(crate) struct Input<'a>(pub(crate) &'a [u8]);

impl Input<'_> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> Result<u8, IndexError> {
        let (first, rest) = self.0.split_first().ok_or_else(|| undecodable(Section::Records))?;
        self.0 = rest;
        Ok(*first)
    }

    pub(crate) fn number(&mut self) -> Result<u64, IndexError> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(undecodable(Section::Records))
    }

    pub(crate) fn signed(&mut self) -> Result<i64, IndexError> {
        let number = self.number()?;
        Ok((number >> 1).cast_signed() ^ -((number & 1).cast_signed()))
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], IndexError> {
        let (first, rest) = self.0.split_first_chunk().ok_or_else(|| undecodable(Section::Records))?;
        self.0 = rest;
        Ok(*first)
    }
}
