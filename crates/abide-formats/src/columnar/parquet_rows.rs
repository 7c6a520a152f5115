//! Rows of a Parquet file: a row group, or a part of a large one, decoded a batch at a time.

use std::sync::Arc;

use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelection, RowSelector,
};

use super::parquet_file::ParquetFile;
use crate::FormatError;

/// What is decoded at a time, per column and thread.
pub(crate) const BATCH_ROWS: usize = 16 * 1024;

/// Consecutive rows of one row group.
pub(crate) struct Slice {
    pub(crate) row_group: usize,
    pub(crate) skip: usize,
    pub(crate) rows: usize,
    /// Whether these are all rows of the row group.
    pub(crate) whole: bool,
}

impl Slice {
    /// Decodes the outermost columns `roots`.
    pub(crate) fn read(
        &self,
        file: &ParquetFile,
        roots: &[usize],
    ) -> Result<ParquetRecordBatchReader, FormatError> {
        let schema = file.metadata().parquet_schema();
        let projection = ProjectionMask::roots(schema, roots.iter().copied());
        let mut builder =
            ParquetRecordBatchReaderBuilder::new_with_metadata(file.bytes().clone(), file.metadata().clone())
                .with_row_groups(vec![self.row_group])
                .with_projection(projection)
                .with_batch_size(BATCH_ROWS);
        if !self.whole {
            let selectors = vec![RowSelector::skip(self.skip), RowSelector::select(self.rows)];
            builder = builder.with_row_selection(RowSelection::from(selectors));
        }
        builder.build().map_err(|source| file.damaged(source))
    }
}

/// All rows of a file, in order.
pub(crate) struct Slices {
    file: Arc<ParquetFile>,
    slice_rows: usize,
    row_group: usize,
    skip: usize,
}

impl Slices {
    pub(crate) fn new(file: Arc<ParquetFile>, slice_rows: usize) -> Self {
        Self { file, slice_rows: slice_rows.max(1), row_group: 0, skip: 0 }
    }
}

impl Iterator for Slices {
    type Item = Slice;

    fn next(&mut self) -> Option<Slice> {
        let groups = self.file.metadata().metadata().row_groups();
        loop {
            let total = usize::try_from(groups.get(self.row_group)?.num_rows()).unwrap_or(0);
            if self.skip >= total {
                self.row_group += 1;
                self.skip = 0;
                continue;
            }
            let rows = self.slice_rows.min(total - self.skip);
            let slice = Slice { row_group: self.row_group, skip: self.skip, rows, whole: rows == total };
            self.skip += rows;
            return Some(slice);
        }
    }
}
