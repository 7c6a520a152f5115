//! Verdicts from memory: one desk for each worker thread, so that nobody waits for a lock.

use std::{collections::HashMap, iter, mem, sync::Arc};

use abide_enforce::{Asked, Judge, Judgement, Notes, Options, Panel, Part, Segments, Snapshot};
use abide_index::IndexError;
use abide_model::{Action, Context, Identifier, Keyring, Normaliser};

use crate::{list::Published, wire::Subject};

/// What is about to be done to everybody who is asked about.
#[derive(Debug)]
pub(crate) struct Question<'q> {
    pub(crate) action: &'q Action,
    pub(crate) context: &'q Context,
    pub(crate) options: Options,
    pub(crate) with_segments: bool,
}

/// What was found of one person.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) judgement: Arc<Judgement>,
    pub(crate) segments: Option<Segments>,
}

pub(crate) struct Desk {
    keyring: Keyring,
    normaliser: Normaliser,
    /// What the seats were made for.
    published: Option<Arc<Published>>,
    seats: HashMap<Vec<Part>, Seat>,
    /// Used again and again.
    identifier: Identifier,
}

/// All that is kept for people who come with the same kinds of identifiers.
struct Seat {
    asked: Asked,
    notes: Notes,
}

/// Clients come with few combinations of identifiers; one that makes up many must not fill the memory.
const SEATS_MAX: usize = 64;

impl Desk {
    pub(crate) fn new(keyring: Keyring, normaliser: Normaliser) -> Self {
        Self { keyring, normaliser, published: None, seats: HashMap::new(), identifier: Identifier::blank() }
    }

    /// Judges people who all come with `parts`; one answer each, in their order.
    pub(crate) fn judge<'a, 's: 'a>(
        &mut self,
        published: &Arc<Published>,
        parts: &[Part],
        subjects: impl Iterator<Item = &'a Subject<'s>>,
        question: &Question<'_>,
        mut found: impl FnMut(Found),
    ) -> Result<(), IndexError> {
        self.sit_down(published, parts);
        let seat = self.seats.get_mut(parts).expect("it was just made");
        seat.asked.clear();
        for subject in subjects {
            note(subject, &self.normaliser, &mut self.identifier, &mut seat.asked);
        }
        let mut judge = Judge::resume(&published.snapshot, question.options, mem::take(&mut seat.notes));
        let known = judge.look_up(&seat.asked)?;
        for person in 0..seat.asked.len() {
            let judgement = judge.verdict(&seat.asked, &known, person, question.action, question.context);
            let segments =
                question.with_segments.then(|| judge.segments(&seat.asked, &known, person, question.context));
            found(Found { judgement, segments });
        }
        seat.notes = judge.into_notes();
        Ok(())
    }

    /// Judges one person who comes with `parts`.
    pub(crate) fn judge_one(
        &mut self,
        published: &Arc<Published>,
        parts: &[Part],
        subject: &Subject<'_>,
        question: &Question<'_>,
    ) -> Result<Found, IndexError> {
        let mut found = None;
        self.judge(published, parts, iter::once(subject), question, |one| found = Some(one))?;
        Ok(found.expect("one person was asked about"))
    }

    /// Judges one person by a list that is made for this answer, of which nothing is kept.
    pub(crate) fn judge_apart(
        &mut self,
        snapshot: &Snapshot,
        parts: &[Part],
        subject: &Subject<'_>,
        question: &Question<'_>,
    ) -> Result<Found, IndexError> {
        let panel = Panel(parts.to_vec());
        let mut asked = Asked::new(panel, snapshot.held(), self.keyring.clone(), true);
        note(subject, &self.normaliser, &mut self.identifier, &mut asked);
        let mut judge = Judge::new(snapshot, question.options);
        let known = judge.look_up(&asked)?;
        let judgement = judge.verdict(&asked, &known, 0, question.action, question.context);
        let segments = question.with_segments.then(|| judge.segments(&asked, &known, 0, question.context));
        Ok(Found { judgement, segments })
    }

    fn sit_down(&mut self, published: &Arc<Published>, parts: &[Part]) {
        let is_current = self.published.as_ref().is_some_and(|held| Arc::ptr_eq(held, published));
        if !is_current || (self.seats.len() >= SEATS_MAX && !self.seats.contains_key(parts)) {
            self.seats.clear();
            self.published = Some(published.clone());
        }
        if !self.seats.contains_key(parts) {
            let panel = Panel(parts.to_vec());
            let asked = Asked::new(panel, published.snapshot.held(), self.keyring.clone(), true);
            self.seats.insert(parts.to_vec(), Seat { asked, notes: Notes::default() });
        }
    }
}

/// What a person comes with; the first `to` are those that the action goes to.
pub(crate) fn parts(subject: &Subject<'_>, is_to: impl Fn(usize) -> bool, into: &mut Vec<Part>) {
    into.clear();
    into.extend(
        subject.written.iter().enumerate().map(|(at, written)| Part { kind: written.kind, to: is_to(at) }),
    );
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk").field("seats", &self.seats.len()).finish_non_exhaustive()
    }
}

/// Takes one person into those who are asked about.
fn note(subject: &Subject<'_>, normaliser: &Normaliser, identifier: &mut Identifier, asked: &mut Asked) {
    asked.begin();
    for (part, written) in subject.written.iter().enumerate() {
        let read = written.read_into(normaliser, identifier);
        asked.note(part, read.as_ref().map(|()| &*identifier));
    }
}
