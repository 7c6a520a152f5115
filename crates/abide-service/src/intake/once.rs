//! Idempotency keys: a request that comes again gets the answer of the first.
//!
//! An opt-out that is said twice is one. But one that is sent again after an opt-in that came in between would stand
//! above it, so who sends again says by a key that it is the same. Keys are remembered in memory, by client: a restart
//! forgets them.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
};

use bytes::Bytes;

/// Whose key, and which.
type Name = (Arc<str>, Arc<str>);

#[derive(Debug)]
pub(crate) struct Once {
    keys: Mutex<Keys>,
    keys_max: usize,
}

#[derive(Debug, Default)]
struct Keys {
    held: HashMap<Name, Held>,
    /// From the oldest on, by number; of those whose request failed, some stand here still.
    order: VecDeque<(u64, Name)>,
    /// Of the next one.
    number: u64,
}

#[derive(Clone, Debug)]
struct Held {
    number: u64,
    body: u64,
    /// `None` while the first request is not answered.
    answer: Option<Bytes>,
}

/// What is known of a key.
#[derive(Debug)]
pub(crate) enum Seen<'o> {
    /// It is this request's.
    New(Begun<'o>),
    Answered(Bytes),
    UnderWay,
    /// It came with another body.
    Another,
}

/// A key whose request is under way. Where it goes without an answer, because it failed or whoever asked hung up, the next
/// attempt counts.
#[derive(Debug)]
pub(crate) struct Begun<'o> {
    once: &'o Once,
    number: u64,
    name: Name,
}

impl Begun<'_> {
    pub(crate) fn answered(self, answer: Bytes) {
        if let Some(held) = self.once.keys().of(self.number, &self.name) {
            held.answer = Some(answer);
        }
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        let mut keys = self.once.keys();
        if keys.of(self.number, &self.name).is_some_and(|held| held.answer.is_none()) {
            keys.held.remove(&self.name);
        }
    }
}

impl Keys {
    /// The request of this number, unless others pushed it out: then the same key may be another's.
    fn of(&mut self, number: u64, name: &Name) -> Option<&mut Held> {
        self.held.get_mut(name).filter(|held| held.number == number)
    }
}

impl Once {
    pub(crate) fn new(keys_max: usize) -> Self {
        Self { keys: Mutex::default(), keys_max }
    }

    /// `body` is a digest of what came with the key.
    pub(crate) fn begin(&self, client: &Arc<str>, key: &str, body: u64) -> Seen<'_> {
        let name = (client.clone(), key.into());
        let mut keys = self.keys();
        if let Some(held) = keys.held.get(&name) {
            return match &held.answer {
                _ if held.body != body => Seen::Another,
                Some(answer) => Seen::Answered(answer.clone()),
                None => Seen::UnderWay,
            };
        }
        let keys = &mut *keys;
        // As many that failed as there may be others.
        while keys.held.len() >= self.keys_max.max(1) || keys.order.len() >= 2 * self.keys_max.max(1) {
            let Some((number, oldest)) = keys.order.pop_front() else { break };
            if keys.of(number, &oldest).is_some() {
                keys.held.remove(&oldest);
            }
        }
        let number = keys.number;
        keys.number += 1;
        keys.order.push_back((number, name.clone()));
        keys.held.insert(name.clone(), Held { number, body, answer: None });
        Seen::New(Begun { once: self, number, name })
    }

    fn keys(&self) -> std::sync::MutexGuard<'_, Keys> {
        self.keys.lock().expect("what is done under this lock does not panic")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stands_for_one_request() {
        let (once, ann, ben): (_, Arc<str>, Arc<str>) = (Once::new(2), "ann".into(), "ben".into());
        let new = |client, key, body| match once.begin(client, key, body) {
            Seen::New(begun) => begun,
            seen => panic!("{seen:?}"),
        };
        let of_ann = new(&ann, "k", 1);
        assert!(matches!(once.begin(&ann, "k", 1), Seen::UnderWay));
        drop(new(&ben, "k", 1));
        let _of_ben = new(&ben, "k", 2);
        of_ann.answered(Bytes::from_static(b"done"));
        assert!(matches!(once.begin(&ann, "k", 1), Seen::Answered(answer) if answer == "done"));
        assert!(matches!(once.begin(&ann, "k", 3), Seen::Another));
        // The third pushes the oldest out.
        let _third = new(&ann, "new", 1);
        let again = new(&ann, "k", 1);
        // Whoever was pushed out says nothing of those who came after it.
        let (_b, _c) = (new(&ben, "b", 1), new(&ben, "c", 1));
        let other = new(&ann, "k", 7);
        drop(again);
        assert!(matches!(once.begin(&ann, "k", 7), Seen::UnderWay));
        drop(other);
        (0..10).for_each(|_| drop(new(&ann, "failing", 1)));
        assert!(once.keys().order.len() <= 4);
    }
}
