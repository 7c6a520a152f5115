//! Outside formats to statements: which columns of a table hold whom, and which flags of a
//! vendor's export say out.
//!
//! Text in, values out: no I/O, no clock. What cannot be judged (a column that could be two
//! things, a word that nobody knows, a date that has two readings) is an error that says what to
//! do, never a guess.
//!
//! What people say in a browser and in their mailbox arrives through [`consent`] strings and the
//! [`hooks`] of vendors; a [`mapping`] file reads the events of everybody else. By [`unsubscribe`] links
//! they say it from a mail.
//!
//! In reading order: the [`words`] and [`dates`] of single cells, what whole [`columns`] hold, the
//! [`flags`] that make statements of a row, and the [`exports`] of vendors that are known.

pub mod dates;
pub mod words;

pub mod columns;

pub mod drop;
pub mod exports;
pub mod flags;

pub mod consent;
pub mod hooks;
pub mod mapping;
pub mod unsubscribe;

pub use columns::{Ambiguous, ColumnGuess, ColumnRef, Columns, IdArg, IdColumn, IdRole, Role};
pub use dates::{DateFault, DateOrder, DateReader, OrderEvidence, UnsettledOrder};
pub use exports::{Export, Recognised, Unimportable, Vendor};
pub use flags::{Flag, FlagArg, FlagReader, OutWhen, RowFault, RowStatement, UnknownWords};
