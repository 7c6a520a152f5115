//! Where kept rows go: prepared in any thread as [`Piece`]s, written in order by a [`Writer`](crate::Writer).

use std::sync::Arc;

use bytes::Bytes;

use crate::columnar::{ColumnarOutput, ColumnarPiece};
use crate::layout::{Layout, Shape};
use crate::text::compress::Encoded;
use crate::text::delimited;
use crate::{Compression, Format, FormatError};

/// One output in the format of its input. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Output(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    layout: Arc<Layout>,
    compression: Compression,
    added: Vec<String>,
    columnar: Option<ColumnarOutput>,
}

impl Output {
    /// An output for rows of `layout`, with the columns `added` after the ones that are there.
    pub fn new(
        layout: &Arc<Layout>,
        compression: Compression,
        added: &[String],
    ) -> Result<Self, FormatError> {
        let format = layout.format();
        if !format.is_text() && compression != Compression::None {
            return Err(FormatError::ColumnarCompression { format });
        }
        if format == Format::Lines && !added.is_empty() {
            return Err(FormatError::NoColumnsInLines);
        }
        let known = layout.columns().unwrap_or_default();
        for (at, column) in added.iter().enumerate() {
            if known.contains(&column.as_str()) || added[..at].contains(column) {
                return Err(FormatError::ColumnExists {
                    name: layout.name().to_owned(),
                    column: column.clone(),
                });
            }
        }
        let columnar = match &layout.shape {
            Shape::Columnar(columnar) => Some(ColumnarOutput::new(layout, columnar, added)?),
            _ => None,
        };
        let layout = Arc::clone(layout);
        Ok(Self(Arc::new(Inner { layout, compression, added: added.to_vec(), columnar })))
    }

    pub fn layout(&self) -> &Arc<Layout> {
        &self.0.layout
    }

    pub fn added(&self) -> &[String] {
        &self.0.added
    }

    pub(crate) fn compression(&self) -> Compression {
        self.0.compression
    }

    pub(crate) fn columnar(&self) -> Option<&ColumnarOutput> {
        self.0.columnar.as_ref()
    }

    /// What stands before the first row of text.
    pub(crate) fn preamble(&self) -> Bytes {
        match &self.0.layout.shape {
            Shape::Delimited { preamble, names: Some(_), delimiter: Some(delimiter), .. }
                if !self.0.added.is_empty() =>
            {
                delimited::extend_header(preamble, &self.0.added, *delimiter).into()
            }
            Shape::Delimited { preamble, .. } | Shape::Ndjson { preamble } => preamble.clone(),
            Shape::Columnar(_) => Bytes::new(),
        }
    }
}

/// Rows on their way out, encoded and compressed.
pub struct Piece {
    rows: u64,
    pub(crate) body: PieceBody,
}

pub(crate) enum PieceBody {
    Text(Encoded),
    Columnar(ColumnarPiece),
}

impl Piece {
    pub(crate) fn text(mask: &[bool], text: Bytes, output: &Output) -> Result<Self, FormatError> {
        Ok(Self::new(mask, PieceBody::Text(Encoded::new(text, output.compression())?)))
    }

    pub(crate) fn new(mask: &[bool], body: PieceBody) -> Self {
        Self { rows: mask.iter().filter(|keep| **keep).count() as u64, body }
    }

    /// How many rows it holds.
    pub fn rows(&self) -> u64 {
        self.rows
    }
}

impl std::fmt::Debug for Piece {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Piece").field("rows", &self.rows).finish_non_exhaustive()
    }
}
