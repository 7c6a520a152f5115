//! From what is known of a person to a verdict.

use std::{ptr, sync::Arc};

use abide_index::IndexError;
use abide_model::{
    Action, Context, Destination, FactSet, Key, Time, Uncertain, Verdict,
    facts::{Effective, Found},
};

use crate::{
    asked::{Asked, Legibility, Panel},
    remembered::Remembered,
    snapshot::{Scratch, Snapshot},
};

/// What to do with hashed data that does not reach every statement of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Uncovered {
    #[default]
    Accept,
    CannotTell,
}

const DAY_MICROS: i64 = 24 * 3_600 * 1_000_000;

/// How an enforcement point wants to be answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Another identifier that cannot be read makes it `CannotTell`.
    pub strict: bool,
    pub uncovered: Uncovered,
    /// How old the list may be, in microseconds.
    pub list_age_max_micros: Option<i64>,
    pub now: Time,
}

/// A verdict, and whether it rests on all identifiers that the person came with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    pub verdict: Verdict,
    /// Some other identifier could not be read, or not against every statement.
    pub partly: bool,
}

/// The names of the segments that a person is in.
pub type Segments = Arc<[Arc<str>]>;

/// Decides one question: pure and total but for damage to the list, of which nothing is believed.
pub fn decide(
    snapshot: &Snapshot,
    asked: &Asked,
    action: &Action,
    context: &Context,
    options: Options,
) -> Result<Arc<Judgement>, IndexError> {
    assert_eq!(asked.len(), 1, "one question is about one person");
    let mut judge = Judge::new(snapshot, options);
    let known = judge.look_up(asked)?;
    Ok(judge.verdict(asked, &known, 0, action, context))
}

/// Answers many questions on one snapshot.
pub struct Judge<'s> {
    snapshot: &'s Snapshot,
    options: Options,
    notes: Notes,
}

/// What a judge works with and remembers. Between requests it outlives the judge, so that the next one does not have
/// to ask the rules again.
#[derive(Default)]
pub struct Notes {
    /// What they were made for, if it was a snapshot that they may outlive their judge with.
    made_for: Option<(Arc<Snapshot>, Options)>,
    keys: Vec<Key>,
    scratch: Scratch,
    verdicts: Remembered<Case, Arc<Judgement>>,
    segments: Remembered<Case, Segments>,
    /// Actions and contexts by number, so that a case is small.
    actions: Vec<Action>,
    contexts: Remembered<Context, u32>,
    case: Case,
    /// Whose cases are remembered: what a part's number means depends on it.
    panel: Panel,
}

/// How long notes hold while time goes by: only the age of a source, counted in days, depends on it.
const NOTES_HOLD_MICROS: i64 = 1_000_000;

const NO_ACTION: u16 = u16::MAX;
const UNKNOWN_ACTION: u16 = u16::MAX - 1;

impl Notes {
    /// Whether a verdict remembered here is the one that would be found now.
    fn hold_for(&self, snapshot: &Arc<Snapshot>, options: &Options) -> bool {
        self.made_for.as_ref().is_some_and(|(made_for, then)| {
            Arc::ptr_eq(made_for, snapshot)
                && (0..NOTES_HOLD_MICROS).contains(&options.now.micros_since(then.now))
                && Options { now: then.now, ..*options } == *then
        })
    }

    fn forget(&mut self) {
        self.verdicts.clear();
        self.segments.clear();
    }
}

/// What was found for a batch of people, by person.
#[derive(Debug, Default)]
pub struct Known<'s> {
    found: Vec<(u32, u8, &'s Arc<FactSet>)>,
    /// Where each person's part of `found` starts; one more than there are people.
    starts: Vec<u32>,
}

/// All that a verdict depends on. Sets are told apart by address: a snapshot holds each once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Case {
    action: u16,
    context: u32,
    legibility: Vec<Legibility>,
    sets: Vec<(u8, usize)>,
}

impl<'s> Judge<'s> {
    pub fn new(snapshot: &'s Snapshot, options: Options) -> Self {
        Self { snapshot, options, notes: Notes::default() }
    }

    /// Goes on with the notes of an earlier judge, as far as they hold.
    pub fn resume(snapshot: &'s Arc<Snapshot>, options: Options, mut notes: Notes) -> Self {
        if !notes.hold_for(snapshot, &options) {
            notes.forget();
            // Under other rules another action may be unknown.
            notes.actions.clear();
            notes.made_for = Some((snapshot.clone(), options));
        }
        Self { snapshot, options, notes }
    }

    /// For whoever is asked next.
    pub fn into_notes(self) -> Notes {
        self.notes
    }

