//! Pages of columns that are looked at twice: decoded so that rows can be judged, and filtered afterwards. They are held
//! in between, so that they are read and decompressed once.
//!
//! In go a row group and the columns to hold; out come Arrow batches, and readers of the same pages.

use std::collections::BTreeMap;
use std::sync::Arc;

use parquet::arrow::FieldLevels;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, RowGroups};
use parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::serialized_reader::SerializedPageReader;

use super::parquet_file::ParquetFile;
use super::parquet_rows::{BATCH_ROWS, Slice};

/// The pages of some leaf columns of one row group.
#[derive(Default)]
pub(crate) struct HeldPages {
    columns: BTreeMap<usize, Arc<[Page]>>,
}

impl HeldPages {
    /// All leaves of the outermost columns `roots`.
    pub(crate) fn read(slice: &Slice, file: &ParquetFile, roots: &[usize]) -> Result<Self, ParquetError> {
        let schema = file.metadata().parquet_schema();
        let leaves =
            (0..schema.num_columns()).filter(|leaf| roots.contains(&schema.get_column_root_idx(*leaf)));
        let pages = |leaf| Ok((leaf, page_reader(slice, file, leaf)?.collect::<Result<_, _>>()?));
        Ok(Self { columns: leaves.map(pages).collect::<Result<_, ParquetError>>()? })
    }

    pub(crate) fn decode(
        &self,
        slice: &Slice,
        file: &ParquetFile,
        fields: &FieldLevels,
    ) -> Result<ParquetRecordBatchReader, ParquetError> {
        let metadata = file.metadata().metadata();
        let group = HeldGroup { pages: self, metadata, row_group: metadata.row_group(slice.row_group) };
        ParquetRecordBatchReader::try_new_with_row_groups(fields, &group, BATCH_ROWS, None)
    }

    /// The pages of a column, from the file where they are not held.
    pub(crate) fn reader(
        &self,
        slice: &Slice,
        file: &ParquetFile,
        leaf: usize,
    ) -> Result<Box<dyn PageReader>, ParquetError> {
        Ok(match self.columns.get(&leaf) {
            Some(pages) => Box::new(HeldReader { pages: Arc::clone(pages), next: 0 }),
            None => Box::new(page_reader(slice, file, leaf)?),
        })
    }
}

fn page_reader(
    slice: &Slice,
    file: &ParquetFile,
    leaf: usize,
) -> Result<SerializedPageReader<super::parquet_file::SharedFile>, ParquetError> {
    let group = file.metadata().metadata().row_group(slice.row_group);
    let rows = usize::try_from(group.num_rows())?;
    SerializedPageReader::new(Arc::new(file.bytes().clone()), group.column(leaf), rows, None)
}

/// A row group as the decoder of the library wants it.
struct HeldGroup<'a> {
    pages: &'a HeldPages,
    metadata: &'a ParquetMetaData,
    row_group: &'a RowGroupMetaData,
}

impl RowGroups for HeldGroup<'_> {
    fn num_rows(&self) -> usize {
        usize::try_from(self.row_group.num_rows()).unwrap_or(0)
    }

    fn column_chunks(&self, leaf: usize) -> Result<Box<dyn PageIterator>, ParquetError> {
        let pages = self.pages.columns.get(&leaf).expect("all leaves that are decoded are held");
        Ok(Box::new(HeldChunk(Some(HeldReader { pages: Arc::clone(pages), next: 0 }))))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(std::iter::once(self.row_group))
    }

    fn metadata(&self) -> &ParquetMetaData {
        self.metadata
    }
}

struct HeldChunk(Option<HeldReader>);

impl Iterator for HeldChunk {
    type Item = Result<Box<dyn PageReader>, ParquetError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.take().map(|reader| Ok(Box::new(reader) as Box<dyn PageReader>))
    }
}

impl PageIterator for HeldChunk {}

struct HeldReader {
    pages: Arc<[Page]>,
    next: usize,
}

impl Iterator for HeldReader {
    type Item = Result<Page, ParquetError>;

    fn next(&mut self) -> Option<Self::Item> {
        let page = self.pages.get(self.next)?.clone();
        self.next += 1;
        Some(Ok(page))
    }
}

impl PageReader for HeldReader {
    fn get_next_page(&mut self) -> Result<Option<Page>, ParquetError> {
        self.next().transpose()
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>, ParquetError> {
        let metadata = |page: &Page| PageMetadata {
            num_rows: match page {
                Page::DataPageV2 { num_rows, .. } => Some(*num_rows as usize),
                _ => None,
            },
            num_levels: page.is_data_page().then(|| page.num_values() as usize),
            is_dict: page.is_dictionary_page(),
        };
        Ok(self.pages.get(self.next).map(metadata))
    }

    fn skip_next_page(&mut self) -> Result<(), ParquetError> {
        self.next += 1;
        Ok(())
    }
}
