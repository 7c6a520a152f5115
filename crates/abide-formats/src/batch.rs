//! Parsed rows: their cells to decide by, and the rows themselves to keep or drop.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use bytestring::ByteString;

use crate::columnar::ColumnarBatch;
use crate::layout::Layout;
use crate::output::{Output, Piece};
use crate::text::buffers::Buffers;
use crate::text::split::{Span, lines_in};
use crate::text::{delimited, json, splice};
use crate::{Format, FormatError};

/// What a cell says. `Debug` does not show it, since it may be personal data.
#[derive(Clone, PartialEq, Eq)]
pub enum Cell<'a> {
    /// Empty, null, or not there at all.
    Absent,
    /// Never empty. Numbers, truth values and dates as they are usually written; in text formats as they stand there.
    Text(Cow<'a, str>),
    /// The elements of a list, nulls left out. At least two; a single element is `Text`.
    List(Vec<Cow<'a, str>>),
    /// Something that is not text: bytes that are not UTF-8, letters after a closing quote, an object, a member that
    /// occurs twice.
    Undecodable,
}

impl fmt::Debug for Cell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("Absent"),
            Self::Text(_) => f.write_str("Text(…)"),
            Self::List(elements) => write!(f, "List({} × …)", elements.len()),
            Self::Undecodable => f.write_str("Undecodable"),
        }
    }
}

/// Why a whole row cannot be judged. It can still be kept or dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RowFault {
    /// The number of fields differs from that of the header, or of the first record where there is no header.
    Ragged {
        expected: u32,
        found: u32,
    },
    /// A quote that is open until the end of the file; the rest of the file is this row.
    UnclosedQuote,
    /// Of an NDJSON row. In other text a cell is [`Cell::Undecodable`], since rows can be told apart all the same.
    NotUtf8,
    NotJson,
    NotAnObject,
}

impl fmt::Display for RowFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ragged { expected, found } => write!(f, "it has {found} fields rather than {expected}"),
            Self::UnclosedQuote => f.write_str("a quote in it is never closed"),
            Self::NotUtf8 => f.write_str("it is not UTF-8"),
            Self::NotJson => f.write_str("it is not JSON"),
            Self::NotAnObject => f.write_str("it is JSON but not an object"),
        }
    }
}

/// Few among many rows, in order.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<(u32, RowFault)>);

impl Faults {
    pub(crate) fn push(&mut self, row: usize, fault: RowFault) {
        self.0.push((u32::try_from(row).expect("a chunk has fewer than 4 billion rows"), fault));
    }

    /// `row` is the last of the batch; what was wrong with it before matters less.
    pub(crate) fn replace_last(&mut self, row: usize, fault: RowFault) {
        self.0.retain(|(at, _)| *at as usize != row);
        self.push(row, fault);
    }

    #[inline]
    fn get(&self, row: usize) -> Option<RowFault> {
        if self.0.is_empty() {
            return None;
        }
        let at = self.0.binary_search_by_key(&row, |(row, _)| *row as usize).ok()?;
        Some(self.0[at].1)
    }
}

/// Parsed rows of one chunk.
pub struct Batch {
    pub(crate) first_row: u64,
    pub(crate) columns: usize,
    pub(crate) layout: Arc<Layout>,
    pub(crate) body: Body,
}

pub(crate) enum Body {
    Text(TextBatch),
    Columnar(ColumnarBatch),
}

pub(crate) struct TextBatch {
    pub(crate) bytes: Bytes,
    /// The same bytes, if all of them are UTF-8: looked at once rather than cell by cell.
    pub(crate) utf8: Option<ByteString>,
    pub(crate) rows: Vec<Span>,
    pub(crate) first_line: u64,
    pub(crate) cells: TextCells,
    pub(crate) faults: Faults,
    pub(crate) buffers: Buffers,
}

pub(crate) enum TextCells {
    Delimited { spans: Vec<Span>, per_row: usize, places: Vec<usize>, quotes: bool },
    Lines,
    Ndjson(json::Found),
}

