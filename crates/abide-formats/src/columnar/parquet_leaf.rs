//! Columns that Arrow reads but cannot write back as they were: INT96 times and decimals in byte arrays.
//!
//! They are filtered value by value below Arrow. Slower, and rare: INT96 comes from Hive and from Spark's default
//! settings, usually as one column of many.

use bytes::Bytes;
use parquet::basic::{ConvertedType, LogicalType, Type as Physical};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::column::writer::{ColumnCloseResult, ColumnWriter, ColumnWriterImpl, get_column_writer};
use parquet::data_type::DataType;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterPropertiesPtr;
use parquet::file::reader::FileReader as _;
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::file::writer::{SerializedPageWriter, SerializedRowGroupWriter, TrackedWrite};
use parquet::schema::types::{ColumnDescPtr, ColumnDescriptor};

use super::parquet_file::ParquetFile;
use super::parquet_rows::{BATCH_ROWS, Slice};

/// Whether a column must not go through Arrow.
pub(crate) fn is_beyond_arrow(column: &ColumnDescriptor) -> bool {
    let decimal = || {
        matches!(column.logical_type_ref(), Some(LogicalType::Decimal { .. }))
            || column.converted_type() == ConvertedType::DECIMAL
    };
    match column.physical_type() {
        Physical::INT96 => true,
        Physical::BYTE_ARRAY => decimal(),
        _ => false,
    }
}

/// An encoded column chunk.
pub(crate) struct LeafChunk {
    bytes: Bytes,
    closed: ColumnCloseResult,
}

impl LeafChunk {
    pub(crate) fn new(bytes: Bytes, closed: ColumnCloseResult) -> Self {
        Self { bytes, closed }
    }

    pub(crate) fn append_to_row_group<W: std::io::Write + Send>(
        self,
        out: &mut SerializedRowGroupWriter<'_, W>,
    ) -> Result<(), ParquetError> {
        out.append_column(&self.bytes, self.closed)
    }
}

/// The values of column `leaf` in the rows of `slice` where `mask` is true.
pub(crate) fn encode(
    slice: &Slice,
    file: &ParquetFile,
    leaf: usize,
    properties: &WriterPropertiesPtr,
    mask: &[bool],
) -> Result<LeafChunk, ParquetError> {
    let reader = SerializedFileReader::new(file.bytes().clone())?
        .get_row_group(slice.row_group)?
        .get_column_reader(leaf)?;
    let column = file.metadata().parquet_schema().column(leaf);
    let mut sink = TrackedWrite::new(Vec::new());
    let pages = Box::new(SerializedPageWriter::new(&mut sink));
    let closed = match (reader, get_column_writer(column.clone(), properties.clone(), pages)) {
        (ColumnReader::Int96ColumnReader(reader), ColumnWriter::Int96ColumnWriter(writer)) => {
            copy(reader, writer, &column, slice, mask)
        }
        (ColumnReader::ByteArrayColumnReader(reader), ColumnWriter::ByteArrayColumnWriter(writer)) => {
            copy(reader, writer, &column, slice, mask)
        }
        _ => unreachable!("only these are beyond Arrow"),
    }?;
    Ok(LeafChunk::new(sink.into_inner()?.into(), closed))
}

fn copy<T: DataType>(
    mut reader: ColumnReaderImpl<T>,
    mut writer: ColumnWriterImpl<'_, T>,
    column: &ColumnDescPtr,
    slice: &Slice,
    mask: &[bool],
) -> Result<ColumnCloseResult, ParquetError> {
    reader.skip_records(slice.skip)?;
    let mut done = 0;
    while done < slice.rows {
        let mut read = Records::<T>::default();
        let rows = BATCH_ROWS.min(slice.rows - done);
        let (records, _, _) = reader.read_records(
            rows,
            Some(&mut read.definition),
            Some(&mut read.repetition),
            &mut read.values,
        )?;
        if records == 0 {
            return Err(ParquetError::EOF(format!("column {} has too few values", column.path().string())));
        }
        let kept = read.kept(&mask[done..done + records], column);
        let definition = (column.max_def_level() > 0).then_some(&kept.definition[..]);
        let repetition = (column.max_rep_level() > 0).then_some(&kept.repetition[..]);
        writer.write_batch(&kept.values, definition, repetition)?;
        done += records;
    }
    writer.close()
}

/// Values with their levels: one entry each, but none where a column has no such level.
struct Records<T: DataType> {
    values: Vec<T::T>,
    definition: Vec<i16>,
    repetition: Vec<i16>,
}

impl<T: DataType> Default for Records<T> {
    fn default() -> Self {
        Self { values: Vec::new(), definition: Vec::new(), repetition: Vec::new() }
    }
}

impl<T: DataType> Records<T> {
    fn kept(self, mask: &[bool], column: &ColumnDescriptor) -> Self {
        let entries =
            [self.values.len(), self.definition.len(), self.repetition.len()].into_iter().max().unwrap_or(0);
        let mut kept = Self::default();
        let mut values = self.values.into_iter();
        let mut record = 0;
        for entry in 0..entries {
            // A record starts where nothing is repeated.
            let starts = self.repetition.get(entry).is_none_or(|level| *level == 0);
            record += usize::from(starts);
            let defined = self.definition.get(entry).is_none_or(|level| *level == column.max_def_level());
            let value = if defined { values.next() } else { None };
            if mask[record - 1] {
                kept.definition.extend(self.definition.get(entry));
                kept.repetition.extend(self.repetition.get(entry));
                kept.values.extend(value);
            }
        }
        kept
    }
}
