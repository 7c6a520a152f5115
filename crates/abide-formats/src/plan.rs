//! Which columns to look at. Made once per file, shared by the threads that parse its chunks.

use std::sync::Arc;

use bytestring::ByteString;

use crate::batch::{Batch, Body, Faults, RowFault, TextBatch, TextCells};
use crate::columnar::ColumnarPlan;
use crate::layout::{Layout, Shape};
use crate::reader::ChunkBody;
use crate::text::delimited::{Search, locate};
use crate::text::json;
use crate::text::reader::TextChunk;
use crate::{Chunk, FormatError};

/// A column as the user names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column {
    /// A name in the header. In NDJSON, Parquet and Arrow also a path: `user.contact.email`, or a JSON pointer
    /// (`/user/contact/email`) where names have dots in them. A path leads through lists to all of their elements.
    Named(String),
    /// Counted from 1.
    At(usize),
}

impl From<&str> for Column {
    fn from(name: &str) -> Self {
        Self::Named(name.to_owned())
    }
}

/// Which columns are wanted of the rows of one file.
#[derive(Debug, Clone)]
pub struct Plan {
    layout: Arc<Layout>,
    columns: usize,
    wanted: Arc<Wanted>,
}

#[derive(Debug)]
enum Wanted {
    Delimited {
        delimiter: u8,
        width: u32,
        /// Field numbers, ascending, none twice.
        fields: Vec<u32>,
        /// For each wanted column its index in `fields`.
        places: Vec<usize>,
    },
    Lines,
    Ndjson(json::Paths),
    Columnar(ColumnarPlan),
}

impl Plan {
    /// Cells are asked for by index into `wanted`. The same column may be wanted twice.
    pub fn new(layout: &Arc<Layout>, wanted: &[Column]) -> Result<Self, FormatError> {
        let columns = wanted.len();
        let wanted = match &layout.shape {
            Shape::Delimited { delimiter, names, width, .. } => {
                let fields = wanted
                    .iter()
                    .map(|column| position(&layout.name, names.as_deref(), *width, column))
                    .collect::<Result<Vec<u32>, _>>()?;
                match delimiter {
                    Some(delimiter) => delimited(*delimiter, *width, &fields),
                    None => Wanted::Lines,
                }
            }
            Shape::Ndjson { .. } => Wanted::Ndjson(json::Paths::new(layout.format, wanted)?),
            Shape::Columnar(columnar) => Wanted::Columnar(ColumnarPlan::new(&layout.name, columnar, wanted)?),
        };
        Ok(Self { layout: Arc::clone(layout), columns, wanted: Arc::new(wanted) })
    }

    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// Finds the wanted cells of every row. Rows that cannot be read have a [`RowFault`]; an error means that the file
    /// is damaged.
    pub fn parse(&self, chunk: Chunk) -> Result<Batch, FormatError> {
        let first_row = chunk.first_row();
        let body = match (chunk.body, &*self.wanted) {
            (ChunkBody::Text(chunk), wanted) => Body::Text(self.parse_text(chunk, wanted)),
            (ChunkBody::Columnar(chunk), Wanted::Columnar(plan)) => {
                Body::Columnar(plan.parse(&self.layout, chunk)?)
            }
            (ChunkBody::Columnar(_), _) => unreachable!("a chunk is parsed by a plan for its own file"),
        };
        Ok(Batch { first_row, columns: self.columns, layout: Arc::clone(&self.layout), body })
    }

    fn parse_text(&self, chunk: TextChunk, wanted: &Wanted) -> TextBatch {
        let (cells, mut faults) = match wanted {
            Wanted::Delimited { delimiter, width, fields, places } => {
                let search =
                    Search { delimiter: *delimiter, quotes: chunk.quotes, wanted: fields, width: *width };
                let (spans, faults) = locate(&chunk.bytes, &chunk.rows, &search);
                let (per_row, places) = (fields.len(), places.clone());
                (TextCells::Delimited { spans, per_row, places, quotes: chunk.quotes }, faults)
            }
            Wanted::Lines => (TextCells::Lines, Faults::default()),
            Wanted::Ndjson(paths) => {
                let (found, faults) = json::find(&chunk.bytes, &chunk.rows, paths, self.columns);
                (TextCells::Ndjson(found), faults)
            }
            Wanted::Columnar(_) => unreachable!("a chunk is parsed by a plan for its own file"),
        };
        if chunk.unclosed {
            faults.replace_last(chunk.rows.len() - 1, RowFault::UnclosedQuote);
        }
        let utf8 = match wanted {
            // Looks for itself.
            Wanted::Ndjson(_) => None,
            _ => ByteString::try_from(chunk.bytes.clone()).ok(),
        };
        TextBatch {
            bytes: chunk.bytes,
            utf8,
            rows: chunk.rows,
            first_line: chunk.first_line,
            cells,
            faults,
            buffers: chunk.buffers,
        }
    }
}

fn delimited(delimiter: u8, width: usize, wanted: &[u32]) -> Wanted {
    let mut fields = wanted.to_vec();
    fields.sort_unstable();
    fields.dedup();
    let place = |field: &u32| fields.binary_search(field).expect("every wanted field is among the fields");
    let places = wanted.iter().map(place).collect();
    Wanted::Delimited { delimiter, width: narrow(width), fields, places }
}

/// The field number, from 0, that the user means.
fn position(file: &str, names: Option<&[String]>, width: usize, column: &Column) -> Result<u32, FormatError> {
    let file = || file.to_owned();
    match (column, names) {
        (Column::At(position), _) if *position == 0 || *position > width => {
            Err(FormatError::PositionMissing { name: file(), position: *position, width })
        }
        (Column::At(position), _) => Ok(narrow(position - 1)),
        (Column::Named(name), None) => {
            Err(FormatError::ColumnWithoutHeader { name: file(), column: name.clone() })
        }
        (Column::Named(name), Some(names)) => {
            only_match(&file(), name, names.iter().map(String::as_str)).map(narrow)
        }
    }
}

/// The index of the one name that is `wanted`.
pub(crate) fn only_match<'a>(
    file: &str,
    wanted: &str,
    names: impl Iterator<Item = &'a str> + Clone,
) -> Result<usize, FormatError> {
    let found: Vec<usize> =
        names.clone().enumerate().filter(|(_, name)| *name == wanted).map(|(at, _)| at).collect();
    let (name, column) = (file.to_owned(), wanted.to_owned());
    match found.as_slice() {
        [] => Err(FormatError::ColumnMissing { name, column, known: listing(names) }),
        [at] => Ok(*at),
        several => {
            let positions = several.iter().map(|at| (at + 1).to_string()).collect::<Vec<_>>().join(", ");
            Err(FormatError::ColumnRepeated { name, column, positions })
        }
    }
}

fn listing<'a>(names: impl Iterator<Item = &'a str> + Clone) -> String {
    const SHOWN: usize = 20;
    let more = names.clone().count().saturating_sub(SHOWN);
    let mut shown = names.take(SHOWN).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if shown.is_empty() {
        shown.push_str("no columns");
    }
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

fn narrow(number: usize) -> u32 {
    u32::try_from(number).expect("a record has fewer than 4 billion fields")
}
