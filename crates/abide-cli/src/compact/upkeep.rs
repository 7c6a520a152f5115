//! Rolling up and deleting, and saying what was done.

use std::path::Path;

use abide_journal::{
    RollUpConfig, RolledWait, Staged, Store, roll_up, roll_ups_due, staged, superseded, sweep,
};
use abide_model::Time;
use abide_replica::{SnapshotWait, delete_obsolete, obsolete};
use anyhow::Context as _;
use serde_json::{Value, json};

use crate::clock;

pub(super) struct Upkeep<'a> {
    pub(super) store: &'a Store,
    /// Where the store is, if it is no bucket.
    pub(super) directory: Option<&'a Path>,
    pub(super) rolled: RolledWait,
    pub(super) snapshots: SnapshotWait,
    /// Whether anything may be written.
    pub(super) changes: bool,
    pub(super) deletes: bool,
}

/// Objects, and how large they are together.
#[derive(Debug, Default)]
struct Amount {
    objects: u64,
    bytes: u64,
}

impl Amount {
    fn add(&mut self, bytes: u64) {
        self.objects += 1;
        self.bytes += bytes;
    }
}

/// What was done, or would have been.
#[derive(Debug)]
pub(super) struct Done {
    changed: bool,
    /// Objects that were gathered, and how many they are now.
    gathered: u64,
    rolled_up: u64,
    deleted: Amount,
    /// What could be deleted and was not.
    due: Amount,
    waiting: Amount,
    waiting_until: Option<Time>,
}

impl Upkeep<'_> {
    pub(super) async fn run(&self) -> anyhow::Result<Done> {
        // What is due is told by the clock of the store, which has to be written to; a run that
        // changes nothing goes by this machine's.
        let now = if self.changes { self.store.time("compact").await? } else { clock::now() };
        let config = RollUpConfig::new(clock::random_number()?);
        let due = roll_ups_due(self.store, &config, now).await?;
        let gathered = due.iter().map(|roll_up| roll_up.parts.len() as u64).sum();
        let rolled_up = if self.changes { roll_up(self.store, &config, now).await?.len() } else { due.len() };
        let mut deleted = Amount::default();
        if self.deletes {
            sweep(self.store, self.rolled, now, &mut |entry| deleted.add(entry.bytes)).await?;
            let mut tell = |object: &abide_replica::ObsoleteObject| deleted.add(object.bytes);
            delete_obsolete(self.store, self.snapshots, now, &mut tell).await?;
        }
        let left = self.directory.map_or_else(|| Ok(Vec::new()), staged);
        let left = left.context("could not look for what killed writers left")?;
        let (gone_by, young): (Vec<Staged>, Vec<Staged>) =
            left.into_iter().partition(|file| self.until(file) <= now);
        if self.deletes {
            for file in &gone_by {
                let failed = || format!("could not remove `{}`", file.path.display());
                file.remove().with_context(failed)?;
                deleted.add(file.bytes);
            }
        }
        let mut done = Done {
            changed: self.changes,
            gathered,
            rolled_up: rolled_up as u64,
            deleted,
            due: Amount::default(),
            waiting: Amount::default(),
            waiting_until: None,
        };
        let journal = superseded(self.store, self.rolled, now).await?;
        journal.due.iter().for_each(|entry| done.due.add(entry.bytes));
        journal.waiting.iter().for_each(|(entry, at)| done.wait(entry.bytes, *at));
        let snapshots = obsolete(self.store, self.snapshots, now).await?;
        snapshots.due.iter().for_each(|object| done.due.add(object.bytes));
        snapshots.waiting.iter().for_each(|(object, at)| done.wait(object.bytes, *at));
        young.iter().for_each(|file| done.wait(file.bytes, self.until(file)));
        if !self.deletes {
            gone_by.iter().for_each(|file| done.due.add(file.bytes));
        }
        Ok(done)
    }

    /// What a writer was at stays as long as what was rolled up: nobody writes that slowly.
    fn until(&self, file: &Staged) -> Time {
        file.written_at.plus_micros(self.rolled.as_micros())
    }
}

impl Done {
    fn wait(&mut self, bytes: u64, until: Time) {
        self.waiting.add(bytes);
        self.waiting_until = Some(self.waiting_until.map_or(until, |first| first.min(until)));
    }

    pub(super) fn add_to(&self, answer: &mut Value) {
        let amount = |amount: &Amount| json!({ "objects": amount.objects, "bytes": amount.bytes });
        answer["rolled_up"] = json!({ "objects": self.gathered, "into": self.rolled_up });
        answer["deleted"] = amount(&self.deleted);
        answer["due"] = amount(&self.due);
        answer["waiting"] = amount(&self.waiting);
        answer["waiting"]["until"] = json!(self.waiting_until.map(|until| until.to_string()));
    }

    pub(super) fn print(&self) {
        let would = if self.changed { "" } else { "Would have " };
        if self.rolled_up > 0 {
            let rolled = if self.changed { "Rolled" } else { "rolled" };
            println!(
                "{would}{rolled} up {} small objects of the journal into {}.",
                self.gathered, self.rolled_up
            );
        }
        if self.deleted.objects > 0 {
            println!(
                "Deleted {} objects that were no longer needed, {} bytes.",
                self.deleted.objects, self.deleted.bytes
            );
        }
        if self.due.objects > 0 {
            println!(
                "Could be deleted now: {} objects that are no longer needed, {} bytes.",
                self.due.objects, self.due.bytes
            );
        }
        if let Some(until) = self.waiting_until {
            println!(
                "To be deleted later, from {until} on: {} objects, {} bytes.",
                self.waiting.objects, self.waiting.bytes
            );
        }
    }
}
