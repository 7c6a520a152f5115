//! The readers of Parquet and Arrow panic at some damaged files. That is an error of the file, not of this program.

use crate::{Format, FormatError};

/// Runs what reads somebody's file. After a panic nothing that it worked on is used again: the file is given up.
pub(crate) fn contained<T>(
    name: &str,
    format: Format,
    read: impl FnOnce() -> Result<T, FormatError>,
) -> Result<T, FormatError> {
    abide_model::contained::contained(read)
        .unwrap_or_else(|_| Err(FormatError::Damaged { name: name.to_owned(), format }))
}
