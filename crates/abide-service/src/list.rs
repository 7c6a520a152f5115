//! The list as it stands on this node: what the follower read of the journal, and above it what this node accepted
//! and has not read back yet.
//!
//! A signal is in force here as soon as it is durable, without waiting for the journal to be read: the newest
//! snapshot's overlay is copied (which shares all that does not change) and takes the signal in. When the follower
//! brings the next snapshot, what that does not cover is taken in again; merging twice is the same as once.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use abide_enforce::Snapshot;
use abide_index::IndexError;
use abide_model::{Origin, Position, Signal, Time, Token};
use abide_replica::Sighting;
use arc_swap::ArcSwapOption;
use serde_json::json;

use crate::since::Since;

/// What is answered from, swapped whole.
#[derive(Debug)]
pub(crate) struct Published {
    pub(crate) snapshot: Arc<Snapshot>,
    /// When it was made sure that there was nothing newer.
    pub(crate) sighting: Sighting,
    /// `"ruleset":…,"position":…,"lag_ms":…,"as_of":…`, which stands in every answer.
    pub(crate) stamp: String,
}

/// What this node accepted and has not read back.
#[derive(Debug)]
struct Ahead {
    /// Where it stands in the journal; not known while it is on this node's disk only.
    place: Option<Place>,
    signals: Vec<Signal>,
}

/// A stretch of an origin's journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) first: Position,
    pub(crate) last: Token,
}

#[derive(Debug, Default)]
pub(crate) struct List {
    current: ArcSwapOption<Published>,
    making: Mutex<Making>,
}

#[derive(Debug, Default)]
struct Making {
    ahead: Vec<Ahead>,
    /// Later than every time in the journal that was read.
    clock: Option<Time>,
    since: Since,
    /// How long the newest of each origin took to get here.
    lags: BTreeMap<Origin, Duration>,
}

impl List {
    /// `None` until the list is complete: nothing may be answered before.
    pub(crate) fn current(&self) -> Option<Arc<Published>> {
        self.current.load_full()
    }

    /// Takes over what the follower has read, and how long the newest of some origins took.
    pub(crate) fn publish(
        &self,
        read: &Arc<Snapshot>,
        sighting: Sighting,
        lags: &[(&Origin, Duration)],
        clock: Time,
        now: Time,
    ) -> Result<(), IndexError> {
        let mut making = self.making();
        making.lags.extend(lags.iter().map(|(origin, lag)| ((*origin).clone(), *lag)));
        let is_covered = |place: &Place| read.positions.reach(&place.last);
        making.ahead.retain(|ahead| !ahead.place.as_ref().is_some_and(is_covered));
        let mut snapshot = read.clone();
        for ahead in &making.ahead {
            snapshot = above(&snapshot, &ahead.signals, ahead.place.as_ref())?;
        }
        making.clock = Some(clock);
        self.swap(&mut making, snapshot, sighting, now);
        Ok(())
    }

    /// Puts in force what this node has made durable.
    pub(crate) fn accept(
        &self,
        signals: Vec<Signal>,
        place: Option<Place>,
        now: Time,
    ) -> Result<(), IndexError> {
        let mut making = self.making();
        if let Some(place) = &place {
            making.lags.insert(place.last.origin.clone(), Duration::ZERO);
        }
        if let Some(current) = self.current.load_full() {
            let snapshot = above(&current.snapshot, &signals, place.as_ref())?;
            self.swap(&mut making, snapshot, current.sighting, now);
        }
        making.ahead.push(Ahead { place, signals });
        Ok(())
    }

    /// What was on this node's disk only is in the journal now, up to here.
    pub(crate) fn uploaded(&self, place: &Place) {
        for ahead in self.making().ahead.iter_mut().filter(|ahead| ahead.place.is_none()) {
            ahead.place = Some(place.clone());
        }
    }

    fn swap(&self, making: &mut Making, snapshot: Arc<Snapshot>, sighting: Sighting, now: Time) {
        for (origin, position) in snapshot.positions.iter() {
            making.since.reached(origin, position, now);
        }
        self.current.store(Some(Arc::new(Published::new(snapshot, sighting, &making.lags))));
    }

    /// Since when everything up to a token is in force here.
    pub(crate) fn in_force_since(&self, token: &Token) -> Option<Time> {
        self.making().since.of(&token.origin, token.position)
    }

    /// Later than every time in the journal that was read.
    pub(crate) fn clock(&self) -> Option<Time> {
        self.making().clock
    }

    /// How many signals are in force here and not read back from the journal yet.
    pub(crate) fn len_ahead(&self) -> usize {
        self.making().ahead.iter().map(|ahead| ahead.signals.len()).sum()
    }

    fn making(&self) -> MutexGuard<'_, Making> {
        self.making.lock().expect("what is done under this lock does not panic")
    }
}

impl Published {
    fn new(snapshot: Arc<Snapshot>, sighting: Sighting, lags: &BTreeMap<Origin, Duration>) -> Self {
        let positions: serde_json::Map<String, serde_json::Value> = snapshot
            .positions
            .iter()
            .map(|(origin, at): (&Origin, Position)| (origin.to_string(), at.into()))
            .collect();
        let lags: serde_json::Map<String, serde_json::Value> = lags
            .iter()
            .map(|(origin, lag)| {
                (origin.to_string(), u64::try_from(lag.as_millis()).unwrap_or(u64::MAX).into())
            })
            .collect();
        let stamp = format!(
            "\"ruleset\":{},\"position\":{},\"lag_ms\":{},\"as_of\":{}",
            json!(snapshot.rules.version().to_string()),
            json!(positions),
            json!(lags),
            json!(snapshot.as_of.to_string())
        );
        Self { snapshot, sighting, stamp }
    }
}

/// The same list with these signals in it, and its position moved where their place goes on from it. Its age is still
/// that of what was read.
pub(crate) fn above(
    snapshot: &Snapshot,
    signals: &[Signal],
    place: Option<&Place>,
) -> Result<Arc<Snapshot>, IndexError> {
    let mut above = snapshot.with(signals)?;
    if let Some(Place { first, last }) = place
        && *first <= above.positions.of(&last.origin) + 1
    {
        above.positions.advance(&last.origin, last.position);
    }
    Ok(Arc::new(above))
}
