//! Files in, rows and files out, through the public interface only.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, helpers of tests too")]

mod columnar;
mod detection;
mod errors;
mod ipc;
mod laws;
mod parquet;
mod text;

use std::io::Read;
use std::sync::Arc;

use abide_formats::{
    Batch, Cell, Column, Compression, Format, FormatError, Limits, Options, Output, Plan, Reader, RowFault,
    Writer,
};

/// What came of reading a text and writing some of its rows.
#[derive(Debug, PartialEq, Clone)]
struct Outcome {
    /// The wanted cells with `|` between them, or the fault.
    rows: Vec<String>,
    kept: Vec<u8>,
    /// The rows that were not kept.
    side: Vec<u8>,
}

fn options(format: Format) -> Options {
    Options {
        name: "people".to_owned(),
        format,
        compression: Compression::None,
        has_header: true,
        limits: Limits::default(),
    }
}

/// Reads all of `input` in `pace`d reads and keeps the rows whose number `keep` says.
fn run(
    input: &[u8],
    pace: &[usize],
    options: &Options,
    wanted: &[Column],
    output: Compression,
    keep: &dyn Fn(u64) -> bool,
) -> Result<Outcome, FormatError> {
    let mut reader = Reader::from_read(Box::new(Paced::new(input, pace)), options)?;
    let plan = Plan::new(reader.layout(), wanted)?;
    let output = Output::new(reader.layout(), output, &[])?;
    let mut main = Writer::new(Vec::new(), &output)?;
    let side = Output::new(reader.layout(), Compression::None, &[])?;
    let mut dropped = Writer::new(Vec::new(), &side)?;
    let mut rows = Vec::new();
    while let Some(chunk) = reader.next_chunk()? {
        assert_eq!(chunk.first_row(), rows.len() as u64, "chunks follow each other");
        let batch = plan.parse(chunk)?;
        let mask: Vec<bool> = (0..batch.len() as u64).map(|row| keep(batch.first_row() + row)).collect();
        let unkept: Vec<bool> = mask.iter().map(|keep| !keep).collect();
        rows.extend((0..batch.len()).map(|row| shown(&batch, row, wanted.len())));
        main.write(batch.keep(&mask, &output)?)?;
        dropped.write(batch.pick(&unkept, &side)?)?;
    }
    assert_eq!(main.rows() + dropped.rows(), rows.len() as u64, "every row is in one output or the other");
    Ok(Outcome { rows, kept: main.finish()?, side: dropped.finish()? })
}

fn shown(batch: &Batch, row: usize, columns: usize) -> String {
    match batch.fault(row) {
        Some(RowFault::Ragged { expected, found }) => return format!("! {found} of {expected}"),
        Some(fault) => return format!("! {fault:?}"),
        None => {}
    }
    let cells = (0..columns).map(|column| match batch.cell(row, column) {
        Cell::Absent => "-".to_owned(),
        Cell::Text(text) => text.into_owned(),
        Cell::List(texts) => format!("[{}]", texts.join(" ")),
        Cell::Undecodable => "?".to_owned(),
    });
    cells.collect::<Vec<_>>().join("|")
}

fn named(names: &[&str]) -> Vec<Column> {
    names.iter().map(|name| Column::from(*name)).collect()
}

fn shared(text: &[u8]) -> Arc<[u8]> {
    Arc::from(text)
}

/// Gives out bytes in reads of set sizes, over and over.
struct Paced {
    bytes: Arc<[u8]>,
    at: usize,
    pace: Vec<usize>,
    turn: usize,
}

impl Paced {
    fn new(bytes: &[u8], pace: &[usize]) -> Self {
        Self { bytes: shared(bytes), at: 0, pace: pace.to_vec(), turn: 0 }
    }
}

impl Read for Paced {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let pace = self.pace.get(self.turn % self.pace.len().max(1)).copied().unwrap_or(usize::MAX).max(1);
        self.turn += 1;
        let len = pace.min(buffer.len()).min(self.bytes.len() - self.at);
        buffer[..len].copy_from_slice(&self.bytes[self.at..self.at + len]);
        self.at += len;
        Ok(len)
    }
}
