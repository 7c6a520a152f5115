//! Small numbers as levels and dictionary indices are stored: repeated ones as a run, others packed into as many bits
//! each as the largest needs.
//!
//! In go bytes, the width in bits, and a mask; out come the numbers that stay. And the other way, numbers into bytes.

#![expect(clippy::cast_possible_truncation, reason = "numbers are cut into bytes and widths on purpose")]

use parquet::errors::ParquetError;

/// Repeated values are worth a run of their own from so many on.
const REPEATED_MIN: usize = 16;
/// The length of a packed run fits into one byte, as other writers have it.
const PACKED_MAX: usize = 63 * 8;
pub(super) const WIDTH_MAX: u32 = 32;

/// Consecutive numbers.
pub(super) enum Run<'a> {
    Repeated { value: u32, len: usize },
    Packed { bytes: &'a [u8], len: usize },
}

/// Takes bytes apart into runs, until there are as many numbers as there should be.
pub(super) struct Runs<'a> {
    bytes: &'a [u8],
    width: u32,
    left: usize,
}

impl<'a> Runs<'a> {
    pub(super) fn new(bytes: &'a [u8], width: u32, len: usize) -> Result<Self, ParquetError> {
        if width > WIDTH_MAX {
            return Err(damaged("a number has more than 32 bits"));
        }
        Ok(Self { bytes, width, left: len })
    }

    fn next_run(&mut self) -> Result<Run<'a>, ParquetError> {
        let header = self.header()?;
        let run = if header & 1 == 0 {
            let value = self.take(self.width.div_ceil(8) as usize)?;
            let mut wide = [0; 4];
            wide[..value.len()].copy_from_slice(value);
            Run::Repeated { value: u32::from_le_bytes(wide), len: self.left.min((header >> 1) as usize) }
        } else {
            let groups = (header >> 1) as usize;
            let len = self.left.min(groups * 8);
            // Some writers leave out the end of the last group, which holds nothing.
            let bytes = self.take(self.bytes.len().min(groups * self.width as usize))?;
            if bytes.len() < packed_bytes(len, self.width) {
                return Err(too_short());
            }
            Run::Packed { bytes, len }
        };
        self.left -= run.len();
        Ok(run)
    }

    fn header(&mut self) -> Result<u64, ParquetError> {
        let mut header = 0;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.take(1)?[0];
            header |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(header);
            }
        }
        Err(damaged("the length of a run is no number"))
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], ParquetError> {
        let (taken, rest) = self.bytes.split_at_checked(len).ok_or_else(too_short)?;
        self.bytes = rest;
        Ok(taken)
    }
}

impl<'a> Iterator for Runs<'a> {
    type Item = Result<Run<'a>, ParquetError>;

    fn next(&mut self) -> Option<Self::Item> {
        (self.left > 0).then(|| self.next_run())
    }
}

impl Run<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Repeated { len, .. } | Self::Packed { len, .. } => *len,
        }
    }
}

/// Appends the numbers that `keep` keeps, one entry for each number that is there.
pub(super) fn decode_kept(
    bytes: &[u8],
    width: u32,
    keep: &[bool],
    out: &mut Vec<u32>,
) -> Result<(), ParquetError> {
    let mut keep = keep;
    for run in Runs::new(bytes, width, keep.len())? {
        let run = run?;
        let (now, later) = keep.split_at(run.len());
        keep = later;
        match run {
            Run::Repeated { value, .. } => out.resize(out.len() + kept(now), value),
            Run::Packed { bytes, .. } => unpack_kept(bytes, width, now, out),
        }
    }
    Ok(())
}

/// How many entries of a mask are true.
pub(super) fn kept(keep: &[bool]) -> usize {
    // Sums of bytes that cannot overflow are added up many at a time.
    keep.chunks(255).map(|few| usize::from(few.iter().map(|keep| u8::from(*keep)).sum::<u8>())).sum()
}

/// Appends the packed numbers that `keep` keeps. There are enough bytes.
pub(super) fn unpack_kept(bytes: &[u8], width: u32, keep: &[bool], out: &mut Vec<u32>) {
    let mask = (1_u64 << width) - 1;
    let begin = out.len();
    out.resize(begin + keep.len(), 0);
    let room = &mut out[begin..];
    let mut end = 0;
    let mut bit = 0;
    for keep in keep {
        // Every number is written, and those that go are written over.
        room[end] = (word_at(bytes, bit >> 3) >> (bit & 7) & mask) as u32;
        end += usize::from(*keep);
        bit += width as usize;
    }
    out.truncate(begin + end);
}

