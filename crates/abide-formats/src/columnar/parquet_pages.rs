//! Column chunks without the rows that go, filtered page by page while their values stay encoded.
//!
//! In go a column chunk of the input and a mask of its rows; out comes a column chunk with the rows that stay, in the
//! pages, the encoding and the compression that it had. Nothing is decoded into values: indices into a dictionary are
//! unpacked, filtered and packed again, plain values are copied. What cannot be done this way (nested columns,
//! delta encodings, rare codecs) is answered with `None`, and the caller decodes it.
//!
//! What went must not be found in what stays, so whatever is derived from values is made of those of the kept rows:
//! - a dictionary loses the entries that no row uses any more;
//! - bounds, of the chunk and in the column index, are those of the kept rows, or left out where they are longer than 64
//!   bytes or in a rare order; null counts are counted anew, distinct counts and level histograms are left out;
//! - a Bloom filter is made anew, as large as it was: the old one would be true of the kept rows too, but could be asked
//!   whether somebody's address was among those that went. It is filled from the dictionary where there is one, so it
//!   costs little;
//! - statistics in page headers, which readers ignore, are left out.
//!
//! A page is written anew even if all its rows stay, unless the whole row group does: indices may have changed, and bytes
//! behind the values are nobody's.

mod assembly;
mod bounds;
mod codec;
mod dictionary;
mod hybrid;
mod levels;
mod plain;

use std::borrow::Cow;
use std::cell::Cell;

use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::bloom_filter::Sbbf;
use parquet::column::page::{CompressedPage, Page};
use parquet::errors::ParquetError;
use parquet::file::metadata::ColumnChunkMetaData;

use super::parquet_file::ParquetFile;
use super::parquet_held::HeldPages;
use super::parquet_leaf::LeafChunk;
use super::parquet_rows::Slice;
use assembly::{Assembly, Ready};
use bounds::{Bounds, Order};
use codec::Codec;
use dictionary::{Compact, Dictionary};
use levels::Kept;
use plain::Plain;

/// The values of column `leaf` in the rows of `slice` where `mask` is true. `None` where they have to be decoded.
pub(crate) fn filter(
    slice: &Slice,
    file: &ParquetFile,
    leaf: usize,
    mask: &[bool],
    held: &HeldPages,
) -> Result<Option<LeafChunk>, ParquetError> {
    let group = file.metadata().metadata().row_group(slice.row_group);
    let Some(mut chunk) = Chunk::new(file, group.column(leaf))? else { return Ok(None) };
    let rows = usize::try_from(group.num_rows())?;
    let mut pages = held.reader(slice, file, leaf)?;
    let mut row = 0;
    while let Some(next) = pages.peek_next_page()? {
        let mut keep = Cow::Borrowed(&mask[..0]);
        if !next.is_dict {
            let begin = row;
            let claimed = next.num_levels.unwrap_or(0);
            if claimed > PAGE_ROWS_MAX {
                return Ok(None);
            }
            row += claimed;
            if row > rows {
                return Err(wrong_count(leaf, rows));
            }
            keep = keep_of(begin..row, slice, mask);
            if !keep.contains(&true) {
                pages.skip_next_page()?;
                continue;
            }
        }
        let page = pages.get_next_page()?.ok_or_else(|| wrong_count(leaf, rows))?;
        if !chunk.add(page, &keep)? {
            return Ok(None);
        }
    }
    if row == rows { chunk.finish().map(Some) } else { Err(wrong_count(leaf, rows)) }
}

/// More than writers put into a page by far. Rows that a damaged file claims take no space there, but a mask would.
const PAGE_ROWS_MAX: usize = 1 << 24;

