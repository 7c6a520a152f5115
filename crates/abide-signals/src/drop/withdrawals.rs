//! Which opt-outs end because their requests were withdrawn.
//!
//! DROP withdraws a request, known by its id; the store keeps what is said of an identifier. Several people may
//! share an address or a number, and somebody may ask again. So the opt-out of an identifier ends only where
//! every request about it is seen to be withdrawn, and in doubt it stays.

use std::collections::HashMap;

use abide_model::{Digest, Identifier, IdentifierKind, Time};

/// Withdrawn requests, and all that the lists at hand ask of the same identifiers.
///
/// First every row of the Removed files, then every row of the lists.
#[derive(Debug, Default)]
pub struct Withdrawals {
    of: HashMap<(IdentifierKind, Digest), Asked>,
}

#[derive(Debug)]
struct Asked {
    identifier: Identifier,
    /// By id; a request is withdrawn once, however often that is said.
    withdrawn: HashMap<String, Time>,
    requests: HashMap<String, Vec<Time>>,
}

/// What becomes of one identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    pub identifier: Identifier,
    /// How many requests about it were withdrawn.
    pub withdrawn: u64,
    pub outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// What DROP asked before this day ends, unless it asked on days other than `asked`.
    Ends { day: Time, asked: Vec<Time> },
    /// Another request of the same or an earlier day stands.
    Shared,
    /// A withdrawn request is in none of the lists at hand, so that nobody can say what else is in its list.
    Unseen,
}

impl Withdrawals {
    /// A row of a Removed file of this day.
    pub fn withdraw(&mut self, id: &str, identifier: Identifier, day: Time) {
        let at = (identifier.kind(), identifier.primary());
        let asked = self.of.entry(at).or_insert_with(|| Asked {
            identifier,
            withdrawn: HashMap::new(),
            requests: HashMap::new(),
        });
        let first = asked.withdrawn.entry(id.to_owned()).or_insert(day);
        *first = day.min(*first);
    }

    /// A row of a list of this day.
    pub fn request(&mut self, id: &str, identifier: &Identifier, day: Time) {
        if let Some(asked) = self.of.get_mut(&(identifier.kind(), identifier.primary())) {
            asked.requests.entry(id.to_owned()).or_default().push(day);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.of.is_empty()
    }

    pub fn settle(self) -> impl Iterator<Item = Settled> {
        self.of.into_values().map(|asked| Settled {
            withdrawn: asked.withdrawn.len() as u64,
            outcome: asked.outcome(),
            identifier: asked.identifier,
        })
    }
}

impl Asked {
    fn outcome(&self) -> Outcome {
        if self.withdrawn.keys().any(|id| !self.requests.contains_key(id)) {
            return Outcome::Unseen;
        }
        let standing = self.requests.iter().filter(|(id, _)| !self.withdrawn.contains_key(*id));
        let standing = standing.flat_map(|(_, days)| days).copied().min();
        // A tie goes to the opt-out, so what is asked on the day itself stands too.
        let days = self.withdrawn.values().copied().filter(|day| standing.is_none_or(|first| *day <= first));
        match days.max() {
            Some(day) => Outcome::Ends { day, asked: self.requests.values().flatten().copied().collect() },
            None => Outcome::Shared,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::DropList,
        Outcome::{self, Ends, Shared, Unseen},
        Withdrawals,
    };
    use abide_model::{Normaliser, Time};

    const HASH: &str = "uybTthI5jzNLA6S4pdDcYDf/HZg57zyXM+q7K1RR1lc=";

    fn day(number: i64) -> Time {
        Time::from_seconds(number * 86_400)
    }

    fn outcome(withdrawn: &[(&str, i64)], requests: &[(&str, i64)]) -> Outcome {
        let normaliser = Normaliser::new("US".parse().unwrap());
        let identifier = DropList::Email.identify(&normaliser, HASH).unwrap().unwrap();
        let mut withdrawals = Withdrawals::default();
        withdrawn.iter().for_each(|(id, at)| withdrawals.withdraw(id, identifier.clone(), day(*at)));
        requests.iter().for_each(|(id, at)| withdrawals.request(id, &identifier, day(*at)));
        withdrawals.settle().next().unwrap().outcome
    }

    #[test]
    fn an_opt_out_ends_when_nobody_asks_for_it_any_more() {
        let ends =
            |at: i64, asked: &[i64]| Ends { day: day(at), asked: asked.iter().map(|at| day(*at)).collect() };
        for (case, withdrawn, requests, expected) in [
            ("the only request", &[("a", 5)][..], &[("a", 1)][..], ends(5, &[1])),
            ("said again by a later file", &[("a", 5), ("a", 9)], &[("a", 1)], ends(5, &[1])),
            ("its list is not at hand", &[("a", 5)], &[], Unseen),
            ("another list is at hand", &[("a", 5)], &[("b", 1)], Unseen),
            ("somebody shares the address", &[("a", 5)], &[("a", 1), ("b", 1)], Shared),
            ("listed twice", &[("a", 5)], &[("a", 1), ("a", 3)], ends(5, &[1, 3])),
            ("both withdrew", &[("a", 5), ("b", 9)], &[("a", 1), ("b", 1)], ends(9, &[1, 1])),
            ("an earlier request stands", &[("b", 5)], &[("a", 1), ("b", 3)], Shared),
        ] {
            assert_eq!(outcome(withdrawn, requests), expected, "{case}");
        }
        // What stands is of a later day, and is left alone by what ends before it.
        let Ends { day: ended, .. } = outcome(&[("a", 5)], &[("a", 1), ("b", 7)]) else { panic!("it ends") };
        assert_eq!(ended, day(5));
    }
}
