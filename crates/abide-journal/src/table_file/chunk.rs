//! A column of a row group as it stands in the file: pages, and what the footer says of them.

use std::io::Write;

use arrow_array::{Array as _, FixedSizeBinaryArray};
use bytes::Bytes;
use parquet::{
    basic::{Compression, Encoding},
    column::{
        page::{CompressedPage, Page, PageWriter as _},
        writer::ColumnCloseResult,
    },
    data_type::{ByteArray, FixedLenByteArray},
    errors::ParquetError,
    file::{
        metadata::ColumnChunkMetaData,
        statistics::Statistics,
        writer::{SerializedPageWriter, SerializedRowGroupWriter, TrackedWrite},
    },
    schema::types::ColumnDescPtr,
};

use super::runs::{Runs, Values};

#[derive(Debug)]
pub(super) struct Chunk {
    bytes: Bytes,
    closed: ColumnCloseResult,
}

/// A dictionary, and how many values it has.
struct Dictionary {
    bytes: Vec<u8>,
    values: usize,
}

struct DataPage {
    bytes: Vec<u8>,
    rows: usize,
}

/// Pages of fixed bytes have so many rows.
const FIXED_ROWS: usize = 1 << 16;

impl Chunk {
    /// All in one page, with the values as its dictionary where they come again.
    pub(super) fn of_runs(
        leaf: &ColumnDescPtr,
        runs: &Runs,
        with_statistics: bool,
    ) -> Result<Self, ParquetError> {
        let mut bytes = levels(leaf, &runs.runs);
        let statistics = with_statistics.then(|| statistics_of_runs(runs));
        if let Some(values) = runs.spelt_out() {
            bytes.extend(plain(&values));
            let page = DataPage { bytes, rows: runs.rows() };
            return Self::write(leaf, None, vec![page], Encoding::PLAIN, statistics);
        }
        // A width of no bits is allowed, and not understood by all.
        let bits = u8::try_from(32 - last_number(runs).leading_zeros()).expect("at most 32").max(1);
        bytes.push(bits);
        for (number, len) in &runs.runs {
            if let Some(number) = number {
                write_run(*number, *len, bits, &mut bytes);
            }
        }
        let dictionary = Dictionary { bytes: plain(&runs.values), values: runs.values.len() };
        let page = DataPage { bytes, rows: runs.rows() };
        Self::write(leaf, Some(dictionary), vec![page], Encoding::RLE_DICTIONARY, statistics)
    }

    /// As they are, the nulls left out.
    pub(super) fn of_fixed(
        leaf: &ColumnDescPtr,
        column: &FixedSizeBinaryArray,
        with_statistics: bool,
    ) -> Result<Self, ParquetError> {
        let pages = (0..column.len()).step_by(FIXED_ROWS).map(|start| {
            let rows = column.slice(start, FIXED_ROWS.min(column.len() - start));
            fixed_page(leaf, &rows)
        });
        let statistics = with_statistics.then(|| statistics_of_fixed(column));
        Self::write(leaf, None, pages.collect(), Encoding::PLAIN, statistics)
    }

    /// A leaf of lists of which none holds anything.
    pub(super) fn of_empty_lists(leaf: &ColumnDescPtr, rows: usize) -> Result<Self, ParquetError> {
        // Repetition level 0 begins a row, and definition level 0 says that it holds nothing.
        let mut bytes = Vec::new();
        for _ in ["repetition", "definition"] {
            write_levels(&[(0, rows)], &mut bytes);
        }
        Self::write(leaf, None, vec![DataPage { bytes, rows }], Encoding::PLAIN, None)
    }

    fn write(
        leaf: &ColumnDescPtr,
        dictionary: Option<Dictionary>,
        pages: Vec<DataPage>,
        encoding: Encoding,
        statistics: Option<Statistics>,
    ) -> Result<Self, ParquetError> {
        let rows: usize = pages.iter().map(|page| page.rows).sum();
        let mut sink = TrackedWrite::new(Vec::new());
        let mut writer = SerializedPageWriter::new(&mut sink);
        let mut metadata = ColumnChunkMetaData::builder(leaf.clone())
            .set_compression(Compression::UNCOMPRESSED)
            .set_encodings(vec![Encoding::PLAIN, Encoding::RLE, encoding])
            .set_num_values(signed(rows as u64));
        let mut data_offset = 0;
        if let Some(Dictionary { bytes, values }) = dictionary {
            let uncompressed = bytes.len();
            let page = Page::DictionaryPage {
                buf: bytes.into(),
                num_values: narrow(values),
                encoding: Encoding::PLAIN,
                is_sorted: false,
            };
            data_offset = writer.write_page(CompressedPage::new(page, uncompressed))?.bytes_written;
            metadata = metadata.set_dictionary_page_offset(Some(0));
        }
        for DataPage { bytes, rows } in pages {
            let uncompressed = bytes.len();
            let page = Page::DataPage {
                buf: bytes.into(),
                num_values: narrow(rows),
                encoding,
                def_level_encoding: Encoding::RLE,
                rep_level_encoding: Encoding::RLE,
                statistics: None,
            };
            writer.write_page(CompressedPage::new(page, uncompressed))?;
        }
        let bytes = sink.into_inner()?;
        let length = bytes.len() as u64;
        if let Some(statistics) = statistics {
            metadata = metadata.set_statistics(statistics);
        }
        let metadata = metadata
            .set_data_page_offset(signed(data_offset))
            .set_total_compressed_size(signed(length))
            .set_total_uncompressed_size(signed(length))
            .build()?;
        let closed = ColumnCloseResult {
            bytes_written: length,
            rows_written: rows as u64,
            metadata,
            bloom_filter: None,
            column_index: None,
            offset_index: None,
        };
        Ok(Self { bytes: bytes.into(), closed })
    }

