//! Answers by question, up to a bound; the last one is looked at first, since neighbours are mostly alike.

use std::{collections::HashMap, hash::Hash, sync::Arc};

/// Holds at most 65,536 answers: one more, and all others are forgotten.
#[derive(Debug)]
pub struct Remembered<K, V> {
    answers: HashMap<Arc<K>, V>,
    last: Option<(Arc<K>, V)>,
}

/// Answers remembered at the most; a run has few hundred distinct ones, unless a context attribute is different for
/// everybody.
const ANSWERS_MAX: usize = 1 << 16;

impl<K, V> Default for Remembered<K, V> {
    fn default() -> Self {
        Self { answers: HashMap::new(), last: None }
    }
}

impl<K: Eq + Hash, V: Clone> Remembered<K, V> {
    pub fn get(&mut self, question: &K) -> Option<V> {
        match &self.last {
            Some((last, answer)) if **last == *question => Some(answer.clone()),
            _ => {
                let (question, answer) = self.answers.get_key_value(question)?;
                self.last = Some((question.clone(), answer.clone()));
                Some(answer.clone())
            }
        }
    }

    pub fn is_full(&self) -> bool {
        self.answers.len() >= ANSWERS_MAX
    }

    /// Forgets all others first where there are too many.
    pub fn insert(&mut self, question: K, answer: V) {
        if self.is_full() {
            self.clear();
        }
        let question = Arc::new(question);
        self.last = Some((question.clone(), answer.clone()));
        self.answers.insert(question, answer);
    }

    pub fn len(&self) -> usize {
        self.answers.len()
    }

    pub fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    pub fn clear(&mut self) {
        self.answers.clear();
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_as_a_map_does_up_to_its_bound() {
        let mut remembered = Remembered::default();
        for question in 0..ANSWERS_MAX {
            remembered.insert(question, question * 2);
        }
        for question in [0, 7, 7, ANSWERS_MAX - 1, 7] {
            assert_eq!(remembered.get(&question), Some(question * 2));
        }
        assert_eq!(remembered.get(&ANSWERS_MAX), None);
        remembered.insert(ANSWERS_MAX, 0);
        assert_eq!((remembered.get(&7), remembered.get(&ANSWERS_MAX), remembered.len()), (None, Some(0), 1));
        remembered.clear();
        assert_eq!((remembered.get(&ANSWERS_MAX), remembered.len()), (None, 0));
    }
}
