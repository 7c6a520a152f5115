//! What is known of a file before its first row: its format, its header, its columns.

use bytes::Bytes;

use crate::Format;
use crate::columnar::ColumnarLayout;

/// The shape of one file. Shared by everything that reads or writes its rows.
#[derive(Debug)]
pub struct Layout {
    pub(crate) name: String,
    pub(crate) format: Format,
    pub(crate) shape: Shape,
}

pub(crate) enum Shape {
    Delimited {
        /// None for one-per-line text.
        delimiter: Option<u8>,
        /// Everything up to the end of the header, byte for byte.
        preamble: Bytes,
        names: Option<Vec<String>>,
        width: usize,
    },
    Ndjson {
        preamble: Bytes,
    },
    Columnar(ColumnarLayout),
}

impl Layout {
    /// The name of the file, as it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn format(&self) -> Format {
        self.format
    }

    /// The names of the columns, in order; of nested columns the outermost name. `None` where there is no header, and
    /// for NDJSON, whose objects may each have other members.
    pub fn columns(&self) -> Option<Vec<&str>> {
        match &self.shape {
            Shape::Delimited { names, .. } => Some(names.as_ref()?.iter().map(String::as_str).collect()),
            Shape::Ndjson { .. } => None,
            Shape::Columnar(layout) => {
                Some(layout.schema().fields().iter().map(|field| field.name().as_str()).collect())
            }
        }
    }

    /// How many columns each row should have. `None` for NDJSON.
    pub fn width(&self) -> Option<usize> {
        match &self.shape {
            Shape::Delimited { width, .. } => Some(*width),
            Shape::Ndjson { .. } => None,
            Shape::Columnar(layout) => Some(layout.schema().fields().len()),
        }
    }
}

impl std::fmt::Debug for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Delimited { .. } => "Delimited",
            Self::Ndjson { .. } => "Ndjson",
            Self::Columnar(_) => "Columnar",
        })
    }
}
