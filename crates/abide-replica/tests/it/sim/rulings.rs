//! Which ruleset must be in force, from the records alone and with none of the code under test: the greatest number
//! and origin, then whoever counted only after that, and so on.

use std::collections::BTreeMap;

use abide_journal::{ActivationRecord, Place, Record};
use abide_model::{Origin, Positions};

use super::{auditor::Events, auditor::Journal, ruler::VERSIONS};
use crate::world::RULES;

/// An activation, by its number and the origins on the way to it.
#[derive(Clone, Debug)]
pub(super) struct Ruling<'j> {
    number: u64,
    way: Vec<&'j str>,
    record: &'j ActivationRecord,
}

impl<'j> Ruling<'j> {
    fn place(&self) -> (u64, &[&'j str]) {
        (self.number, &self.way)
    }
}

/// Those in force and not only watched, in the order of each origin.
pub(super) fn rulings<'j>(journal: &'j Journal, positions: &Positions) -> Vec<Ruling<'j>> {
    let mut rulings = Vec::new();
    for (origin, records) in journal {
        for record in &records[..usize::try_from(positions.of(origin)).unwrap()] {
            if let Record::Activation(record) = record
                && !record.shadow
            {
                rulings.push(ruling(record, origin));
            }
        }
    }
    rulings
}

fn ruling<'j>(record: &'j ActivationRecord, origin: &'j Origin) -> Ruling<'j> {
    let way = |place: &'j Place| [&place.origin].into_iter().chain(&place.then).map(Origin::as_str);
    let (number, mut way): (u64, Vec<&str>) = match &record.only_after {
        Some(place) => (place.number, way(place).collect()),
        None => (record.number, Vec::new()),
    };
    way.push(origin.as_str());
    Ruling { number, way, record }
}

/// The one in force: step by step to whoever the last of those is that are still on the way.
pub(super) fn in_force<'j>(rulings: &[Ruling<'j>]) -> Option<Ruling<'j>> {
    let number = rulings.iter().map(|ruling| ruling.number).max()?;
    let mut left: Vec<&Ruling<'_>> = rulings.iter().filter(|ruling| ruling.number == number).collect();
    for step in 0.. {
        let Some(next) = left.iter().filter_map(|ruling| ruling.way.get(step)).max() else { break };
        let next = *next;
        left.retain(|ruling| ruling.way.get(step) == Some(&next));
        if left.iter().all(|ruling| ruling.way.len() == step + 1) {
            break;
        }
        left.retain(|ruling| ruling.way.len() > step + 1);
    }
    // Of one place the first of its origin stands.
    left.first().map(|ruling| (*ruling).clone())
}

pub(super) fn digest_in_force(rulings: &[Ruling<'_>]) -> [u8; 32] {
    in_force(rulings).map_or_else(|| RULES.version().digest(), |ruling| ruling.record.ruleset)
}

/// What was seen at all these positions is what the order says, and nobody who had read further went back.
pub(super) fn assert_ruled(journal: &Journal, seen: &BTreeMap<Vec<(Origin, u64)>, [u8; 32]>) {
    let looks: Vec<(Positions, Option<Ruling<'_>>)> = seen
        .iter()
        .map(|(positions, digest)| {
            let positions: Positions = positions.iter().cloned().collect();
            let read = rulings(journal, &positions);
            assert_eq!(*digest, digest_in_force(&read), "the ruleset in force at {positions}");
            assert_took_only_its_place(&read, &positions);
            let ruling = in_force(&read);
            (positions, ruling)
        })
        .collect();
    for (early, before) in &looks {
        for (late, after) in looks.iter().filter(|(late, _)| late.covers(early)) {
            assert!(
                before.as_ref().map(Ruling::place) <= after.as_ref().map(Ruling::place),
                "{before:?} at {early} went back to {after:?} at {late}"
            );
        }
    }
}

/// Where what is in force counts only after another, nothing but its like has outranked that other: two guards at
/// once go back once, to what the guarded one had replaced, and nobody's newer version is taken back.
fn assert_took_only_its_place(read: &[Ruling<'_>], positions: &Positions) {
    let Some(ruling) = in_force(read) else { return };
    let Some((_, replaced)) = ruling.way.split_last().filter(|(_, replaced)| !replaced.is_empty()) else {
        return;
    };
    for other in read {
        let outranks = (other.number, other.way.as_slice()) > (ruling.number, replaced);
        let is_like = other.number == ruling.number && other.way.starts_with(replaced);
        assert!(!outranks || is_like, "{ruling:?} took the place of {other:?} at {positions}");
    }
    let guarded = read.iter().find(|other| (other.number, other.way.as_slice()) == (ruling.number, replaced));
    if let Some(guarded) = guarded.filter(|_| ruling.record.rollback) {
        assert!(guarded.record.guard.is_some(), "nobody guarded {guarded:?}");
        assert_eq!(Some(ruling.record.ruleset), guarded.record.replaces, "one step back, at {positions}");
    }
}

/// How many activations there were, how many went back, and how many were made without seeing another.
pub(super) fn count(journal: &Journal, end: &Positions, events: &mut Events) {
    let all = rulings(journal, end);
    events.activations += all.len() as u64;
    events.rollbacks += all.iter().filter(|ruling| ruling.record.rollback).count() as u64;
    let are_rivals = |one: &Ruling<'_>, other: &Ruling<'_>| {
        let before = one.way[..one.way.len() - 1] == other.way[..other.way.len() - 1];
        !std::ptr::eq(one.record, other.record) && one.number == other.number && before
    };
    events.rivals += all.iter().filter(|one| all.iter().any(|other| are_rivals(one, other))).count() as u64;
    assert!(all.iter().all(|ruling| {
        VERSIONS.iter().any(|version| version.digest() == ruling.record.ruleset)
            || ruling.record.ruleset == RULES.version().digest()
    }));
}