    pub fn snapshot(&self) -> &'s Snapshot {
        self.snapshot
    }

    /// Looks everybody's keys up.
    pub fn look_up(&mut self, asked: &Asked) -> Result<Known<'s>, IndexError> {
        let mut found = Vec::new();
        let Notes { keys, scratch, .. } = &mut self.notes;
        asked.seal_into(keys);
        self.snapshot.find_many(keys, scratch, |at, facts| {
            if !facts.is_empty() {
                let (person, part) = asked.owners[at];
                found.push((person, part, facts));
            }
        })?;
        found.sort_unstable_by_key(|(person, part, facts)| {
            (*person, *part, ptr::from_ref::<FactSet>(facts).addr())
        });
        found.dedup_by_key(|(person, part, facts)| (*person, *part, ptr::from_ref::<FactSet>(facts).addr()));
        let mut starts = Vec::with_capacity(asked.len() + 1);
        let mut at = 0;
        for person in 0..=asked.len() {
            while found.get(at).is_some_and(|(owner, ..)| (*owner as usize) < person) {
                at += 1;
            }
            starts.push(u32::try_from(at).expect("a batch is small"));
        }
        Ok(Known { found, starts })
    }

    pub fn verdict(
        &mut self,
        asked: &Asked,
        known: &Known<'s>,
        person: usize,
        action: &Action,
        context: &Context,
    ) -> Arc<Judgement> {
        let judgement = self.remembered(asked, known, person, action, context);
        // Not remembered, since the list ages from one question to the next.
        match self.stale_list().filter(|_| judgement.verdict == Verdict::Allow) {
            Some(why) => {
                let partly = judgement.partly;
                Arc::new(Judgement { verdict: Verdict::CannotTell { why }, partly })
            }
            None => judgement,
        }
    }

    fn remembered(
        &mut self,
        asked: &Asked,
        known: &Known<'s>,
        person: usize,
        action: &Action,
        context: &Context,
    ) -> Arc<Judgement> {
        self.note_case(asked, known, person, Some(action), context);
        if let Some(judgement) = self.notes.verdicts.get(&self.notes.case) {
            return judgement;
        }
        let judgement = Arc::new(self.judge(asked, known, person, action, context));
        self.notes.verdicts.insert(self.notes.case.clone(), judgement.clone());
        judgement
    }

    /// The facts that the rules are asked about; none for an action that they do not know.
    pub fn effective(
        &self,
        asked: &Asked,
        known: &Known<'s>,
        person: usize,
        action: &Action,
        context: &Context,
    ) -> Option<Effective> {
        let spec = self.snapshot.rules.action(action)?;
        Some(effective(asked, known, person, spec.destination, context))
    }

    /// The segments that a person is in, whatever is about to be done to which of the identifiers.
    pub fn segments(
        &mut self,
        asked: &Asked,
        known: &Known<'s>,
        person: usize,
        context: &Context,
    ) -> Segments {
        self.note_case(asked, known, person, None, context);
        if let Some(segments) = self.notes.segments.get(&self.notes.case) {
            return segments;
        }
        let found = known.of(person).iter().map(|(_, part, facts)| {
            let kind = asked.panel.0[usize::from(*part)].kind;
            Found { kind, is_destination: true, facts }
        });
        let anywhere = Destination { kind: None, channels: abide_model::Channels::NONE };
        let effective = Effective::of(found, anywhere, context);
        let segments: Segments = self.snapshot.rules.segments_of(&effective.outs).into_iter().collect();
        self.notes.segments.insert(self.notes.case.clone(), segments.clone());
        segments
    }

    fn note_case(
        &mut self,
        asked: &Asked,
        known: &Known<'s>,
        person: usize,
        action: Option<&Action>,
        context: &Context,
    ) {
        if self.notes.panel != asked.panel {
            self.notes.panel.clone_from(&asked.panel);
            self.notes.forget();
        }
        self.notes.case.action = action.map_or(NO_ACTION, |action| self.number_of_action(action));
        self.notes.case.context = self.number_of_context(context);
        self.notes.case.legibility.clear();
        self.notes.case.legibility.extend_from_slice(asked.legibility_of(person));
        self.notes.case.sets.clear();
        self.notes.case.sets.extend(
            known.of(person).iter().map(|(_, part, facts)| (*part, ptr::from_ref::<FactSet>(facts).addr())),
        );
    }

    fn number_of_action(&mut self, action: &Action) -> u16 {
        let actions = &mut self.notes.actions;
        let at = match actions.iter().position(|known| known == action) {
            Some(at) => at,
            // Whoever asks may make up names without end.
            None if self.snapshot.rules.action(action).is_none() => return UNKNOWN_ACTION,
            None => {
                actions.push(action.clone());
                actions.len() - 1
            }
        };
        u16::try_from(at).expect("a ruleset has few actions")
    }

    fn number_of_context(&mut self, context: &Context) -> u32 {
        if let Some(number) = self.notes.contexts.get(context) {
            return number;
        }
        if self.notes.contexts.is_full() {
            // The numbers are given anew, so what was remembered under the old ones goes too.
            self.notes.contexts.clear();
            self.notes.forget();
        }
        let number = u32::try_from(self.notes.contexts.len()).expect("bounded above");
        self.notes.contexts.insert(context.clone(), number);
        number
    }

    fn judge(
        &self,
        asked: &Asked,
        known: &Known<'s>,
        person: usize,
        action: &Action,
        context: &Context,
    ) -> Judgement {
        let rules = &self.snapshot.rules;
        let Some(spec) = rules.action(action) else {
            let verdict = self.unobjected(asked, person, action, context);
            return Judgement { verdict, partly: false };
        };
        let to = spec.destination.kind.and_then(|kind| asked.panel.destination(kind));
        let effective = effective(asked, known, person, spec.destination, context);
        let partly = asked.legibility_of(person).iter().enumerate().any(|(at, read)| {
            Some(at) != to && matches!(read, Legibility::Unreadable | Legibility::Uncovered)
        });
        // An objection that is known stands, whatever else is not; only an Allow needs everything.
        let verdict = match rules.decide(&effective, action, context) {
            Verdict::Allow => self.unobjected(asked, person, action, context),
            other => other,
        };
        Judgement { verdict, partly }
    }

    /// What is said of a person to whom the rules do not object: an allow, unless something is in doubt.
    pub fn unobjected(&self, asked: &Asked, person: usize, action: &Action, context: &Context) -> Verdict {
        let why = match self.snapshot.rules.action(action) {
            None => Some(Uncertain::UnknownAction),
            Some(spec) => {
                let legibility = asked.legibility_of(person);
                self.doubt(&asked.panel, legibility, spec.destination)
                    .or_else(|| self.stale_source(action, context))
            }
        };
        why.map_or(Verdict::Allow, |why| Verdict::CannotTell { why })
    }

    /// What of a person's identifiers stands in the way of an allow.
    fn doubt(&self, panel: &Panel, legibility: &[Legibility], destination: Destination) -> Option<Uncertain> {
        if let Some(kind) = destination.kind {
            if panel.is_ambiguous(kind) {
                return Some(Uncertain::DestinationAmbiguous(kind));
            }
            match panel.destination(kind).map(|at| legibility[at]) {
                None | Some(Legibility::Absent) => return Some(Uncertain::DestinationMissing(kind)),
                Some(Legibility::Unreadable) => return Some(Uncertain::DestinationUnreadable(kind)),
                Some(Legibility::Readable | Legibility::Uncovered) => {}
            }
        } else if !legibility.iter().any(|read| matches!(read, Legibility::Readable | Legibility::Uncovered))
        {
            return Some(Uncertain::NoIdentifier);
        }
        panel.0.iter().zip(legibility).find_map(|(part, read)| match read {
            Legibility::Uncovered if self.options.uncovered == Uncovered::CannotTell => {
                Some(Uncertain::Uncovered(part.kind))
            }
            Legibility::Unreadable if self.options.strict => Some(Uncertain::PartlyUnreadable(part.kind)),
            _ => None,
        })
    }

    fn stale_source(&self, action: &Action, context: &Context) -> Option<Uncertain> {
        self.snapshot.rules.max_ages(action).filter(|limit| limit.applies(context)).find_map(|limit| {
            let max_micros = i64::from(limit.days) * DAY_MICROS;
            self.snapshot
                .sources
                .iter()
                .filter(|((mechanism, _), _)| limit.covers(mechanism))
                .find(|(_, refreshed)| self.options.now.micros_since(**refreshed) > max_micros)
                .map(|((mechanism, claimant), _)| Uncertain::SourceStale {
                    source: claimant.as_str().into(),
                    mechanism: mechanism.as_str().into(),
                })
        })
    }

    fn stale_list(&self) -> Option<Uncertain> {
        let age = self.options.now.micros_since(self.snapshot.as_of);
        self.options.list_age_max_micros.filter(|limit| age > *limit).map(|_| Uncertain::ListStale)
    }
}

fn effective(
    asked: &Asked,
    known: &Known<'_>,
    person: usize,
    destination: Destination,
    context: &Context,
) -> Effective {
    let to = destination.kind.and_then(|kind| asked.panel.destination(kind));
    let found = known.of(person).iter().map(|(_, part, facts)| {
        let part = usize::from(*part);
        Found { kind: asked.panel.0[part].kind, is_destination: to == Some(part), facts }
    });
    Effective::of(found, destination, context)
}

impl<'s> Known<'s> {
    fn of(&self, person: usize) -> &[(u32, u8, &'s Arc<FactSet>)] {
        &self.found[self.starts[person] as usize..self.starts[person + 1] as usize]
    }

    /// Whether the list knows anything in force about a person.
    pub fn is_known(&self, person: usize) -> bool {
        !self.of(person).is_empty()
    }
}

impl Asked {
    fn legibility_of(&self, person: usize) -> &[Legibility] {
        let parts = self.panel.0.len();
        &self.legibility[person * parts..(person + 1) * parts]
    }
}

impl std::fmt::Debug for Notes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Notes").field("verdicts", &self.verdicts.len()).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Judge<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Judge")
            .field("snapshot", &self.snapshot)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