/// The mask of some rows of a row group, of which those outside of the slice do not stay.
fn keep_of<'m>(rows: std::ops::Range<usize>, slice: &Slice, mask: &'m [bool]) -> Cow<'m, [bool]> {
    let inside = |row: usize| row.clamp(slice.skip, slice.skip + slice.rows);
    let (begin, end) = (inside(rows.start), inside(rows.end));
    let part = &mask[begin - slice.skip..end - slice.skip];
    if part.len() == rows.len() {
        return Cow::Borrowed(part);
    }
    if part.is_empty() {
        return Cow::Borrowed(part);
    }
    let mut keep = vec![false; rows.len()];
    keep[begin - rows.start..end - rows.start].copy_from_slice(part);
    Cow::Owned(keep)
}

fn wrong_count(leaf: usize, rows: usize) -> ParquetError {
    ParquetError::General(format!("column {leaf} has another number of values than {rows}"))
}

/// A column chunk that is being filtered.
struct Chunk<'a> {
    input: &'a ColumnChunkMetaData,
    plain: Plain,
    order: Option<Order>,
    codec: Codec,
    dictionary: Option<Dictionary>,
    pages: Vec<DataPage>,
    bloom_filter: Option<Sbbf>,
    scratch: Scratch,
}

/// Where pages are put together, and compressed. Each thread has one, so that their memory is not fetched from the kernel
/// and given back for every column chunk.
#[derive(Default)]
struct Scratch {
    page: Vec<u8>,
    compressed: Vec<u8>,
}

thread_local! {
    static SCRATCH: Cell<Scratch> = Cell::default();
}

/// A data page, which is ready unless it waits for the dictionary.
enum DataPage {
    Ready(Box<Ready>),
    Waiting { head: Head, indices: Vec<u32> },
}

/// What stays of a data page but for its values.
struct Head {
    /// Data page version 2, and whether its values are compressed.
    v2: Option<bool>,
    encoding: Encoding,
    rows: usize,
    nulls: usize,
    levels: Vec<u8>,
}

/// A data page of the input taken apart.
struct Parts {
    v2: Option<bool>,
    encoding: Encoding,
    levels: Bytes,
    values: Bytes,
}

impl<'a> Chunk<'a> {
    fn new(file: &ParquetFile, input: &'a ColumnChunkMetaData) -> Result<Option<Self>, ParquetError> {
        let column = input.column_descr();
        if column.max_rep_level() > 0 || input.file_path().is_some() {
            return Ok(None);
        }
        let (Some(plain), Some(codec)) = (Plain::of(column), Codec::new(input.compression())?) else {
            return Ok(None);
        };
        if matches!(plain, Plain::Bits) && input.bloom_filter_offset().is_some() {
            return Ok(None);
        }
        let bloom_filter = Sbbf::read_from_column_chunk(input, file.bytes())?
            .map(|filter| Sbbf::new_with_num_of_bytes(filter.num_blocks() * 32));
        Ok(Some(Self {
            input,
            plain,
            order: Order::of(column),
            codec,
            dictionary: None,
            pages: Vec::new(),
            bloom_filter,
            scratch: SCRATCH.take(),
        }))
    }

