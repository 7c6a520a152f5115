//! What keeps a row from being read.

use std::{collections::BTreeMap, fmt};

use crate::{dates::DateFault, flags::RowStatement};

/// Why a row gives no statements.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowFault {
    #[error("a flag column has words that are not known: {0}")]
    UnknownWords(UnknownWords),
    /// The opt-outs of the row, without the date that could not be read: whether they count is for
    /// the caller to decide, aloud.
    #[error("the date of an opt-out could not be read: {fault}")]
    Date { fault: DateFault, undated: Vec<RowStatement> },
}

/// Words in flag columns that are not known, with the number of rows that have them.
///
/// Made for being shown, so it keeps no text that looks personal: who names the wrong column
/// should not find addresses in the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnknownWords(BTreeMap<String, Column>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Column {
    words: BTreeMap<String, u64>,
    /// Rows with words beyond [`WORDS_MAX`], or that are not fit to be shown.
    others: u64,
}

/// Of one column, how many different words are kept.
const WORDS_MAX: usize = 20;
const WORD_CHARS_MAX: usize = 32;

impl UnknownWords {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of rows and columns in which a word was not known.
    pub fn total(&self) -> u64 {
        self.0.values().map(|column| column.words.values().sum::<u64>() + column.others).sum()
    }

    pub(super) fn add(&mut self, column: &str, word: &str) {
        self.0.entry(column.to_owned()).or_default().add(word.trim(), 1);
    }

    /// Adds up the faults of many rows.
    pub fn merge(&mut self, other: &Self) {
        for (name, column) in &other.0 {
            let into = self.0.entry(name.clone()).or_default();
            column.words.iter().for_each(|(word, rows)| into.add(word, *rows));
            into.others += column.others;
        }
    }
}

impl Column {
    fn add(&mut self, word: &str, rows: u64) {
        if !is_fit_to_show(word) || (self.words.len() == WORDS_MAX && !self.words.contains_key(word)) {
            self.others += rows;
        } else {
            *self.words.entry(word.to_owned()).or_default() += rows;
        }
    }
}

fn is_fit_to_show(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.' | '/' | '\'');
    word.chars().count() <= WORD_CHARS_MAX && digits <= 4 && word.chars().all(is_plain)
}

/// `` `status`: `maybe` (12 rows), `later` (1 row), other texts (3 rows)``
impl fmt::Display for UnknownWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.0.iter().map(|(name, column)| {
            let words = column.words.iter().map(|(word, rows)| format!("`{word}` ({})", of_rows(*rows)));
            let others = (column.others > 0).then(|| format!("other texts ({})", of_rows(column.others)));
            format!("`{name}`: {}", words.chain(others).collect::<Vec<_>>().join(", "))
        });
        f.write_str(&columns.collect::<Vec<_>>().join("; "))
    }
}

fn of_rows(rows: u64) -> String {
    if rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") }
}
