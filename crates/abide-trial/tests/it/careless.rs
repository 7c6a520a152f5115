//! Laws that no ruleset can break alone, since they rest on whoever looks people up: each is found broken where that one
//! is careless in its way, and only there.

use std::sync::Arc;

use abide_model::{Form, Scope};
use abide_rules::{Case, Ruleset, case::CaseSignal};
use abide_trial::{Answer, EnforcementPoint, InMemory, laws_of_people};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    /// What was said to everyone does not reach whoever has a name.
    ForgetsEveryone,
    /// What was said to somebody does not count while nobody says who acts.
    AsksForNames,
    /// What was said of one address counts on all that a person has.
    IgnoresReach,
    /// Addresses hashed so are nobody's.
    CannotRead(Form),
}

/// Answers rightly, but for one flaw.
struct Careless {
    inner: InMemory,
    flaw: Option<Flaw>,
}

impl EnforcementPoint for Careless {
    fn answers(&self, case: &Case) -> Vec<Answer> {
        let mut case = case.clone();
        if let Some(flaw) = self.flaw {
            flaw.spoil(&mut case);
        }
        self.inner.answers(&case)
    }
}

impl Flaw {
    fn spoil(self, case: &mut Case) {
        let is_named = case.checks.iter().any(|check| !check.context.is_empty());
        let is_to_everyone = |signal: &CaseSignal| signal.statement.scope == Scope::Everyone;
        match self {
            Self::ForgetsEveryone => case.signals.retain(|signal| !(is_named && is_to_everyone(signal))),
            Self::AsksForNames => case.signals.retain(|signal| is_named || is_to_everyone(signal)),
            Self::IgnoresReach => {
                let said = case.signals.clone();
                let of_all = case.checks.iter().flat_map(|check| &check.subject).flat_map(|identifier| {
                    let identifier = identifier.clone();
                    said.iter()
                        .map(move |signal| CaseSignal { identifier: identifier.clone(), ..signal.clone() })
                });
                let people = || case.checks.iter().flat_map(|check| &check.subject);
                if said.iter().all(|signal| people().any(|one| *one == signal.identifier)) {
                    case.signals = of_all.collect();
                }
            }
            Self::CannotRead(form) => {
                case.signals.retain(|signal| signal.identifier.form != Some(form));
                let asked = case.checks.iter_mut().flat_map(|check| &mut check.subject);
                asked
                    .filter(|one| one.form == Some(form))
                    .for_each(|one| one.text = one.text.replace('a', "b"));
            }
        }
    }
}

#[test]
fn each_law_is_broken_by_its_flaw_and_by_no_other() {
    let rules = Arc::new(Ruleset::built_in().unwrap());
    let broken = |flaw: Option<Flaw>| {
        let point = Careless { inner: InMemory { rules: rules.clone() }, flaw };
        let mut found = laws_of_people(&rules, &point, 1);
        found.dedup_by_key(|finding| finding.law);
        found
    };
    assert_eq!(broken(None), []);
    for (flaw, law, word) in [
        (Flaw::ForgetsEveryone, "wider-blocks-more", "said to `*` it does not"),
        (Flaw::AsksForNames, "unnamed-scope-is-strictest", "where nobody says who acts"),
        (Flaw::IgnoresReach, "address-facts-stay-there", "which goes to a"),
        (Flaw::CannotRead(Form::Md5), "spellings-agree", "by md5 `"),
        (Flaw::CannotRead(Form::Sha1), "spellings-agree", "by sha1 `"),
        (Flaw::CannotRead(Form::Sha256), "spellings-agree", "by sha256 `"),
    ] {
        let found = broken(Some(flaw));
        let laws: Vec<&str> = found.iter().map(|finding| finding.law).collect();
        assert_eq!(laws, [law], "{flaw:?}: {found:?}");
        assert!(found[0].example.contains(word), "{flaw:?}: {}", found[0].example);
    }
}
