//! The readers of Parquet and Arrow panic at some damaged files. That is an error of the file, not of this program.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
};

use crate::{Format, FormatError};

thread_local! {
    static CONTAINED: Cell<bool> = const { Cell::new(false) };
}

/// Whether a panic of this thread would become an error about a damaged file, so that a hook has nothing to report.
pub fn panics_are_contained() -> bool {
    CONTAINED.get()
}

/// Runs what reads somebody's file. After a panic nothing that it worked on is used again: the file is given up.
pub(crate) fn contained<T>(
    name: &str,
    format: Format,
    read: impl FnOnce() -> Result<T, FormatError>,
) -> Result<T, FormatError> {
    let outer = CONTAINED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(read));
    CONTAINED.set(outer);
    result.unwrap_or_else(|_| Err(FormatError::Damaged { name: name.to_owned(), format }))
}
