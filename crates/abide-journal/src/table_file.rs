//! Parquet files of rows that are much alike.
//!
//! Of the millions of rows of a list, all columns but keys and links hold the same few values over and over. Parquet's
//! own writer hashes and compares each of them; here a column of few runs is written as its runs, and fixed bytes as
//! they stand. What is neither goes through Parquet's writer, and every reader of Parquet reads all of it.

mod chunk;
mod runs;

use std::{fmt, io::Write};

use arrow_array::{Array as _, ArrayRef, RecordBatch, cast::AsArray as _};
use arrow_schema::{DataType, Field, SchemaRef};
use parquet::{
    arrow::{
        ArrowWriter,
        arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, ArrowWriterOptions, compute_leaves},
    },
    errors::ParquetError,
    file::{
        properties::EnabledStatistics,
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::types::ColumnDescPtr,
};

use self::{chunk::Chunk, runs::Runs};

/// A Parquet file being written, one row group after the other.
pub struct TableFile<W: Write + Send> {
    file: SerializedFileWriter<W>,
    writers: ArrowRowGroupWriterFactory,
    schema: SchemaRef,
    groups: usize,
}

impl<W: Write + Send> TableFile<W> {
    /// Of the options' properties those about dictionaries, encodings and compression are for the columns that go
    /// through Parquet's own writer.
    pub fn create(sink: W, schema: SchemaRef, options: ArrowWriterOptions) -> Result<Self, ParquetError> {
        let writer = ArrowWriter::try_new_with_options(sink, schema.clone(), options)?;
        let (file, writers) = writer.into_serialized_writer()?;
        Ok(Self { file, writers, schema, groups: 0 })
    }

    /// Writes rows of the file's schema as a row group of their own.
    pub fn write(&mut self, rows: &RecordBatch) -> Result<(), ParquetError> {
        if rows.num_rows() == 0 {
            return Ok(());
        }
        // All or none can be had, so none until there is a column that needs one.
        let mut writers: Vec<Option<ArrowColumnWriter>> = Vec::new();
        let columns = self.file.schema_descr().columns().to_vec();
        let roots: Vec<usize> =
            (0..columns.len()).map(|leaf| self.file.schema_descr().get_column_root_idx(leaf)).collect();
        let properties = self.file.properties().clone();
        let mut group = self.file.next_row_group()?;
        for (at, (field, column)) in self.schema.fields().iter().zip(rows.columns()).enumerate() {
            let numbers: Vec<usize> = (0..columns.len()).filter(|leaf| roots[*leaf] == at).collect();
            let leaves: Vec<&ColumnDescPtr> = numbers.iter().map(|number| &columns[*number]).collect();
            let says_more =
                |leaf: &ColumnDescPtr| properties.statistics_enabled(leaf.path()) != EnabledStatistics::None;
            match own_chunks(column, &leaves, says_more)? {
                Some(chunks) => chunks.into_iter().try_for_each(|chunk| chunk.append_to(&mut group))?,
                None => {
                    if writers.is_empty() {
                        let made = self.writers.create_column_writers(self.groups)?;
                        writers = made.into_iter().map(Some).collect();
                    }
                    let writers = numbers.iter().filter_map(|number| writers[*number].take());
                    write_by_parquet(field, column, writers, &mut group)?;
                }
            }
        }
        group.close()?;
        self.groups += 1;
        Ok(())
    }

    pub fn close(mut self) -> Result<(), ParquetError> {
        self.file.finish()?;
        Ok(())
    }
}

impl<W: Write + Send> fmt::Debug for TableFile<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableFile").field("groups", &self.groups).finish_non_exhaustive()
    }
}

/// The column's chunks, one a leaf, if it is of those that need no more than to be copied.
fn own_chunks(
    column: &ArrayRef,
    leaves: &[&ColumnDescPtr],
    with_statistics: impl Fn(&ColumnDescPtr) -> bool,
) -> Result<Option<Vec<Chunk>>, ParquetError> {
    if let DataType::List(_) = column.data_type() {
        let list = column.as_list::<i32>();
        if list.null_count() > 0 || list.value_offsets().first() != list.value_offsets().last() {
            return Ok(None);
        }
        return leaves
            .iter()
            .map(|leaf| Chunk::of_empty_lists(leaf, column.len()))
            .collect::<Result<_, _>>()
            .map(Some);
    }
    let [leaf] = leaves else { return Ok(None) };
    if let DataType::FixedSizeBinary(_) = column.data_type() {
        let fixed = column.as_fixed_size_binary();
        return Chunk::of_fixed(leaf, fixed, with_statistics(leaf)).map(|chunk| Some(vec![chunk]));
    }
    let Some(runs) = Runs::of(column) else { return Ok(None) };
    Chunk::of_runs(leaf, &runs, with_statistics(leaf)).map(|chunk| Some(vec![chunk]))
}

fn write_by_parquet<W: Write + Send>(
    field: &Field,
    column: &ArrayRef,
    writers: impl Iterator<Item = ArrowColumnWriter>,
    group: &mut SerializedRowGroupWriter<'_, W>,
) -> Result<(), ParquetError> {
    for (mut writer, leaf) in writers.zip(compute_leaves(field, column)?) {
        writer.write(&leaf)?;
        writer.close()?.append_to_row_group(group)?;
    }
    Ok(())
}
