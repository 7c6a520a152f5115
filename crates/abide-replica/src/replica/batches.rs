//! Imports on their way: their signals do not count before the record that commits them.

use std::collections::{BTreeMap, BTreeSet};

use abide_journal::Followed;
use abide_model::{BatchId, Origin, Position, Signal};

use crate::manifest::Manifest;

/// Of an import that goes over several objects only their places are kept, and they are read again
/// once it is committed; of one that ends in the object that it began in, the signals themselves.
#[derive(Debug, Default)]
pub(crate) struct OpenBatches {
    earlier: BTreeMap<String, Vec<Place>>,
    /// Of the object that is being read.
    held: BTreeMap<String, Vec<Signal>>,
    /// Committed in the object that is being read.
    closed: BTreeSet<String>,
}

/// Where signals stand that were read. An object that is read again for them may hold more by then, since
/// it may be a roll-up: what stands beyond `last` was said after the commit and waits for the next.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) origin: Origin,
    pub(crate) first: Position,
    pub(crate) last: Position,
}

impl OpenBatches {
    pub(crate) fn of(manifest: &Manifest) -> Self {
        let heads = manifest.positions();
        let place = |(origin, first): &(Origin, Position)| Place {
            origin: origin.clone(),
            first: *first,
            last: heads.of(origin),
        };
        let places = |(batch, firsts): (&String, &Vec<(Origin, Position)>)| {
            let mut places: Vec<Place> = firsts.iter().map(place).collect();
            places.sort();
            // A manifest knows where an object began, so the next one tells where it ended at the latest.
            for at in 1..places.len() {
                let (before, next) = (at - 1, &places[at]);
                if places[before].origin == next.origin {
                    places[before].last = next.first.saturating_sub(1);
                }
            }
            (batch.clone(), places)
        };
        Self { earlier: manifest.open_batches.iter().map(places).collect(), ..Self::default() }
    }

    /// Forgets what was noted of an object that was begun and not ended.
    pub(crate) fn begin_object(&mut self) {
        self.held.clear();
        self.closed.clear();
    }

    pub(crate) fn hold(&mut self, signal: Signal) {
        let batch = signal.batch.as_str();
        if let Some(signals) = self.held.get_mut(batch) {
            signals.push(signal);
        } else {
            self.held.insert(batch.to_owned(), vec![signal]);
        }
    }

    /// Signals of a batch stand in the object, and need not be held.
    pub(crate) fn hold_elsewhere(&mut self, batch: &BatchId) {
        self.held.entry(batch.to_string()).or_default();
    }

    /// What is left of an object once it was read is remembered by its place.
    pub(crate) fn end_object(&mut self, followed: &Followed) {
        for batch in std::mem::take(&mut self.closed) {
            self.earlier.remove(&batch);
        }
        let place = Place {
            origin: followed.object.name().origin.clone(),
            first: followed.first(),
            last: followed.object.last(),
        };
        for batch in std::mem::take(&mut self.held).into_keys() {
            self.earlier.entry(batch).or_default().push(place.clone());
        }
    }

    /// Where a batch's earlier signals stand, in order.
    pub(crate) fn earlier(&self, batch: &str) -> Vec<Place> {
        let mut places =
            self.earlier.get(batch).filter(|_| !self.closed.contains(batch)).cloned().unwrap_or_default();
        places.sort();
        places
    }

    /// Closes a batch and gives its signals that are at hand.
    pub(crate) fn close(&mut self, batch: &str) -> Vec<Signal> {
        self.closed.insert(batch.to_owned());
        self.held.remove(batch).unwrap_or_default()
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.earlier.keys().map(String::as_str)
    }

    pub(crate) fn for_manifest(&self) -> BTreeMap<String, Vec<(Origin, Position)>> {
        let firsts = |places: &Vec<Place>| {
            places.iter().map(|place| (place.origin.clone(), place.first)).collect::<Vec<_>>()
        };
        self.earlier.iter().map(|(batch, places)| (batch.clone(), firsts(places))).collect()
    }
}
