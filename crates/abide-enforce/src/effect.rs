//! What a retraction would change, before anybody makes it.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use abide_index::IndexError;
use abide_model::{
    Context, Destination, FactSet, IdentifierKind, IdentityState, Retraction, Retractions, Verdict,
    facts::{Effective, Found},
};
use abide_rules::{ActionSpec, Ruleset};

use crate::snapshot::Snapshot;

/// How many identities the verdict changes for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Blocked, and then not any more.
    pub freed: u64,
    /// Not blocked, and then blocked: a consent, or a source's withdrawal, was taken back.
    pub blocked: u64,
}

/// The difference between the list as it is and the list after a retraction, under the current rules
/// and in no particular context. An identity is one identifier: which of them are one person, the
/// list does not know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effect {
    /// Identities of which something would not count any more.
    pub named: u64,
    /// For any of the actions; one that is freed for one and blocked for another counts in both.
    pub anything: Change,
    /// By action; those that nothing changes for are left out.
    pub actions: Vec<(Arc<str>, Change)>,
    /// By segment: out of it (`freed`), or into it (`blocked`).
    pub segments: Vec<(Arc<str>, Change)>,
}

/// What is in force of an identity now, and what would be.
#[derive(PartialEq, Eq, Hash)]
struct Turn {
    kind: IdentifierKind,
    before: FactSet,
    after: FactSet,
}

impl Effect {
    /// Reads the whole list; `progress` is told the number of identities read, now and then.
    pub fn of(
        snapshot: &Snapshot,
        retraction: &Retraction,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Self, IndexError> {
        let before = &*snapshot.retractions;
        let mut after = before.clone();
        after.add(retraction.clone());
        let mut effect = Self::default();
        let mut turns: HashMap<Turn, u64> = HashMap::new();
        for (read, state) in (0..).zip(snapshot.states()) {
            let state = state?;
            if is_named(&state, before, &after) {
                effect.named += 1;
                let (before, after) = (FactSet::in_force(&state, before), FactSet::in_force(&state, &after));
                *turns.entry(Turn { kind: state.kind, before, after }).or_default() += 1;
            }
            if read % 65_536 == 0 {
                progress(read);
            }
        }
        let turns: Vec<_> = turns.into_iter().filter(|(turn, _)| turn.before != turn.after).collect();
        effect.judge(&turns, &snapshot.rules);
        Ok(effect)
    }

    fn judge(&mut self, turns: &[(Turn, u64)], rules: &Ruleset) {
        let mut freed = vec![false; turns.len()];
        let mut blocked = vec![false; turns.len()];
        for action in rules.actions() {
            let mut change = Change::default();
            for (at, (turn, count)) in turns.iter().enumerate() {
                match [&turn.before, &turn.after].map(|facts| is_blocked(turn.kind, facts, action, rules)) {
                    [true, false] => (change.freed, freed[at]) = (change.freed + count, true),
                    [false, true] => (change.blocked, blocked[at]) = (change.blocked + count, true),
                    _ => {}
                }
            }
            note(&mut self.actions, action.name.as_str(), change);
        }
        let of = |which: &[bool]| turns.iter().zip(which).filter(|(_, is)| **is).map(|((_, n), _)| n).sum();
        self.anything = Change { freed: of(&freed), blocked: of(&blocked) };
        for segment in rules.segments() {
            let mut change = Change::default();
            for (turn, count) in turns {
                match [&turn.before, &turn.after]
                    .map(|facts| segments_of(turn.kind, facts, rules).contains(&segment.name))
                {
                    [true, false] => change.freed += count,
                    [false, true] => change.blocked += count,
                    _ => {}
                }
            }
            note(&mut self.segments, &segment.name, change);
        }
    }
}

fn note(changes: &mut Vec<(Arc<str>, Change)>, name: &str, change: Change) {
    if change != Change::default() {
        changes.push((name.into(), change));
    }
}

fn is_named(state: &IdentityState, before: &Retractions, after: &Retractions) -> bool {
    state.claims.iter().any(|(claim, moments)| {
        before.remaining(state, claim, *moments) != after.remaining(state, claim, *moments)
    })
}

/// The verdict on whoever has this identifier and no other, in the strictest of contexts.
fn is_blocked(kind: IdentifierKind, facts: &FactSet, action: &ActionSpec, rules: &Ruleset) -> bool {
    let is_destination = action.destination.kind == Some(seen_as(kind));
    let found = Found { kind: seen_as(kind), is_destination, facts };
    let context = Context::default();
    let effective = Effective::of([found], action.destination, &context);
    matches!(rules.decide(&effective, &action.name, &context), Verdict::Block { .. })
}

fn segments_of(kind: IdentifierKind, facts: &FactSet, rules: &Ruleset) -> BTreeSet<Arc<str>> {
    let anywhere = Destination { kind: None, channels: abide_model::Channels::NONE };
    let found = Found { kind: seen_as(kind), is_destination: true, facts };
    rules.segments_of(&Effective::of([found], anywhere, &Context::default()).outs)
}

/// What is known of a mail domain is met through the addresses at it.
fn seen_as(kind: IdentifierKind) -> IdentifierKind {
    if kind == IdentifierKind::EmailDomain { IdentifierKind::Email } else { kind }
}
