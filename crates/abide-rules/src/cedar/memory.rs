//! What Cedar came to, kept for whoever asks the same: one memory for all threads and for as long as the ruleset is held.

use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{Arc, Mutex, MutexGuard, OnceLock},
};

use crate::{outcome::Outcome, question::Question};

/// Which policies apply, or why that cannot be said.
pub(crate) type Answer = Result<Arc<Outcome>, Arc<str>>;

/// Questions remembered at the most. Real data has few hundred; a context that says something else of everybody is what
/// the policies read of it.
const QUESTIONS_MAX: usize = 1 << 16;

/// How often Cedar was asked for decisions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effort {
    pub calls: u64,
    /// The different questions among them: as many as calls, if nothing was asked twice. Past the first million none is
    /// added, so that the memory is bounded.
    pub questions: u64,
}

/// Asks each question once, even where several threads come with it at the same time.
#[derive(Default)]
pub(crate) struct Memory {
    answers: Mutex<HashMap<Question, Arc<OnceLock<Answer>>>>,
    asked: Mutex<Asked>,
}

#[derive(Default)]
struct Asked {
    calls: u64,
    /// Digests of questions; two that share one look like a question asked twice, never the other way round.
    questions: HashSet<u64>,
}

const DIGESTS_MAX: usize = 1 << 20;

impl Memory {
    pub(super) fn answer(&self, question: &Question, ask: impl FnOnce() -> Answer) -> Answer {
        let slot = self.slot(question);
        // The map is not held meanwhile: only those who have the same question wait for its answer.
        let answer = slot.get_or_init(|| {
            locked(&self.asked).note(question);
            ask()
        });
        answer.clone()
    }

    pub(super) fn effort(&self) -> Effort {
        let asked = locked(&self.asked);
        Effort { calls: asked.calls, questions: asked.questions.len() as u64 }
    }

    fn slot(&self, question: &Question) -> Arc<OnceLock<Answer>> {
        let mut answers = locked(&self.answers);
        if let Some(slot) = answers.get(question) {
            return slot.clone();
        }
        if answers.len() >= QUESTIONS_MAX {
            answers.clear();
        }
        answers.entry(question.clone()).or_default().clone()
    }
}

impl Asked {
    /// Stands where Cedar is asked, so that it counts what a fault in the memory would let through.
    fn note(&mut self, question: &Question) {
        self.calls += 1;
        if self.questions.len() < DIGESTS_MAX {
            let mut hasher = DefaultHasher::new();
            question.hash(&mut hasher);
            self.questions.insert(hasher.finish());
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nothing that panics is done while it is held")
}