    /// Takes in a page, of which some rows stay. False where it has to be decoded.
    fn add(&mut self, page: Page, keep: &[bool]) -> Result<bool, ParquetError> {
        if let Page::DictionaryPage { buf, num_values, encoding, is_sorted } = page {
            if !matches!(encoding, Encoding::PLAIN | Encoding::PLAIN_DICTIONARY) || self.dictionary.is_some()
            {
                return Ok(false);
            }
            self.dictionary = Some(Dictionary::new(self.plain, buf, num_values, encoding, is_sorted)?);
            return Ok(true);
        }
        let max = u32::from(self.input.column_descr().max_def_level().unsigned_abs());
        let Some(Parts { v2, encoding, levels, values }) = Parts::of(page, max, keep.len())? else {
            return Ok(false);
        };
        let kept = match max {
            0 => Kept::without_levels(keep),
            _ => Kept::of(&levels, max, keep)?,
        };
        let head = Head { v2, encoding, rows: hybrid::kept(keep), nulls: kept.nulls, levels: kept.encoded };
        match encoding {
            Encoding::PLAIN => self.add_plain(head, &values, &kept.values),
            Encoding::PLAIN_DICTIONARY | Encoding::RLE_DICTIONARY => {
                let Some(dictionary) = &mut self.dictionary else {
                    return Err(ParquetError::General("a page comes before its dictionary".to_owned()));
                };
                let indices = dictionary.use_kept(&values, &kept.values)?;
                self.pages.push(DataPage::Waiting { head, indices });
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn add_plain(&mut self, head: Head, values: &[u8], keep: &[bool]) -> Result<bool, ParquetError> {
        let page = &mut self.scratch.page;
        head.begin(page);
        let begin = page.len();
        self.plain.filter(values, keep, page)?;
        let kept = &page[begin..];
        if let Some(filter) = &mut self.bloom_filter {
            self.plain.values(kept).for_each(|value| filter.insert(value));
        }
        let wanted = self.input.statistics().is_some() || self.input.column_index_offset().is_some();
        let bounds = self.order.filter(|_| wanted).map(|order| match self.plain {
            Plain::Bits => Bounds::of_bits(kept, head.rows - head.nulls),
            _ => Bounds::of(order, self.plain.values(kept)),
        });
        self.pages.push(DataPage::Ready(Box::new(head.close(&mut self.scratch, &mut self.codec, bounds)?)));
        Ok(true)
    }

    fn finish(mut self) -> Result<LeafChunk, ParquetError> {
        let compact = self.dictionary.as_ref().map(Dictionary::compact).transpose()?;
        let compact = compact.filter(|compact| compact.entries > 0);
        let pages = std::mem::take(&mut self.pages);
        let entries = compact.as_ref().map(|compact| compact.values(self.plain)).unwrap_or_default();
        let pages = pages
            .into_iter()
            .map(|page| match page {
                DataPage::Ready(ready) => Ok(*ready),
                DataPage::Waiting { head, indices } => {
                    self.close_waiting(head, indices, compact.as_ref(), &entries)
                }
            })
            .collect::<Result<Vec<_>, ParquetError>>()?;
        if let Some(filter) = &mut self.bloom_filter {
            entries.iter().for_each(|value| filter.insert(*value));
        }
        let dictionary_bounds =
            self.order.map(|order| Bounds { nans: 0, ..Bounds::of(order, entries.iter().copied()) });
        let dictionary = match (&compact, &self.dictionary) {
            (Some(compact), Some(dictionary)) => {
                let room = &mut self.scratch.compressed;
                Some(dictionary_page(compact, dictionary, &mut self.codec, room)?)
            }
            _ => None,
        };
        SCRATCH.set(self.scratch);
        Assembly {
            input: self.input,
            order: self.order,
            dictionary,
            pages,
            dictionary_bounds,
            bloom_filter: self.bloom_filter,
        }
        .write()
    }

    /// Without a dictionary, which is when all rows that stay are null, there are no values to write either.
    fn close_waiting(
        &mut self,
        mut head: Head,
        mut indices: Vec<u32>,
        compact: Option<&Compact>,
        entries: &[&[u8]],
    ) -> Result<Ready, ParquetError> {
        head.begin(&mut self.scratch.page);
        match compact {
            Some(compact) => compact.encode(&mut indices, &mut self.scratch.page),
            None => head.encoding = Encoding::PLAIN,
        }
        let bounds = match self.order {
            // NaN is counted, so each one counts.
            Some(Order::Float) => {
                Some(Bounds::of(Order::Float, indices.iter().map(|index| entries[*index as usize])))
            }
            Some(order) if self.input.column_index_offset().is_some() => {
                Some(Bounds::of(order, used(&indices, entries)))
            }
            _ => None,
        };
        head.close(&mut self.scratch, &mut self.codec, bounds)
    }
}

/// The entries that a page uses, each once.
fn used<'e>(indices: &[u32], entries: &[&'e [u8]]) -> impl Iterator<Item = &'e [u8]> {
    let mut used = vec![false; entries.len()];
    for index in indices {
        used[*index as usize] = true;
    }
    entries.iter().zip(used).filter(|(_, used)| *used).map(|(entry, _)| *entry)
}

