//! A list that is kept in no store: the file that `--against` names.

use std::{path::Path, sync::Arc};

use abide_enforce::Snapshot;
use abide_model::{BatchId, Direction};
use abide_replica::Ephemeral;
use abide_rules::Ruleset;

use crate::{
    error::ImportError,
    lanes::Progress,
    reader::ListReader,
    statements::{Signals, Times},
    tally::Tally,
};

/// The list, ready to be asked.
#[derive(Debug)]
pub struct Against {
    pub snapshot: Snapshot,
    pub tally: Tally,
    /// What was decided about the file, to be said aloud.
    pub sentences: Vec<String>,
}

/// Turns the files of `reader` into a list of their own. Its keys are of the reader's keyring, which
/// should be one of a random secret that is thrown away.
///
/// Open the reader with [`Hints::against`](crate::Hints::against): rows of a plain list then stand
/// under `list.against`, which blocks every action; rows of a known export under what their flags say.
pub async fn against(
    mut reader: ListReader,
    rules: Arc<Ruleset>,
    scratch_dir: &Path,
    memory_max_bytes: usize,
    progress: &mut dyn FnMut(Progress),
) -> Result<Against, ImportError> {
    reader.survey(progress).await?;
    let now = reader.now();
    let times = Times { received_at: now, clock: now };
    let batch = BatchId::live(now);
    let mut list = Ephemeral::new(scratch_dir, memory_max_bytes)?;
    let mut signals = Signals::new(Direction::Out, batch, times);
    let tally = reader
        .each_statement(progress, |terms, said| {
            Ok(list.add(signals.next(terms, said.keys, said.stated_at)?)?)
        })
        .await?;
    let snapshot = list.finish(rules, now)?;
    Ok(Against { snapshot, tally, sentences: reader.sentences().to_vec() })
}
