//! One CSV file for the rows of many: for side outputs that people look at, whatever format each input has.
//!
//! Its first columns are `file` and `row` (from 1, the header is no row); then come those of the first file. Rows are
//! written as the cells are read, so unlike other outputs not byte for byte.

use std::{
    io::{self, Seek as _, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicBool},
};

use abide_formats::{Batch, Cell, Column, Layout, Plan, WholeFile};

use crate::{
    digest::{self, Digested},
    error::ScrubError,
    report::{OutputReport, Role},
};

/// A sheet being written by one run after the other. Appears under its name when it is [saved](Sheet::save).
#[derive(Clone, Debug)]
pub struct Sheet(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    file: WholeFile,
    /// Of the first file; `None` before there was one.
    columns: Option<Vec<String>>,
    rows: u64,
    /// Up to the end of the last file that was done.
    sure: Sure,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sure {
    bytes: u64,
    rows: u64,
}

impl Sheet {
    pub fn create(path: &Path) -> Result<Self, ScrubError> {
        let name = || path.display().to_string();
        let file =
            WholeFile::create(path).map_err(|source| ScrubError::CreateOutput { name: name(), source })?;
        let inner = Inner { path: path.to_owned(), file, columns: None, rows: 0, sure: Sure::default() };
        Ok(Self(Arc::new(Mutex::new(inner))))
    }

    /// Puts the sheet in its place, with the rows of all files that were done. Only for its digest is it read again.
    pub fn save(&self, role: Role, digests: bool) -> Result<OutputReport, ScrubError> {
        let mut inner = self.lock();
        let name = inner.path.display().to_string();
        let failed = |source| ScrubError::SaveOutput { name: name.clone(), source };
        inner.roll_back().map_err(failed)?;
        if inner.columns.is_none() {
            inner.file.write_all(&header(&[])).map_err(failed)?;
        }
        let digested = inner.digested(digests).map_err(failed)?;
        // The file moves out of the value that others hold too.
        let rows = inner.rows;
        let empty = WholeFile::create(&inner.path).map_err(failed)?;
        std::mem::replace(&mut inner.file, empty).appear().map_err(failed)?;
        Ok(OutputReport { role, name: name.clone(), rows, bytes: digested.bytes, blake3: digested.blake3 })
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.lock().path.clone()
    }

    /// Begins with the rows of a file. What is left of one that could not be done goes.
    pub(crate) fn begin(&self, file: &str, columns: &[String]) -> Result<(), ScrubError> {
        let mut inner = self.lock();
        let name = inner.path.display().to_string();
        let failed = |source| ScrubError::SaveOutput { name: name.clone(), source };
        inner.roll_back().map_err(failed)?;
        match &inner.columns {
            Some(known) if known == columns => Ok(()),
            Some(_) => Err(ScrubError::SheetColumns { name: name.clone(), file: file.to_owned() }),
            None => {
                inner.file.write_all(&header(columns)).map_err(failed)?;
                inner.columns = Some(columns.to_vec());
                inner.commit().map_err(failed)
            }
        }
    }

    pub(crate) fn write(&self, rows: &Rows) -> Result<(), ScrubError> {
        let mut inner = self.lock();
        inner.rows += rows.rows;
        let written = inner.file.write_all(&rows.bytes);
        written.map_err(|source| ScrubError::SaveOutput { name: inner.path.display().to_string(), source })
    }

    pub(crate) fn commit(&self) -> Result<(), ScrubError> {
        let mut inner = self.lock();
        let name = inner.path.display().to_string();
        inner.commit().map_err(|source| ScrubError::SaveOutput { name, source })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn commit(&mut self) -> io::Result<()> {
        self.sure = Sure { bytes: self.file.stream_position()?, rows: self.rows };
        Ok(())
    }

    fn digested(&mut self, digests: bool) -> io::Result<Digested> {
        if !digests {
            return Ok(Digested { bytes: self.file.stream_position()?, blake3: None });
        }
        self.file.rewind()?;
        let digested = digest::of_rest(&mut self.file, &AtomicBool::new(false))?;
        Ok(digested.expect("nobody stops it"))
    }

    fn roll_back(&mut self) -> io::Result<()> {
        self.file.file().set_len(self.sure.bytes)?;
        self.file.seek(io::SeekFrom::Start(self.sure.bytes))?;
        self.rows = self.sure.rows;
        Ok(())
    }
}

/// The columns of a file that a sheet shows: all that can be read as text, or those that are judged by where the
/// file does not say which it has.
pub(crate) fn columns(layout: &Arc<Layout>, judged_by: &[Column]) -> Vec<Column> {
    let Some(width) = layout.width() else { return judged_by.to_vec() };
    let is_read = |column: &Column| Plan::new(layout, std::slice::from_ref(column)).is_ok();
    (1..=width).map(Column::At).filter(is_read).collect()
}

/// What they are called.
pub(crate) fn names(layout: &Layout, columns: &[Column]) -> Vec<String> {
    let known = layout.columns();
    let name = |column: &Column| match column {
        Column::Named(name) => name.clone(),
        Column::At(at) => match known.as_ref().and_then(|known| known.get(at - 1)) {
            Some(name) => (*name).to_owned(),
            None => format!("#{at}"),
        },
    };
    columns.iter().map(name).collect()
}

/// Rows on their way into a sheet.
pub(crate) struct Rows {
    bytes: Vec<u8>,
    pub(crate) rows: u64,
}

/// The rows where `mask` is true; their cells are those from `columns` on. The cells of a row with a fault are not to be
/// relied on, so there is only its number.
pub(crate) fn rows(batch: &Batch, mask: &[bool], file: &str, columns: std::ops::Range<usize>) -> Rows {
    let mut rows = Rows { bytes: Vec::new(), rows: 0 };
    for row in (0..batch.len()).filter(|row| mask[*row]) {
        field(file, &mut rows.bytes);
        rows.bytes.push(b',');
        let number = batch.first_row() + row as u64 + 1;
        rows.bytes.extend_from_slice(number.to_string().as_bytes());
        for column in columns.clone() {
            rows.bytes.push(b',');
            match if batch.fault(row).is_some() { Cell::Absent } else { batch.cell(row, column) } {
                Cell::Absent | Cell::Undecodable => {}
                Cell::Text(text) => field(&text, &mut rows.bytes),
                Cell::List(texts) => field(&texts.join(" "), &mut rows.bytes),
            }
        }
        rows.bytes.push(b'\n');
        rows.rows += 1;
    }
    rows
}

fn header(columns: &[String]) -> Vec<u8> {
    let mut line = b"file,row".to_vec();
    for column in columns {
        line.push(b',');
        field(column, &mut line);
    }
    line.push(b'\n');
    line
}

fn field(text: &str, into: &mut Vec<u8>) {
    if text.contains([',', '"', '\n', '\r']) {
        into.extend_from_slice(format!("\"{}\"", text.replace('"', "\"\"")).as_bytes());
    } else {
        into.extend_from_slice(text.as_bytes());
    }
}
