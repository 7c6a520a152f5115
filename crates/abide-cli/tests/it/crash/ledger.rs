//! What everybody has been promised.

use std::{collections::BTreeMap, fmt::Write as _};

use super::{
    Place,
    act::{Act, Change},
};

/// A person by number.
pub(super) type Person = u64;

/// Who is out and who is not, as far as it was acknowledged or once seen.
#[derive(Debug)]
pub(super) struct Ledger {
    place: Place,
    out: BTreeMap<Person, bool>,
    /// Not acknowledged and not seen so far: each is there whole or not at all. What was seen once stays; what was not
    /// may still come on a bucket, which is at work on what it was sent, and not in a directory.
    open: Vec<Vec<Change>>,
    out_for_good: Option<Person>,
}

pub(super) fn address(person: Person) -> String {
    format!("person.{person}@example.com")
}

impl Ledger {
    pub(super) fn new(place: Place) -> Self {
        Self { place, out: BTreeMap::new(), open: Vec::new(), out_for_good: None }
    }

    /// People of whom nothing was said so far.
    pub(super) fn meet(&mut self, count: u64) -> Vec<Person> {
        let first = self.out.len() as u64;
        let people: Vec<Person> = (first..first + count).collect();
        self.out.extend(people.iter().map(|person| (*person, false)));
        people
    }

    /// Who was out for sure and is to say the opposite now.
    pub(super) fn somebody_to_return(&self, among: &[Person]) -> Option<Person> {
        let undecided: Vec<Person> = self.open.iter().flatten().map(|change| change.person).collect();
        among.iter().copied().find(|person| self.out[person] && !undecided.contains(person))
    }

    /// Somebody who is out, and whom nothing takes back.
    pub(super) fn out_for_good(&self) -> Option<String> {
        self.out_for_good.map(address)
    }

    pub(super) fn take(&mut self, act: &Act, acknowledged: bool) {
        let changes = act.changes();
        if acknowledged {
            self.settle(&changes);
            self.out_for_good = act.out_for_good().or(self.out_for_good);
        } else if !changes.is_empty() {
            self.open.push(changes);
        }
    }

    fn settle(&mut self, changes: &[Change]) {
        for change in changes {
            self.out.insert(change.person, change.out);
        }
        // What is said of these people now is final: no earlier act of theirs is waited for.
        let settled = |open: &Vec<Change>| {
            open.iter().all(|open| changes.iter().any(|change| change.person == open.person))
        };
        self.open.retain(|open| !settled(open));
    }

    /// One address a line, in the order of their numbers.
    pub(super) fn everybody(&self) -> String {
        let mut text = "email\n".to_owned();
        for person in self.out.keys() {
            writeln!(text, "{}", address(*person)).unwrap();
        }
        text
    }

    /// `labelled` has a verdict for each line of [`Ledger::everybody`].
    pub(super) fn compare(&mut self, labelled: &str, about: &str) {
        let blocked: BTreeMap<Person, bool> = labelled
            .lines()
            .skip(1)
            .zip(self.out.keys())
            .map(|(line, person)| {
                let mut fields = line.split(',');
                assert_eq!(fields.next(), Some(&*address(*person)), "{about}: {line}");
                let verdict = fields.next().unwrap();
                assert!(matches!(verdict, "allow" | "block"), "{about}: {line}");
                (*person, verdict == "block")
            })
            .collect();
        assert_eq!(blocked.len(), self.out.len(), "{about}: a verdict for everybody");
        for changes in std::mem::take(&mut self.open) {
            let come = changes.iter().filter(|change| blocked[&change.person] == change.out).count();
            if come == changes.len() {
                self.settle(&changes);
            } else {
                let before = changes.iter().all(|change| blocked[&change.person] == self.out[&change.person]);
                assert!(before, "{about}: half of an act: {come} of {} changes", changes.len());
                if self.place == Place::Bucket {
                    self.open.push(changes);
                }
            }
        }
        let wrong: Vec<_> = self.out.iter().filter(|(person, out)| blocked[person] != **out).collect();
        assert!(wrong.is_empty(), "{about}: person and whether out: {wrong:?}");
    }
}
