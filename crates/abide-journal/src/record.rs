//! What a journal holds: signals, the ends of batches, retractions and activations of rulesets.

mod payload;
mod place;

use std::{collections::BTreeMap, sync::Arc};

use abide_model::{BatchId, Claimant, Mechanism, Origin, Retraction, Signal, Time};

pub(crate) use payload::{from_payload, to_payload};
pub use place::Place;

/// One entry of the journal. A kind's number stands in `docs/formats/journal.md` and is never used
/// for anything else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    Signal(Signal),
    Batch(BatchRecord),
    Retraction(RetractionRecord),
    Activation(ActivationRecord),
}

impl Record {
    pub const fn kind_code(&self) -> i8 {
        match self {
            Self::Signal(_) => SIGNAL,
            Self::Batch(_) => BATCH,
            Self::Retraction(_) => RETRACTION,
            Self::Activation(_) => ACTIVATION,
        }
    }

    /// When it was said or done.
    pub fn at(&self) -> Time {
        match self {
            Self::Signal(signal) => signal.at,
            Self::Batch(batch) => batch.committed_at,
            Self::Retraction(retraction) => retraction.at,
            Self::Activation(activation) => activation.at,
        }
    }
}

pub(crate) const SIGNAL: i8 = 1;
pub(crate) const BATCH: i8 = 2;
pub(crate) const RETRACTION: i8 = 3;
pub(crate) const ACTIVATION: i8 = 4;

/// Whether signals of this batch count at once: those that arrive live do, those of an import
/// count once the batch's [`BatchRecord`] has been read.
pub fn counts_at_once(batch: &BatchId) -> bool {
    let Some(live) = batch.as_str().strip_prefix("live-") else { return false };
    match live.strip_prefix("event-") {
        Some(event) => event.len() == 4 && event.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')),
        None => live.len() == 8 && live.bytes().all(|b| b.is_ascii_digit()),
    }
}

/// The end of an import. Without it, nothing of the import counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchRecord {
    /// Unique in the store: a second import must not take the id of one that was cut off.
    pub id: BatchId,
    pub claimant: Claimant,
    pub mechanisms: Vec<Mechanism>,
    pub opened_at: Time,
    pub committed_at: Time,
    /// The file's base name.
    pub file: Option<Arc<str>>,
    pub file_sha256: Option<[u8; 32]>,
    pub rows_read: u64,
    pub rows_taken: u64,
    /// Rows that said what their source had said already, undated; nothing was written for them.
    pub rows_repeated: u64,
    /// Rows without a readable identifier, by cause.
    pub rows_unreadable: BTreeMap<String, u64>,
    /// How many signals of this batch stand in the journal; set by whoever writes the batch.
    pub signals: u64,
    /// The file was the source's whole list, not an addition to it.
    pub snapshot: bool,
    /// How many of the source's earlier claims this list no longer holds.
    pub withdrawn: u64,
    pub recorded_by: Option<Arc<str>>,
    pub note: Option<Arc<str>>,
}

/// A taking-back. There is no taking back of a taking-back: what was right is said again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetractionRecord {
    pub what: Retraction,
    pub reason: Arc<str>,
    pub recorded_by: Arc<str>,
    pub at: Time,
}

/// A ruleset comes into force, or is compared with the one in force (`shadow`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivationRecord {
    /// The greatest number that the writer has seen, plus one; that of [`Self::only_after`], if there is one.
    pub number: u64,
    /// Names `rulesets/<digest>.json`.
    pub ruleset: [u8; 32],
    pub replaces: Option<[u8; 32]>,
    pub shadow: bool,
    /// Compare and swap: it stands directly above this one in the order and below all else that outranks that one,
    /// so that it can take the place of nothing else.
    pub only_after: Option<Place>,
    /// It goes back to what was in force before.
    pub rollback: bool,
    /// With `shadow`: from here on nothing judges along.
    pub ends_shadow: bool,
    /// What is watched while it is in force, as in `block_rate change > 50% over 5m`; who sees it happen goes back to
    /// what it replaces.
    pub guard: Option<Arc<str>>,
    pub author: Arc<str>,
    pub message: Arc<str>,
    /// Why it was activated although something spoke against it, or rolled back.
    pub reason: Option<Arc<str>>,
    pub at: Time,
}

impl ActivationRecord {
    /// Where it stands in the order of all activations, when it was read from this origin's journal.
    pub fn place(&self, origin: &Origin) -> Place {
        match &self.only_after {
            Some(replaced) => replaced.directly_above(origin),
            None => Place { number: self.number, origin: origin.clone(), then: Vec::new() },
        }
    }
}
