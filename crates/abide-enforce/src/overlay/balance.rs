//! Which forms of identifiers a list holds once some of its identities have changed.
//!
//! Look-ups compute the keys of exactly the forms that are held, so a form that is missing here is an
//! opt-out that nobody finds.

use std::collections::BTreeMap;

use abide_model::{Form, Held, IdentifierKind, IdentityState, key::HeldCount};

/// Primaries and aliased identities by kind, form and version, as steps up and down.
#[derive(Clone, Debug, Default)]
pub(super) struct Balance(BTreeMap<(IdentifierKind, Form, u16), [i64; 2]>);

impl Balance {
    pub(super) fn add(&mut self, state: &IdentityState) {
        self.step(state, 1);
    }

    pub(super) fn take(&mut self, state: &IdentityState) {
        self.step(state, -1);
    }

    fn step(&mut self, state: &IdentityState, by: i64) {
        let mut one = Held::default();
        one.count_primary(state.kind, state.primary);
        one.count_aliases(state.kind, &state.aliases);
        for (what, count) in one.iter() {
            let steps = self.0.entry(what).or_default();
            steps[0] += by * count.primaries.cast_signed();
            steps[1] += by * count.aliased.cast_signed();
        }
    }

    pub(super) fn applied_to(&self, below: &Held) -> Held {
        let mut held = below.clone();
        let counts: BTreeMap<_, _> = below.iter().collect();
        for ((kind, form, version), [primaries, aliased]) in &self.0 {
            let count = counts.get(&(*kind, *form, *version)).copied().unwrap_or_default();
            let count = HeldCount {
                primaries: count.primaries.saturating_add_signed(*primaries),
                aliased: count.aliased.saturating_add_signed(*aliased),
            };
            held.insert(*kind, *form, *version, count);
        }
        held
    }
}
