//! Laws about sets of facts: what people said, whatever identifiers they have.

use std::collections::BTreeSet;

use abide_model::{
    Action, Claimant, Context, Direction, Fact, Mechanism, Scope, Verdict, facts::Effective,
    mechanism::CATALOGUE,
};
use abide_rules::{Basis, Ruleset};

use super::Finding;

/// Of each row of the catalogue a mechanism that nobody names, and all those that one of the rulesets names itself. What a
/// ruleset says of a mechanism, it says of one of these.
pub(crate) fn mechanisms(rulesets: &[&Ruleset]) -> Vec<Mechanism> {
    let named: BTreeSet<String> = rulesets.iter().flat_map(|rules| patterns(rules)).collect();
    let others = std::iter::once("other".to_owned()).chain((2..).map(|nth| format!("other{nth}")));
    let unnamed = |path: &str| {
        let mut members = others.clone().map(|member| path.replace('*', &member));
        members.find(|member| !path.contains('*') || !named.contains(member)).expect("names do not run out")
    };
    let rows: Vec<String> = CATALOGUE.iter().map(|row| unnamed(row.path)).collect();
    let exact = named.into_iter().filter(|pattern| !pattern.ends_with('*') && !rows.contains(pattern));
    let all = rows.iter().cloned().chain(exact.collect::<Vec<_>>());
    all.map(|path| path.parse().expect("the catalogue has it")).collect()
}

/// What a ruleset says of mechanisms: where they belong, and how old a list of them may be.
fn patterns(rules: &Ruleset) -> impl Iterator<Item = String> {
    let segments = rules.segments().flat_map(|segment| &segment.mechanisms);
    let limits = rules.actions().flat_map(|spec| rules.max_ages(&spec.name));
    segments.chain(limits.flat_map(|limit| &limit.mechanisms)).map(ToString::to_string)
}

/// Whether one mechanism, said to everyone, blocks an action in a context. Where it does not, no scope and no spelling
/// makes it.
pub(super) fn blocks(rules: &Ruleset, mechanism: &Mechanism, action: &Action, context: &Context) -> bool {
    let someone = person(std::slice::from_ref(mechanism), false);
    matches!(rules.decide(&someone, action, context), Verdict::Block { .. })
}

/// Somebody who said these things, to everyone.
pub(crate) fn person(outs: &[Mechanism], consented: bool) -> Effective {
    let fact = |mechanism: &Mechanism, direction| Fact {
        direction,
        mechanism: mechanism.clone(),
        scope: Scope::Everyone,
        claimant: Claimant::Person,
    };
    let consent = "email.list".parse().expect("the catalogue has it");
    Effective {
        outs: outs.iter().map(|mechanism| fact(mechanism, Direction::Out)).collect(),
        consents: consented.then(|| fact(&consent, Direction::In)).into_iter().collect(),
    }
}

/// Every segment blocks some action, and every action can be blocked.
pub(super) fn meanings(rules: &Ruleset, contexts: &BTreeSet<Context>) -> Vec<Finding> {
    let (mut blocking, mut blocked) = (BTreeSet::new(), BTreeSet::new());
    for action in rules.actions() {
        for mechanism in mechanisms(&[rules]) {
            let people = [false, true].map(|consented| person(std::slice::from_ref(&mechanism), consented));
            let segments = rules.segments_of(&people[0].outs);
            for context in contexts {
                if blocked.contains(&action.name) && segments.is_subset(&blocking) {
                    break;
                }
                for someone in &people {
                    if let Verdict::Block { reasons } = rules.decide(someone, &action.name, context) {
                        let named: Vec<_> = reasons.into_iter().flat_map(|reason| reason.segments).collect();
                        // A consent that is missing is nothing that somebody said.
                        if !named.is_empty() || !someone.consents.is_empty() {
                            blocked.insert(action.name.clone());
                        }
                        blocking.extend(named);
                    }
                }
            }
        }
    }
    let idle = rules.segments().filter(|segment| !blocking.contains(&segment.name));
    let idle = idle.map(|segment| Finding {
        law: "segments-block",
        example: format!("the segment `{}` alone blocks no action in any context", segment.name),
    });
    let free = rules.actions().filter(|action| !blocked.contains(&action.name));
    let free = free.map(|action| Finding {
        law: "actions-can-be-blocked",
        example: format!("nothing that anybody can say blocks `{}`", action.name),
    });
    idle.chain(free).collect()
}

/// Without a word of the person, what is opt-out is allowed and what is opt-in is blocked.
pub(super) fn basis(rules: &Ruleset) -> Vec<Finding> {
    let unsaid = Context::default();
    let wrong = rules.actions().filter_map(|action| {
        let is_allowed = rules.decide(&person(&[], false), &action.name, &unsaid) == Verdict::Allow;
        let (wanted, got) = match action.basis {
            Basis::OptOut if !is_allowed => ("opt_out", "blocked"),
            Basis::OptIn if is_allowed => ("opt_in", "allowed"),
            _ => return None,
        };
        let example =
            format!("`{}` is of basis {wanted}, and is {got} for somebody who has said nothing", action.name);
        Some(Finding { law: "basis", example })
    });
    wrong.collect()
}

/// `somebody of whom `email.list` is in force, with a consent`.
pub(crate) fn said(outs: &[Mechanism], consented: bool) -> String {
    let names: Vec<String> = outs.iter().map(|mechanism| format!("`{mechanism}`")).collect();
    let consent = if consented { " and a consent" } else { "" };
    match names.as_slice() {
        [] if consented => "somebody who has consented".to_owned(),
        [] => "somebody who has said nothing".to_owned(),
        _ => format!("somebody with {}{consent}", names.join(" and ")),
    }
}

/// ` with purpose=legal`, or nothing.
pub(crate) fn circumstances(context: &Context) -> String {
    let pairs: Vec<String> = context.iter().map(|(name, value)| format!("{name}={value}")).collect();
    if pairs.is_empty() { String::new() } else { format!(" with {}", pairs.join(" ")) }
}
