//! Takes in outside opt-out lists: into a store, or as a list of their own to check a file against.
//!
//! In go files, with what the user said about them; out come signals in the store's journal and an
//! [`Outcome`] that adds up. Files come in all formats of [`abide_formats`]; what their columns and
//! flags mean, [`abide_signals`] tells.
//!
//! ```text
//!  ListFile ─► ListReader::open ─► survey ─► statements ─► import (journal, snapshot)
//!               decides, aloud     whole file   keys          against (a list of its own)
//!                                  once over
//! ```
//!
//! What this crate never does: import a part of a list, make an opt-in of a row, guess where a file
//! can be read in two ways, or pass over a row without counting it. It asks no clock; `now` comes in.

mod error;

mod file;
mod gathering;
mod hints;
mod sample;
mod table;

mod decide;
mod meaning;

mod lanes;
mod survey;

mod row;
mod statements;
mod tally;

mod reader;

mod known;
mod withdraw;

mod against;
mod import;

pub use against::{Against, against};
pub use error::{ImportError, NotWholeList};
pub use file::ListFile;
pub use hints::Hints;
pub use import::{ImportConfig, Outcome, WholeList, batch_id, import};
pub use lanes::{Progress, Step};
pub use reader::{ListReader, ReaderConfig};
pub use statements::{Said, Statements, Terms};
pub use tally::{Cause, Tally};
