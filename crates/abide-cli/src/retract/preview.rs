//! Whom a retraction frees, told before it is made.

use std::sync::Arc;

use abide_enforce::{Change, Effect};
use abide_journal::BatchRecord;
use abide_model::{Claimant, Mechanism, Retraction, Time};
use serde_json::{Value, json};

use super::target::Target;
use crate::batches::{Batches, Committed};

pub(super) struct Preview<'a> {
    pub(super) target: &'a Target,
    pub(super) effect: &'a Effect,
    pub(super) batches: &'a Batches,
    /// Statements from before the window that are said again.
    pub(super) kept: usize,
}

impl Preview<'_> {
    pub(super) fn print(&self) {
        let Effect { named, anything, actions, segments } = self.effect;
        println!("To be taken back: {}.", self.target.name());
        println!("{named:>12}  identifiers have statements of it");
        println!("{:>12}  of them would be freed of a block{}", anything.freed, by(actions, |c| c.freed));
        if anything.blocked > 0 {
            println!("{:>12}  would be blocked again{}", anything.blocked, by(actions, |c| c.blocked));
        }
        for (segment, change) in segments {
            println!("{:>12}  leave {segment}, {} join it", change.freed, change.blocked);
        }
        if self.kept > 0 {
            println!("{:>12}  were stated before that period too; that is kept", self.kept);
        }
        let repeats = self.repeats();
        if !repeats.is_empty() {
            println!(
                "CAUTION: imports after it named people whom it had named, and nothing was written for those"
            );
            println!("rows; they go with it. Import these files again afterwards, if they were right:");
            for record in repeats {
                let file = record.file.as_deref().unwrap_or("no file");
                println!("  {}  {file}: {} rows repeated", record.id, record.rows_repeated);
            }
        }
    }

    /// `done` is what came of it, if it was done.
    pub(super) fn to_json(&self, done: Option<&Value>) -> Value {
        let Effect { named, anything, actions, segments } = self.effect;
        let changes = |changes: &[(Arc<str>, Change)]| -> Value {
            let change = |(name, change): &(Arc<str>, Change)| {
                (name.to_string(), json!({ "freed": change.freed, "blocked": change.blocked }))
            };
            changes.iter().map(change).collect::<serde_json::Map<_, _>>().into()
        };
        let repeats: Vec<Value> = self
            .repeats()
            .iter()
            .map(|record| json!({ "batch": record.id.as_str(), "file": record.file, "rows_repeated": record.rows_repeated }))
            .collect();
        json!({
            "what": self.target.name(),
            "taken_back": done.is_some(),
            "token": done.map(|done| &done["token"]),
            "snapshot": done.map(|done| &done["snapshot"]),
            "identifiers": named,
            "freed": anything.freed,
            "blocked": anything.blocked,
            "actions": changes(actions),
            "segments": changes(segments),
            "kept": self.kept,
            "repeated_by": repeats,
        })
    }

    /// Later imports of the same source that may have left out what this had brought in.
    fn repeats(&self) -> Vec<&BatchRecord> {
        let (said, since) = self.said();
        let committed = self.batches.committed.values().map(|Committed { record, .. }| record);
        let mut repeats: Vec<&BatchRecord> = committed
            .filter(|record| record.rows_repeated > 0 && record.committed_at > since)
            .filter(|record| {
                said.iter().any(|(source, mechanism)| {
                    record.claimant == *source && record.mechanisms.contains(mechanism)
                })
            })
            .filter(|record| self.batches.taken_back(&record.id).is_none())
            .collect();
        repeats.sort_by_key(|record| record.committed_at);
        repeats
    }

    /// What the target said, and since when.
    fn said(&self) -> (Vec<(Claimant, Mechanism)>, Time) {
        let batch = match self.target.retraction() {
            Retraction::Window { source, mechanism, from, .. } => return (vec![(source, mechanism)], from),
            Retraction::Batch(batch) => batch,
        };
        if let Some(Committed { record, .. }) = self.batches.committed.get(&batch) {
            let said = record.mechanisms.iter().map(|mechanism| (record.claimant.clone(), mechanism.clone()));
            return (said.collect(), record.committed_at);
        }
        let signals = self.batches.others.get(&batch);
        signals.map_or((Vec::new(), Time::MIN), |signals| {
            (signals.counts.keys().cloned().collect(), signals.first)
        })
    }
}

/// The actions with how many of whom, in brackets.
fn by(actions: &[(Arc<str>, Change)], count: fn(&Change) -> u64) -> String {
    let named = actions.iter().filter(|(_, change)| count(change) > 0);
    let named: Vec<String> = named.map(|(name, change)| format!("{name} {}", count(change))).collect();
    if named.is_empty() { String::new() } else { format!(" ({})", named.join(", ")) }
}
