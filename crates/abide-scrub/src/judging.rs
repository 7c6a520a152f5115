//! Verdicts for every row of a batch. Looks people up many at a time, and asks once for all rows that are alike.

use std::{collections::HashMap, sync::Arc};

use abide_enforce::{Judge, Known, Remembered, Segments, Snapshot};
use abide_formats::{Batch, RowFault};
use abide_model::{Keyring, Normaliser, OnCannotTell, Verdict};

use crate::{
    circumstances::Circumstances,
    counts::{Counts, Met, Others},
    error::ScrubError,
    job::Task,
    people::{Fingerprint, People},
    ready::Ready,
    watch::{Sides, Watch},
};

/// A verdict without its reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Word {
    Allow,
    Block,
    CannotTell,
}

impl Word {
    fn of(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Allow => Self::Allow,
            Verdict::Block { .. } => Self::Block,
            Verdict::CannotTell { .. } => Self::CannotTell,
        }
    }

    /// As [`Verdict::as_str`].
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Block => "block",
            Self::CannotTell => "cannot_tell",
        }
    }
}

/// What was found about the rows of one batch.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    /// For each action a word for each row.
    pub(crate) words: Vec<Vec<Word>>,
    /// For each row the names of its person's segments with spaces between; `segment` only.
    pub(crate) segments: Vec<Arc<str>>,
}

/// The judge of one thread.
pub(crate) struct Judging<'a> {
    ready: &'a Ready,
    judge: Judge<'a>,
    /// Judges everybody by other rules too.
    beside: Option<Judge<'a>>,
    watched: Option<Watched<'a>>,
    people: People<'a>,
    circumstances: Circumstances<'a>,
    counts: Counts,
    /// By action.
    met: Vec<Met>,
    /// Where in `met` the judgement of people is of whom the list knows nothing.
    strangers: Remembered<Stranger, usize>,
    /// Joined names of segments, by the address of what [`Judge::segments`] gave.
    joined: HashMap<usize, (Segments, Arc<str>, u64)>,
    nowhere: Arc<str>,
    judged: Judged,
}

/// For a guard: by the rules that were in force before, too.
struct Watched<'a> {
    watch: &'a Watch,
    judge: Judge<'a>,
    /// By action.
    sides: Vec<Sides>,
}

/// All that the verdict about somebody depends on of whom the list knows nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Stranger {
    action: usize,
    context: usize,
    fingerprint: Fingerprint,
}

/// People looked up at a time: enough to hide the latency of memory, few enough to stay in the cache.
const BLOCK: usize = 4096;
/// Distinct judgements held before they are counted by name; a run has some dozen, unless a context attribute is
/// different in every row.
const MET_MAX: usize = 4096;

impl<'a> Judging<'a> {
    pub(crate) fn new(
        ready: &'a Ready,
        snapshot: &'a Snapshot,
        beside: Option<&'a Snapshot>,
        watch: Option<&'a Watch>,
        keyring: &'a Keyring,
        normaliser: &'a Normaliser,
    ) -> Self {
        let actions = ready.actions().len();
        Self {
            ready,
            judge: Judge::new(snapshot, ready.options),
            beside: beside.map(|snapshot| Judge::new(snapshot, ready.options)),
            watched: watch.map(|watch| Watched {
                watch,
                judge: Judge::new(watch.snapshot(), ready.options),
                sides: vec![Sides::default(); actions],
            }),
            people: People::new(ready, keyring, normaliser),
            circumstances: Circumstances::new(ready, &snapshot.rules),
            counts: Counts::new(actions),
            met: (0..actions).map(|_| Met::default()).collect(),
            strangers: Remembered::default(),
            joined: HashMap::new(),
            nowhere: Arc::from(""),
            judged: Judged { words: vec![Vec::new(); actions], segments: Vec::new() },
        }
    }

    /// Judges all rows of a batch.
    pub(crate) fn judge(&mut self, batch: &Batch) -> Result<&Judged, ScrubError> {
        self.judged.words.iter_mut().for_each(Vec::clear);
        self.judged.segments.clear();
        for start in (0..batch.len()).step_by(BLOCK) {
            self.forget();
            self.people.clear();
            let rows = start..batch.len().min(start + BLOCK);
            for row in rows.clone() {
                self.people.note(batch, row);
            }
            let known =
                self.judge.look_up(self.people.asked()).map_err(|source| ScrubError::List { source })?;
            for row in rows {
                self.judge_row(batch, row, row - start, &known)?;
            }
        }
        self.counts.rows += batch.len() as u64;
        if let Some(Watched { watch, sides, .. }) = &mut self.watched {
            watch.tell(self.ready.actions(), sides).map_err(|tripped| ScrubError::Tripped { tripped })?;
        }
        Ok(&self.judged)
    }

    /// What was counted since the start.
    pub(crate) fn into_counts(mut self) -> Counts {
        self.count_by_name();
        self.counts
    }

