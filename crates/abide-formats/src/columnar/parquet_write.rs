//! Row groups on their way out: copied as they are where every row stays, else filtered page by page, and columns with
//! which that cannot be done decoded and encoded again; all in the worker thread.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::Arc;

use arrow_schema::SchemaRef;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowRowGroupWriterFactory};
use parquet::arrow::{ARROW_SCHEMA_META_KEY, add_encoded_arrow_schema_to_metadata};
use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::bloom_filter::Sbbf;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::properties::{
    EnabledStatistics, WriterProperties, WriterPropertiesBuilder, WriterPropertiesPtr,
};
use parquet::file::reader::Length as _;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{Type, TypePtr};

use super::parquet_file::ParquetFile;
use super::parquet_held::HeldPages;
use super::parquet_leaf::{LeafChunk, is_beyond_arrow};
use super::parquet_pages;
use super::parquet_reencode::Reencoding;
use super::parquet_rows::Slice;
use crate::{Format, FormatError};

/// Encodes rows of one input file for one output. Shared by the worker threads.
pub(crate) struct Encoder {
    pub(super) schema: SchemaRef,
    root: TypePtr,
    pub(super) properties: WriterPropertiesPtr,
    pub(super) columns: ArrowRowGroupWriterFactory,
    /// For each leaf column whether it is beyond Arrow.
    pub(super) beyond_arrow: Vec<bool>,
}

impl Encoder {
    /// The schema, key-value metadata, compression and kinds of statistics are the input's.
    pub(crate) fn new(file: &ParquetFile, schema: SchemaRef, added: &[String]) -> Result<Self, FormatError> {
        let root = widened_root(file, added).map_err(write_error)?;
        let properties = Arc::new(properties(file.metadata().metadata(), &schema, !added.is_empty()));
        // Column writers depend on schema and properties only, not on where the bytes go.
        let nowhere = SerializedFileWriter::new(std::io::sink(), Arc::clone(&root), Arc::clone(&properties))
            .map_err(write_error)?;
        let columns = ArrowRowGroupWriterFactory::new(&nowhere, Arc::clone(&schema));
        let beyond_arrow =
            nowhere.schema_descr().columns().iter().map(|column| is_beyond_arrow(column)).collect();
        Ok(Self { schema, root, properties, columns, beyond_arrow })
    }
}

fn widened_root(file: &ParquetFile, added: &[String]) -> Result<TypePtr, ParquetError> {
    let root = file.metadata().parquet_schema().root_schema_ptr();
    if added.is_empty() {
        return Ok(root);
    }
    let text = |name: &String| {
        let column = Type::primitive_type_builder(name, Physical::BYTE_ARRAY)
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(Some(LogicalType::String));
        Ok(Arc::new(column.build()?))
    };
    let mut fields = root.get_fields().to_vec();
    fields.extend(added.iter().map(text).collect::<Result<Vec<_>, ParquetError>>()?);
    Ok(Arc::new(Type::group_type_builder(root.name()).with_fields(fields).build()?))
}

fn properties(input: &ParquetMetaData, schema: &SchemaRef, widened: bool) -> WriterProperties {
    let mut metadata = input.file_metadata().key_value_metadata().cloned().unwrap_or_default();
    let has_arrow_schema = metadata.iter().any(|entry| entry.key == ARROW_SCHEMA_META_KEY);
    if widened {
        metadata.retain(|entry| entry.key != ARROW_SCHEMA_META_KEY);
    }
    let mut builder = WriterProperties::builder();
    if let Some(first) = input.row_groups().first() {
        builder = builder.set_sorting_columns(first.sorting_columns().cloned());
        for column in first.columns() {
            builder = column_properties(builder, column);
        }
        if let Some(column) = first.columns().first() {
            builder = builder.set_compression(column.compression());
        }
    }
    let metadata = (!metadata.is_empty()).then_some(metadata);
    let mut properties = builder.set_key_value_metadata(metadata).build();
    if widened && has_arrow_schema {
        add_encoded_arrow_schema_to_metadata(schema, &mut properties);
    }
    properties
}

fn column_properties(
    builder: WriterPropertiesBuilder,
    column: &ColumnChunkMetaData,
) -> WriterPropertiesBuilder {
    let path = || column.column_path().clone();
    let statistics = match (column.column_index_offset(), column.statistics()) {
        (Some(_), _) => EnabledStatistics::Page,
        (None, Some(_)) => EnabledStatistics::Chunk,
        (None, None) => EnabledStatistics::None,
    };
    builder
        .set_column_compression(path(), column.compression())
        .set_column_dictionary_enabled(path(), column.dictionary_page_offset().is_some())
        .set_column_statistics_enabled(path(), statistics)
        .set_column_bloom_filter_enabled(path(), column.bloom_filter_offset().is_some())
}

/// One row group of the output, or nothing.
pub(crate) struct RowGroup {
    rows: usize,
    /// Columns to copy from the input, before the ones that were encoded.
    copied: Vec<ColumnCloseResult>,
    file: Arc<ParquetFile>,
    encoded: Vec<Encoded>,
}

pub(super) enum Encoded {
    Arrow(ArrowColumnChunk),
    Leaf(LeafChunk),
}

