//! Finds records and their fields in CSV, NDJSON, one-per-line text, Parquet and Arrow, and keeps or drops them.
//!
//! This crate knows records, fields and bytes. It does not know people: what a cell means, and whether its row may
//! stay, is for the caller to say. Text rows that stay are written byte for byte as they were read, in order.
//!
//! ```text
//!  sequential               any number of threads, in any order                     sequential, in order
//!  Reader::next_chunk ─► Plan::parse(chunk) ─► Batch ─► Batch::keep(mask, &output) ─► Writer::write(piece)
//! ```
//!
//! The heavy work (finding fields, decoding, encoding, compressing) happens in the middle part; the ends move bytes.
//! Memory is bounded: a chunk holds about [`Limits::chunk_bytes`] or one record, a Parquet slice is decoded batch by
//! batch, and compressed input is never unpacked further than the next chunk.

mod batch;
mod columnar;
mod contained;
mod error;
mod format;
mod layout;
mod output;
mod plan;
mod reader;
mod text;
mod whole_file;
mod writer;

pub use batch::{Batch, Cell, RowFault};
pub use error::FormatError;
pub use format::{Compression, Detected, Format, HEAD_BYTES, detect, peek};
pub use layout::Layout;
pub use output::{Output, Piece};
pub use plan::{Column, Plan};
pub use reader::{Chunk, Limits, Options, Reader};
pub use whole_file::{WholeFile, directory_of};
pub use writer::Writer;
