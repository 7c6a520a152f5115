//! What holds of the default ruleset for every set of facts, action and context.

use abide_model::{
    Action, Claimant, Context, Direction, Fact, Mechanism, Scope, Verdict, facts::Effective,
    mechanism::CATALOGUE,
};
use abide_rules::{AttributeKind, Ruleset};
use proptest::{prelude::*, sample::subsequence};
use std::sync::LazyLock;

static RULESET: LazyLock<Ruleset> = LazyLock::new(|| Ruleset::built_in().unwrap());

proptest! {
    /// One more opt-out never makes an act possible, and no rule that blocked it stops blocking.
    #[test]
    fn more_opt_outs_never_allow_more(some in opt_outs(), more in opt_outs(), consented: bool, action in action(), context in context()) {
        let mut both = some.clone();
        both.extend(more);
        let few = rules_of(&RULESET.decide(&effective(some, consented), &action, &context));
        let many = rules_of(&RULESET.decide(&effective(both, consented), &action, &context));
        prop_assert!(few.iter().all(|rule| many.contains(rule)), "{few:?} became {many:?}");
    }

    /// A consent never blocks.
    #[test]
    fn a_consent_never_blocks(outs in opt_outs(), action in action(), context in context()) {
        let without = rules_of(&RULESET.decide(&effective(outs.clone(), false), &action, &context));
        let with = rules_of(&RULESET.decide(&effective(outs, true), &action, &context));
        prop_assert!(with.iter().all(|rule| without.contains(rule)), "{without:?} became {with:?}");
    }

    /// What a context leaves unsaid is never judged more leniently than any way of saying it, but
    /// for the regime, which only the caller can know.
    #[test]
    fn what_is_unsaid_is_judged_strictest(outs in opt_outs(), consented: bool, action in action(), context in context()) {
        let said = RULESET.decide(&effective(outs.clone(), consented), &action, &context);
        let regime = context.iter().filter(|(attribute, _)| *attribute == "regime").collect();
        let unsaid = RULESET.decide(&effective(outs, consented), &action, &regime);
        prop_assert!(said == Verdict::Allow || unsaid != Verdict::Allow, "{said:?} became allowed");
    }

    /// Web and advertising signals have nothing to do with contact and first-party operation.
    #[test]
    fn web_signals_never_block_contact_or_first_party(
        outs in opt_outs(), action in action(), context in context(),
    ) {
        let web: Vec<_> = outs.into_iter().filter(|fact| {
            let path = fact.mechanism.as_str();
            path.starts_with("web.") || path.starts_with("ads.")
        }).collect();
        let name = action.as_str();
        prop_assume!(name.starts_with("contact.") || ["track.first_party", "profile", "query"].contains(&name));
        prop_assume!(context.get("regime") != Some("opt_in"));
        prop_assert_eq!(RULESET.decide(&effective(web, false), &action, &context), Verdict::Allow);
    }
}

fn rules_of(verdict: &Verdict) -> Vec<String> {
    match verdict {
        Verdict::Allow => Vec::new(),
        Verdict::Block { reasons } => {
            assert!(!reasons.is_empty(), "a block without a reason");
            reasons.iter().map(|reason| reason.rule.to_string()).collect()
        }
        Verdict::CannotTell { why } => panic!("{why} of a known action"),
    }
}

fn effective(outs: Vec<Fact>, consented: bool) -> Effective {
    let consent = fact("email.list", Direction::In);
    Effective { outs, consents: if consented { vec![consent] } else { Vec::new() } }
}

fn opt_outs() -> impl Strategy<Value = Vec<Fact>> {
    let paths: Vec<_> = CATALOGUE.iter().map(|row| row.path.replace('*', "x1")).collect();
    subsequence(paths, 0..4).prop_map(|paths| paths.iter().map(|path| fact(path, Direction::Out)).collect())
}

fn action() -> impl Strategy<Value = Action> {
    let names: Vec<_> = RULESET.actions().map(|spec| spec.name.clone()).collect();
    proptest::sample::select(names)
}

/// Each attribute said in one of its words, or left out.
fn context() -> impl Strategy<Value = Context> {
    let words: Vec<_> = RULESET
        .context_attributes()
        .iter()
        .filter_map(|attribute| match &attribute.kind {
            AttributeKind::Words { values, .. } => {
                let name = attribute.name.clone();
                Some(
                    proptest::option::of(proptest::sample::select(values.clone()))
                        .prop_map(move |word| (name.clone(), word)),
                )
            }
            AttributeKind::Text => None,
        })
        .collect();
    words.prop_map(|pairs| {
        let mut context = Context::default();
        for (name, word) in pairs {
            if let Some(word) = word {
                context.set(&name, &word);
            }
        }
        context
    })
}

fn fact(path: &str, direction: Direction) -> Fact {
    Fact {
        direction,
        mechanism: path.parse::<Mechanism>().unwrap(),
        scope: Scope::Everyone,
        claimant: Claimant::Person,
    }
}
