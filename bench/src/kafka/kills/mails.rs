//! What is written: everything about record number `n` follows from `n` and the seed.

use crate::kafka::broker::PARTITIONS;
use crate::people::mix;

/// So many records are about one person.
const OF_ONE: u64 = 200;
/// One in so many says no.
const SAYS_NO: u64 = 400;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Mails {
    pub(crate) events: u64,
    pub(crate) people: u64,
    seed: u64,
}

impl Mails {
    pub(crate) fn new(events: u64, seed: u64) -> Self {
        Self { events, people: (events / OF_ONE).max(OF_ONE), seed }
    }

    pub(crate) fn person(self, number: u64) -> u64 {
        mix(self.seed ^ mix(number)) % self.people
    }

    /// All records of a person are in one.
    pub(crate) fn partition(person: u64) -> i32 {
        i32::try_from(person % PARTITIONS as u64).expect("there are few partitions")
    }

    pub(crate) fn says_no(self, number: u64) -> bool {
        mix(self.seed ^ number ^ 0xB1E).is_multiple_of(SAYS_NO)
    }

    pub(crate) fn address(person: u64) -> String {
        format!("p{person}@example.com")
    }

    pub(crate) fn value(self, number: u64) -> String {
        let kind = if self.says_no(number) { "bye" } else { "mail" };
        format!(r#"{{"n":{number},"type":"{kind}","to":"{}"}}"#, Self::address(self.person(number)))
    }

    /// Which record this is.
    pub(crate) fn number(value: &[u8]) -> Option<u64> {
        let digits = value.strip_prefix(br#"{"n":"#)?;
        let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
        std::str::from_utf8(&digits[..end]).ok()?.parse().ok()
    }
}
