//! What one transaction does with its records: their fates, and the opt-outs in them.
//!
//! A transaction may be lost after its opt-outs have become durable. Its records are then judged again, by a list with all of
//! these opt-outs in it. So that they come to the same end, an opt-out holds for its own record too, and a transaction ends
//! before one that would have changed what became of a record earlier in it.

use std::sync::Arc;

use abide_enforce::Snapshot;
use abide_index::IndexError;
use abide_model::{Signal, Time};

use crate::{
    engine::{Engine, Listening},
    fate::{Fate, Stamp},
    list::{Judging, heard},
    record::Record,
};

/// The fates of the first records, as many as one transaction may have.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) fates: Vec<Fate>,
    /// Those that the list does not know.
    pub(crate) signals: Vec<Signal>,
    /// The places of opt-outs, with the number of signals in them.
    pub(crate) opt_outs: Vec<(usize, usize)>,
    /// The list with all of them in it.
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) stamp: Arc<Stamp>,
}

impl Plan {
    pub(crate) fn new(
        engine: &mut Engine,
        judging: &Judging,
        mut records: &[Record<'_>],
        now: Time,
        clock: Time,
    ) -> Result<Self, IndexError> {
        loop {
            let plan = Self::once(engine, judging, records, now, clock)?;
            if plan.signals.is_empty() {
                return Ok(plan);
            }
            let again = engine.judge(&plan.snapshot, records, now, clock, Listening::ToNone)?;
            let changed =
                plan.fates.iter().zip(&again.fates).position(|(first, second)| !first.is_same(second));
            let Some(changed) = changed else { return Ok(plan) };
            // Without one later than that, it was no opt-out that changed it, but a schema that came to be known meanwhile.
            let opt_out = plan.opt_outs.iter().find(|(at, _)| *at > changed);
            let Some((end, _)) = opt_out else { return Ok(plan) };
            records = &records[..*end];
        }
    }

    /// All records in their order, each by the list with every opt-out up to it.
    fn once(
        engine: &mut Engine,
        judging: &Judging,
        records: &[Record<'_>],
        now: Time,
        clock: Time,
    ) -> Result<Self, IndexError> {
        let mut plan = Self {
            fates: Vec::with_capacity(records.len()),
            signals: Vec::new(),
            opt_outs: Vec::new(),
            snapshot: judging.snapshot.clone(),
            stamp: judging.stamp.clone(),
        };
        let mut listening = Listening::ToAll;
        while plan.fates.len() < records.len() {
            let rest = &records[plan.fates.len()..];
            let run = engine.judge(&plan.snapshot, rest, now, clock, listening)?;
            plan.fates.extend(run.fates);
            if !run.signals.is_empty() {
                plan.opt_outs.push((plan.fates.len(), run.signals.len()));
                let unknown = heard(&mut plan.snapshot, run.signals)?;
                plan.signals.extend(unknown);
                listening = Listening::NotToTheFirst;
            }
        }
        Ok(plan)
    }
}
