//! The guard of the ruleset in force: watching for it, and going back.

use abide_enforce::{GuardRule, Snapshot};
use abide_journal::{ActivationRecord, Place};
use abide_model::Time;
use abide_scrub::{Tripped, Watch};
use anyhow::Context as _;

use crate::{
    clock,
    exit::chain,
    rules::{self, Versions},
    store_flags::{Opened, StoreFlags},
};

/// An activation that has to be rolled back if its guard trips.
#[derive(Debug)]
pub(crate) struct Guarded {
    place: Place,
    pub(crate) watch: Watch,
}

impl Guarded {
    /// A guard that cannot be watched for here stops nothing, and is said.
    pub(crate) async fn of(
        opened: &Opened,
        record: &ActivationRecord,
        place: Place,
        snapshot: &Snapshot,
    ) -> Option<Self> {
        match watch(opened, record, snapshot).await {
            Ok(watch) => Some(Self { place, watch }),
            Err(error) => {
                eprintln!("abide: the guard of the ruleset in force is not watched here: {}", chain(&error));
                None
            }
        }
    }

    /// Goes back to what was in force before, unless something else is in force by now.
    pub(crate) async fn roll_back(&self, flags: &StoreFlags, tripped: &Tripped) -> anyhow::Result<()> {
        Box::pin(self.append(flags, tripped)).await.with_context(|| {
            format!(
                "the ruleset in force was NOT rolled back, although its guard has tripped ({tripped}); do it by hand: \
                 abide rules rollback"
            )
        })
    }

    async fn append(&self, flags: &StoreFlags, tripped: &Tripped) -> anyhow::Result<()> {
        let now = clock::now();
        let opened = flags.open().await?;
        let replica = opened.replica(now).await?;
        let in_force = replica.activations().in_force().map(|(record, origin)| record.place(origin));
        let versions = Versions::of(&opened, &replica).await?;
        let active = versions.name_of(&versions.active_digest());
        let record =
            replica.activations().roll_back("abide", "rolled back by its guard", &tripped.to_string(), now);
        let Some(record) = record.filter(|_| in_force.as_ref() == Some(&self.place)) else {
            eprintln!("abide: {active} is in force by now, so nothing was rolled back");
            return Ok(());
        };
        let mut writer = opened.writer().await?;
        let target = record.ruleset;
        let appended = rules::append(flags, &opened, &mut writer, record, now).await?;
        let after = Versions::read(&opened, now).await?;
        if after.active_digest() == target {
            let target = after.name_of(&target);
            eprintln!("abide: {active} was rolled back to {target} at {}: {tripped}", appended.token);
        } else {
            let other = after.name_of(&after.active_digest());
            eprintln!("abide: {other} was activated at the same time, so nothing was rolled back");
        }
        Ok(())
    }
}

async fn watch(opened: &Opened, record: &ActivationRecord, snapshot: &Snapshot) -> anyhow::Result<Watch> {
    let text = record.guard.as_deref().unwrap_or_default();
    let rule: GuardRule =
        text.parse().with_context(|| format!("`{text}` is not understood; upgrade abide"))?;
    let digest = record.replaces.context("it says nothing of what it replaces")?;
    let before = Snapshot { rules: rules::in_use(opened, &digest).await?, ..snapshot.clone() };
    Ok(Watch::new(rule, before, Box::new(now)))
}

fn now() -> Time {
    clock::now()
}
