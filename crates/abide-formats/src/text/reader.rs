//! A stream of text becomes chunks of whole records. Sequential, and the only place that waits for input.

use std::io::Read;

use bytes::Bytes;

use super::split::{Cut, Dialect, Span, Splitter, lines_in};
use super::{compress, delimited};
use crate::format::{BOM, wide_text};
use crate::layout::{Layout, Shape};
use crate::reader::Options;
use crate::{Compression, Format, FormatError};

/// Whole records, and the blank lines between them.
#[derive(Debug)]
pub(crate) struct TextChunk {
    pub(crate) bytes: Bytes,
    pub(crate) rows: Vec<Span>,
    pub(crate) quotes: bool,
    pub(crate) unclosed: bool,
    pub(crate) first_line: u64,
}

pub(crate) struct TextReader {
    name: String,
    compression: Compression,
    chunk_bytes: usize,
    record_bytes_max: usize,
    source: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    splitter: Splitter,
    at_end: bool,
    lines_before: u64,
    /// The header counts, since it may be the one that is too long.
    records_before: u64,
}

/// Positions inside a chunk are 32 bits wide.
const RECORD_BYTES_CAP: usize = 1 << 30;

impl TextReader {
    /// Reads up to the end of the header, or of the first record where there is none.
    pub(crate) fn open(
        source: Box<dyn Read + Send>,
        options: &Options,
    ) -> Result<(Self, Layout), FormatError> {
        let dialect = match options.format {
            Format::Delimited { delimiter } => Dialect::delimited(check_delimiter(delimiter)?),
            Format::Ndjson => Dialect::NDJSON,
            _ => Dialect::LINES,
        };
        let limits = options.limits;
        let mut reader = Self {
            name: options.name.clone(),
            compression: options.compression,
            chunk_bytes: limits.chunk_bytes.clamp(1, RECORD_BYTES_CAP),
            record_bytes_max: limits.record_bytes_max.clamp(1, RECORD_BYTES_CAP),
            source: compress::decoder(&options.name, source, options.compression)?,
            buffer: Vec::new(),
            splitter: Splitter::new(dialect),
            at_end: false,
            lines_before: 0,
            records_before: 0,
        };
        let preamble = reader.read_preamble(options)?;
        let shape = reader.shape(dialect, options, preamble)?;
        let layout = Layout { name: options.name.clone(), format: options.format, shape };
        Ok((reader, layout))
    }

    pub(crate) fn next_chunk(&mut self) -> Result<Option<TextChunk>, FormatError> {
        if !self.at_end {
            self.fill(self.chunk_bytes)?;
            while !self.at_end && (self.splitter.rows().is_empty() || self.splitter.waits_for_lf()) {
                self.fill(self.buffer.len().max(BLOCK_MIN) * 2)?;
            }
        }
        if self.buffer.is_empty() {
            return Ok(None);
        }
        let cut = self.splitter.cut();
        let bytes = self.take(cut.len);
        let first_line = self.lines_before + 1;
        self.lines_before += lines_in(&bytes);
        self.records_before += cut.rows.len() as u64;
        Ok(Some(TextChunk { bytes, rows: cut.rows, quotes: cut.quotes, unclosed: cut.unclosed, first_line }))
    }

    /// The mark of UTF-8 and the header: everything that is written before the first row, whatever is kept.
    fn read_preamble(&mut self, options: &Options) -> Result<Preamble, FormatError> {
        self.fill_unscanned(self.chunk_bytes.max(4))?;
        if let Some(encoding) = wide_text(&self.buffer) {
            return Err(FormatError::WideText { name: self.name.clone(), encoding });
        }
        let mut before = Vec::new();
        if self.buffer.starts_with(BOM) {
            before.extend_from_slice(&self.take(BOM.len()));
        }
        self.scan()?;
        while !self.at_end && (self.splitter.rows().is_empty() || self.splitter.waits_for_lf()) {
            self.fill(self.buffer.len().max(BLOCK_MIN) * 2)?;
        }
        if !options.has_header || options.format == Format::Ndjson {
            return Ok(Preamble { bytes: before, header: None });
        }
        let Some(Cut { len, rows, unclosed, .. }) = self.splitter.cut_first() else {
            return Ok(Preamble { bytes: before, header: None });
        };
        if unclosed {
            return Err(FormatError::HeaderUnclosed { name: self.name.clone() });
        }
        let taken = self.take(len);
        self.lines_before += lines_in(&taken);
        self.records_before += 1;
        let header = taken.slice(rows[0].content(&taken).range());
        before.extend_from_slice(&taken);
        Ok(Preamble { bytes: before, header: Some(header) })
    }

