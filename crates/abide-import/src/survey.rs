//! Looks through whole files before anything is taken: for words that nobody knows, and for what
//! tells the order of day and month.

use std::collections::BTreeSet;

use abide_formats::Batch;
use abide_model::Time;
use abide_signals::{OrderEvidence, RowFault, UnknownWords};

use crate::{meaning::Meaning, row::RowTexts, table::TablePlan};

/// What was seen in some rows of one file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) rows: u64,
    pub(crate) unknown: UnknownWords,
    pub(crate) dates: OrderEvidence,
}

impl Seen {
    pub(crate) fn of(meaning: &Meaning, plan: &TablePlan, batch: &Batch, now: Time) -> Self {
        let mut seen = Self { rows: batch.len() as u64, ..Self::default() };
        let date_columns = if meaning.asks_order() { meaning.flags.date_columns() } else { BTreeSet::new() };
        let asks_words = meaning.plain().is_none();
        for row in (0..batch.len()).filter(|row| batch.fault(*row).is_none()) {
            for column in &date_columns {
                seen.dates.see(&plan.text(batch, row, *column));
            }
            if asks_words {
                let texts = RowTexts::of(meaning, plan, batch, row);
                if let Err(RowFault::UnknownWords(words)) =
                    meaning.flags.read_row(&|column| texts.get(column), now)
                {
                    seen.unknown.merge(&words);
                }
            }
        }
        seen
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        self.unknown.merge(&other.unknown);
        self.dates.merge(&other.dates);
    }
}
