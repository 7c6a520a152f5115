//! The sequential end where rows come in: a file becomes chunks that other threads can work on.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use crate::columnar::{ColumnarChunk, ColumnarReader};
use crate::layout::Layout;
use crate::text::reader::{TextChunk, TextReader};
use crate::{Compression, Detected, Format, FormatError};

/// What to read, as [`detect`](crate::detect) found or the user said.
#[derive(Debug, Clone)]
pub struct Options {
    /// Names the file in messages.
    pub name: String,
    pub format: Format,
    pub compression: Compression,
    /// Whether the first record of delimited or one-per-line text names the columns. Other formats ignore it.
    pub has_header: bool,
    pub limits: Limits,
}

impl Options {
    pub fn new(name: impl Into<String>, detected: Detected) -> Self {
        let Detected { format, compression, has_header } = detected;
        Self { name: name.into(), format, compression, has_header, limits: Limits::default() }
    }
}

/// What bounds memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Text is cut at the last record end before so many bytes; a longer record makes a longer chunk.
    pub chunk_bytes: usize,
    /// A record longer than this is an error: most likely a quote is never closed. At most 1 GiB.
    pub record_bytes_max: usize,
    /// A Parquet row group with more rows becomes several chunks, and several row groups of the output.
    pub slice_rows: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { chunk_bytes: 1024 * 1024, record_bytes_max: 64 * 1024 * 1024, slice_rows: 1024 * 1024 }
    }
}

/// Yields the rows of one file, in order, as chunks.
#[derive(Debug)]
pub struct Reader {
    layout: Arc<Layout>,
    body: Body,
    rows: u64,
    chunks: u64,
}

#[derive(Debug)]
enum Body {
    Text(Box<TextReader>),
    Columnar(ColumnarReader),
}

impl Reader {
    /// Opens a file and reads its header.
    pub fn open(path: &Path, options: &Options) -> Result<Self, FormatError> {
        let file =
            File::open(path).map_err(|source| FormatError::Open { name: options.name.clone(), source })?;
        match options.format {
            Format::Parquet | Format::ArrowFile => {
                if options.compression != Compression::None {
                    let (name, format) = (options.name.clone(), options.format);
                    return Err(FormatError::CompressedColumnar { name, format });
                }
                let (reader, layout) = ColumnarReader::open(file, options)?;
                Ok(Self::new(layout, Body::Columnar(reader)))
            }
            _ => Self::from_read(Box::new(file), options),
        }
    }

    /// Reads a stream, such as standard input. Parquet and Arrow IPC files need [`Reader::open`].
    pub fn from_read(read: Box<dyn Read + Send>, options: &Options) -> Result<Self, FormatError> {
        let (name, format) = (options.name.clone(), options.format);
        match format {
            Format::Parquet | Format::ArrowFile => Err(FormatError::NeedsFile { name, format }),
            Format::ArrowStream if options.compression != Compression::None => {
                Err(FormatError::CompressedColumnar { name, format })
            }
            Format::ArrowStream => {
                let (reader, layout) = ColumnarReader::from_read(read, options)?;
                Ok(Self::new(layout, Body::Columnar(reader)))
            }
            Format::Delimited { .. } | Format::Ndjson | Format::Lines => {
                let (reader, layout) = TextReader::open(read, options)?;
                Ok(Self::new(layout, Body::Text(Box::new(reader))))
            }
        }
    }

    fn new(layout: Layout, body: Body) -> Self {
        Self { layout: Arc::new(layout), body, rows: 0, chunks: 0 }
    }

    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// The next rows, or `None` at the end. After an error the rest of the file is lost: nothing that was written so
    /// far is complete.
    pub fn next_chunk(&mut self) -> Result<Option<Chunk>, FormatError> {
        let body = match &mut self.body {
            Body::Text(reader) => reader.next_chunk()?.map(ChunkBody::Text),
            Body::Columnar(reader) => reader.next_chunk()?.map(ChunkBody::Columnar),
        };
        Ok(body.map(|body| {
            let chunk = Chunk { number: self.chunks, first_row: self.rows, body };
            self.chunks += 1;
            self.rows += chunk.len() as u64;
            chunk
        }))
    }
}

/// Rows that were read but not looked into. May hold none: blank lines alone are a chunk too.
pub struct Chunk {
    number: u64,
    first_row: u64,
    pub(crate) body: ChunkBody,
}

pub(crate) enum ChunkBody {
    Text(TextChunk),
    Columnar(ColumnarChunk),
}

impl Chunk {
    /// Counts the chunks of a file from 0, without a gap.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Counts the rows of a file from 0; the header is no row.
    pub fn first_row(&self) -> u64 {
        self.first_row
    }

    pub fn len(&self) -> usize {
        match &self.body {
            ChunkBody::Text(chunk) => chunk.rows.len(),
            ChunkBody::Columnar(chunk) => chunk.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl std::fmt::Debug for Chunk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chunk")
            .field("first_row", &self.first_row)
            .field("rows", &self.len())
            .finish_non_exhaustive()
    }
}
