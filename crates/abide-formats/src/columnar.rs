//! Parquet and Arrow IPC: wanted columns are decoded, and rows filtered column by column, with the same schema.
//!
//! One `enum` per step of the way, with an arm for Parquet, where decoding and filtering happen in the worker threads,
//! and one for Arrow IPC, which is read and written batch by batch at the ends.

mod ipc;
mod leaf;
mod parquet_file;
mod parquet_held;
mod parquet_leaf;
mod parquet_pages;
mod parquet_reencode;
mod parquet_rows;
mod parquet_write;

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Write};
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_ipc::CompressionType;
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use crate::batch::Cell;
use crate::contained::contained;
use crate::layout::{Layout, Shape};
use crate::output::{Output, Piece, PieceBody};
use crate::reader::Options;
use crate::{Column, Format, FormatError};
use leaf::{Leaf, Path};
use parquet::arrow::FieldLevels;
use parquet_file::ParquetFile;
use parquet_held::HeldPages;
use parquet_rows::Slice;
use parquet_write::Encoder;

pub(crate) struct ColumnarLayout {
    schema: SchemaRef,
    source: Source,
}

enum Source {
    Parquet(Arc<ParquetFile>),
    Ipc { compression: Option<CompressionType>, metadata: HashMap<String, String> },
}

impl ColumnarLayout {
    pub(crate) fn schema(&self) -> &Schema {
        &self.schema
    }
}

#[derive(Debug)]
pub(crate) struct ColumnarReader(Batches);

enum Batches {
    Parquet(parquet_rows::Slices),
    Ipc(ipc::Reader),
}

impl ColumnarReader {
    pub(crate) fn open(file: File, options: &Options) -> Result<(Self, Layout), FormatError> {
        contained(&options.name, options.format, || Self::open_any(file, options))
    }

    fn open_any(file: File, options: &Options) -> Result<(Self, Layout), FormatError> {
        if options.format == Format::ArrowFile {
            return Ok(Self::ipc(ipc::Reader::open(file, options)?, options));
        }
        let file = Arc::new(ParquetFile::open(file, &options.name)?);
        let slices = parquet_rows::Slices::new(Arc::clone(&file), options.limits.slice_rows);
        let schema = Arc::clone(file.metadata().schema());
        let layout = ColumnarLayout { schema, source: Source::Parquet(file) };
        Ok((Self(Batches::Parquet(slices)), Self::layout(layout, options)))
    }

    pub(crate) fn from_read(
        read: Box<dyn Read + Send>,
        options: &Options,
    ) -> Result<(Self, Layout), FormatError> {
        contained(&options.name, options.format, || {
            Ok(Self::ipc(ipc::Reader::from_read(read, options)?, options))
        })
    }

    fn ipc(reader: ipc::Reader, options: &Options) -> (Self, Layout) {
        let source = Source::Ipc { compression: reader.compression(), metadata: reader.metadata() };
        let layout = ColumnarLayout { schema: reader.schema(), source };
        (Self(Batches::Ipc(reader)), Self::layout(layout, options))
    }

    fn layout(layout: ColumnarLayout, options: &Options) -> Layout {
        Layout { name: options.name.clone(), format: options.format, shape: Shape::Columnar(layout) }
    }

    pub(crate) fn next_chunk(&mut self) -> Result<Option<ColumnarChunk>, FormatError> {
        match &mut self.0 {
            Batches::Parquet(slices) => Ok(slices.next().map(ColumnarChunk::Parquet)),
            Batches::Ipc(reader) => reader.next_batch().map(|batch| batch.map(ColumnarChunk::Ipc)),
        }
    }
}

pub(crate) enum ColumnarChunk {
    /// Nothing is read yet.
    Parquet(Slice),
    Ipc(RecordBatch),
}

impl ColumnarChunk {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Parquet(slice) => slice.rows,
            Self::Ipc(batch) => batch.num_rows(),
        }
    }
}

#[derive(Debug)]
pub(crate) struct ColumnarPlan {
    paths: Vec<Path>,
    /// The outermost columns that the paths start from, ascending, none twice: all that is decoded to decide.
    roots: Vec<usize>,
    /// How these are decoded from Parquet.
    fields: Option<FieldLevels>,
}

