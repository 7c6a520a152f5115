//! Which fault strikes which request: one seeded generator, and the objects that lists do not show yet.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use object_store::path::Path;
use object_store::{Error, ObjectMeta};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::task;

use super::{Faults, Request, Stall};

/// Clones are the same dice.
#[derive(Clone, Debug)]
pub(super) struct Dice {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    rng: ChaCha8Rng,
    faults: Faults,
    /// New objects, and from how many more lists each is missing. A map in order, so that nothing depends on
    /// hashing.
    hidden: BTreeMap<Path, u32>,
    injected: u64,
    planned: Option<Stall>,
}

pub(super) enum WriteFault {
    Refused,
    AnswerLost,
}

pub(super) struct ReadFault {
    /// Before any byte, instead of after some.
    pub(super) at_once: bool,
    /// How much of the bytes comes before the error, in 255ths.
    pub(super) share: u8,
}

impl Dice {
    pub(super) fn new(seed: u64, faults: Faults) -> Self {
        let state = State {
            rng: ChaCha8Rng::seed_from_u64(seed),
            faults,
            hidden: BTreeMap::new(),
            injected: 0,
            planned: None,
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    pub(super) fn set_faults(&self, faults: Faults) {
        let mut state = self.state();
        if faults.list_stale == 0.0 {
            state.hidden.clear();
        }
        state.faults = faults;
    }

    pub(super) fn show_all(&self) {
        self.state().hidden.clear();
    }

    pub(super) fn injected(&self) -> u64 {
        self.state().injected
    }

    /// Lets other tasks run, a random number of times, or for a long time.
    pub(super) async fn pause(&self) {
        let (yields, stall_s) = {
            let mut state = self.state();
            let (max, stalled, stall_max_s) =
                (state.faults.yields_max, state.faults.stalled, state.faults.stall_max_s);
            let yields = if max == 0 { 0 } else { state.rng.random_range(0..=max) };
            let stalls = stalled > 0.0 && state.rng.random_bool(stalled);
            (yields, stalls.then(|| state.rng.random_range(0..=stall_max_s)))
        };
        if let Some(stall_s) = stall_s {
            tokio::time::sleep(Duration::from_secs(stall_s)).await;
        }
        for _ in 0..yields {
            task::yield_now().await;
        }
    }

    pub(super) fn plan(&self, stall: Stall) {
        self.state().planned = Some(stall);
    }

    /// Taken once, by the request that it was planned for.
    pub(super) fn planned(&self, request: Request, location: &Path) -> Option<Stall> {
        let is_meant = |stall: &mut Stall| stall.on == request && location.as_ref().starts_with(&stall.under);
        self.state().planned.take_if(is_meant)
    }

    pub(super) fn write_fault(&self) -> Option<WriteFault> {
        let mut state = self.state();
        let (refused, lost) = (state.faults.write_refused, state.faults.answer_lost);
        if state.rng.random_bool(refused) {
            Some(WriteFault::Refused)
        } else if state.rng.random_bool(lost) {
            Some(WriteFault::AnswerLost)
        } else {
            None
        }
    }

    pub(super) fn read_fault(&self) -> Option<ReadFault> {
        let mut state = self.state();
        let failed = state.faults.read_failed;
        state.rng.random_bool(failed).then(|| ReadFault {
            at_once: state.rng.random_bool(0.5),
            share: state.rng.random_range(0..u8::MAX),
        })
    }

    /// How much of a list comes before it breaks off, in 255ths: nothing, half of the time.
    pub(super) fn list_fault(&self) -> Option<u8> {
        let mut state = self.state();
        let failed = state.faults.list_failed;
        state
            .rng
            .random_bool(failed)
            .then(|| if state.rng.random_bool(0.5) { 0 } else { state.rng.random_range(0..u8::MAX) })
    }

    pub(super) fn maybe_hide(&self, location: &Path) {
        let mut state = self.state();
        let (stale, max) = (state.faults.list_stale, state.faults.stale_lists_max);
        if max > 0 && state.rng.random_bool(stale) {
            let lists = state.rng.random_range(1..=max);
            state.hidden.insert(location.clone(), lists);
        }
    }

    /// What a list shows of `objects`: not those that are hidden, which are one list nearer to being shown.
    pub(super) fn shown(&self, objects: Vec<ObjectMeta>) -> Vec<ObjectMeta> {
        let mut state = self.state();
        objects.into_iter().filter(|object| !state.is_hidden_once_more(&object.location)).collect()
    }

    /// The error for a fault that strikes now.
    pub(super) fn error(&self, what: &str, location: &Path) -> Error {
        let mut state = self.state();
        state.injected += 1;
        let source = format!("injected fault: {what}: {location}").into();
        if state.faults.is_denied {
            return Error::PermissionDenied { path: location.to_string(), source };
        }
        Error::Generic { store: "FaultyStore", source }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds the dice")
    }
}

impl State {
    fn is_hidden_once_more(&mut self, location: &Path) -> bool {
        match self.hidden.get_mut(location) {
            None => false,
            Some(0) => {
                self.hidden.remove(location);
                false
            }
            Some(lists) => {
                *lists -= 1;
                self.injected += 1;
                true
            }
        }
    }
}
