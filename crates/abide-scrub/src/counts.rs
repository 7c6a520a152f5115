//! Counting verdicts, and what they rest on.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use abide_enforce::{Judgement, Remembered, Segments};
use abide_model::{Mechanism, Tally, Verdict};

use crate::judging::Word;

/// How many, by name.
pub(crate) type ByName = BTreeMap<String, u64>;

/// What became of the rows of one file.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) rows: u64,
    /// In the order of the job's actions.
    pub(crate) actions: Vec<ActionCounts>,
    /// How many rows are about somebody in each segment; counted by `segment` only.
    pub(crate) segments: ByName,
}

/// Blocked rows by what blocks them: each row once for each name, so that the sum may be more than there are rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ActionCounts {
    pub(crate) tally: Tally,
    /// Rows with a verdict in spite of an identifier that could not be read.
    pub(crate) partly: u64,
    pub(crate) by_segment: ByName,
    pub(crate) by_mechanism: ByName,
    pub(crate) by_source: ByName,
    pub(crate) by_rule: ByName,
    pub(crate) by_cause: ByName,
    pub(crate) beside: Disagreements,
}

/// Rows on which other rules come to another verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Disagreements {
    pub(crate) newly_allowed: Rows,
    pub(crate) newly_blocked: Rows,
    /// To or from a verdict that nobody can tell.
    pub(crate) otherwise: Rows,
}

/// How many rows, and the numbers of the first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rows {
    pub(crate) count: u64,
    pub(crate) first: Vec<u64>,
}

/// Numbers of rows shown as examples.
const SAMPLES_MAX: usize = 10;

impl Disagreements {
    pub(crate) fn count(&mut self, word: Word, other: Word, row: u64) {
        match (word, other) {
            _ if word == other => {}
            (Word::Block, Word::Allow) => self.newly_allowed.add(&Rows { count: 1, first: vec![row] }),
            (Word::Allow, Word::Block) => self.newly_blocked.add(&Rows { count: 1, first: vec![row] }),
            _ => self.otherwise.add(&Rows { count: 1, first: vec![row] }),
        }
    }

    fn add(&mut self, other: &Self) {
        self.newly_allowed.add(&other.newly_allowed);
        self.newly_blocked.add(&other.newly_blocked);
        self.otherwise.add(&other.otherwise);
    }
}

impl Rows {
    fn add(&mut self, other: &Self) {
        self.count += other.count;
        // Threads meet rows in no order; the first of all are the first of each.
        self.first.extend(&other.first);
        self.first.sort_unstable();
        self.first.truncate(SAMPLES_MAX);
    }
}

impl Counts {
    pub(crate) fn new(actions: usize) -> Self {
        Self { rows: 0, actions: vec![ActionCounts::default(); actions], segments: ByName::new() }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        for (counts, other) in self.actions.iter_mut().zip(&other.actions) {
            counts.add(other);
        }
        add(&mut self.segments, &other.segments);
    }

    pub(crate) fn add_segments(&mut self, segments: &Segments, rows: u64) {
        for name in segments.iter() {
            *self.segments.entry(name.to_string()).or_default() += rows;
        }
    }
}

impl ActionCounts {
    fn add(&mut self, other: &Self) {
        self.tally.add(&other.tally);
        self.partly += other.partly;
        add(&mut self.by_segment, &other.by_segment);
        add(&mut self.by_mechanism, &other.by_mechanism);
        add(&mut self.by_source, &other.by_source);
        add(&mut self.by_rule, &other.by_rule);
        add(&mut self.by_cause, &other.by_cause);
        self.beside.add(&other.beside);
    }

    pub(crate) fn add_undecodable(&mut self, cause: &str) {
        self.tally.add(&Tally { seen: 1, cannot_tell: 1, ..Tally::default() });
        *self.by_cause.entry(cause.to_owned()).or_default() += 1;
    }

    fn add_judged(&mut self, judgement: &Judgement, rows: u64) {
        self.tally.seen += rows;
        self.partly += if judgement.partly { rows } else { 0 };
        match &judgement.verdict {
            Verdict::Allow => self.tally.allowed += rows,
            Verdict::CannotTell { why } => {
                self.tally.cannot_tell += rows;
                *self.by_cause.entry(why.cause().to_owned()).or_default() += rows;
            }
            Verdict::Block { reasons } => {
                self.tally.blocked += rows;
                count(&mut self.by_rule, rows, reasons.iter().map(|reason| &*reason.rule));
                let segments = reasons.iter().flat_map(|reason| &reason.segments);
                count(&mut self.by_segment, rows, segments.map(AsRef::as_ref));
                let mechanisms = reasons.iter().flat_map(|reason| &reason.mechanisms);
                count(&mut self.by_mechanism, rows, mechanisms.map(Mechanism::as_str));
                let claimants = reasons.iter().flat_map(|reason| &reason.claimants);
                count(&mut self.by_source, rows, claimants.map(AsRef::as_ref));
            }
        }
    }
}

fn count<'a>(counts: &mut ByName, rows: u64, names: impl Iterator<Item = &'a str>) {
    for name in names.collect::<BTreeSet<_>>() {
        *counts.entry(name.to_owned()).or_default() += rows;
    }
}

fn add(counts: &mut ByName, other: &ByName) {
    for (name, rows) in other {
        *counts.entry(name.clone()).or_default() += rows;
    }
}

/// Judgements met so far, each with the rows that it was given to: counting a row is one addition.
#[derive(Debug, Default)]
pub(crate) struct Met {
    judgements: Vec<(Arc<Judgement>, u64)>,
    /// What other rules say of each, where they are asked.
    others: Vec<Others>,
    /// Equal judgements of one judge mostly are one, so they are told apart by address.
    places: Remembered<(usize, Others), usize>,
}

/// What other rules say about somebody, where they are asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Others {
    /// Those to be compared with in the report.
    pub(crate) beside: Option<Word>,
    /// Those that were in force before, for a guard.
    pub(crate) before: Option<Word>,
}

impl Met {
    /// The place of a judgement, for [`Self::count`].
    pub(crate) fn place(&mut self, judgement: &Arc<Judgement>, others: Others) -> usize {
        let met = (Arc::as_ptr(judgement).addr(), others);
        if let Some(place) = self.places.get(&met) {
            return place;
        }
        let place = self.judgements.len();
        self.judgements.push((Arc::clone(judgement), 0));
        self.others.push(others);
        self.places.insert(met, place);
        place
    }

    /// What other rules say where the judgement at a place is given.
    pub(crate) fn others(&self, place: usize) -> Others {
        self.others[place]
    }

    pub(crate) fn count(&mut self, place: usize) -> &Judgement {
        let (judgement, rows) = &mut self.judgements[place];
        *rows += 1;
        judgement
    }

    pub(crate) fn get(&self, place: usize) -> &Judgement {
        &self.judgements[place].0
    }

    pub(crate) fn len(&self) -> usize {
        self.judgements.len()
    }

    /// Moves what was counted; places mean nothing any more.
    pub(crate) fn drain_into(&mut self, counts: &mut ActionCounts) {
        for (judgement, rows) in self.judgements.drain(..) {
            counts.add_judged(&judgement, rows);
        }
        self.others.clear();
        self.places.clear();
    }
}
