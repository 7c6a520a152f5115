//! Strings of six-bit characters, read bit by bit.

use super::Undecodable;

/// Longer than any real consent string; a longer one is not worth its decoding.
const CHARACTERS_MAX: usize = 64 * 1024;

/// The bits of one segment: each character of the URL-safe (or plain) Base64 alphabet is six.
///
/// Encoders pad to a multiple of six or of eight bits, with zeros, some with `=`: so what follows
/// the last field is not looked at.
#[derive(Clone, Debug)]
pub(super) struct Bits {
    sextets: Vec<u8>,
    at: usize,
}

impl Bits {
    pub(super) fn of(text: &str) -> Result<Self, Undecodable> {
        let text = text.trim_end_matches('=');
        if text.len() > CHARACTERS_MAX {
            return Err(Undecodable::TooLong);
        }
        let sextets = text.bytes().map(sextet).collect::<Option<Vec<u8>>>().ok_or(Undecodable::Alphabet)?;
        Ok(Self { sextets, at: 0 })
    }

    pub(super) fn len(&self) -> usize {
        self.sextets.len() * 6
    }

    pub(super) fn bit(&mut self) -> Result<bool, Undecodable> {
        let sextet = self.sextets.get(self.at / 6).ok_or(Undecodable::TooShort)?;
        let bit = sextet >> (5 - self.at % 6) & 1;
        self.at += 1;
        Ok(bit == 1)
    }

    /// An unsigned number of at most 64 bits.
    pub(super) fn int(&mut self, bits: u8) -> Result<u64, Undecodable> {
        let mut value = 0;
        for _ in 0..bits {
            value = value << 1 | u64::from(self.bit()?);
        }
        Ok(value)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Undecodable> {
        self.int(16).map(|value| u16::try_from(value).expect("16 bits were read"))
    }

    /// A number as a sum of Fibonacci numbers, its end marked by two ones.
    pub(super) fn fibonacci(&mut self) -> Result<u32, Undecodable> {
        let (mut this, mut next) = (1_u32, 2_u32);
        let (mut sum, mut before) = (0_u32, false);
        loop {
            let bit = self.bit()?;
            if bit && before {
                return Ok(sum);
            }
            if bit {
                sum = sum.checked_add(this).ok_or(Undecodable::Range)?;
            }
            before = bit;
            (this, next) = (next, this.checked_add(next).ok_or(Undecodable::Range)?);
        }
    }
}

fn sextet(character: u8) -> Option<u8> {
    match character {
        b'A'..=b'Z' => Some(character - b'A'),
        b'a'..=b'z' => Some(character - b'a' + 26),
        b'0'..=b'9' => Some(character - b'0' + 52),
        b'-' | b'+' => Some(62),
        b'_' | b'/' => Some(63),
        _ => None,
    }
}
