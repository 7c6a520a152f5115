//! Columns that cannot be filtered page by page: decoded, filtered and encoded again.
//!
//! In go the rows of a slice and a mask, or values of columns that the input does not have; out come column chunks.

use std::collections::BTreeSet;

use arrow_array::{BooleanArray, RecordBatch};
use arrow_select::filter::filter_record_batch;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, compute_leaves};
use parquet::errors::ParquetError;

use super::parquet_file::ParquetFile;
use super::parquet_leaf;
use super::parquet_rows::Slice;
use super::parquet_write::{Encoded, Encoder, write_error};
use super::text_column;
use crate::FormatError;

pub(super) struct Reencoding<'a> {
    slice: &'a Slice,
    file: &'a ParquetFile,
    encoder: &'a Encoder,
    mask: &'a [bool],
    /// By leaf column, ascending.
    writers: Vec<(usize, ArrowColumnWriter)>,
}

impl<'a> Reencoding<'a> {
    /// Of the leaf columns that are `wanted`.
    pub(super) fn new(
        slice: &'a Slice,
        file: &'a ParquetFile,
        encoder: &'a Encoder,
        mask: &'a [bool],
        wanted: impl Fn(usize) -> bool,
    ) -> Result<Self, FormatError> {
        let writers = encoder.columns.create_column_writers(0).map_err(write_error)?;
        let writers = writers.into_iter().enumerate().filter(|(leaf, _)| wanted(*leaf)).collect();
        Ok(Self { slice, file, encoder, mask, writers })
    }

    /// Takes outermost columns from the input. Batch by batch, so that memory holds the encoded columns and one decoded
    /// batch.
    pub(super) fn encode_rows(&mut self, roots: &BTreeSet<usize>) -> Result<(), FormatError> {
        if roots.is_empty() {
            return Ok(());
        }
        let Self { slice, file, mask, .. } = *self;
        let roots: Vec<usize> = roots.iter().copied().collect();
        let mut start = 0;
        for batch in slice.read(file, &roots)? {
            let batch = batch.map_err(|source| file.damaged_arrow(source))?;
            let end = start + batch.num_rows();
            let Some(mask) = mask.get(start..end) else {
                return Err(file.short(slice.row_group, slice.rows, end));
            };
            start = end;
            let kept = filter_record_batch(&batch, &BooleanArray::from(mask.to_vec()))
                .map_err(|source| file.damaged_arrow(source))?;
            self.encode_batch(&kept, &roots).map_err(write_error)?;
        }
        if start == slice.rows { Ok(()) } else { Err(file.short(slice.row_group, slice.rows, start)) }
    }

    fn encode_batch(&mut self, batch: &RecordBatch, roots: &[usize]) -> Result<(), ParquetError> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let mut writers = self.writers.iter_mut();
        for (array, root) in batch.columns().iter().zip(roots) {
            for values in compute_leaves(self.encoder.schema.field(*root), array)? {
                let (leaf, writer) = writers.next().expect("there is a writer for every leaf of the roots");
                if !self.encoder.beyond_arrow[*leaf] {
                    writer.write(&values)?;
                }
            }
        }
        Ok(())
    }

    /// Takes the columns that the input does not have, which come last.
    pub(super) fn encode_added(&mut self, added: &[&[&str]]) -> Result<(), FormatError> {
        let fields = self.encoder.schema.fields();
        let fields = &fields[fields.len() - added.len()..];
        let first = self.writers.len() - added.len();
        for (((_, writer), values), field) in self.writers[first..].iter_mut().zip(added).zip(fields) {
            for leaf in compute_leaves(field, &text_column(values, self.mask)).map_err(write_error)? {
                writer.write(&leaf).map_err(write_error)?;
            }
        }
        Ok(())
    }

    /// Completes the columns, those that are beyond Arrow from the input itself.
    pub(super) fn close(self) -> Result<Vec<(usize, Encoded)>, FormatError> {
        let Self { slice, file, encoder, mask, writers } = self;
        let close = |(leaf, writer): (usize, ArrowColumnWriter)| {
            let encoded = if encoder.beyond_arrow[leaf] {
                Encoded::Leaf(parquet_leaf::encode(slice, file, leaf, &encoder.properties, mask)?)
            } else {
                Encoded::Arrow(writer.close()?)
            };
            Ok((leaf, encoded))
        };
        writers.into_iter().map(close).collect::<Result<_, ParquetError>>().map_err(write_error)
    }
}
