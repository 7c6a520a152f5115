//! Definition levels of a flat column: which rows have a value.
//!
//! In go the levels of a page and a mask of its rows; out come the levels of the rows that stay, and a mask of the
//! values, which are fewer than the rows where some are null.

use std::borrow::Cow;

use parquet::errors::ParquetError;

use super::hybrid::{self, Run, Runs};

/// What stays of a page's levels.
pub(super) struct Kept<'k> {
    pub(super) encoded: Vec<u8>,
    pub(super) nulls: usize,
    /// One entry for each value of the page.
    pub(super) values: Cow<'k, [bool]>,
}

impl<'k> Kept<'k> {
    /// Of a column that has no levels, as each row has a value.
    pub(super) fn without_levels(keep: &'k [bool]) -> Self {
        Self { encoded: Vec::new(), nulls: 0, values: Cow::Borrowed(keep) }
    }

    /// `max` is the level of a row that has a value.
    pub(super) fn of(bytes: &[u8], max: u32, keep: &'k [bool]) -> Result<Self, ParquetError> {
        let width = hybrid::width_of(max);
        let mut encoded = Vec::new();
        if has_no_nulls(bytes, max, keep.len())? {
            hybrid::encode_repeated(max, hybrid::kept(keep), width, &mut encoded);
            return Ok(Self { encoded, nulls: 0, values: Cow::Borrowed(keep) });
        }
        let mut levels = Vec::with_capacity(keep.len());
        hybrid::decode_kept(bytes, width, &vec![true; keep.len()], &mut levels)?;
        if levels.iter().any(|level| *level > max) {
            return Err(ParquetError::General(format!("a definition level is above {max}")));
        }
        let with_level = || levels.iter().zip(keep);
        let values =
            with_level().filter(|(level, _)| **level == max).map(|(_, keep)| *keep).collect::<Vec<bool>>();
        let kept = with_level().filter(|(_, keep)| **keep).map(|(level, _)| *level).collect::<Vec<u32>>();
        let nulls = kept.iter().filter(|level| **level != max).count();
        hybrid::encode(&kept, width, &mut encoded);
        Ok(Self { encoded, nulls, values: Cow::Owned(values) })
    }
}

/// Whether the levels say in so many words that each row has a value, which is the usual case.
fn has_no_nulls(bytes: &[u8], max: u32, len: usize) -> Result<bool, ParquetError> {
    for run in Runs::new(bytes, hybrid::width_of(max), len)? {
        if !matches!(run?, Run::Repeated { value, .. } if value == max) {
            return Ok(false);
        }
    }
    Ok(true)
}
