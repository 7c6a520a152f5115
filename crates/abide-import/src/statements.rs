//! What the rows of a piece of a list say.

use abide_formats::Piece;
use abide_model::{
    BatchId, Claimant, Direction, IdentityState, Keyring, Mechanism, Scope, Signal, SignalKeys, Time,
    UnsealedKeys, signal::Statement,
};

use crate::{
    error::ImportError,
    tally::{Cause, Tally},
};

/// What a statement says, whoever it is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Terms {
    pub mechanism: Mechanism,
    pub scope: Scope,
    pub claimant: Claimant,
}

impl Terms {
    /// A statement under these terms, in full.
    pub(crate) fn signal(
        &self,
        direction: Direction,
        keys: SignalKeys,
        stated_at: Option<Time>,
        batch: &BatchId,
        times: Times,
    ) -> Result<Signal, ImportError> {
        let statement = Statement {
            mechanism: self.mechanism.clone(),
            scope: self.scope.clone(),
            claimant: self.claimant.clone(),
            direction,
            stated_at,
            proof: None,
            recorded_by: None,
        };
        Ok(Signal::new(keys, statement, batch.clone(), times.received_at, times.clock)?)
    }
}

/// Makes signals of statements, one after the other: mostly the next differs from the last in its keys and time only.
#[derive(Debug)]
pub(crate) struct Signals {
    direction: Direction,
    batch: BatchId,
    times: Times,
    last: Option<(Terms, Signal)>,
}

impl Signals {
    pub(crate) fn new(direction: Direction, batch: BatchId, times: Times) -> Self {
        Self { direction, batch, times, last: None }
    }

    pub(crate) fn next(
        &mut self,
        terms: &Terms,
        keys: SignalKeys,
        stated_at: Option<Time>,
    ) -> Result<&Signal, ImportError> {
        match &mut self.last {
            Some((last, signal)) if last == terms => {
                signal.keys = keys;
                signal.stated_at = stated_at;
                signal.at = stated_at.unwrap_or(self.times.clock);
            }
            _ => {
                let signal = terms.signal(self.direction, keys, stated_at, &self.batch, self.times)?;
                self.last = Some((terms.clone(), signal));
            }
        }
        Ok(&self.last.as_ref().expect("it was just set").1)
    }
}

/// When a list came in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) received_at: Time,
    /// Dates what the list does not.
    pub(crate) clock: Time,
}

/// One opt-out of one identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The row in its piece.
    pub(crate) row: u32,
    /// The number of its terms in [`Statements::terms`].
    pub terms: u32,
    pub keys: SignalKeys,
    /// Not after receipt.
    pub stated_at: Option<Time>,
}

impl Said {
    /// Something about the identity of a state, by its primary key; the only thing that its piece says.
    pub(crate) fn of(state: &IdentityState) -> Self {
        let keys = SignalKeys { kind: state.kind, primary: state.primary, aliases: Vec::new(), domain: None };
        Self { row: 0, terms: 0, keys, stated_at: None }
    }
}

/// Consecutive rows of a list, read.
#[derive(Debug, Default)]
pub struct Statements {
    pub terms: Vec<Terms>,
    /// In the order of rows.
    pub said: Vec<Said>,
    /// What comes after, its keys not encrypted yet.
    unsealed: Unsealed,
    /// Of these rows. What is new and what is repeated is not known before they are compared with
    /// a store.
    pub tally: Tally,
    /// The rows that should say something and cannot be read: their places in the piece, and the
    /// rows themselves if they are kept.
    pub(crate) unreadable: Vec<u32>,
    pub(crate) unreadable_rows: Option<Piece>,
}

impl Statements {
    pub(crate) fn with_capacity(rows: usize) -> Self {
        Self { said: Vec::with_capacity(rows), ..Self::default() }
    }

    pub(crate) fn terms_number(&mut self, terms: Terms) -> u32 {
        let at = self.terms.iter().position(|known| *known == terms).unwrap_or_else(|| {
            self.terms.push(terms);
            self.terms.len() - 1
        });
        u32::try_from(at).expect("a piece has fewer rows than that")
    }

    pub(crate) fn push(&mut self, row: usize, terms: u32, mut keys: UnsealedKeys, stated_at: Option<Time>) {
        if !self.terms[terms as usize].mechanism.spec().keeps_domain {
            keys.forget_domain();
        }
        self.unsealed.keys.push(keys);
        self.unsealed.said.push((narrow(row), terms, stated_at));
    }

    /// How many were pushed.
    pub(crate) fn len(&self) -> usize {
        self.said.len() + self.unsealed.said.len()
    }

    /// Encrypts keys as soon as there are enough of them to be encrypted together.
    pub(crate) fn seal_if_many(&mut self, keyring: &Keyring) {
        if self.unsealed.said.len() >= SEALED_TOGETHER {
            self.seal(keyring);
        }
    }

    pub(crate) fn seal(&mut self, keyring: &Keyring) {
        let Unsealed { keys, said } = &mut self.unsealed;
        let sealed = keyring.seal_all(keys).zip(said.drain(..));
        self.said.extend(sealed.map(|(keys, (row, terms, stated_at))| Said { row, terms, keys, stated_at }));
    }

    pub(crate) fn refuse(&mut self, row: usize, cause: Cause) {
        self.tally.note_unreadable(cause);
        self.unreadable.push(narrow(row));
    }

    pub(crate) fn terms_of(&self, said: &Said) -> &Terms {
        &self.terms[said.terms as usize]
    }

    /// Keeps the statements that are new, of which `is_new` has one entry each, and counts.
    pub(crate) fn keep(&mut self, is_new: &[bool]) {
        let mut at = 0;
        while at < self.said.len() {
            let row = self.said[at].row;
            let end = self.said[at..]
                .iter()
                .position(|said| said.row != row)
                .map_or(self.said.len(), |len| at + len);
            if is_new[at..end].contains(&true) {
                self.tally.taken += 1;
            } else {
                self.tally.repeated += 1;
            }
            at = end;
        }
        let mut new = is_new.iter();
        self.said.retain(|_| *new.next().expect("one entry for each statement"));
        self.tally.signals = self.said.len() as u64;
    }
}

/// Few enough to stay in a near cache.
const SEALED_TOGETHER: usize = 256;

/// Statements apart from their keys, which are not encrypted yet.
#[derive(Debug, Default)]
struct Unsealed {
    keys: Vec<UnsealedKeys>,
    /// Row, terms and time.
    said: Vec<(u32, u32, Option<Time>)>,
}

fn narrow(row: usize) -> u32 {
    u32::try_from(row).expect("a piece has fewer rows than that")
}