impl ColumnarPlan {
    pub(crate) fn new(name: &str, layout: &ColumnarLayout, wanted: &[Column]) -> Result<Self, FormatError> {
        let uuids = match &layout.source {
            Source::Parquet(file) => file.uuid_columns(),
            Source::Ipc { .. } => Vec::new(),
        };
        let paths = wanted
            .iter()
            .map(|column| leaf::resolve(name, &layout.schema, &uuids, column))
            .collect::<Result<Vec<_>, _>>()?;
        let mut roots: Vec<usize> = paths.iter().map(Path::root).collect();
        roots.sort_unstable();
        roots.dedup();
        let fields = match &layout.source {
            Source::Parquet(file) => Some(file.fields(&roots)?),
            Source::Ipc { .. } => None,
        };
        Ok(Self { paths, roots, fields })
    }

    /// The leaves of some rows, of which only the roots were decoded.
    fn leaves(&self, roots: &[ArrayRef]) -> Vec<Leaf> {
        let leaf = |path: &Path| {
            let at = self.roots.binary_search(&path.root()).expect("every path starts from a root");
            path.leaf(&roots[at])
        };
        self.paths.iter().map(leaf).collect()
    }

    pub(crate) fn parse(&self, layout: &Layout, chunk: ColumnarChunk) -> Result<ColumnarBatch, FormatError> {
        contained(&layout.name, layout.format, || self.decode(layout, chunk))
    }

    fn decode(&self, layout: &Layout, chunk: ColumnarChunk) -> Result<ColumnarBatch, FormatError> {
        let (runs, rows) = match chunk {
            ColumnarChunk::Ipc(batch) => {
                let roots: Vec<ArrayRef> =
                    self.roots.iter().map(|root| Arc::clone(batch.column(*root))).collect();
                let run = Run { start: 0, leaves: self.leaves(&roots) };
                (vec![run], Rows::Ipc(batch))
            }
            ColumnarChunk::Parquet(slice) => {
                let Shape::Columnar(ColumnarLayout { source: Source::Parquet(file), .. }) = &layout.shape
                else {
                    unreachable!("a slice is of a Parquet file");
                };
                let held = self.hold(&slice, file)?;
                (self.runs(&slice, file, &held)?, Rows::Parquet { slice, file: Arc::clone(file), held })
            }
        };
        Ok(ColumnarBatch { runs, rows })
    }

    /// The pages that are decoded now and filtered later; of a part of a row group none, as they may be many.
    fn hold(&self, slice: &Slice, file: &ParquetFile) -> Result<HeldPages, FormatError> {
        let roots = if slice.whole { self.roots.as_slice() } else { &[] };
        HeldPages::read(slice, file, roots).map_err(|source| file.damaged(source))
    }

    fn runs(&self, slice: &Slice, file: &ParquetFile, held: &HeldPages) -> Result<Vec<Run>, FormatError> {
        let mut runs = Vec::new();
        if self.roots.is_empty() {
            return Ok(runs);
        }
        let batches = match &self.fields {
            Some(fields) if slice.whole => {
                held.decode(slice, file, fields).map_err(|source| file.damaged(source))?
            }
            _ => slice.read(file, &self.roots)?,
        };
        let mut start = 0;
        for batch in batches {
            let batch = batch.map_err(|source| file.damaged_arrow(source))?;
            runs.push(Run { start, leaves: self.leaves(batch.columns()) });
            start += batch.num_rows();
        }
        if start == slice.rows { Ok(runs) } else { Err(file.short(slice.row_group, slice.rows, start)) }
    }
}

pub(crate) struct ColumnarBatch {
    runs: Vec<Run>,
    rows: Rows,
}

/// The wanted leaves of consecutive rows.
struct Run {
    start: usize,
    leaves: Vec<Leaf>,
}

enum Rows {
    Parquet { slice: Slice, file: Arc<ParquetFile>, held: HeldPages },
    Ipc(RecordBatch),
}

impl ColumnarBatch {
    pub(crate) fn len(&self) -> usize {
        match &self.rows {
            Rows::Parquet { slice, .. } => slice.rows,
            Rows::Ipc(batch) => batch.num_rows(),
        }
    }

