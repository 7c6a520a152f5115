//! What vendors send and nobody knows the meaning of: kept aside, so that somebody can give it one.
//!
//! Of an event stay its account, its name, how often it came and when. Its content is not kept: it names people, and whoever
//! wants to see some looks at the vendor, which shows and sends again what it sent. What is kept is in memory, and so are
//! its bounds.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use abide_model::Time;

/// Names that are told apart; those that come later count together.
const NAMES_MAX: usize = 1_000;

/// By account and name.
type Events = BTreeMap<(Arc<str>, Arc<str>), Kept>;

#[derive(Debug, Default)]
pub(crate) struct Aside(Mutex<Events>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) count: u64,
    pub(crate) first_at: Time,
    pub(crate) last_at: Time,
}

impl Aside {
    pub(crate) fn keep(&self, account: &str, name: &str, now: Time) {
        let mut all = self.all();
        let mut key = (account.into(), name.into());
        if all.len() >= NAMES_MAX && !all.contains_key(&key) {
            key.1 = "…".into();
        }
        let kept = all.entry(key).or_insert(Kept { count: 0, first_at: now, last_at: now });
        kept.count += 1;
        kept.last_at = kept.last_at.max(now);
    }

    /// In order of account and name.
    pub(crate) fn list(&self) -> Vec<(Arc<str>, Arc<str>, Kept)> {
        let all = self.all();
        all.iter().map(|((account, name), kept)| (account.clone(), name.clone(), *kept)).collect()
    }

    fn all(&self) -> MutexGuard<'_, Events> {
        self.0.lock().expect("what is done under this lock does not panic")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_names_than_are_kept_count_together() {
        let (aside, at) = (Aside::default(), Time::from_millis);
        (0..2 * NAMES_MAX).for_each(|nth| aside.keep("a", &format!("{nth:04}"), at(1)));
        aside.keep("a", "0000", at(2));
        let list = aside.list();
        assert_eq!(list.len(), NAMES_MAX + 1);
        assert_eq!(list[0].2, Kept { count: 2, first_at: at(1), last_at: at(2) });
        assert_eq!(list.iter().map(|(.., kept)| kept.count).sum::<u64>(), 2 * NAMES_MAX as u64 + 1);
    }
}
