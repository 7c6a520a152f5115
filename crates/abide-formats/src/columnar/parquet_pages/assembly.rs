//! Filtered pages put together to a column chunk, with what its metadata say of it.
//!
//! In go pages that are ready to be written and what was found out about each; out come their bytes and the entry of the
//! footer: sizes, encodings, statistics, the column and offset index and the Bloom filter, each where the input had it.

use parquet::basic::{BoundaryOrder, Encoding, PageType, Type as Physical};
use parquet::bloom_filter::Sbbf;
use parquet::column::page::{CompressedPage, Page, PageWriter as _};
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::{ByteArray, FixedLenByteArray};
use parquet::errors::ParquetError;
use parquet::file::metadata::{
    ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder, PageEncodingStats,
};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};

use super::bounds::{Bounds, Extremes, Order};
use crate::columnar::parquet_leaf::LeafChunk;

/// A data page to write.
pub(super) struct Ready {
    pub(super) page: CompressedPage,
    pub(super) rows: usize,
    pub(super) nulls: usize,
    pub(super) bounds: Option<Bounds>,
}

/// A column chunk to write, and that of the input which it comes from.
pub(super) struct Assembly<'a> {
    pub(super) input: &'a ColumnChunkMetaData,
    pub(super) order: Option<Order>,
    pub(super) dictionary: Option<CompressedPage>,
    pub(super) pages: Vec<Ready>,
    /// Of the values that are in the dictionary.
    pub(super) dictionary_bounds: Option<Bounds>,
    pub(super) bloom_filter: Option<Sbbf>,
}

impl Assembly<'_> {
    pub(super) fn write(mut self) -> Result<LeafChunk, ParquetError> {
        let mut sizes = Sizes::default();
        let mut offsets = OffsetIndexBuilder::new();
        let bytes: usize = self.all_pages().map(|page| page.compressed_size() + 64).sum();
        let mut sink = TrackedWrite::new(Vec::with_capacity(bytes));
        let mut writer = SerializedPageWriter::new(&mut sink);
        if let Some(page) = self.dictionary.take() {
            sizes.dictionary_offset = Some(0);
            sizes.add(&page);
            sizes.written(&writer.write_page(page)?);
        }
        sizes.data_offset = sizes.compressed;
        for Ready { page, rows, .. } in &mut self.pages {
            let page = std::mem::replace(page, nothing());
            sizes.add(&page);
            let written = writer.write_page(page)?;
            sizes.written(&written);
            offsets.append_row_count(signed(*rows));
            let size = i32::try_from(written.compressed_size).map_err(|_| too_large())?;
            offsets.append_offset_and_size(signed(written.offset), size);
        }
        let rows: usize = self.pages.iter().map(|page| page.rows).sum();
        let closed = ColumnCloseResult {
            bytes_written: sizes.compressed,
            rows_written: rows as u64,
            metadata: self.metadata(&sizes, rows)?,
            column_index: self.column_index()?,
            offset_index: self.input.offset_index_offset().map(|_| offsets.build()),
            bloom_filter: self.bloom_filter,
        };
        Ok(LeafChunk::new(sink.into_inner()?.into(), closed))
    }

    fn all_pages(&self) -> impl Iterator<Item = &CompressedPage> {
        self.dictionary.iter().chain(self.pages.iter().map(|ready| &ready.page))
    }

    fn metadata(&self, sizes: &Sizes, rows: usize) -> Result<ColumnChunkMetaData, ParquetError> {
        let mut encodings: Vec<Encoding> = sizes.encodings.iter().map(|stats| stats.encoding).collect();
        if self.input.column_descr().max_def_level() > 0 {
            encodings.push(Encoding::RLE);
        }
        let mut builder = ColumnChunkMetaData::builder(self.input.column_descr_ptr())
            .set_compression_codec(self.input.compression_codec())
            .set_encodings(encodings)
            .set_page_encoding_stats(sizes.encodings.clone())
            .set_total_compressed_size(signed(sizes.compressed))
            .set_total_uncompressed_size(signed(sizes.uncompressed))
            .set_num_values(signed(rows))
            .set_data_page_offset(signed(sizes.data_offset))
            .set_dictionary_page_offset(sizes.dictionary_offset);
        if self.input.statistics().is_some() {
            builder = builder.set_statistics(self.statistics());
        }
        builder.build()
    }

    fn statistics(&self) -> Statistics {
        let nulls = self.pages.iter().map(|page| page.nulls as u64).sum();
        let pages = self.pages.iter().filter_map(|page| page.bounds.as_ref());
        let bounds = self.order.map(|order| Bounds::of_all(order, pages.chain(&self.dictionary_bounds)));
        statistics(self.input, bounds.as_ref(), nulls)
    }

    /// None when of a page that has values the bounds are not known.
    fn column_index(&self) -> Result<Option<ColumnIndexMetaData>, ParquetError> {
        let (Some(order), Some(_)) = (self.order, self.input.column_index_offset()) else { return Ok(None) };
        let mut builder = ColumnIndexBuilder::new(self.input.column_type());
        let mut boundaries = Vec::new();
        for page in &self.pages {
            let nans = page.bounds.as_ref().map_or(0, |bounds| bounds.nans);
            let nans = matches!(order, Order::Float).then(|| signed(nans));
            match page.bounds.as_ref().map(|bounds| &bounds.extremes) {
                Some(Extremes::Known { least, most }) => {
                    builder.append(false, least.clone(), most.clone(), signed(page.nulls), nans);
                    boundaries.push((least, most));
                }
                _ if page.nulls == page.rows => {
                    builder.append(true, Vec::new(), Vec::new(), signed(page.nulls), nans);
                }
                _ => return Ok(None),
            }
        }
        builder.set_boundary_order(boundary_order(order, &boundaries));
        builder.build().map(Some)
    }
}

