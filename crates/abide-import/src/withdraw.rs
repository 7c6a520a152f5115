//! A file that is a source's whole list: who stood on it and does not any more.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use abide_enforce::{Scratch, Snapshot};
use abide_index::IndexError;
use abide_model::{
    IdentifierKind, IdentityState, Key,
    mechanism::{EndedBy, SaidBy},
};

use crate::{
    error::{ImportError, NotWholeList},
    known::{claim_of, keys_of, stands},
    lanes::{Progress, Step},
    reader::ListReader,
    statements::{Statements, Terms},
};
use abide_model::Claimant;
use abide_signals::{OutWhen, flags::ScopeOf};

/// The claims that a whole list is about.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) terms: Terms,
    kinds: HashSet<IdentifierKind>,
    snapshot: Arc<Snapshot>,
    present: Arc<Present>,
}

/// How many claims of the source stand, and how many of those the file no longer has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Vanished {
    pub(crate) held: u64,
    pub(crate) vanished: u64,
}

impl Whole {
    /// Looks which identities of the list the file has.
    pub(crate) async fn of(
        reader: &ListReader,
        snapshot: Arc<Snapshot>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, ImportError> {
        let terms = one_claim(reader)?;
        let kinds = reader.meanings().flat_map(crate::meaning::Meaning::kinds).collect();
        let present = Arc::new(Present::none_of(&snapshot));
        let (marked, list) = (Arc::clone(&present), Arc::clone(&snapshot));
        let mut lanes = reader.statements(move |statements| {
            marked.mark(&statements, &list)?;
            Ok(statements.tally.rows)
        })?;
        let mut rows = 0;
        while let Some((_, some)) = lanes.next().await? {
            rows += some;
            progress(reader.progress(Step::Checking, rows, lanes.bytes()));
        }
        Ok(Self { terms, kinds, snapshot, present })
    }

    pub(crate) fn count(&self) -> Result<Vanished, IndexError> {
        let mut count = Vanished::default();
        for found in self.standing() {
            let (_, is_present) = found?;
            count.held += 1;
            count.vanished += u64::from(!is_present);
        }
        Ok(count)
    }

    /// Those whose claims stand in the list and who are not in the file.
    pub(crate) fn vanished(&self) -> impl Iterator<Item = Result<IdentityState, IndexError>> + '_ {
        self.standing().filter_map(|found| match found {
            Ok((_, true)) => None,
            Ok((state, false)) => Some(Ok(state)),
            Err(error) => Some(Err(error)),
        })
    }

    /// All identities with a claim of the source that stands, and whether the file has them. A file of
    /// addresses says nothing of numbers, so other kinds are left out.
    fn standing(&self) -> impl Iterator<Item = Result<(IdentityState, bool), IndexError>> + '_ {
        let base = self.snapshot.base.iter().flat_map(|base| base.states().enumerate());
        let base = base.filter_map(|(ordinal, state)| match state {
            // What the overlay knows too, it knows better.
            Ok(state) if self.snapshot.overlay.get(&state.primary.key).is_some() => None,
            Ok(state) => Some(Ok((state, self.present.in_base(ordinal)))),
            Err(error) => Some(Err(error)),
        });
        let overlay = self
            .snapshot
            .overlay
            .entries()
            .map(|entry| Ok((entry.state.clone(), self.present.in_overlay(&entry.state.primary.key))));
        base.chain(overlay).filter(|found| match found {
            Ok((state, _)) => {
                self.kinds.contains(&state.kind)
                    && stands(claim_of(state, &self.terms, &self.snapshot.retractions), &self.terms)
            }
            Err(_) => true,
        })
    }
}

impl Vanished {
    /// Refuses a list that lost more than can be believed.
    pub(crate) fn check(self, percent_max: f64, terms: &Terms) -> Result<(), NotWholeList> {
        let Self { held, vanished } = self;
        #[expect(clippy::cast_precision_loss, reason = "a share need not be exact beyond 2^53 people")]
        let too_many = vanished as f64 * 100.0 > percent_max * held as f64;
        if !too_many {
            return Ok(());
        }
        let (source_name, mechanism) = (terms.claimant.to_string(), terms.mechanism.clone());
        Err(NotWholeList::Vanished { vanished, held, percent_max, source_name, mechanism })
    }
}

/// The one claim of all rows.
pub(crate) fn one_claim(reader: &ListReader) -> Result<Terms, NotWholeList> {
    let claimant = reader.claimant().clone();
    let mut flags = reader.meanings().flat_map(|meaning| &meaning.flags.flags);
    let first = flags.next().ok_or(NotWholeList::SeveralClaims)?;
    let ScopeOf::Same(scope) = &first.scope else { return Err(NotWholeList::SeveralClaims) };
    let is_first =
        |flag: &abide_signals::Flag| flag.mechanism == first.mechanism && flag.scope == first.scope;
    if first.out_when != OutWhen::EveryRow || !flags.all(is_first) {
        return Err(NotWholeList::SeveralClaims);
    }
    if claimant == Claimant::Person {
        return Err(NotWholeList::NoSource);
    }
    let spec = first.mechanism.spec();
    let mechanism = first.mechanism.clone();
    if (spec.said_by != SaidBy::Source && spec.ended_by != EndedBy::Source)
        || spec.ended_by == EndedBy::Nobody
    {
        return Err(NotWholeList::EndedOtherwise { mechanism });
    }
    Ok(Terms { mechanism, scope: scope.clone(), claimant })
}

/// Which identities of a list were seen in a file: a bit each for those of the index, a set for the
/// few beside it.
#[derive(Debug)]
struct Present {
    base: Vec<AtomicU64>,
    overlay: Mutex<HashSet<Key>>,
}

impl Present {
    fn none_of(snapshot: &Snapshot) -> Self {
        let identities = snapshot.base.as_ref().map_or(0, |base| base.len_identities());
        let words = usize::try_from(identities.div_ceil(64)).expect("an index fits into memory");
        Self { base: (0..words).map(|_| AtomicU64::new(0)).collect(), overlay: Mutex::default() }
    }

    fn mark(&self, statements: &Statements, snapshot: &Snapshot) -> Result<(), ImportError> {
        let (keys, _) = keys_of(statements);
        let mut found = Vec::new();
        snapshot.find_many(&keys, &mut Scratch::default(), |at, _| found.push(at))?;
        for at in found {
            let key = &keys[at];
            if let Some(entry) = snapshot.overlay.get(key) {
                let mut overlay = self.overlay.lock().unwrap_or_else(PoisonError::into_inner);
                overlay.insert(entry.state.primary.key);
            } else if let Some(base) = &snapshot.base
                && let Some(ordinal) = base.ordinal(key)?
            {
                let bit = 1 << (ordinal % 64);
                self.base[ordinal as usize / 64].fetch_or(bit, Ordering::Relaxed);
            }
        }
        Ok(())
    }

    fn in_base(&self, ordinal: usize) -> bool {
        self.base[ordinal / 64].load(Ordering::Relaxed) >> (ordinal % 64) & 1 == 1
    }

    fn in_overlay(&self, primary: &Key) -> bool {
        self.overlay.lock().unwrap_or_else(PoisonError::into_inner).contains(primary)
    }
}
