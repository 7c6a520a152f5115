//! Watching a ruleset at work, for the guard that it was activated with.

use std::{
    fmt,
    sync::{Mutex, OnceLock, PoisonError},
};

use abide_enforce::{Figures, Guard, GuardRule, Snapshot};
use abide_model::{Action, Tally, Time};

use crate::judging::Word;

/// A guard over the runs of one process. What it compares with is what the ruleset before says of the same rows, so
/// that no file is taken for a change because other people are in it.
pub struct Watch {
    before: Snapshot,
    clock: Box<dyn Fn() -> Time + Send + Sync>,
    rule: GuardRule,
    /// Of each action that was met.
    guards: Mutex<Vec<(Action, Guard)>>,
    tripped: OnceLock<Tripped>,
}

/// An action for which a guard has tripped, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tripped {
    pub action: Action,
    pub figures: Figures,
}

/// What one thread has counted since it last told.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sides {
    before: Tally,
    since: Tally,
}

impl Watch {
    /// `before` is the list under the ruleset that was replaced.
    pub fn new(rule: GuardRule, before: Snapshot, clock: Box<dyn Fn() -> Time + Send + Sync>) -> Self {
        Self { before, clock, rule, guards: Mutex::default(), tripped: OnceLock::new() }
    }

    /// The first that went too far, if something has.
    pub fn tripped(&self) -> Option<&Tripped> {
        self.tripped.get()
    }

    pub(crate) fn snapshot(&self) -> &Snapshot {
        &self.before
    }

    /// Takes in what was counted about each action, and says whether that is too much.
    pub(crate) fn tell(&self, actions: &[Action], sides: &mut [Sides]) -> Result<(), Box<Tripped>> {
        let now = (self.clock)();
        // A thread that died while it held this has ended the run already.
        let mut guards = self.guards.lock().unwrap_or_else(PoisonError::into_inner);
        for (action, sides) in actions.iter().zip(sides) {
            let at = guards.iter().position(|(known, _)| known == action).unwrap_or_else(|| {
                guards.push((action.clone(), Guard::new(self.rule)));
                guards.len() - 1
            });
            let Sides { before, since } = std::mem::take(sides);
            let guard = &mut guards[at].1;
            guard.before(now, &before);
            guard.since(now, &since);
            if let Some(figures) = guard.tripped() {
                let tripped = Tripped { action: action.clone(), figures };
                return Err(Box::new(self.tripped.get_or_init(|| tripped).clone()));
            }
        }
        Ok(())
    }
}

impl Sides {
    pub(crate) fn count(&mut self, word: Word, before: Word) {
        count(&mut self.since, word);
        count(&mut self.before, before);
    }
}

fn count(tally: &mut Tally, word: Word) {
    tally.seen += 1;
    match word {
        Word::Allow => tally.allowed += 1,
        Word::Block => tally.blocked += 1,
        Word::CannotTell => tally.cannot_tell += 1,
    }
}

impl fmt::Display for Tripped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.action, self.figures)
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("rule", &self.rule).finish_non_exhaustive()
    }
}
