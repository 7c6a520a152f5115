//! A stream of text becomes chunks of whole records. Sequential, and the only place that waits for input.

use std::io::{ErrorKind, Read};

use bytes::Bytes;

use super::buffers::Buffers;
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
    /// Where its bytes came from, for what is put together of them.
    pub(crate) buffers: Buffers,
}

pub(crate) struct TextReader {
    name: String,
    compression: Compression,
    chunk_bytes: usize,
    record_bytes_max: usize,
    source: Box<dyn Read + Send>,
    buffers: Buffers,
    /// What was read and not handed out, and then bytes that are nobody's.
    buffer: Vec<u8>,
    filled: usize,
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
        let chunk_bytes = limits.chunk_bytes.clamp(1, RECORD_BYTES_CAP);
        let mut reader = Self {
            name: options.name.clone(),
            compression: options.compression,
            chunk_bytes,
            record_bytes_max: limits.record_bytes_max.clamp(1, RECORD_BYTES_CAP),
            source: compress::decoder(&options.name, source, options.compression)?,
            buffers: Buffers::new(chunk_bytes.max(BLOCK_MIN)),
            buffer: Vec::new(),
            filled: 0,
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
                self.fill(self.filled.max(BLOCK_MIN) * 2)?;
            }
        }
        if self.filled == 0 {
            return Ok(None);
        }
        let cut = self.splitter.cut(&self.buffer[..self.filled]);
        let bytes = self.take(cut.len);
        let first_line = self.lines_before + 1;
        self.lines_before += cut.line_ends;
        self.records_before += cut.rows.len() as u64;
        Ok(Some(TextChunk {
            bytes,
            rows: cut.rows,
            quotes: cut.quotes,
            unclosed: cut.unclosed,
            first_line,
            buffers: self.buffers.clone(),
        }))
    }

    /// The mark of UTF-8 and the header: everything that is written before the first row, whatever is kept.
    fn read_preamble(&mut self, options: &Options) -> Result<Preamble, FormatError> {
        self.fill_unscanned(self.chunk_bytes.max(4))?;
        if let Some(encoding) = wide_text(self.read_ahead()) {
            return Err(FormatError::WideText { name: self.name.clone(), encoding });
        }
        let mut before = Vec::new();
        if self.read_ahead().starts_with(BOM) {
            before.extend_from_slice(&self.take(BOM.len()));
        }
        self.scan()?;
        while !self.at_end && (self.splitter.rows().is_empty() || self.splitter.waits_for_lf()) {
            self.fill(self.filled.max(BLOCK_MIN) * 2)?;
        }
        if !options.has_header || options.format == Format::Ndjson {
            return Ok(Preamble { bytes: before, header: None });
        }
        let Some(Cut { len, rows, line_ends, unclosed, .. }) =
            self.splitter.cut_first(&self.buffer[..self.filled])
        else {
            return Ok(Preamble { bytes: before, header: None });
        };
        if unclosed {
            return Err(FormatError::HeaderUnclosed { name: self.name.clone() });
        }
        let taken = self.take(len);
        self.lines_before += line_ends;
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
        let first =
            self.splitter.rows().first().map(|row| &self.buffer[row.content(self.read_ahead()).range()]);
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
        if target > self.buffer.len() {
            let longer = self.buffers.take(target);
            let shorter = std::mem::replace(&mut self.buffer, longer);
            self.buffer[..self.filled].copy_from_slice(&shorter[..self.filled]);
        }
        while self.filled < target && !self.at_end {
            match self.source.read(&mut self.buffer[self.filled..target]) {
                Ok(got) => {
                    self.filled += got;
                    self.at_end = got == 0;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(source) => return Err(compress::read_error(&self.name, self.compression, source)),
            }
        }
        Ok(())
    }

    fn read_ahead(&self) -> &[u8] {
        &self.buffer[..self.filled]
    }

    fn scan(&mut self) -> Result<(), FormatError> {
        let read = &self.buffer[..self.filled];
        self.splitter.scan(read);
        if self.at_end {
            self.splitter.finish(read);
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
        let rest = len..self.filled;
        let mut next = self.buffers.take(rest.len());
        next[..rest.len()].copy_from_slice(&self.buffer[rest.clone()]);
        self.filled = rest.len();
        let taken = std::mem::replace(&mut self.buffer, next);
        self.buffers.lend(taken, len)
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