/// How much was written, and in which encodings.
#[derive(Default)]
struct Sizes {
    compressed: u64,
    uncompressed: u64,
    data_offset: u64,
    dictionary_offset: Option<i64>,
    encodings: Vec<PageEncodingStats>,
}

impl Sizes {
    fn add(&mut self, page: &CompressedPage) {
        let (page_type, encoding) = (page.page_type(), page.encoding());
        let alike =
            |stats: &&mut PageEncodingStats| stats.page_type == page_type && stats.encoding == encoding;
        match self.encodings.iter_mut().find(alike) {
            Some(stats) => stats.count += 1,
            None => self.encodings.push(PageEncodingStats { page_type, encoding, count: 1 }),
        }
    }

    fn written(&mut self, written: &parquet::column::page::PageWriteSpec) {
        self.compressed += written.bytes_written;
        self.uncompressed += written.uncompressed_size as u64;
    }
}

/// Whether the bounds of pages that have some rise or fall from page to page.
fn boundary_order(order: Order, boundaries: &[(&Vec<u8>, &Vec<u8>)]) -> BoundaryOrder {
    let all = |allowed: fn(std::cmp::Ordering) -> bool| {
        boundaries.windows(2).all(|pages| {
            let ((least, most), (next_least, next_most)) = (pages[0], pages[1]);
            allowed(order.compare(least, next_least)) && allowed(order.compare(most, next_most))
        })
    };
    if all(std::cmp::Ordering::is_le) {
        BoundaryOrder::ASCENDING
    } else if all(std::cmp::Ordering::is_ge) {
        BoundaryOrder::DESCENDING
    } else {
        BoundaryOrder::UNORDERED
    }
}

fn statistics(input: &ColumnChunkMetaData, bounds: Option<&Bounds>, nulls: u64) -> Statistics {
    let (least, most) = match bounds.map(|bounds| &bounds.extremes) {
        Some(Extremes::Known { least, most }) => (Some(least.as_slice()), Some(most.as_slice())),
        _ => (None, None),
    };
    let nans = bounds.map(|bounds| bounds.nans);
    // The fields of old are for readers that order all values as signed.
    let signed = input.column_descr().sort_order().is_signed();
    macro_rules! typed {
        ($read:expr) => {
            ValueStatistics::new(least.map($read), most.map($read), None, Some(nulls), false)
                .with_backwards_compatible_min_max(signed)
        };
    }
    match input.column_type() {
        Physical::BOOLEAN => typed!(|value| value == [1]).into(),
        Physical::INT32 => typed!(|value| i32::from_le_bytes(array(value))).into(),
        Physical::INT64 => typed!(|value| i64::from_le_bytes(array(value))).into(),
        Physical::INT96 => {
            ValueStatistics::<parquet::data_type::Int96>::new(None, None, None, Some(nulls), false).into()
        }
        Physical::FLOAT => typed!(|value| f32::from_le_bytes(array(value))).with_nan_count(nans).into(),
        Physical::DOUBLE => typed!(|value| f64::from_le_bytes(array(value))).with_nan_count(nans).into(),
        Physical::BYTE_ARRAY => typed!(|value| ByteArray::from(value.to_vec())).into(),
        Physical::FIXED_LEN_BYTE_ARRAY => typed!(|value| FixedLenByteArray::from(value.to_vec())).into(),
    }
}

fn array<const N: usize>(value: &[u8]) -> [u8; N] {
    value.try_into().expect("a bound is as wide as the values of its column")
}

/// Takes the place of a page that was written.
fn nothing() -> CompressedPage {
    let page = Page::DictionaryPage {
        buf: bytes::Bytes::new(),
        num_values: 0,
        encoding: Encoding::PLAIN,
        is_sorted: false,
    };
    debug_assert_eq!(page.page_type(), PageType::DICTIONARY_PAGE);
    CompressedPage::new(page, 0)
}

fn signed(size: impl TryInto<i64>) -> i64 {
    size.try_into().ok().expect("a row group is smaller than 2^63 bytes")
}

fn too_large() -> ParquetError {
    ParquetError::General("a page is larger than 2 GiB".to_owned())
}