fn dictionary_page(
    compact: &Compact,
    dictionary: &Dictionary,
    codec: &mut Codec,
    room: &mut Vec<u8>,
) -> Result<CompressedPage, ParquetError> {
    let page = Page::DictionaryPage {
        buf: codec.compress(&compact.bytes, room)?.to_vec().into(),
        num_values: compact.entries,
        encoding: dictionary.encoding,
        is_sorted: dictionary.is_sorted,
    };
    Ok(CompressedPage::new(page, compact.bytes.len()))
}

impl Parts {
    /// `None` for levels in an encoding of old.
    fn of(page: Page, max_level: u32, rows: usize) -> Result<Option<Self>, ParquetError> {
        match page {
            Page::DataPage { mut buf, encoding, def_level_encoding, .. } => {
                let mut levels = Bytes::new();
                if max_level > 0 {
                    if def_level_encoding != Encoding::RLE {
                        return Ok(None);
                    }
                    let Some(length) = buf.first_chunk() else { return Err(no_levels()) };
                    let end = 4 + u32::from_le_bytes(*length) as usize;
                    if end > buf.len() {
                        return Err(no_levels());
                    }
                    levels = buf.split_to(end).split_off(4);
                }
                Ok(Some(Self { v2: None, encoding, levels, values: buf }))
            }
            Page::DataPageV2 {
                mut buf,
                encoding,
                num_rows,
                def_levels_byte_len,
                rep_levels_byte_len,
                is_compressed,
                ..
            } => {
                let levels = def_levels_byte_len as usize;
                if levels > buf.len() || rep_levels_byte_len > 0 || num_rows as usize != rows {
                    return Err(no_levels());
                }
                let levels = buf.split_to(levels);
                Ok(Some(Self { v2: Some(is_compressed), encoding, levels, values: buf }))
            }
            Page::DictionaryPage { .. } => unreachable!("it is a data page"),
        }
    }
}

fn no_levels() -> ParquetError {
    ParquetError::General("the levels of a page are not what its header says".to_owned())
}

impl Head {
    /// Starts a page in `scratch`, up to where its values begin.
    fn begin(&self, scratch: &mut Vec<u8>) {
        scratch.clear();
        if self.v2.is_none() && !self.levels.is_empty() {
            // A level takes two bytes at most, and a page has fewer than 2^31 values.
            scratch.extend_from_slice(&self.levels.len().to_le_bytes()[..4]);
        }
        scratch.extend_from_slice(&self.levels);
    }

    /// Compresses the page that stands in `scratch`.
    fn close(
        self,
        scratch: &mut Scratch,
        codec: &mut Codec,
        bounds: Option<Bounds>,
    ) -> Result<Ready, ParquetError> {
        let Scratch { page: raw, compressed } = scratch;
        let num_values = u32::try_from(self.rows)?;
        let page = match self.v2 {
            None => Page::DataPage {
                buf: codec.compress(raw, compressed)?.to_vec().into(),
                num_values,
                encoding: self.encoding,
                def_level_encoding: Encoding::RLE,
                rep_level_encoding: Encoding::RLE,
                statistics: None,
            },
            Some(was_compressed) => {
                let (levels, values) = raw.split_at(self.levels.len());
                // Nothing at all is not always a compressed nothing.
                let is_compressed = was_compressed && !values.is_empty();
                let packed = if is_compressed { codec.compress(values, compressed)? } else { values };
                let buf = [levels, packed].concat();
                Page::DataPageV2 {
                    buf: buf.into(),
                    num_values,
                    encoding: self.encoding,
                    num_nulls: u32::try_from(self.nulls)?,
                    num_rows: num_values,
                    def_levels_byte_len: u32::try_from(levels.len())?,
                    rep_levels_byte_len: 0,
                    is_compressed,
                    statistics: None,
                }
            }
        };
        let page = CompressedPage::new(page, raw.len());
        Ok(Ready { page, rows: self.rows, nulls: self.nulls, bounds })
    }
}