/// The rows of `slice` where `mask` is true.
pub(crate) fn select(
    slice: &Slice,
    file: &Arc<ParquetFile>,
    encoder: &Encoder,
    mask: &[bool],
    added: &[&[&str]],
    held: &HeldPages,
) -> Result<RowGroup, FormatError> {
    let rows = mask.iter().filter(|keep| **keep).count();
    if rows == 0 {
        return Ok(RowGroup { rows, copied: Vec::new(), file: Arc::clone(file), encoded: Vec::new() });
    }
    let copied = slice.whole && rows == slice.rows && can_copy(file, slice.row_group);
    let filtered = if copied { Filtered::default() } else { Filtered::new(slice, file, mask, held)? };
    let Filtered { mut columns, roots } = filtered;
    if !roots.is_empty() || !added.is_empty() {
        let first = if copied { file.metadata().parquet_schema().num_columns() } else { 0 };
        let mut rest = Reencoding::new(slice, file, encoder, mask, |leaf| {
            leaf >= first && !columns.contains_key(&leaf)
        })?;
        rest.encode_rows(&roots)?;
        rest.encode_added(added)?;
        columns.extend(rest.close()?);
    }
    let to_copy = if copied { 0..file.metadata().parquet_schema().num_columns() } else { 0..0 };
    let copied = to_copy.map(|column| as_closed(file, slice.row_group, column)).collect::<Result<_, _>>();
    let copied = copied.map_err(|source| file.damaged(source))?;
    Ok(RowGroup { rows, copied, file: Arc::clone(file), encoded: columns.into_values().collect() })
}

/// What could be filtered page by page.
#[derive(Default)]
struct Filtered {
    /// By leaf column.
    columns: BTreeMap<usize, Encoded>,
    /// The outermost columns that could not, since one of their leaves could not.
    roots: BTreeSet<usize>,
}

impl Filtered {
    fn new(slice: &Slice, file: &ParquetFile, mask: &[bool], held: &HeldPages) -> Result<Self, FormatError> {
        let schema = file.metadata().parquet_schema();
        let mut filtered = Self::default();
        for leaf in 0..schema.num_columns() {
            let chunk = parquet_pages::filter(slice, file, leaf, mask, held);
            let chunk = chunk.map_err(|source| file.damaged(source))?;
            if let Some(chunk) = chunk {
                filtered.columns.insert(leaf, Encoded::Leaf(chunk));
            } else {
                filtered.roots.insert(schema.get_column_root_idx(leaf));
            }
        }
        let Self { columns, roots } = &mut filtered;
        columns.retain(|leaf, _| !roots.contains(&schema.get_column_root_idx(*leaf)));
        Ok(filtered)
    }
}

/// Whether the bytes of a row group can go out as they are: they are in the file. If not, whoever reads them says what is wrong.
fn can_copy(file: &ParquetFile, row_group: usize) -> bool {
    let is_within =
        |(start, length): (u64, u64)| start.checked_add(length).is_some_and(|end| end <= file.bytes().len());
    file.metadata().metadata().row_group(row_group).columns().iter().all(|column| {
        let data = column.data_page_offset();
        let dictionary = column.dictionary_page_offset();
        column.file_path().is_none()
            && dictionary.is_none_or(|offset| offset >= 4 && offset < data)
            && data >= 4
            && column.compressed_size() >= 0
            && is_within(column.byte_range())
    })
}

pub(crate) struct Writer<W: Write + Send>(SerializedFileWriter<W>);

impl<W: Write + Send> Writer<W> {
    pub(crate) fn new(sink: W, encoder: &Encoder) -> Result<Self, FormatError> {
        let (root, properties) = (Arc::clone(&encoder.root), Arc::clone(&encoder.properties));
        Ok(Self(SerializedFileWriter::new(sink, root, properties).map_err(write_error)?))
    }

    pub(crate) fn write(&mut self, group: RowGroup) -> Result<(), FormatError> {
        if group.rows == 0 {
            return Ok(());
        }
        let mut out = self.0.next_row_group().map_err(write_error)?;
        for closed in group.copied {
            out.append_column(group.file.bytes(), closed).map_err(write_error)?;
        }
        for column in group.encoded {
            match column {
                Encoded::Arrow(chunk) => chunk.append_to_row_group(&mut out),
                Encoded::Leaf(chunk) => chunk.append_to_row_group(&mut out),
            }
            .map_err(write_error)?;
        }
        out.close().map_err(write_error)?;
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<W, FormatError> {
        self.0.into_inner().map_err(write_error)
    }
}

/// A column chunk of the input as if it had just been written.
fn as_closed(file: &ParquetFile, row_group: usize, column: usize) -> Result<ColumnCloseResult, ParquetError> {
    let input = file.metadata().metadata();
    let (group, pages) = (input.row_group(row_group), input.page_index_for_row_group(row_group));
    let metadata = group.column(column).clone();
    Ok(ColumnCloseResult {
        bytes_written: u64::try_from(metadata.compressed_size()).unwrap_or(0),
        rows_written: u64::try_from(group.num_rows()).unwrap_or(0),
        bloom_filter: Sbbf::read_from_column_chunk(&metadata, file.bytes())?,
        metadata,
        column_index: pages.column_index(column).cloned(),
        offset_index: pages.offset_index(column).cloned(),
    })
}

pub(super) fn write_error(source: ParquetError) -> FormatError {
    FormatError::WriteParquet { format: Format::Parquet, source }
}