impl Batch {
    pub fn len(&self) -> usize {
        match &self.body {
            Body::Text(batch) => batch.rows.len(),
            Body::Columnar(batch) => batch.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Counts the rows of the file from 0; the header is no row.
    pub fn first_row(&self) -> u64 {
        self.first_row
    }

    /// The line of the file, from 1, on which a row of text starts. Counts, so it is for messages only.
    pub fn line(&self, row: usize) -> Option<u64> {
        match &self.body {
            Body::Text(batch) => {
                Some(batch.first_line + lines_in(&batch.bytes[..batch.rows[row].start as usize]))
            }
            Body::Columnar(_) => None,
        }
    }

    /// Why the row cannot be judged, if so. Its cells are then not to be relied on.
    #[inline]
    pub fn fault(&self, row: usize) -> Option<RowFault> {
        match &self.body {
            Body::Text(batch) => batch.faults.get(row),
            Body::Columnar(_) => None,
        }
    }

    /// The cell of the `column`th wanted column.
    ///
    /// # Panics
    ///
    /// If there is no such row, or fewer columns were wanted.
    #[inline]
    pub fn cell(&self, row: usize, column: usize) -> Cell<'_> {
        assert!(column < self.columns, "{} columns were wanted, there is no number {column}", self.columns);
        match &self.body {
            Body::Text(batch) => batch.cell(row, column, self.columns),
            Body::Columnar(batch) => batch.cell(row, column),
        }
    }

    /// The rows where `mask` is true, and for text the blank lines between rows. All rows kept means all bytes kept.
    ///
    /// # Panics
    ///
    /// If the mask is not one entry per row, or the output adds columns.
    pub fn keep(&self, mask: &[bool], output: &Output) -> Result<Piece, FormatError> {
        assert!(output.added().is_empty(), "the output has added columns, so rows come with their values");
        self.select(mask, output, &Select { gaps: true, added: &[] })
    }

    /// Like [`Batch::keep`], with the values of [`Output::added`] columns: one text per row of the batch, kept or not,
    /// for each of them. A row with a fault has no place for more values and stays as it is.
    ///
    /// # Panics
    ///
    /// If the mask or the values are not one entry per row.
    pub fn keep_with_columns(
        &self,
        mask: &[bool],
        output: &Output,
        values: &[&[&str]],
    ) -> Result<Piece, FormatError> {
        assert_eq!(output.added().len(), values.len(), "one slice of values for each added column");
        assert!(values.iter().all(|column| column.len() == self.len()), "one value for each row");
        self.select(mask, output, &Select { gaps: true, added: values })
    }

    /// The rows where `mask` is true and nothing else, for a side file.
    pub fn pick(&self, mask: &[bool], output: &Output) -> Result<Piece, FormatError> {
        assert!(output.added().is_empty(), "the output has added columns, so rows come with their values");
        self.select(mask, output, &Select { gaps: false, added: &[] })
    }

    fn select(&self, mask: &[bool], output: &Output, select: &Select<'_>) -> Result<Piece, FormatError> {
        assert_eq!(mask.len(), self.len(), "one mask entry for each row");
        let (input, wanted) = (self.layout.format(), output.layout().format());
        if input != wanted {
            return Err(FormatError::Conversion { input, output: wanted });
        }
        match &self.body {
            Body::Text(batch) => {
                let text = if select.added.is_empty() {
                    splice::kept(&batch.bytes, &batch.rows, mask, select.gaps, &batch.buffers)
                } else {
                    self.spliced(batch, mask, output, select.added)?
                };
                Piece::text(mask, text, output)
            }
            Body::Columnar(batch) => batch.select(mask, output, select.added),
        }
    }

    fn spliced(
        &self,
        batch: &TextBatch,
        mask: &[bool],
        output: &Output,
        values: &[&[&str]],
    ) -> Result<Bytes, FormatError> {
        let append = |row: usize, content: &[u8], out: &mut Vec<u8>| {
            if batch.faults.get(row).is_some() {
                out.extend_from_slice(content);
                return Ok(());
            }
            match self.layout.format() {
                Format::Delimited { delimiter } => {
                    out.extend_from_slice(content);
                    for column in values {
                        out.push(delimiter);
                        delimited::write_field(column[row], delimiter, out);
                    }
                    Ok(())
                }
                _ => {
                    json::write_members(content, output.added(), values.iter().map(|column| column[row]), out)
                        .map_err(|column| FormatError::ColumnExists {
                            name: self.layout.name().to_owned(),
                            column,
                        })
                }
            }
        };
        splice::rewritten(&batch.bytes, &batch.rows, mask, append)
    }
}

/// What of a batch goes where.
struct Select<'a> {
    gaps: bool,
    added: &'a [&'a [&'a str]],
}

impl TextBatch {
    #[inline]
    fn cell(&self, row: usize, column: usize, columns: usize) -> Cell<'_> {
        match &self.cells {
            TextCells::Delimited { spans, per_row, places, quotes } => {
                match spans[row * per_row + places[column]] {
                    delimited::MISSING => Cell::Absent,
                    span => self.text(span, *quotes),
                }
            }
            TextCells::Lines => self.text(self.rows[row].content(&self.bytes), false),
            TextCells::Ndjson(found) => found.cell(&self.bytes, row * columns + column),
        }
    }

    #[inline]
    fn text(&self, field: Span, quotes: bool) -> Cell<'_> {
        match &self.utf8 {
            Some(all) => delimited::utf8_text(&all[field.range()], quotes),
            None => delimited::text(&self.bytes[field.range()], quotes),
        }
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("first_row", &self.first_row)
            .field("rows", &self.len())
            .finish_non_exhaustive()
    }
}
