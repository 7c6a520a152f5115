//! What stands under `journal/<origin>/`, and which of it tells the journal.

use abide_model::{Origin, Position, Time};

use crate::object::{OBJECT_BYTES_MAX, ObjectName};

/// An object as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectEntry {
    pub name: ObjectName,
    pub bytes: u64,
    /// By the store's clock.
    pub written_at: Time,
    /// Records up to here stand in the entry before; of an appended object, always its first
    /// position less one.
    pub after: Position,
}

impl ObjectEntry {
    /// Whether rolling it up would gain nothing. It stays for ever.
    pub(crate) fn is_large(&self) -> bool {
        self.bytes >= OBJECT_BYTES_MAX as u64 / 2
    }
}

#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// In order of position.
    pub(crate) appended: Vec<ObjectEntry>,
    /// In order of their first position.
    pub(crate) roll_ups: Vec<ObjectEntry>,
    /// Names that are none of the journal's.
    pub(crate) foreign: Vec<String>,
}

impl Listing {
    pub(crate) fn add(&mut self, name: ObjectName, bytes: u64, written_at: Time) {
        let objects = if name.is_roll_up() { &mut self.roll_ups } else { &mut self.appended };
        let after = name.first - 1;
        objects.push(ObjectEntry { name, bytes, written_at, after });
    }

    pub(crate) fn sort(&mut self) {
        self.appended.sort_by(|a, b| a.name.cmp(&b.name));
        self.roll_ups.sort_by(|a, b| a.name.cmp(&b.name));
    }

    /// Of the roll-ups that hold a position, the one that leads farthest.
    ///
    /// Where there is one, it is to be read and not what was appended there: that may be deleted by
    /// now, and its name may have been used again by a writer that slept in the meantime.
    pub(crate) fn roll_up_of(&self, position: Position) -> Option<&ObjectEntry> {
        self.roll_ups
            .iter()
            .filter(|entry| entry.name.names(position))
            .max_by_key(|entry| entry.name.rolled_to)
    }

    /// The newest object, if there is any.
    pub(crate) fn newest(&self) -> Option<&ObjectEntry> {
        let rolled = self.roll_ups.iter().max_by_key(|entry| entry.name.rolled_to);
        let rolled_to = rolled.and_then(|entry| entry.name.rolled_to).unwrap_or(0);
        self.appended.last().filter(|entry| entry.name.first > rolled_to).or(rolled)
    }

    /// The objects that tell the whole journal, in order: roll-ups as far as they reach, and what
    /// was appended beside and after them.
    pub(crate) fn cover(&self) -> Vec<ObjectEntry> {
        let mut cover = Vec::new();
        let mut rolled_to = 0;
        let starts = self.appended.iter().chain(&self.roll_ups).map(|entry| entry.name.first);
        let mut starts: Vec<Position> = starts.collect();
        starts.sort_unstable();
        starts.dedup();
        for start in starts {
            while let Some(roll_up) = self.roll_up_of(start.max(rolled_to + 1)) {
                // One that begins later comes when its turn does.
                if roll_up.name.first > start {
                    break;
                }
                let after = rolled_to.max(roll_up.name.first - 1);
                rolled_to = roll_up.name.rolled_to.expect("it is a roll-up");
                cover.push(ObjectEntry { after, ..roll_up.clone() });
            }
            let appended = self.appended.binary_search_by_key(&start, |entry| entry.name.first);
            if let Ok(at) = appended
                && start > rolled_to
            {
                cover.push(self.appended[at].clone());
            }
        }
        cover
    }
}

/// Where an origin's objects stand.
pub(crate) fn folder(origin: &Origin) -> String {
    format!("{}/{origin}", super::JOURNAL)
}
