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
    /// From the oldest on.
    order: VecDeque<Name>,
}

#[derive(Clone, Debug)]
struct Held {
    body: u64,
    /// `None` while the first request is not answered.
    answer: Option<Bytes>,
}

/// What is known of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// It is this request's, which has to end with [`Once::answered`] or [`Once::failed`].
    New,
    Answered(Bytes),
    UnderWay,
    /// It came with another body.
    Another,
}

impl Once {
    pub(crate) fn new(keys_max: usize) -> Self {
        Self { keys: Mutex::default(), keys_max }
    }

    /// `body` is a digest of what came with the key.
    pub(crate) fn begin(&self, client: &Arc<str>, key: &str, body: u64) -> Seen {
        let name = (client.clone(), key.into());
        let mut keys = self.keys();
        if let Some(held) = keys.held.get(&name) {
            return match &held.answer {
                _ if held.body != body => Seen::Another,
                Some(answer) => Seen::Answered(answer.clone()),
                None => Seen::UnderWay,
            };
        }
        while keys.held.len() >= self.keys_max.max(1) {
            let Some(oldest) = keys.order.pop_front() else { break };
            keys.held.remove(&oldest);
        }
        keys.order.push_back(name.clone());
        keys.held.insert(name, Held { body, answer: None });
        Seen::New
    }

    pub(crate) fn answered(&self, client: &Arc<str>, key: &str, answer: Bytes) {
        if let Some(held) = self.keys().held.get_mut(&(client.clone(), key.into())) {
            held.answer = Some(answer);
        }
    }

    /// Nothing was accepted, so the next attempt counts.
    pub(crate) fn failed(&self, client: &Arc<str>, key: &str) {
        let name = (client.clone(), key.into());
        let mut keys = self.keys();
        if keys.held.get(&name).is_some_and(|held| held.answer.is_none()) {
            keys.held.remove(&name);
            keys.order.retain(|other| *other != name);
        }
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
        assert_eq!(once.begin(&ann, "k", 1), Seen::New);
        assert_eq!(once.begin(&ann, "k", 1), Seen::UnderWay);
        assert_eq!(once.begin(&ben, "k", 1), Seen::New, "keys are a client's own");
        once.failed(&ben, "k");
        assert_eq!(once.begin(&ben, "k", 2), Seen::New, "what failed may be tried again");
        once.answered(&ann, "k", Bytes::from_static(b"done"));
        assert_eq!(once.begin(&ann, "k", 1), Seen::Answered(Bytes::from_static(b"done")));
        assert_eq!(once.begin(&ann, "k", 3), Seen::Another);
        // The third pushes the oldest out.
        assert_eq!(once.begin(&ann, "new", 1), Seen::New);
        assert_eq!(once.begin(&ann, "k", 1), Seen::New);
    }
}
