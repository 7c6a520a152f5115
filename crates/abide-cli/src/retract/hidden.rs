//! What a window would take along: of several statements of one claim in one batch, the list knows
//! the latest only. Where that lies in the window and an earlier one before it, the earlier one is
//! said again, so that taking back a false bounce does not take back a true one of that morning.

use std::{collections::HashMap, sync::Arc};

use abide_enforce::Snapshot;
use abide_journal::{BatchRecord, Writer};
use abide_model::{BatchId, Claim, Direction, Key, Retraction, Scope, Signal, Time, signal::Statement};
use anyhow::Context as _;

use super::target::Target;

/// Statements that the list does not know for a later one in the window.
#[derive(Debug)]
pub(super) struct Hidden {
    snapshot: Arc<Snapshot>,
    window: Retraction,
    from: Time,
    /// The latest of each.
    found: HashMap<(Key, Scope, BatchId), Signal>,
}

impl Hidden {
    /// `None` for a batch, which goes as a whole.
    pub(super) fn of(target: &Target, snapshot: &Arc<Snapshot>) -> Option<Self> {
        let window = target.retraction();
        let Retraction::Window { from, .. } = window else { return None };
        Some(Self { snapshot: snapshot.clone(), window, from, found: HashMap::new() })
    }

    pub(super) fn note(&mut self, signal: &Signal) -> anyhow::Result<()> {
        let Retraction::Window { source, mechanism, .. } = &self.window else { return Ok(()) };
        let is_candidate = signal.direction == Direction::Out
            && signal.claimant == *source
            && signal.mechanism == *mechanism
            && signal.at < self.from;
        if !is_candidate {
            return Ok(());
        }
        let state = self.snapshot.state(&signal.keys.primary.key).context("could not read the list")?;
        let Some(state) = state else { return Ok(()) };
        let claim = Claim::of(signal);
        let Some(moments) = state.claims.get(&claim) else { return Ok(()) };
        let before = &self.snapshot.retractions;
        let mut after = (**before).clone();
        after.add(self.window.clone());
        let out = |remaining: Option<abide_model::Moments>| remaining.and_then(|moments| moments.out);
        let goes = out(before.remaining(&state, &claim, *moments)).is_some()
            && out(after.remaining(&state, &claim, *moments)).is_none();
        let counted = !before.iter().any(|retraction| retraction.takes_back(signal, state.domain));
        if goes && counted {
            let place = (state.primary.key, signal.scope.clone(), signal.batch.clone());
            let latest = self.found.entry(place).or_insert_with(|| signal.clone());
            if latest.at < signal.at {
                *latest = signal.clone();
            }
        }
        Ok(())
    }

    pub(super) fn into_signals(self) -> Vec<Signal> {
        self.found.into_values().collect()
    }
}

/// Says them again in a batch of their own, before anything is taken back: if the process ends in
/// between, nothing has changed.
pub(super) async fn say_again(
    signals: &[Signal],
    writer: &mut Writer,
    recorded_by: String,
    random: [u8; 4],
    now: Time,
) -> anyhow::Result<()> {
    let Some(first) = signals.first() else { return Ok(()) };
    let id: BatchId = format!("kept-{}-{:08x}", now.date_compact(), u32::from_le_bytes(random))
        .parse()
        .expect("lower-case letters, digits and dashes");
    let claimant = first.claimant.clone();
    let mut batch = writer.batch(id.clone());
    for signal in signals {
        let statement = Statement {
            scope: signal.scope.clone(),
            stated_at: Some(signal.at),
            recorded_by: signal.recorded_by.clone(),
            ..Statement::out(signal.mechanism.clone(), claimant.clone())
        };
        let again = Signal::new(signal.keys.clone(), statement, id.clone(), now, now)?;
        batch.push(&again, now).await?;
    }
    let count = signals.len() as u64;
    let record = BatchRecord {
        id,
        claimant,
        // None, since the source was not heard.
        mechanisms: Vec::new(),
        opened_at: now,
        committed_at: now,
        file: None,
        file_sha256: None,
        rows_read: count,
        rows_taken: count,
        rows_repeated: 0,
        rows_unreadable: std::collections::BTreeMap::new(),
        signals: 0,
        snapshot: false,
        withdrawn: 0,
        recorded_by: Some(recorded_by.into()),
        note: Some("stated before a period that was taken back, and kept".into()),
    };
    batch.commit(record, now).await.context("nothing was taken back")?;
    Ok(())
}
