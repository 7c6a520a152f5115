//! The sequential end where rows go out.

use std::io::{self, Write};

use crate::FormatError;
use crate::columnar::ColumnarWriter;
use crate::output::{Output, Piece, PieceBody};
use crate::text::compress::{Encoded, Frame};

/// Writes pieces in the order in which they are given. The header is written whether or not rows follow.
pub struct Writer<W: Write + Send> {
    body: Body<W>,
    rows: u64,
}

enum Body<W: Write + Send> {
    Text { sink: W, frame: Frame },
    Columnar(ColumnarWriter<W>),
}

impl<W: Write + Send> Writer<W> {
    pub fn new(mut sink: W, output: &Output) -> Result<Self, FormatError> {
        if let Some(columnar) = output.columnar() {
            return Ok(Self { body: Body::Columnar(ColumnarWriter::new(sink, columnar)?), rows: 0 });
        }
        let mut frame = Frame::new(output.compression());
        let preamble = output.preamble();
        if !preamble.is_empty() {
            let encoded = Encoded::new(preamble, output.compression())?;
            frame.write(&mut sink, &encoded).map_err(failed)?;
        }
        Ok(Self { body: Body::Text { sink, frame }, rows: 0 })
    }

    /// # Panics
    ///
    /// If the piece was made for another output.
    pub fn write(&mut self, piece: Piece) -> Result<(), FormatError> {
        self.rows += piece.rows();
        match (&mut self.body, piece.body) {
            (Body::Text { sink, frame }, PieceBody::Text(encoded)) => {
                frame.write(sink, &encoded).map_err(failed)
            }
            (Body::Columnar(writer), PieceBody::Columnar(piece)) => writer.write(piece),
            _ => panic!("a piece is written to the output it was made for"),
        }
    }

    /// Rows written so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Completes the file and gives the sink back. Without this the output is not whole.
    pub fn finish(self) -> Result<W, FormatError> {
        match self.body {
            Body::Text { mut sink, mut frame } => {
                frame.finish(&mut sink).map_err(failed)?;
                Ok(sink)
            }
            Body::Columnar(writer) => writer.finish(),
        }
    }
}

fn failed(source: io::Error) -> FormatError {
    FormatError::Write { source }
}

impl<W: Write + Send> std::fmt::Debug for Writer<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("rows", &self.rows).finish_non_exhaustive()
    }
}
