//! Deleting what was rolled up, once nobody can be reading it any more.
//!
//! A record is never deleted: whatever goes stands, whole and verified just now, in a roll-up that
//! has stood for the waiting time.

use abide_model::{Origin, Time};

use crate::{
    error::JournalError,
    object::ObjectName,
    reader::{Listing, ObjectEntry, Reader},
    store::Store,
    waiting::RolledWait,
};

/// What is no longer needed of the journals, by the store's clock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Superseded {
    /// In the order in which they have to be deleted.
    pub due: Vec<ObjectEntry>,
    /// Those whose time has not come, with the time when it does.
    pub waiting: Vec<(ObjectEntry, Time)>,
}

/// Looks for what was rolled up.
pub async fn superseded(
    store: &Store,
    wait: RolledWait,
    store_now: Time,
) -> Result<Superseded, JournalError> {
    let reader = Reader::new(store);
    let mut all = Superseded::default();
    for origin in reader.origins().await? {
        let listing = reader.list(&origin, 0).await?;
        for found in Found::all(&listing, wait) {
            match found.due_at {
                Some(at) if at > store_now => all.waiting.push((found.entry, at)),
                Some(_) => all.due.push(found.entry),
                None => {}
            }
        }
    }
    Ok(all)
}

/// Deletes what was rolled up and whose time has come; `deleted` is told each, once it is gone. After
/// an error the rest stays.
pub async fn sweep(
    store: &Store,
    wait: RolledWait,
    store_now: Time,
    deleted: &mut (dyn FnMut(&ObjectEntry) + Send),
) -> Result<(), JournalError> {
    for origin in Reader::new(store).origins().await? {
        Sweep { store, origin, wait, store_now, verified: Vec::new() }.run(deleted).await?;
    }
    Ok(())
}

struct Sweep<'a> {
    store: &'a Store,
    origin: Origin,
    wait: RolledWait,
    store_now: Time,
    /// Roll-ups that were read and found whole.
    verified: Vec<ObjectName>,
}

impl Sweep<'_> {
    /// One by one and in order: a writer that sees a small object standing relies on all after it
    /// never having been deleted.
    async fn run(&mut self, deleted: &mut (dyn FnMut(&ObjectEntry) + Send)) -> Result<(), JournalError> {
        let listing = Reader::new(self.store).list(&self.origin, 0).await?;
        let mut held_back = false;
        for found in Found::all(&listing, self.wait) {
            if found.starts_anew {
                held_back = false;
            }
            let due = found.due_at.is_some_and(|at| at <= self.store_now);
            let Some(keeper) = found.keeper.filter(|_| due && !held_back) else {
                held_back = !found.starts_anew;
                continue;
            };
            if self.is_whole(&keeper).await? {
                self.store.delete(&found.entry.name.to_string()).await?;
                deleted(&found.entry);
            } else {
                held_back = true;
            }
        }
        Ok(())
    }

    /// Reads a roll-up and recomputes its links. `false` if it has been deleted meanwhile, as one
    /// that a longer one holds.
    async fn is_whole(&mut self, keeper: &ObjectName) -> Result<bool, JournalError> {
        if self.verified.contains(keeper) {
            return Ok(true);
        }
        let Some(object) = Reader::new(self.store).read(keeper).await? else { return Ok(false) };
        object.verify_links(self.store, |_, _| ())?;
        self.verified.push(keeper.clone());
        Ok(true)
    }
}

/// An object with the oldest roll-up that holds all of it, if there is one.
struct Found {
    entry: ObjectEntry,
    keeper: Option<ObjectName>,
    due_at: Option<Time>,
    /// That the objects before it stand keeps none of those from here on.
    starts_anew: bool,
}

impl Found {
    /// What was appended, in order, and then the roll-ups that are part of another, in order.
    fn all(listing: &Listing, wait: RolledWait) -> Vec<Self> {
        let found = |entry: &ObjectEntry| {
            let keeper = listing.roll_ups.iter().filter(|roll_up| holds(roll_up, entry));
            let keeper = keeper.min_by_key(|roll_up| roll_up.written_at);
            Self {
                entry: entry.clone(),
                keeper: keeper.map(|keeper| keeper.name.clone()),
                due_at: keeper.map(|keeper| keeper.written_at.plus_micros(wait.as_micros())),
                starts_anew: entry.is_large() || entry.name.is_roll_up(),
            }
        };
        listing.appended.iter().chain(&listing.roll_ups).map(found).collect()
    }
}

/// Objects end where others end, so that a roll-up which holds the first record holds all.
fn holds(roll_up: &ObjectEntry, entry: &ObjectEntry) -> bool {
    let (first, last) = (roll_up.name.first, roll_up.name.rolled_to.expect("it is a roll-up"));
    let entry_last = entry.name.named_to();
    roll_up.name != entry.name && first <= entry.name.first && entry_last <= last
}
