//! The first rows of a file, to tell its columns by.

use std::io::Cursor;

use abide_formats::{Cell, Column, Format, FormatError, Layout, Limits, Options, Plan, Reader};
use abide_scrub::{Input, Source};
use serde_json::Value;
use std::sync::Arc;

/// Some rows of a file as texts, and how to name their columns to [`Plan`].
#[derive(Debug)]
pub(crate) struct Sample {
    /// `None` where there is no header.
    pub(crate) names: Option<Vec<String>>,
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Vec<String>>,
    /// Columns that are not in the sample may be there all the same, as paths.
    pub(crate) has_paths: bool,
}

/// How many rows are looked at, and from how many bytes.
const ROWS: usize = 1_000;
/// Small enough that the head of a compressed stream holds so much for sure.
const CHUNK_BYTES: usize = 32 * 1024;
/// Members of NDJSON objects beyond these are a map rather than columns.
const MEMBERS_MAX: usize = 200;
const DEPTH_MAX: usize = 8;

impl Sample {
    /// `head` is the beginning of a stream, which cannot be read twice.
    pub(crate) fn of(input: &Input, head: Option<&[u8]>) -> Result<Self, FormatError> {
        let limits = Limits { chunk_bytes: CHUNK_BYTES, slice_rows: ROWS, ..Limits::default() };
        let options = Options { limits, ..input.options.clone() };
        let open = |options: &Options| match (&input.source, head) {
            (Source::File(path), _) => Reader::open(path, options),
            (Source::Stream(_), head) => {
                Reader::from_read(Box::new(Cursor::new(head.unwrap_or_default().to_vec())), options)
            }
        };
        if options.format == Format::Ndjson {
            return members(open(&Options { format: Format::Lines, has_header: false, ..options })?);
        }
        let reader = open(&options)?;
        let layout = Arc::clone(reader.layout());
        let columns = columns(&layout);
        let names = layout.columns().map(|names| names.into_iter().map(str::to_owned).collect());
        // Nested columns are not read whole; they keep their place and are empty.
        let is_read = |column: &&Column| Plan::new(&layout, std::slice::from_ref(column)).is_ok();
        let places: Vec<Option<usize>> = columns
            .iter()
            .scan(0, |next, column| {
                let place = is_read(&column).then_some(*next);
                *next += usize::from(place.is_some());
                Some(place)
            })
            .collect();
        let read: Vec<Column> = columns.iter().filter(is_read).cloned().collect();
        let rows = rows(reader, &Plan::new(&layout, &read)?, &places)?;
        Ok(Self { names, columns, rows, has_paths: !layout.format().is_text() })
    }

    pub(crate) fn header(&self) -> Option<Vec<&str>> {
        self.names.as_ref().map(|names| names.iter().map(String::as_str).collect())
    }
}

/// By name where that is clear, so that messages and reports name it too.
fn columns(layout: &Layout) -> Vec<Column> {
    let names = layout.columns();
    let width = layout.width().unwrap_or(0);
    let column = |at: usize| match names.as_ref().and_then(|names| names.get(at)) {
        Some(name)
            if !name.is_empty() && names.iter().flatten().filter(|other| *other == name).count() == 1 =>
        {
            Column::Named((*name).to_owned())
        }
        _ => Column::At(at + 1),
    };
    (0..width).map(column).collect()
}

fn rows(mut reader: Reader, plan: &Plan, places: &[Option<usize>]) -> Result<Vec<Vec<String>>, FormatError> {
    let mut rows = Vec::new();
    let Some(chunk) = reader.next_chunk()? else { return Ok(rows) };
    let batch = plan.parse(chunk)?;
    for row in (0..batch.len()).filter(|row| batch.fault(*row).is_none()).take(ROWS) {
        let cell = |place: &Option<usize>| place.map_or(Cell::Absent, |place| batch.cell(row, place));
        rows.push(places.iter().map(|place| text(cell(place))).collect());
    }
    Ok(rows)
}

fn text(cell: Cell<'_>) -> String {
    match cell {
        Cell::Absent | Cell::Undecodable => String::new(),
        Cell::Text(text) => text.into_owned(),
        Cell::List(texts) => texts.first().map(ToString::to_string).unwrap_or_default(),
    }
}

/// The members that the first objects have, as columns in the order in which they are seen.
fn members(mut lines: Reader) -> Result<Sample, FormatError> {
    let plan = Plan::new(lines.layout(), &[Column::At(1)])?;
    let mut found = Members::default();
    if let Some(chunk) = lines.next_chunk()? {
        let batch = plan.parse(chunk)?;
        for row in 0..batch.len().min(ROWS) {
            if let Cell::Text(line) = batch.cell(row, 0)
                && let Ok(Value::Object(object)) = serde_json::from_str(&line)
            {
                found.rows.push(Vec::new());
                object.iter().for_each(|(name, value)| found.see(&[], name, value));
            }
        }
    }
    let Members { paths, rows } = found;
    let names = paths.iter().map(|path| path.join(".")).collect();
    let columns = paths.iter().map(|path| Column::Named(spelled(path))).collect();
    Ok(Sample { names: Some(names), columns, rows, has_paths: true })
}

#[derive(Default)]
struct Members {
    paths: Vec<Vec<String>>,
    rows: Vec<Vec<String>>,
}

impl Members {
    fn see(&mut self, above: &[String], name: &str, value: &Value) {
        let path: Vec<String> = above.iter().cloned().chain([name.to_owned()]).collect();
        match value {
            Value::Object(object) if path.len() < DEPTH_MAX => {
                object.iter().for_each(|(name, value)| self.see(&path, name, value));
            }
            Value::Array(elements) => {
                if let Some(first) = elements.first() {
                    self.put(path, first);
                }
            }
            value => self.put(path, value),
        }
    }

    fn put(&mut self, path: Vec<String>, value: &Value) {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(truth) => truth.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => String::new(),
        };
        let known = self.paths.iter().position(|known| *known == path);
        if known.is_none() && self.paths.len() >= MEMBERS_MAX {
            return;
        }
        let at = known.unwrap_or_else(|| {
            self.paths.push(path);
            self.paths.len() - 1
        });
        let row = self.rows.last_mut().expect("a row was begun");
        row.resize(row.len().max(at + 1), String::new());
        row[at] = text;
    }
}

/// With dots, or where a name has them itself as a JSON pointer.
fn spelled(path: &[String]) -> String {
    if path.iter().all(|name| !name.is_empty() && !name.contains(['.', '/', '~'])) {
        return path.join(".");
    }
    path.iter().map(|name| format!("/{}", name.replace('~', "~0").replace('/', "~1"))).collect()
}