#[inline]
fn word_at(bytes: &[u8], at: usize) -> u64 {
    if let Some(word) = bytes.get(at..at + 8) {
        return u64::from_le_bytes(word.try_into().expect("it is eight bytes"));
    }
    let mut word = [0; 8];
    let rest = bytes.get(at..).unwrap_or_default();
    word[..rest.len()].copy_from_slice(rest);
    u64::from_le_bytes(word)
}

/// Appends numbers as runs.
pub(super) fn encode(values: &[u32], width: u32, out: &mut Vec<u8>) {
    let mut packed = 0;
    let mut at = 0;
    while at < values.len() {
        let repeated = repeated(&values[at..]);
        if repeated >= REPEATED_MIN {
            encode_packed(&values[packed..at], width, out);
            encode_repeated(values[at], repeated, width, out);
            at += repeated;
            packed = at;
        } else {
            // Packed numbers come in groups of eight.
            at = values.len().min(at + 8);
        }
    }
    encode_packed(&values[packed..], width, out);
}

/// How often the first value is repeated; one when it is not worth knowing.
fn repeated(values: &[u32]) -> usize {
    match values.first_chunk::<8>() {
        Some(group) if group.iter().all(|value| *value == group[0]) => {
            values.iter().take_while(|value| **value == group[0]).count()
        }
        _ => 1,
    }
}

pub(super) fn encode_repeated(value: u32, len: usize, width: u32, out: &mut Vec<u8>) {
    let mut header = (len as u64) << 1;
    while header >= 0x80 {
        out.push(header as u8 | 0x80);
        header >>= 7;
    }
    out.push(header as u8);
    out.extend_from_slice(&value.to_le_bytes()[..width.div_ceil(8) as usize]);
}

fn encode_packed(values: &[u32], width: u32, out: &mut Vec<u8>) {
    for values in values.chunks(PACKED_MAX) {
        let groups = values.len().div_ceil(8);
        out.push((groups << 1) as u8 | 1);
        let end = out.len() + groups * width as usize;
        pack(values, width, out);
        out.resize(end, 0);
    }
}

/// Appends numbers in so many bits each, up to the last byte that has a bit of them.
pub(super) fn pack(values: &[u32], width: u32, out: &mut Vec<u8>) {
    let end = out.len() + packed_bytes(values.len(), width);
    let (mut word, mut bits) = (0_u64, 0);
    for value in values {
        word |= u64::from(*value) << bits;
        bits += width;
        if bits >= 32 {
            out.extend_from_slice(&(word as u32).to_le_bytes());
            word >>= 32;
            bits -= 32;
        }
    }
    out.extend_from_slice(&word.to_le_bytes());
    out.truncate(end);
}

fn packed_bytes(len: usize, width: u32) -> usize {
    (len * width as usize).div_ceil(8)
}

/// How many bits numbers up to `max` take.
pub(super) fn width_of(max: u32) -> u32 {
    u32::BITS - max.leading_zeros()
}

fn too_short() -> ParquetError {
    damaged("a page has fewer numbers than it should")
}

fn damaged(what: &str) -> ParquetError {
    ParquetError::General(what.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Numbers of at most so many bits, some of them repeated.
    fn numbers() -> impl Strategy<Value = (u32, Vec<u32>)> {
        (0..=WIDTH_MAX).prop_flat_map(|width| {
            let max = u32::try_from((1_u64 << width) - 1).unwrap();
            let runs = vec((0..=max, prop_oneof![Just(1_usize), 1..40_usize, Just(700)]), 0..60);
            runs.prop_map(move |runs| {
                (width, runs.iter().flat_map(|(value, len)| vec![*value; *len]).collect())
            })
        })
    }

    proptest! {
        #[test]
        fn numbers_that_stay_are_those_that_were_there(
            (width, numbers) in numbers(), pattern in vec(any::<bool>(), 1..9),
        ) {
            let mut bytes = Vec::new();
            encode(&numbers, width, &mut bytes);
            let keep: Vec<bool> = pattern.iter().copied().cycle().take(numbers.len()).collect();
            let mut found = Vec::new();
            decode_kept(&bytes, width, &keep, &mut found).unwrap();
            let expected: Vec<u32> =
                numbers.iter().zip(&keep).filter(|(_, keep)| **keep).map(|(number, _)| *number).collect();
            prop_assert_eq!(found, expected);
            prop_assert!(decode_kept(&bytes, width, &vec![true; numbers.len() + 8], &mut Vec::new()).is_err());
        }

        #[test]
        fn any_bytes_are_numbers_or_an_error(bytes in vec(any::<u8>(), 0..80), width in 0..40_u32, len in 0..500_usize) {
            let mut found = Vec::new();
            if decode_kept(&bytes, width, &vec![true; len], &mut found).is_ok() {
                prop_assert_eq!(found.len(), len);
            }
        }
    }
}