    fn judge_row(
        &mut self,
        batch: &Batch,
        row: usize,
        person: usize,
        known: &Known<'a>,
    ) -> Result<(), ScrubError> {
        let readable = match batch.fault(row) {
            Some(fault) => Err(cause(fault)),
            None => self.circumstances.of_row(batch, row).map_err(|_| "undecodable.context"),
        };
        for action in 0..self.ready.actions().len() {
            let word = match readable {
                Ok(context) => {
                    let place = self.place(known, person, action, context);
                    let word = Word::of(&self.met[action].count(place).verdict);
                    let Others { beside, before } = self.met[action].others(place);
                    if let Some(other) = beside {
                        let number = batch.first_row() + row as u64 + 1;
                        self.counts.actions[action].beside.count(word, other, number);
                    }
                    if let (Some(watched), Some(before)) = (&mut self.watched, before) {
                        watched.sides[action].count(word, before);
                    }
                    word
                }
                Err(cause) => {
                    self.counts.actions[action].add_undecodable(cause);
                    if let Some(watched) = &mut self.watched {
                        watched.sides[action].count(Word::CannotTell, Word::CannotTell);
                    }
                    Word::CannotTell
                }
            };
            if word == Word::CannotTell && self.ready.on_cannot_tell == OnCannotTell::Fail {
                return Err(self.stopped(batch, row, person, known, action, readable.ok()));
            }
            self.judged.words[action].push(word);
        }
        if matches!(self.ready.task, Task::Segment { .. }) {
            // A context that cannot be read names nothing, which is the strictest.
            let segments = self.segments(known, person, readable.unwrap_or(0));
            self.judged.segments.push(segments);
        }
        Ok(())
    }

    /// Where in `met` the judgement about a person is.
    #[inline]
    fn place(&mut self, known: &Known<'a>, person: usize, action: usize, context: usize) -> usize {
        if known.is_known(person) {
            return self.ask(known, person, action, context);
        }
        let stranger = Stranger { action, context, fingerprint: self.people.fingerprint(person) };
        if let Some(place) = self.strangers.get(&stranger) {
            return place;
        }
        let place = self.ask(known, person, action, context);
        self.strangers.insert(stranger, place);
        place
    }

    fn ask(&mut self, known: &Known<'a>, person: usize, action: usize, context: usize) -> usize {
        let (action_name, context) = (&self.ready.actions()[action], self.circumstances.get(context));
        let judgement = self.judge.verdict(self.people.asked(), known, person, action_name, context);
        let others = [self.beside.as_mut(), self.watched.as_mut().map(|watched| &mut watched.judge)];
        let [beside, before] = others.map(|judge| {
            let judgement = judge?.verdict(self.people.asked(), known, person, action_name, context);
            Some(Word::of(&judgement.verdict))
        });
        self.met[action].place(&judgement, Others { beside, before })
    }

    fn segments(&mut self, known: &Known<'a>, person: usize, context: usize) -> Arc<str> {
        if !known.is_known(person) {
            return Arc::clone(&self.nowhere);
        }
        let context = self.circumstances.get(context);
        let segments = self.judge.segments(self.people.asked(), known, person, context);
        let address = segments.as_ptr().addr();
        let (_, joined, rows) = self.joined.entry(address).or_insert_with(|| {
            let joined = segments.join(" ").into();
            (segments, joined, 0)
        });
        *rows += 1;
        Arc::clone(joined)
    }

    /// Keeps what is remembered within bounds.
    fn forget(&mut self) {
        let forgotten = self.circumstances.trim();
        let many = self.met.iter().any(|met| met.len() > MET_MAX) || self.joined.len() > MET_MAX;
        if forgotten || many {
            self.count_by_name();
        }
    }

    fn count_by_name(&mut self) {
        for (met, counts) in self.met.iter_mut().zip(&mut self.counts.actions) {
            met.drain_into(counts);
        }
        for (_, (segments, _, rows)) in self.joined.drain() {
            self.counts.add_segments(&segments, rows);
        }
        self.strangers.clear();
    }

    /// The error that names a row which cannot be judged, by its number.
    fn stopped(
        &mut self,
        batch: &Batch,
        row: usize,
        person: usize,
        known: &Known<'a>,
        action: usize,
        context: Option<usize>,
    ) -> ScrubError {
        let cause = match (batch.fault(row), context) {
            (Some(fault), _) => fault.to_string(),
            (None, None) => "its context has a value that the ruleset does not know".to_owned(),
            (None, Some(context)) => {
                let place = self.place(known, person, action, context);
                match &self.met[action].get(place).verdict {
                    Verdict::CannotTell { why } => why.to_string(),
                    Verdict::Allow | Verdict::Block { .. } => unreachable!("such rows do not stop a run"),
                }
            }
        };
        ScrubError::CannotTell {
            name: self.ready.plan.layout().name().to_owned(),
            row: batch.first_row() + row as u64 + 1,
            line: batch.line(row),
            cause,
        }
    }
}

/// A word for reports, of the family of [`abide_model::Uncertain::cause`].
fn cause(fault: RowFault) -> &'static str {
    match fault {
        RowFault::Ragged { .. } => "undecodable.ragged",
        RowFault::UnclosedQuote => "undecodable.unclosed_quote",
        RowFault::NotUtf8 => "undecodable.not_utf8",
        RowFault::NotJson => "undecodable.not_json",
        RowFault::NotAnObject => "undecodable.not_an_object",
    }
}