    pub(super) fn append_to<W: Write + Send>(
        self,
        group: &mut SerializedRowGroupWriter<'_, W>,
    ) -> Result<(), ParquetError> {
        group.append_column(&self.bytes, self.closed)
    }
}

fn fixed_page(leaf: &ColumnDescPtr, rows: &FixedSizeBinaryArray) -> DataPage {
    let mut bytes = Vec::with_capacity(rows.value_data().len() + 16);
    let Some(nulls) = rows.nulls().filter(|nulls| nulls.null_count() > 0) else {
        bytes.extend(levels(leaf, &[(Some(0), rows.len())]));
        bytes.extend_from_slice(rows.value_data());
        return DataPage { bytes, rows: rows.len() };
    };
    let mut runs = Vec::new();
    let mut at = 0;
    for (start, end) in nulls.valid_slices() {
        runs.extend([(None, start - at), (Some(0), end - start)]);
        at = end;
    }
    runs.push((None, rows.len() - at));
    runs.retain(|(_, len)| *len > 0);
    bytes.extend(levels(leaf, &runs));
    for (start, end) in nulls.valid_slices() {
        bytes.extend_from_slice(rows.slice(start, end - start).value_data());
    }
    DataPage { bytes, rows: rows.len() }
}

/// Where a column may have nulls, which rows have a value.
fn levels(leaf: &ColumnDescPtr, runs: &[(Option<u32>, usize)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    if leaf.max_def_level() > 0 {
        let levels: Vec<(u32, usize)> =
            runs.iter().map(|(number, len)| (u32::from(number.is_some()), *len)).collect();
        write_levels(&levels, &mut bytes);
    }
    bytes
}

/// Levels of one bit: their length in bytes, then their runs.
fn write_levels(runs: &[(u32, usize)], into: &mut Vec<u8>) {
    let start = into.len();
    into.extend([0; 4]);
    for (level, len) in runs {
        write_run(*level, *len, 1, into);
    }
    let length = narrow(into.len() - start - 4);
    into[start..start + 4].copy_from_slice(&length.to_le_bytes());
}

/// A run of Parquet's hybrid encoding: twice its length in LEB128, then the value in as many bytes as its bits take.
fn write_run(value: u32, len: usize, bits: u8, into: &mut Vec<u8>) {
    let mut rest = 2 * len as u64;
    while rest >= 0x80 {
        into.push(rest.to_le_bytes()[0] | 0x80);
        rest >>= 7;
    }
    into.push(rest.to_le_bytes()[0]);
    into.extend_from_slice(&value.to_le_bytes()[..usize::from(bits.div_ceil(8))]);
}

fn last_number(runs: &Runs) -> u32 {
    narrow(runs.values.len().saturating_sub(1))
}

fn plain(values: &Values) -> Vec<u8> {
    match values {
        Values::Int32(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        Values::Int64(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        Values::Bytes(values) => values
            .iter()
            .flat_map(|value| [&narrow(value.len()).to_le_bytes(), &value[..]].concat())
            .collect(),
    }
}

fn statistics_of_runs(runs: &Runs) -> Statistics {
    let nulls = Some(runs.nulls() as u64);
    match &runs.values {
        Values::Int32(values) => {
            Statistics::int32(values.iter().min().copied(), values.iter().max().copied(), None, nulls, false)
        }
        Values::Int64(values) => {
            Statistics::int64(values.iter().min().copied(), values.iter().max().copied(), None, nulls, false)
        }
        Values::Bytes(values) => {
            let bytes = |value: &Vec<u8>| ByteArray::from(value.clone());
            let (min, max) = (values.iter().min().map(bytes), values.iter().max().map(bytes));
            Statistics::byte_array(min, max, None, nulls, false)
        }
    }
}

fn statistics_of_fixed(column: &FixedSizeBinaryArray) -> Statistics {
    let values = || column.iter().flatten();
    let bytes = |value: &[u8]| FixedLenByteArray::from(value.to_vec());
    let (min, max) = (values().min().map(bytes), values().max().map(bytes));
    Statistics::fixed_len_byte_array(min, max, None, Some(column.null_count() as u64), false)
}

/// Counts of rows and bytes of a page.
fn narrow(count: usize) -> u32 {
    u32::try_from(count).expect("a row group is smaller than 4 GiB")
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).expect("no file is that large")
}