    pub(crate) fn cell(&self, row: usize, column: usize) -> Cell<'_> {
        assert!(row < self.len(), "the batch has {} rows, there is no number {row}", self.len());
        let run = &self.runs[self.runs.partition_point(|run| run.start <= row) - 1];
        run.leaves[column].cell(row - run.start)
    }

    pub(crate) fn select(
        &self,
        mask: &[bool],
        output: &Output,
        added: &[&[&str]],
    ) -> Result<Piece, FormatError> {
        let target = output.columnar().expect("the output has the format of the batch");
        let layout = output.layout();
        // Of Parquet, the columns that nobody asked for are read only here.
        let piece = contained(&layout.name, layout.format, || match (&self.rows, target) {
            (Rows::Parquet { slice, file, held }, ColumnarOutput::Parquet(encoder)) => {
                let group = parquet_write::select(slice, file, encoder, mask, added, held)?;
                Ok(ColumnarPiece::Parquet(group))
            }
            (Rows::Ipc(batch), ColumnarOutput::Ipc { schema, .. }) => {
                Ok(ColumnarPiece::Ipc(ipc::select(batch, schema, mask, added, layout)?))
            }
            _ => unreachable!("the output has the format of the batch"),
        })?;
        Ok(Piece::new(mask, PieceBody::Columnar(piece)))
    }
}

pub(crate) enum ColumnarOutput {
    Parquet(Arc<Encoder>),
    Ipc {
        schema: SchemaRef,
        stream: bool,
        compression: Option<CompressionType>,
        metadata: HashMap<String, String>,
    },
}

impl ColumnarOutput {
    pub(crate) fn new(
        layout: &Layout,
        columnar: &ColumnarLayout,
        added: &[String],
    ) -> Result<Self, FormatError> {
        let schema = widened(&columnar.schema, added);
        Ok(match &columnar.source {
            Source::Parquet(file) => Self::Parquet(Arc::new(Encoder::new(file, schema, added)?)),
            Source::Ipc { compression, metadata } => Self::Ipc {
                schema,
                stream: layout.format == Format::ArrowStream,
                compression: *compression,
                metadata: metadata.clone(),
            },
        })
    }
}

impl std::fmt::Debug for ColumnarOutput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Parquet(_) => "Parquet",
            Self::Ipc { .. } => "Ipc",
        })
    }
}

impl std::fmt::Debug for Batches {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Parquet(_) => "Parquet",
            Self::Ipc(_) => "Ipc",
        })
    }
}

pub(crate) enum ColumnarPiece {
    Parquet(parquet_write::RowGroup),
    Ipc(RecordBatch),
}

pub(crate) enum ColumnarWriter<W: Write + Send> {
    Parquet(parquet_write::Writer<W>),
    Ipc(ipc::Writer<W>),
}

impl<W: Write + Send> ColumnarWriter<W> {
    pub(crate) fn new(sink: W, output: &ColumnarOutput) -> Result<Self, FormatError> {
        Ok(match output {
            ColumnarOutput::Parquet(encoder) => Self::Parquet(parquet_write::Writer::new(sink, encoder)?),
            ColumnarOutput::Ipc { schema, stream, compression, metadata } => {
                Self::Ipc(ipc::Writer::new(sink, schema, *stream, *compression, metadata)?)
            }
        })
    }

    pub(crate) fn write(&mut self, piece: ColumnarPiece) -> Result<(), FormatError> {
        match (self, piece) {
            (Self::Parquet(writer), ColumnarPiece::Parquet(group)) => writer.write(group),
            (Self::Ipc(writer), ColumnarPiece::Ipc(batch)) => writer.write(&batch),
            _ => panic!("a piece is written to the output it was made for"),
        }
    }

    pub(crate) fn finish(self) -> Result<W, FormatError> {
        match self {
            Self::Parquet(writer) => writer.finish(),
            Self::Ipc(writer) => writer.finish(),
        }
    }
}

/// The schema with more columns of text at its end.
fn widened(schema: &SchemaRef, added: &[String]) -> SchemaRef {
    if added.is_empty() {
        return Arc::clone(schema);
    }
    let more = added.iter().map(|name| Arc::new(Field::new(name, DataType::Utf8, true)));
    let fields: Vec<_> = schema.fields().iter().cloned().chain(more).collect();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

/// The values of the kept rows among `rows` as a column.
fn text_column(values: &[&str], mask: &[bool]) -> ArrayRef {
    let kept = values.iter().zip(mask).filter(|(_, keep)| **keep).map(|(value, _)| *value);
    Arc::new(StringArray::from_iter_values(kept))
}
