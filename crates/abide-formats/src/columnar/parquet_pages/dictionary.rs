//! The dictionary of a column chunk without the entries that no row uses any more.
//!
//! What a person was called must not stay behind in a dictionary when the person's row is gone. In go the dictionary
//! page and the indices of the rows that stay; out come fewer entries, and where each one is now.

use parquet::basic::Encoding;
use parquet::errors::ParquetError;

use super::hybrid;
use super::plain::Plain;

/// The dictionary of the input, and which of its entries are used.
pub(super) struct Dictionary {
    plain: Plain,
    bytes: bytes::Bytes,
    pub(super) encoding: Encoding,
    pub(super) is_sorted: bool,
    used: Vec<bool>,
}

/// What is left of it.
pub(super) struct Compact {
    pub(super) bytes: Vec<u8>,
    pub(super) entries: u32,
    /// For each entry that was there its index now; nothing that counts for those that went.
    index: Vec<u32>,
}

impl Dictionary {
    pub(super) fn new(
        plain: Plain,
        bytes: bytes::Bytes,
        entries: u32,
        encoding: Encoding,
        is_sorted: bool,
    ) -> Result<Self, ParquetError> {
        let entries = entries as usize;
        if matches!(plain, Plain::Bits) || plain.values(&bytes).take(entries).count() < entries {
            return Err(ParquetError::General("a dictionary has fewer entries than it should".to_owned()));
        }
        Ok(Self { plain, bytes, encoding, is_sorted, used: vec![false; entries] })
    }

    /// The indices of the values that `keep` keeps, as a data page has them behind its levels.
    pub(super) fn use_kept(&mut self, page: &[u8], keep: &[bool]) -> Result<Vec<u32>, ParquetError> {
        let mut indices = Vec::with_capacity(keep.len());
        if !keep.is_empty() {
            let (width, runs) = page.split_first().ok_or_else(|| unknown("none"))?;
            hybrid::decode_kept(runs, u32::from(*width), keep, &mut indices)?;
        }
        for index in &indices {
            *self.used.get_mut(*index as usize).ok_or_else(|| unknown("one that is not there"))? = true;
        }
        Ok(indices)
    }

    pub(super) fn compact(&self) -> Result<Compact, ParquetError> {
        let mut bytes = Vec::with_capacity(self.bytes.len());
        self.plain.filter(&self.bytes, &self.used, &mut bytes)?;
        let mut entries = 0;
        let index = self
            .used
            .iter()
            .map(|used| {
                let at = entries;
                entries += u32::from(*used);
                at
            })
            .collect();
        Ok(Compact { bytes, entries, index })
    }
}

impl Compact {
    /// Indices into this one, as a data page has them behind its levels.
    pub(super) fn encode(&self, indices: &mut [u32], out: &mut Vec<u8>) {
        if (self.entries as usize) < self.index.len() {
            for index in indices.iter_mut() {
                *index = self.index[*index as usize];
            }
        }
        // Not all readers know of numbers that take no bits.
        let width = hybrid::width_of(self.entries.saturating_sub(1)).max(1);
        out.extend_from_slice(&width.to_le_bytes()[..1]);
        hybrid::encode(indices, width, out);
    }

    pub(super) fn values(&self, plain: Plain) -> Vec<&[u8]> {
        plain.values(&self.bytes).collect()
    }
}

fn unknown(which: &str) -> ParquetError {
    ParquetError::General(format!("a page refers to an entry of its dictionary, but to {which}"))
}
