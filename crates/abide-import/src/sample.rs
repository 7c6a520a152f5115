//! The first rows of a file, to tell its columns by, and for NDJSON the members that its objects have.

use std::{
    collections::HashSet,
    sync::{Arc, atomic::AtomicU64},
};

use abide_formats::{Cell, Column, Format, Options, Plan};
use abide_signals::ColumnRef;
use serde_json::Value;

use crate::{error::ImportError, file::ListFile, hints::Hints, table::Table};

/// How many rows are looked at.
const ROWS: usize = 1_000;
/// More members than this are a map with keys of its own rather than columns.
const MEMBERS_MAX: usize = 1_000;
const DEPTH_MAX: usize = 8;

/// A file's table and some of its rows.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) table: Table,
    pub(crate) rows: Vec<Vec<String>>,
}

impl Sample {
    pub(crate) fn of(file: &ListFile, options: &Options, hints: &Hints) -> Result<Self, ImportError> {
        let seen = Arc::new(AtomicU64::new(0));
        let mut reader = file.open(options, &seen)?;
        let mut paths = Vec::new();
        if options.format == Format::Ndjson && !hints.are_complete() {
            paths = members(file, options)?;
        }
        let known = reader.layout().columns().unwrap_or_default();
        for name in named_paths(hints) {
            let nested =
                options.format == Format::Ndjson || (!options.format.is_text() && !known.contains(&name));
            if nested && !paths.iter().any(|(path, _)| path == name) {
                let path = Column::Named(name.to_owned());
                // A name that is no path is complained of where columns are bound, with those there are.
                if Plan::new(reader.layout(), std::slice::from_ref(&path)).is_ok() {
                    paths.push((name.to_owned(), path));
                }
            }
        }
        let table = Table::new(reader.layout(), paths);
        let plan = table.read(0..table.width())?;
        let mut rows = Vec::new();
        while let Some(chunk) = reader.next_chunk()? {
            let batch = plan.parse(chunk)?;
            for row in (0..batch.len()).filter(|row| batch.fault(*row).is_none()) {
                rows.push(
                    (0..table.width()).map(|column| plan.text(&batch, row, column).into_owned()).collect(),
                );
                if rows.len() == ROWS {
                    return Ok(Self { table, rows });
                }
            }
        }
        Ok(Self { table, rows })
    }

    pub(crate) fn rows(&self) -> Vec<Vec<&str>> {
        self.rows.iter().map(|row| row.iter().map(String::as_str).collect()).collect()
    }
}

fn named_paths(hints: &Hints) -> impl Iterator<Item = &str> {
    let ids = hints.ids.iter().map(|id| &id.column);
    let flags = hints.flags.iter().map(|flag| &flag.column);
    ids.chain(flags).chain(&hints.at).filter_map(|column| match column {
        ColumnRef::Named(name) => Some(name.as_str()),
        ColumnRef::Numbered(_) => None,
    })
}

/// The paths of all members of all objects, in the order in which they are first seen. The whole
/// file is read: a flag that only those have who opted out may first appear near its end.
fn members(file: &ListFile, options: &Options) -> Result<Vec<(String, Column)>, ImportError> {
    let lines = Options { format: Format::Lines, has_header: false, ..options.clone() };
    let mut reader = file.open(&lines, &Arc::new(AtomicU64::new(0)))?;
    let plan = Plan::new(reader.layout(), &[Column::At(1)])?;
    let mut found = Members::default();
    while let Some(chunk) = reader.next_chunk()? {
        let batch = plan.parse(chunk)?;
        for row in 0..batch.len() {
            if let Cell::Text(line) = batch.cell(row, 0)
                && let Ok(Value::Object(object)) = serde_json::from_str(&line)
            {
                object.iter().for_each(|(name, value)| found.see(&[], name, value));
            }
        }
    }
    Ok(found.paths)
}

#[derive(Default)]
struct Members {
    paths: Vec<(String, Column)>,
    known: HashSet<Vec<String>>,
}

impl Members {
    fn see(&mut self, above: &[String], name: &str, value: &Value) {
        let path: Vec<String> = above.iter().cloned().chain([name.to_owned()]).collect();
        if let Value::Object(object) = value
            && path.len() < DEPTH_MAX
        {
            object.iter().for_each(|(name, value)| self.see(&path, name, value));
        } else if self.paths.len() < MEMBERS_MAX && !self.known.contains(&path) {
            let dotted = path.join(".");
            let plain = path.iter().all(|part| !part.contains(['.', '/', '~']) && !part.is_empty());
            let column = if plain { dotted.clone() } else { pointer(&path) };
            self.paths.push((dotted, Column::Named(column)));
            self.known.insert(path);
        }
    }
}

/// RFC 6901.
fn pointer(path: &[String]) -> String {
    path.iter().map(|part| format!("/{}", part.replace('~', "~0").replace('/', "~1"))).collect()
}
