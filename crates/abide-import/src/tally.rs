//! Counts that add up.

use std::{collections::BTreeMap, fmt};

use abide_formats::RowFault;
use abide_model::{IdentifierKind, InvalidIdentifier};
use abide_signals::DateFault;

/// Why a row gives no statement although it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The row itself cannot be read.
    Row(RowFault),
    /// A cell that is not text.
    Undecodable,
    /// No identifier in any column.
    Absent,
    /// It has none of the kind that its opt-out is about.
    NoneOfKind(IdentifierKind),
    Identifier(InvalidIdentifier),
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Row(RowFault::Ragged { .. }) => f.write_str("a number of fields other than the header's"),
            Self::Row(RowFault::UnclosedQuote) => f.write_str("a quote that is never closed"),
            Self::Row(RowFault::NotUtf8) | Self::Undecodable => f.write_str("not UTF-8 text"),
            Self::Row(RowFault::NotJson) => f.write_str("not JSON"),
            Self::Row(RowFault::NotAnObject) => f.write_str("JSON but no object"),
            Self::Absent => f.write_str("no identifier"),
            Self::NoneOfKind(kind) => write!(f, "an opt-out of {kind} and no {kind}"),
            Self::Identifier(invalid) => write!(f, "{invalid}"),
        }
    }
}

/// What became of the rows. Invariant, asserted at the end: `rows = taken + repeated + silent +
/// unreadable`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub rows: u64,
    /// Rows of which at least one statement is new.
    pub taken: u64,
    /// Rows all of whose statements their source had said already.
    pub repeated: u64,
    /// Rows whose flags say no opt-out.
    pub silent: u64,
    /// Rows that should say something and cannot be read, by cause.
    pub unreadable: BTreeMap<String, u64>,
    /// Rows that were taken or repeated although another of their identifiers could not be read.
    pub partly: u64,
    /// Rows whose date could not be read and which count from now on, by cause.
    pub undated: BTreeMap<String, u64>,
    /// Statements that are new.
    pub signals: u64,
    /// New statements that nothing later has ended.
    pub in_force: u64,
}

impl Tally {
    pub fn unreadable_rows(&self) -> u64 {
        self.unreadable.values().sum()
    }

    pub(crate) fn note_unreadable(&mut self, cause: Cause) {
        // Bad rows are few, or the import is stopped for them: a text each is fine.
        *self.unreadable.entry(cause.to_string()).or_default() += 1;
    }

    pub(crate) fn note_undated(&mut self, fault: DateFault) {
        *self.undated.entry(fault.to_string()).or_default() += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.taken += other.taken;
        self.repeated += other.repeated;
        self.silent += other.silent;
        self.partly += other.partly;
        self.signals += other.signals;
        self.in_force += other.in_force;
        for (into, from) in [(&mut self.unreadable, &other.unreadable), (&mut self.undated, &other.undated)] {
            for (cause, rows) in from {
                *into.entry(cause.clone()).or_default() += rows;
            }
        }
    }

    /// # Panics
    ///
    /// If a row was passed over.
    pub(crate) fn assert_adds_up(&self) {
        let counted = self.taken + self.repeated + self.silent + self.unreadable_rows();
        assert_eq!(self.rows, counted, "every row is counted once");
    }

    /// `3 × not a valid email: …, 1 × no identifier`
    pub(crate) fn causes(&self) -> String {
        self.unreadable.iter().map(|(cause, rows)| format!("{rows} × {cause}")).collect::<Vec<_>>().join(", ")
    }
}