    fn shape(&self, dialect: Dialect, options: &Options, preamble: Preamble) -> Result<Shape, FormatError> {
        let bytes = Bytes::from(preamble.bytes);
        if options.format == Format::Ndjson {
            return Ok(Shape::Ndjson { preamble: bytes });
        }
        let names = match &preamble.header {
            Some(header) => Some(
                delimited::header(header, dialect.delimiter)
                    .ok_or_else(|| FormatError::HeaderNotUtf8 { name: self.name.clone() })?,
            ),
            None => None,
        };
        let first = self.splitter.rows().first().map(|row| &self.buffer[row.content(&self.buffer).range()]);
        let width = match (&names, first, dialect.delimiter) {
            (Some(names), _, _) => names.len(),
            (None, Some(first), Some(delimiter)) => delimited::width(first, delimiter),
            (None, _, _) => 1,
        };
        Ok(Shape::Delimited { delimiter: dialect.delimiter, preamble: bytes, names, width })
    }

    fn fill(&mut self, target: usize) -> Result<(), FormatError> {
        self.fill_unscanned(target)?;
        self.scan()
    }

    fn fill_unscanned(&mut self, target: usize) -> Result<(), FormatError> {
        let missing = target.saturating_sub(self.buffer.len());
        self.buffer.reserve(missing);
        let got = (&mut self.source)
            .take(missing as u64)
            .read_to_end(&mut self.buffer)
            .map_err(|source| compress::read_error(&self.name, self.compression, source))?;
        self.at_end |= got < missing;
        Ok(())
    }

    fn scan(&mut self) -> Result<(), FormatError> {
        self.splitter.scan(&self.buffer);
        if self.at_end {
            self.splitter.finish(&self.buffer);
        }
        if self.splitter.longest() > self.record_bytes_max {
            return Err(self.too_long());
        }
        Ok(())
    }

    fn too_long(&self) -> FormatError {
        let rows = self.splitter.rows();
        let long =
            rows.iter().position(|row| row.range().len() > self.record_bytes_max).unwrap_or(rows.len());
        let start = match rows.get(long) {
            Some(row) => row.start,
            None => rows.last().map_or(0, |row| row.end),
        };
        FormatError::RecordTooLong {
            name: self.name.clone(),
            record: self.records_before + long as u64 + 1,
            line: self.lines_before + lines_in(&self.buffer[..start as usize]) + 1,
            limit: self.record_bytes_max,
        }
    }

    /// Takes the first `len` bytes and keeps the rest for the next chunk.
    fn take(&mut self, len: usize) -> Bytes {
        let mut rest = Vec::with_capacity(self.chunk_bytes.max(self.buffer.len() - len));
        rest.extend_from_slice(&self.buffer[len..]);
        let mut taken = std::mem::replace(&mut self.buffer, rest);
        taken.truncate(len);
        Bytes::from(taken)
    }
}

const BLOCK_MIN: usize = 64;

struct Preamble {
    bytes: Vec<u8>,
    header: Option<Bytes>,
}

fn check_delimiter(delimiter: u8) -> Result<u8, FormatError> {
    let taken = matches!(delimiter, b'"' | b'\n' | b'\r' | 0)
        || delimiter.is_ascii_alphanumeric()
        || !delimiter.is_ascii();
    if taken { Err(FormatError::Delimiter { delimiter }) } else { Ok(delimiter) }
}

impl std::fmt::Debug for TextReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TextReader").field("name", &self.name).finish_non_exhaustive()
    }
}
