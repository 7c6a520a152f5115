//! Plays a case from its signals to the verdicts, without a list or a journal between.

use abide_model::{
    Identifier, IdentityState, Keyring, Normaliser, Retraction, Retractions, Secret, Signal, Verdict,
    facts::{Effective, FactSet, Found},
    key::Held,
};
use abide_rules::{
    Case, Ruleset,
    case::{CaseCheck, CaseRetraction, CaseSignal},
};

pub(crate) struct Story<'a> {
    ruleset: &'a Ruleset,
    keyring: Keyring,
    normaliser: Normaliser,
    identities: Vec<IdentityState>,
    retractions: Retractions,
    /// Whether the case says how old a list is.
    is_dated: bool,
}

impl<'a> Story<'a> {
    pub(crate) fn of(case: &Case, ruleset: &'a Ruleset) -> Self {
        let mut story = Self {
            ruleset,
            keyring: Keyring::new(&Secret::from_bytes([7; 32]), case.store.forms),
            normaliser: Normaliser::new(case.store.phone_region),
            identities: Vec::new(),
            retractions: Retractions::default(),
            is_dated: !case.sources.is_empty(),
        };
        case.signals.iter().for_each(|signal| story.tell(signal));
        case.retractions.iter().for_each(|retraction| story.retract(retraction));
        story
    }

    fn tell(&mut self, signal: &CaseSignal) {
        let identifier =
            signal.identifier.read(&self.normaliser).expect("a case states something of somebody");
        let keys = self.keyring.signal_keys(&identifier);
        let signal =
            Signal::new(keys, signal.statement.clone(), signal.batch.clone(), signal.at, signal.at).unwrap();
        let mut state = IdentityState::of(&signal);
        let is_same =
            |other: &IdentityState, one: &IdentityState| other.keys().any(|key| one.keys().any(|k| k == key));
        while let Some(at) = self.identities.iter().position(|other| is_same(other, &state)) {
            let mut older = self.identities.swap_remove(at);
            older.merge(&state);
            state = older;
        }
        self.identities.push(state);
    }

    fn retract(&mut self, retraction: &CaseRetraction) {
        self.retractions.add(match retraction.clone() {
            CaseRetraction::Batch(batch) => Retraction::Batch(batch),
            CaseRetraction::Window { source, mechanism, from, until, domain } => {
                let key = |domain: String| {
                    let domain =
                        self.normaliser.raw(abide_model::IdentifierKind::EmailDomain, &domain).unwrap();
                    self.keyring.signal_keys(&domain).primary.key
                };
                Retraction::Window { source, mechanism, from, until, domain: domain.map(key) }
            }
        });
    }

    /// `None` where the verdict rests on more than the rules: on whether the destination can be read,
    /// or on how old a list is.
    pub(crate) fn verdict(&self, check: &CaseCheck) -> Option<Verdict> {
        let readable = check.subject.iter().filter_map(|identifier| identifier.read(&self.normaliser).ok());
        let subject: Vec<Identifier> = readable.collect();
        let Some(spec) = self.ruleset.action(&check.action) else {
            return Some(self.ruleset.decide(&Effective::default(), &check.action, &check.context));
        };
        let to = spec.destination.kind;
        if self.is_dated
            || subject.is_empty()
            || to.is_some_and(|to| subject.iter().filter(|id| id.kind() == to).count() != 1)
        {
            return None;
        }
        let held = self.held();
        let facts: Vec<_> =
            self.identities.iter().map(|state| FactSet::in_force(state, &self.retractions)).collect();
        let found = subject.iter().flat_map(|identifier| {
            let mut keys = Vec::new();
            self.keyring.lookup_keys(identifier, &held.forms(), &mut keys);
            let is_theirs = move |state: &IdentityState| state.keys().any(|key| keys.contains(&key.key));
            self.identities.iter().zip(&facts).filter(move |(state, _)| is_theirs(state)).map(
                move |(state, facts)| Found {
                    kind: state.kind,
                    is_destination: Some(identifier.kind()) == to,
                    facts,
                },
            )
        });
        let effective = Effective::of(found, spec.destination, &check.context);
        Some(self.ruleset.decide(&effective, &check.action, &check.context))
    }

    fn held(&self) -> Held {
        let mut held = Held::default();
        for state in &self.identities {
            held.count_primary(state.kind, state.primary);
            held.count_aliases(state.kind, &state.aliases);
        }
        held
    }
}
