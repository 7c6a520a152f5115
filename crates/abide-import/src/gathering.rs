//! Gathers what is imported for the list, in a thread of its own, while it is written to the journal.

use std::{
    sync::mpsc::{self, Receiver, SyncSender},
    thread::{self, JoinHandle},
};

use abide_model::{BatchId, Direction};
use abide_replica::Gathered;

use crate::{
    error::ImportError,
    statements::{Said, Signals, Terms, Times},
};

#[derive(Debug)]
pub(crate) struct Gathering {
    pieces: SyncSender<Piece>,
    thread: JoinHandle<Result<Gathered, ImportError>>,
}

/// Statements that were appended.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) direction: Direction,
    pub(crate) terms: Vec<Terms>,
    pub(crate) said: Vec<Said>,
}

/// Pieces that wait.
const PIECES_WAITING: usize = 4;

impl Gathering {
    pub(crate) fn start(gathered: Gathered, batch: BatchId, times: Times) -> Self {
        let (pieces, taken) = mpsc::sync_channel(PIECES_WAITING);
        let thread = thread::spawn(move || gather(gathered, &batch, times, &taken));
        Self { pieces, thread }
    }

    pub(crate) fn add(&mut self, piece: Piece) {
        // Where it has ended before, the end tells why.
        let _ = self.pieces.send(piece);
    }

    pub(crate) fn finish(self) -> Result<Gathered, ImportError> {
        drop(self.pieces);
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

fn gather(
    mut gathered: Gathered,
    batch: &BatchId,
    times: Times,
    pieces: &Receiver<Piece>,
) -> Result<Gathered, ImportError> {
    for Piece { direction, terms, said } in pieces {
        let mut signals = Signals::new(direction, batch.clone(), times);
        for Said { terms: number, keys, stated_at, .. } in said {
            gathered.add(signals.next(&terms[number as usize], keys, stated_at)?)?;
        }
    }
    Ok(gathered)
}
