//! The columns of an object's file, those left out that hold nothing.
//!
//! Most records have no proof, no evidence, no domain and no payload, and reading a column of a million nulls costs as
//! much as reading a million values.

use abide_model::contained::{GivenUp, contained};
use arrow_array::{ArrayRef, RecordBatch, new_null_array};
use arrow_schema::ArrowError;
use bytes::Bytes;
use parquet::{
    arrow::{
        ProjectionMask,
        arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder},
    },
    errors::ParquetError,
    file::{metadata::ParquetMetaData, statistics::Statistics},
};

use super::schema;

/// Rows are read in batches of this many.
const ROWS_PER_BATCH: usize = 8_192;

/// The rows of an object, in batches of the whole schema.
#[derive(Debug)]
pub(super) struct RowBatches {
    reader: ParquetRecordBatchReader,
    /// For each column of the schema whether it is read.
    is_read: Vec<bool>,
    /// The reader panicked, and is not asked again.
    is_given_up: bool,
}

impl RowBatches {
    pub(super) fn new(
        bytes: Bytes,
        metadata: ArrowReaderMetadata,
        skipped_rows: usize,
    ) -> Result<Self, ParquetError> {
        let is_read: Vec<bool> = {
            let file = metadata.metadata();
            (0..schema::object().fields().len()).map(|column| !is_empty(file, column)).collect()
        };
        let read = is_read.iter().enumerate().filter(|(_, is_read)| **is_read).map(|(column, _)| column);
        let mask = ProjectionMask::roots(metadata.parquet_schema(), read);
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(bytes, metadata)
            .with_projection(mask)
            .with_batch_size(ROWS_PER_BATCH)
            .with_offset(skipped_rows);
        // A seal says who wrote an object, not that its writer was sound.
        let reader = contained(|| reader.build()).unwrap_or_else(|panic| Err(external(panic)))?;
        Ok(Self { reader, is_read, is_given_up: false })
    }

    fn whole(&self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let mut read = batch.columns().iter();
        let schema = schema::object();
        let columns = schema.fields().iter().zip(&self.is_read).map(|(field, is_read)| match is_read {
            true => read.next().expect("as many as were asked for").clone(),
            false => new_null_array(field.data_type(), batch.num_rows()),
        });
        let columns: Vec<ArrayRef> = columns.collect();
        RecordBatch::try_new(schema, columns)
    }
}

impl Iterator for RowBatches {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_given_up {
            return None;
        }
        let next = contained(|| self.reader.next()).unwrap_or_else(|panic| {
            self.is_given_up = true;
            Some(Err(external(panic).into()))
        })?;
        Some(next.and_then(|batch| self.whole(&batch)))
    }
}

fn external(panic: GivenUp) -> ParquetError {
    ParquetError::External(Box::new(panic))
}

/// Whether the file says that a column holds nothing but nulls.
fn is_empty(file: &ParquetMetaData, column: usize) -> bool {
    let descriptor = file.file_metadata().schema_descr();
    let mut leaves =
        (0..descriptor.num_columns()).filter(|leaf| descriptor.get_column_root_idx(*leaf) == column);
    let (Some(leaf), None) = (leaves.next(), leaves.next()) else { return false };
    descriptor.column(leaf).self_type().is_optional()
        && file.row_groups().iter().all(|group| {
            let chunk = group.column(leaf);
            let nulls = chunk.statistics().and_then(Statistics::null_count_opt);
            nulls.is_some_and(|nulls| i64::try_from(nulls) == Ok(chunk.num_values()))
        })
}
