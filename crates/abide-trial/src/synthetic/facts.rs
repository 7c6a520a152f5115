//! Laws about sets of facts: what people said, whatever identifiers they have.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

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
        let contexts = telling(rules, &action.name, contexts);
        for (named, mechanism) in by_segments(rules, &action.name) {
            let people = [false, true].map(|consented| person(std::slice::from_ref(&mechanism), consented));
            for context in &contexts {
                if blocked.contains(&action.name) && named.is_subset(&blocking) {
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

/// Of contexts that no policy about an action tells apart, one.
fn telling<'c>(rules: &Ruleset, action: &Action, contexts: &'c BTreeSet<Context>) -> Vec<&'c Context> {
    let nobody = Effective::default();
    let mut known = BTreeSet::new();
    let is_new = |context: &&Context| match rules.question(&nobody, action, context) {
        Some(question) => known.insert(question),
        None => true,
    };
    contexts.iter().filter(is_new).collect()
}

/// One mechanism for each set of segments that the policies about an action ask for; who is in the most first, since he
/// leaves the least to be tried.
fn by_segments(rules: &Ruleset, action: &Action) -> Vec<(BTreeSet<Arc<str>>, Mechanism)> {
    let asked_for = rules.segments_asked_for(action);
    let mut sets = BTreeMap::new();
    for mechanism in mechanisms(&[rules]) {
        let segments = rules.segments_of(&person(std::slice::from_ref(&mechanism), false).outs);
        sets.entry(segments.intersection(&asked_for).cloned().collect::<BTreeSet<_>>()).or_insert(mechanism);
    }
    let mut sets: Vec<_> = sets.into_iter().collect();
    sets.sort_by_key(|(segments, _)| std::cmp::Reverse(segments.len()));
    sets
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
