//! What the list must be, computed from the records alone and with none of the code under test: no
//! overlay, no delta, no merge of states.

use std::collections::{BTreeMap, BTreeSet};

use abide_journal::{Record, counts_at_once};
use abide_model::{
    BatchId, Claim, Direction, FactSet, Held, IdentityState, Key, Moments, Retractions, Signal, TypedKey,
};

/// Everything that counts, in the order read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) signals: Vec<Signal>,
    open: BTreeMap<BatchId, Vec<Signal>>,
    pub(crate) retractions: Retractions,
}

impl Model {
    pub(crate) fn of<'a>(records: impl IntoIterator<Item = &'a Record>) -> Self {
        let mut model = Self::default();
        records.into_iter().for_each(|record| model.take(record));
        model
    }

    pub(crate) fn take(&mut self, record: &Record) {
        match record {
            Record::Signal(signal) if counts_at_once(&signal.batch) => self.signals.push(signal.clone()),
            Record::Signal(signal) => {
                self.open.entry(signal.batch.clone()).or_default().push(signal.clone());
            }
            Record::Batch(batch) => {
                self.signals.extend(self.open.remove(&batch.id).unwrap_or_default());
            }
            Record::Retraction(retraction) => self.retractions.add(retraction.what.clone()),
            Record::Activation(_) => {}
        }
    }

    pub(crate) fn keys(&self) -> BTreeSet<Key> {
        self.signals
            .iter()
            .flat_map(|signal| std::iter::once(&signal.keys.primary).chain(&signal.keys.aliases))
            .map(|typed| typed.key)
            .collect()
    }

    /// From aliases to primaries. A key is an alias from the moment that any statement, early or late,
    /// names it as one; then all that was said under it belongs to the primary.
    pub(crate) fn links(&self) -> BTreeMap<Key, Key> {
        self.signals
            .iter()
            .flat_map(|signal| signal.keys.aliases.iter().map(|alias| (alias.key, signal.keys.primary.key)))
            .collect()
    }

    pub(crate) fn state(&self, key: &Key) -> Option<IdentityState> {
        self.state_by(&self.links(), key)
    }

    fn state_by(&self, links: &BTreeMap<Key, Key>, key: &Key) -> Option<IdentityState> {
        let primary_of = |key: Key| links.get(&key).copied().unwrap_or(key);
        let root = primary_of(*key);
        let about: Vec<&Signal> =
            self.signals.iter().filter(|signal| primary_of(signal.keys.primary.key) == root).collect();
        let named = |signal: &&&Signal| signal.keys.primary.key == root;
        let first = about.iter().find(named).or(about.first())?;
        let mut state = IdentityState::new(first.keys.kind, first.keys.primary);
        state.aliases = about
            .iter()
            .flat_map(|signal| std::iter::once(&signal.keys.primary).chain(&signal.keys.aliases))
            .filter(|typed| typed.key != root)
            .copied()
            .collect::<BTreeSet<TypedKey>>();
        state.domain = about.iter().filter_map(|signal| signal.keys.domain).max();
        for signal in about {
            let claim = Claim {
                mechanism: signal.mechanism.clone(),
                scope: signal.scope.clone(),
                claimant: signal.claimant.clone(),
                batch: signal.batch.clone(),
            };
            let moments: &mut Moments = state.claims.entry(claim).or_default();
            let moment = match signal.direction {
                Direction::Out => &mut moments.out,
                Direction::In => &mut moments.opt_in,
            };
            *moment = Some(moment.map_or(signal.at, |held| held.max(signal.at)));
        }
        Some(state)
    }

    /// All identities, each once.
    pub(crate) fn states(&self) -> Vec<IdentityState> {
        let states = self
            .keys()
            .into_iter()
            .filter_map(|key| self.state(&key).filter(|state| state.primary.key == key));
        states.collect()
    }

    pub(crate) fn facts(&self, key: &Key) -> FactSet {
        self.state(key).map(|state| FactSet::in_force(&state, &self.retractions)).unwrap_or_default()
    }

    /// [`Model::facts`], of many keys one after the other.
    pub(crate) fn facts_by(&self, links: &BTreeMap<Key, Key>, key: &Key) -> FactSet {
        let state = self.state_by(links, key);
        state.map(|state| FactSet::in_force(&state, &self.retractions)).unwrap_or_default()
    }

    pub(crate) fn held(&self) -> Held {
        let mut held = Held::default();
        for state in self.states() {
            held.count_primary(state.kind, state.primary);
            held.count_aliases(state.kind, &state.aliases);
        }
        held
    }
}
