//! A case played in this process: a list in memory, and the judge that every adapter asks.

use std::sync::Arc;

use abide_enforce::{Asked, Judge, Known, Options, Overlay, Panel, Part, Snapshot, Sources, Uncovered};
use abide_model::{
    Claimant, IdentifierKind, Keyring, Mechanism, Normaliser, Positions, Retraction, Retractions, Secret,
    Signal, Time,
};
use abide_rules::{
    Case, Ruleset,
    case::{CaseCheck, CaseRetraction},
};

use crate::cases::{Answer, EnforcementPoint};

/// Later than all that a case states without a time of its own; ages of sources count back from here.
pub(crate) const NOW: Time = Time::from_seconds(4_102_444_800); // 2100-01-01T00:00:00Z
const DAY_MICROS: i64 = 86_400_000_000;

/// Answers cases by a ruleset, without a store.
#[derive(Clone, Debug)]
pub struct InMemory {
    pub rules: Arc<Ruleset>,
}

impl EnforcementPoint for InMemory {
    fn answers(&self, case: &Case) -> Vec<Answer> {
        let stage = Stage::set(case, self.rules.clone());
        let questions = case.checks.iter().map(|check| stage.question(check));
        case.checks.iter().zip(questions).map(|(check, question)| stage.answer(check, &question)).collect()
    }
}

/// What a case states, as a list.
pub(crate) struct Stage {
    pub(crate) snapshot: Snapshot,
    keyring: Keyring,
    normaliser: Normaliser,
}

impl Stage {
    /// # Panics
    ///
    /// When the case states something of nobody: cases are checked when they are read (see [`unreadable`]).
    pub(crate) fn set(case: &Case, rules: Arc<Ruleset>) -> Self {
        // Nobody keeps these keys, so anybody may know their secret.
        let keyring = Keyring::new(&Secret::from_bytes([7; 32]), case.store.forms);
        let normaliser = Normaliser::new(case.store.phone_region);
        let mut retractions = Retractions::default();
        case.retractions.iter().for_each(|what| retractions.add(retraction(what, &keyring, &normaliser)));
        let mut overlay = Overlay::default();
        let mut sources = Sources::default();
        for told in &case.signals {
            let identifier = told.identifier.read(&normaliser).expect("a case states something of somebody");
            let keys = keyring.signal_keys(&identifier);
            let signal = Signal::new(keys, told.statement.clone(), told.batch.clone(), told.at, told.at)
                .expect("a case states what can be stated");
            sources.insert(source(&told.statement.mechanism, &told.statement.claimant), NOW);
            overlay.apply(&signal, None, &retractions).expect("no list below can be damaged");
        }
        for told in &case.sources {
            let heard = NOW.plus_micros(-i64::from(told.age_days) * DAY_MICROS);
            sources.insert(source(&told.mechanism, &told.claimant), heard);
        }
        let snapshot = Snapshot {
            rules,
            base: None,
            overlay,
            retractions: Arc::new(retractions),
            positions: Positions::default(),
            sources,
            as_of: NOW,
        };
        Self { snapshot, keyring, normaliser }
    }

    pub(crate) fn question(&self, check: &CaseCheck) -> Asked {
        let parts = check.subject.iter().map(|identifier| Part { kind: identifier.kind, to: false });
        let mut asked = Asked::new(Panel(parts.collect()), self.snapshot.held(), self.keyring.clone(), true);
        asked.begin();
        for (part, identifier) in check.subject.iter().enumerate() {
            asked.note(part, identifier.read(&self.normaliser).as_ref());
        }
        asked
    }

    pub(crate) fn answer(&self, check: &CaseCheck, question: &Asked) -> Answer {
        self.with_known(question, |judge, known| {
            let judgement = judge.verdict(question, known, 0, &check.action, &check.context);
            Answer::from(&judgement.verdict)
        })
    }

    pub(crate) fn with_known<'s, T>(
        &'s self,
        question: &Asked,
        ask: impl FnOnce(&mut Judge<'s>, &Known<'s>) -> T,
    ) -> T {
        let options = Options { uncovered: Uncovered::CannotTell, now: NOW, ..Options::default() };
        let mut judge = Judge::new(&self.snapshot, options);
        let known = judge.look_up(question).expect("a list in memory cannot be damaged");
        ask(&mut judge, &known)
    }
}

/// The first entry of a case that names nobody, so that it cannot be told: `signal 2`.
pub fn unreadable(case: &Case) -> Option<String> {
    let normaliser = Normaliser::new(case.store.phone_region);
    let signal = case.signals.iter().position(|told| told.identifier.read(&normaliser).is_err());
    let is_nowhere = |told: &CaseRetraction| match told {
        CaseRetraction::Window { domain: Some(domain), .. } => {
            normaliser.raw(IdentifierKind::EmailDomain, domain).is_err()
        }
        _ => false,
    };
    let retraction = case.retractions.iter().position(is_nowhere);
    let signal = signal.map(|nth| format!("signal {}", nth + 1));
    signal.or_else(|| retraction.map(|nth| format!("retract {}", nth + 1)))
}

fn source(mechanism: &Mechanism, claimant: &Claimant) -> (Mechanism, Claimant) {
    (mechanism.clone(), claimant.clone())
}

fn retraction(told: &CaseRetraction, keyring: &Keyring, normaliser: &Normaliser) -> Retraction {
    match told.clone() {
        CaseRetraction::Batch(batch) => Retraction::Batch(batch),
        CaseRetraction::Window { source, mechanism, from, until, domain } => {
            let key = |domain: String| {
                let domain = normaliser.raw(IdentifierKind::EmailDomain, &domain);
                keyring.signal_keys(&domain.expect("a case names a domain")).primary.key
            };
            Retraction::Window { source, mechanism, from, until, domain: domain.map(key) }
        }
    }
}
