//! A file as a table: its columns in a fixed order, whatever its format.

use std::{borrow::Cow, sync::Arc};

use abide_formats::{Batch, Cell, Chunk, Column, Format, FormatError, Layout, Plan};

/// The columns of one file. Those that cannot be read as text keep their place and are empty.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) layout: Arc<Layout>,
    /// Their names; `None` where the file has no header.
    pub(crate) names: Option<Vec<String>>,
    columns: Vec<Option<Column>>,
}

impl Table {
    /// The table of a file with these columns: for NDJSON the paths that were found in it.
    pub(crate) fn new(layout: &Arc<Layout>, paths: Vec<(String, Column)>) -> Self {
        let layout = Arc::clone(layout);
        if layout.format() == Format::Ndjson {
            let (names, columns): (Vec<_>, Vec<_>) =
                paths.into_iter().map(|(name, path)| (name, Some(path))).unzip();
            return Self { layout, names: Some(names), columns };
        }
        let mut names: Option<Vec<String>> =
            layout.columns().map(|names| names.into_iter().map(str::to_owned).collect());
        let width = layout.width().unwrap_or(0);
        let mut columns: Vec<Option<Column>> = (1..=width).map(|at| Some(Column::At(at))).collect();
        // Nested columns are not read whole, but a path that leads into one may be.
        for column in &mut columns {
            let is_read =
                column.as_ref().is_some_and(|at| Plan::new(&layout, std::slice::from_ref(at)).is_ok());
            if !is_read {
                *column = None;
            }
        }
        for (name, path) in paths {
            if let Some(names) = &mut names {
                names.push(name);
                columns.push(Some(path));
            }
        }
        Self { layout, names, columns }
    }

    pub(crate) fn header(&self) -> Option<Vec<&str>> {
        self.names.as_ref().map(|names| names.iter().map(String::as_str).collect())
    }

    pub(crate) fn width(&self) -> usize {
        self.columns.len()
    }

    /// A plan that reads the columns `wanted`.
    pub(crate) fn read(&self, wanted: impl IntoIterator<Item = usize>) -> Result<TablePlan, FormatError> {
        let mut places = vec![None; self.width()];
        let mut columns = Vec::new();
        for at in wanted {
            if let Some(Some(column)) = self.columns.get(at)
                && places[at].is_none()
            {
                places[at] = Some(columns.len());
                columns.push(column.clone());
            }
        }
        Ok(TablePlan { plan: Plan::new(&self.layout, &columns)?, places })
    }
}

/// Reads some columns of a table, which keep their numbers.
#[derive(Clone, Debug)]
pub(crate) struct TablePlan {
    plan: Plan,
    places: Vec<Option<usize>>,
}

impl TablePlan {
    pub(crate) fn parse(&self, chunk: Chunk) -> Result<Batch, FormatError> {
        self.plan.parse(chunk)
    }

    pub(crate) fn cell<'b>(&self, batch: &'b Batch, row: usize, column: usize) -> Cell<'b> {
        self.places.get(column).copied().flatten().map_or(Cell::Absent, |place| batch.cell(row, place))
    }

    /// A cell as one text, lists joined; empty where there is none or it cannot be decoded.
    pub(crate) fn text<'b>(&self, batch: &'b Batch, row: usize, column: usize) -> Cow<'b, str> {
        match self.cell(batch, row, column) {
            Cell::Absent | Cell::Undecodable => Cow::Borrowed(""),
            Cell::Text(text) => text,
            Cell::List(texts) => Cow::Owned(texts.join(";")),
        }
    }
}
