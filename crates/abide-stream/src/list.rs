//! The list as it stands here: what the follower read, and above it the opt-outs of records that were not read back yet.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicI64, Ordering},
};

use abide_enforce::Snapshot;
use abide_index::IndexError;
use abide_model::{BatchId, Claim, Signal, Time, Token};
use abide_replica::Sighting;
use arc_swap::ArcSwapOption;

use crate::{fate::Stamp, opt_outs::Told};

/// What was read, and when.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) snapshot: Arc<Snapshot>,
    /// Before it was read.
    pub(crate) sighting: Sighting,
}

/// What the follower has read, for all threads.
#[derive(Debug, Default)]
pub(crate) struct List {
    current: ArcSwapOption<Read>,
    /// Later than every time in the journal that was read, in microseconds.
    clock: AtomicI64,
    /// What nobody's waiting helps against.
    broken: Mutex<Option<String>>,
}

impl List {
    /// `None` until the list is complete: nothing may be judged before.
    pub(crate) fn current(&self) -> Option<Arc<Read>> {
        self.current.load_full()
    }

    pub(crate) fn publish(&self, snapshot: Arc<Snapshot>, sighting: Sighting, clock: Time) {
        self.clock.fetch_max(clock.as_micros(), Ordering::Relaxed);
        self.current.store(Some(Arc::new(Read { snapshot, sighting })));
    }

    pub(crate) fn clock(&self) -> Time {
        Time::from_micros(self.clock.load(Ordering::Relaxed))
    }

    /// The list is damaged, or cannot be read by this program: somebody has to look at it.
    pub(crate) fn break_off(&self, why: String) {
        *self.broken.lock().expect("nothing panics under this lock") = Some(why);
    }

    pub(crate) fn broken(&self) -> Option<String> {
        self.broken.lock().expect("nothing panics under this lock").clone()
    }
}

/// One thread's list: the follower's, with the opt-outs that this thread met and the follower has not read.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    ahead: Vec<Ahead>,
    made: Option<Made>,
}

/// Opt-outs of one transaction.
#[derive(Debug)]
struct Ahead {
    signals: Vec<Signal>,
    /// Where the last of them stands in the journal; `None` while they are not durable.
    token: Option<Token>,
}

/// A list to judge by, and what stands in headers about it.
#[derive(Clone, Debug)]
pub(crate) struct Judging {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) stamp: Arc<Stamp>,
}

#[derive(Clone, Debug)]
struct Made {
    read: Arc<Snapshot>,
    above: Arc<Snapshot>,
    stamp: Arc<Stamp>,
}

impl Standing {
    /// The list to judge by; `None` until there is one.
    pub(crate) fn now(&mut self, list: &List) -> Result<Option<Judging>, IndexError> {
        let Some(read) = list.current().map(|read| read.snapshot.clone()) else { return Ok(None) };
        if self.made.as_ref().is_none_or(|made| !Arc::ptr_eq(&made.read, &read)) {
            self.ahead.retain(|ahead| !ahead.token.as_ref().is_some_and(|token| read.positions.reach(token)));
            let above = if self.ahead.is_empty() {
                read.clone()
            } else {
                Arc::new(read.with(self.ahead.iter().flat_map(|ahead| &ahead.signals))?)
            };
            let stamp = Arc::new(Stamp::of(&above));
            self.made = Some(Made { read, above, stamp });
        }
        Ok(self.made.as_ref().map(|made| Judging { snapshot: made.above.clone(), stamp: made.stamp.clone() }))
    }

    /// Takes over a list with opt-outs in it that are to become durable.
    pub(crate) fn hear(&mut self, signals: Vec<Signal>, snapshot: Arc<Snapshot>) {
        if signals.is_empty() {
            return;
        }
        self.made.as_mut().expect("records are judged by a list").above = snapshot;
        self.ahead.push(Ahead { signals, token: None });
    }

    /// What was said last is durable, up to here.
    pub(crate) fn durable(&mut self, token: &Token) {
        for ahead in self.ahead.iter_mut().filter(|ahead| ahead.token.is_none()) {
            ahead.token = Some(token.clone());
        }
    }

    /// What was said and did not become durable will be said again.
    pub(crate) fn take_back(&mut self) {
        self.ahead.retain(|ahead| ahead.token.is_some());
        self.made = None;
    }
}

/// Puts in force what a record says. What the list knows already is left out, and returned is the rest: a record that is read
/// again adds nothing.
pub(crate) fn heard(snapshot: &mut Arc<Snapshot>, told: Vec<Told>) -> Result<Vec<Signal>, IndexError> {
    let mut unknown = Vec::with_capacity(told.len());
    for Told { signal, event } in told {
        if !knows(snapshot, &signal, event)? {
            unknown.push(signal);
        }
    }
    if !unknown.is_empty() {
        *snapshot = Arc::new(snapshot.with(&unknown)?);
    }
    Ok(unknown)
}

/// Whether the list would be the same with this signal.
fn knows(snapshot: &Snapshot, signal: &Signal, event: BatchId) -> Result<bool, IndexError> {
    let Some(state) = snapshot.state(&signal.keys.primary.key)? else { return Ok(false) };
    let mut with = state.clone();
    with.apply(signal);
    let claim = Claim { batch: event, ..Claim::of(signal) };
    if state.has_event(&claim, signal.direction, &snapshot.retractions) {
        with.claims.clone_from(&state.claims);
    }
    Ok(with == state)
}
