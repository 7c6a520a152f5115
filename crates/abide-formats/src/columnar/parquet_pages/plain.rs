//! Values in the PLAIN encoding: of a fixed width, or each behind its length, or one bit each.
//!
//! In go the values of a page and a mask of them; out come the bytes of those that stay, copied.

use parquet::basic::Type as Physical;
use parquet::errors::ParquetError;
use parquet::schema::types::ColumnDescriptor;

use super::hybrid;

const LENGTH_BYTES: usize = 4;

/// How the values of a column are laid out.
#[derive(Debug, Clone, Copy)]
pub(super) enum Plain {
    Bits,
    Fixed { width: usize },
    Lengths,
}

impl Plain {
    /// `None` for values of no width.
    pub(super) fn of(column: &ColumnDescriptor) -> Option<Self> {
        let width = match column.physical_type() {
            Physical::BOOLEAN => return Some(Self::Bits),
            Physical::BYTE_ARRAY => return Some(Self::Lengths),
            Physical::INT32 | Physical::FLOAT => 4,
            Physical::INT64 | Physical::DOUBLE => 8,
            Physical::INT96 => 12,
            Physical::FIXED_LEN_BYTE_ARRAY => usize::try_from(column.type_length()).ok()?,
        };
        (width > 0).then_some(Self::Fixed { width })
    }

    /// Appends the values that `keep` keeps, one entry for each value that is there.
    pub(super) fn filter(self, values: &[u8], keep: &[bool], out: &mut Vec<u8>) -> Result<(), ParquetError> {
        match self {
            Self::Bits => filter_bits(values, keep, out),
            Self::Fixed { width: 4 } => filter_fixed::<4>(values, keep, out),
            Self::Fixed { width: 8 } => filter_fixed::<8>(values, keep, out),
            Self::Fixed { width } => filter_wide(values, width, keep, out),
            Self::Lengths => filter_lengths(values, keep, out),
        }
    }

    /// The bytes of each value. Of bits, none.
    pub(super) fn values(self, bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
        let mut rest = bytes;
        std::iter::from_fn(move || {
            let (value, after) = match self {
                Self::Bits => return None,
                Self::Fixed { width } => rest.split_at_checked(width)?,
                Self::Lengths => split_first(rest)?,
            };
            rest = after;
            Some(value)
        })
    }
}

fn filter_bits(values: &[u8], keep: &[bool], out: &mut Vec<u8>) -> Result<(), ParquetError> {
    if values.len() < keep.len().div_ceil(8) {
        return Err(too_short());
    }
    let mut kept = Vec::with_capacity(keep.len());
    hybrid::unpack_kept(values, 1, keep, &mut kept);
    hybrid::pack(&kept, 1, out);
    Ok(())
}

fn filter_fixed<const WIDTH: usize>(
    values: &[u8],
    keep: &[bool],
    out: &mut Vec<u8>,
) -> Result<(), ParquetError> {
    let values = values.as_chunks::<WIDTH>().0.get(..keep.len()).ok_or_else(too_short)?;
    let begin = out.len();
    out.resize(begin + keep.len() * WIDTH, 0);
    let room = out[begin..].as_chunks_mut::<WIDTH>().0;
    let mut end = 0;
    for (value, keep) in values.iter().zip(keep) {
        // Every value is written, and those that go are written over.
        room[end] = *value;
        end += usize::from(*keep);
    }
    out.truncate(begin + end * WIDTH);
    Ok(())
}

fn filter_wide(values: &[u8], width: usize, keep: &[bool], out: &mut Vec<u8>) -> Result<(), ParquetError> {
    let len = keep.len().checked_mul(width).ok_or_else(too_short)?;
    let values = values.get(..len).ok_or_else(too_short)?;
    for (value, _) in values.chunks_exact(width).zip(keep).filter(|(_, keep)| **keep) {
        out.extend_from_slice(value);
    }
    Ok(())
}

/// Copies neighbours that stay at once.
fn filter_lengths(values: &[u8], keep: &[bool], out: &mut Vec<u8>) -> Result<(), ParquetError> {
    let (mut at, mut copied, mut copying) = (0, 0, false);
    for keep in keep {
        if *keep != copying {
            if copying {
                out.extend_from_slice(&values[copied..at]);
            }
            (copied, copying) = (at, *keep);
        }
        let (value, _) = split_first(&values[at..]).ok_or_else(too_short)?;
        at += LENGTH_BYTES + value.len();
    }
    if copying {
        out.extend_from_slice(&values[copied..at]);
    }
    Ok(())
}

/// The value behind the length that the bytes begin with, and what follows.
#[inline]
fn split_first(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<LENGTH_BYTES>()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

fn too_short() -> ParquetError {
    ParquetError::General("a page has fewer values than it should".to_owned())
}
