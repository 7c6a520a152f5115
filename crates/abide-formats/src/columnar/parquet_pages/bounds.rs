//! The least and the greatest value of some rows, in the order that Parquet defines for the column.
//!
//! In go the values that stay, out come those two, which readers use to skip what cannot hold what they look for. They
//! are always values of rows that stay: a bound that is true but was taken from a row that went would tell of it.

use std::cmp::Ordering;

use parquet::basic::{SortOrder, Type as Physical};
use parquet::schema::types::ColumnDescriptor;

/// Longer values are no bounds.
const BOUND_BYTES_MAX: usize = 64;

/// The order of a column's values.
#[derive(Debug, Clone, Copy)]
pub(super) enum Order {
    Signed,
    Unsigned,
    Float,
    Bytes,
    /// Two's complement, the first byte the highest, all of one length.
    SignedBytes,
}

/// The extremes of some values.
#[derive(Debug)]
pub(super) struct Bounds {
    pub(super) extremes: Extremes,
    pub(super) nans: u64,
}

#[derive(Debug)]
pub(super) enum Extremes {
    /// There are no values, or nothing but NaN.
    None,
    Known {
        least: Vec<u8>,
        most: Vec<u8>,
    },
    /// One of them is too long.
    Unknown,
}

impl Order {
    /// `None` where Parquet defines no order, or a rare one.
    pub(super) fn of(column: &ColumnDescriptor) -> Option<Self> {
        match (column.physical_type(), column.sort_order()) {
            (Physical::FLOAT | Physical::DOUBLE, _) => Some(Self::Float),
            (Physical::INT32 | Physical::INT64, SortOrder::SIGNED) => Some(Self::Signed),
            (Physical::INT32 | Physical::INT64 | Physical::BOOLEAN, _) => Some(Self::Unsigned),
            (Physical::BYTE_ARRAY | Physical::FIXED_LEN_BYTE_ARRAY, SortOrder::UNSIGNED) => Some(Self::Bytes),
            (Physical::FIXED_LEN_BYTE_ARRAY, SortOrder::SIGNED) => Some(Self::SignedBytes),
            _ => None,
        }
    }

    pub(super) fn compare(self, a: &[u8], b: &[u8]) -> Ordering {
        self.key(a).cmp(&self.key(b)).then_with(|| a.cmp(b))
    }

    /// A number that is ordered as the values are, or equal for values that have to be compared in full. None for NaN.
    #[inline]
    fn key(self, value: &[u8]) -> Option<u64> {
        const SIGN: u64 = 1 << 63;
        match self {
            Self::Unsigned => Some(number(value)),
            // The sign of a narrow number is moved to the top.
            Self::Signed if value.len() == 4 => Some((number(value) << 32) ^ SIGN),
            Self::Signed => Some(number(value) ^ SIGN),
            Self::Float => {
                let number = match value.try_into() {
                    Ok(four) => f64::from(f32::from_le_bytes(four)),
                    Err(_) => f64::from_bits(number(value)),
                };
                let bits = number.to_bits();
                (!number.is_nan()).then_some(if bits & SIGN == 0 { bits ^ SIGN } else { !bits })
            }
            Self::Bytes => Some(beginning(value)),
            Self::SignedBytes => Some(beginning(value) ^ SIGN),
        }
    }
}

/// A number of at most eight bytes.
#[inline]
fn number(value: &[u8]) -> u64 {
    if let Ok(eight) = value.try_into() {
        return u64::from_le_bytes(eight);
    }
    if let Ok(four) = value.try_into() {
        return u32::from_le_bytes(four).into();
    }
    value.first().copied().unwrap_or(0).into()
}

/// The first eight bytes as a number that is ordered as they are.
#[inline]
fn beginning(value: &[u8]) -> u64 {
    if let Some(first) = value.first_chunk() {
        return u64::from_be_bytes(*first);
    }
    let mut first = [0; 8];
    first[..value.len()].copy_from_slice(value);
    u64::from_be_bytes(first)
}

impl Bounds {
    pub(super) fn of<'v>(order: Order, values: impl IntoIterator<Item = &'v [u8]>) -> Self {
        let (mut nans, mut extremes) = (0, None);
        for value in values {
            let Some(key) = order.key(value) else {
                nans += 1;
                continue;
            };
            let (least, most) = extremes.get_or_insert(((key, value), (key, value)));
            if key <= least.0 && (key, value) < *least {
                *least = (key, value);
            }
            if key >= most.0 && (key, value) > *most {
                *most = (key, value);
            }
        }
        let extremes = match extremes {
            None => Extremes::None,
            Some(((_, least), (_, most))) if least.len().max(most.len()) <= BOUND_BYTES_MAX => {
                Extremes::Known { least: least.to_vec(), most: most.to_vec() }
            }
            Some(_) => Extremes::Unknown,
        };
        Self { extremes, nans }
    }

    /// Of packed bits.
    pub(super) fn of_bits(bytes: &[u8], len: usize) -> Self {
        let bit = |at: usize| bytes[at / 8] >> (at % 8) & 1;
        let (any_false, any_true) =
            (0..len).map(bit).fold((false, false), |(f, t), bit| (f || bit == 0, t || bit == 1));
        let values = [any_false.then_some(&[0][..]), any_true.then_some(&[1][..])];
        Self::of(Order::Unsigned, values.into_iter().flatten())
    }

    /// Of all pages together.
    pub(super) fn of_all<'b>(order: Order, pages: impl Iterator<Item = &'b Self> + Clone) -> Self {
        let nans = pages.clone().map(|page| page.nans).sum();
        if pages.clone().any(|page| matches!(page.extremes, Extremes::Unknown)) {
            return Self { extremes: Extremes::Unknown, nans };
        }
        let values = pages.flat_map(|page| match &page.extremes {
            Extremes::Known { least, most } => [Some(least.as_slice()), Some(most.as_slice())],
            _ => [None, None],
        });
        Self { nans, ..Self::of(order, values.flatten()) }
    }
}
