//! Imports on their way: their signals do not count before the record that commits them.

use std::collections::{BTreeMap, BTreeSet};

use abide_journal::ObjectName;
use abide_model::Signal;

use crate::manifest::Manifest;

/// Of an import that goes over several objects only their names are kept, and they are read again
/// once it is committed; of one that ends in the object that it began in, the signals themselves.
#[derive(Debug, Default)]
pub(crate) struct OpenBatches {
    earlier: BTreeMap<String, Vec<ObjectName>>,
    /// Of the object that is being read.
    held: BTreeMap<String, (ObjectName, Vec<Signal>)>,
    /// Committed in the object that is being read.
    closed: BTreeSet<String>,
}

impl OpenBatches {
    pub(crate) fn of(manifest: &Manifest) -> Self {
        let name = |(origin, first): &(_, u64)| ObjectName::appended(origin, *first);
        let earlier = manifest
            .open_batches
            .iter()
            .map(|(batch, places)| (batch.clone(), places.iter().map(name).collect()))
            .collect();
        Self { earlier, ..Self::default() }
    }

    /// Forgets what was noted of an object that was begun and not ended.
    pub(crate) fn begin_object(&mut self) {
        self.held.clear();
        self.closed.clear();
    }

    pub(crate) fn hold(&mut self, signal: Signal, object: &ObjectName) {
        let batch = signal.batch.as_str();
        if let Some((_, signals)) = self.held.get_mut(batch) {
            signals.push(signal);
        } else {
            self.held.insert(batch.to_owned(), (object.clone(), vec![signal]));
        }
    }

    /// What is left of an object once it was read is remembered by its name.
    pub(crate) fn end_object(&mut self) {
        for batch in std::mem::take(&mut self.closed) {
            self.earlier.remove(&batch);
        }
        for (batch, (object, _)) in std::mem::take(&mut self.held) {
            self.earlier.entry(batch).or_default().push(object);
        }
    }

    /// The objects in which a batch's earlier signals stand.
    pub(crate) fn earlier(&self, batch: &str) -> Vec<ObjectName> {
        self.earlier.get(batch).filter(|_| !self.closed.contains(batch)).cloned().unwrap_or_default()
    }

    /// Closes a batch and gives its signals that are at hand.
    pub(crate) fn close(&mut self, batch: &str) -> Vec<Signal> {
        self.closed.insert(batch.to_owned());
        self.held.remove(batch).map(|(_, signals)| signals).unwrap_or_default()
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.earlier.keys().map(String::as_str)
    }

    pub(crate) fn for_manifest(&self) -> BTreeMap<String, Vec<(abide_model::Origin, u64)>> {
        let place = |name: &ObjectName| (name.origin.clone(), name.first);
        self.earlier.iter().map(|(batch, names)| (batch.clone(), names.iter().map(place).collect())).collect()
    }
}
