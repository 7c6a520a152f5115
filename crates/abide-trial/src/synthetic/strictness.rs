//! Laws about who is blocked: one opt-out more lets nobody through, and neither does a context that says less.
//!
//! Both are tried on people who are blocked, since of all others they hold whatever the rules are. Those are looked for
//! around each rule: by the mechanisms of the segments that it names and in the contexts that it tells apart.

use std::collections::BTreeSet;

use abide_model::{Action, Context, Mechanism, Verdict};
use abide_rules::Ruleset;

use super::{
    Finding,
    circumstances::Circumstances,
    facts::{circumstances as in_words, mechanisms, person, said},
    seed::Seed,
};

/// People and acts tried around one rule; where there are more, the seed chooses among them.
const TRIED_MAX: usize = 500;

#[derive(Debug, Default)]
pub(super) struct Tried {
    pub(super) findings: Vec<Finding>,
    pub(super) blocked_tried: usize,
}

/// Tries both laws around every rule.
pub(super) fn strictness(rules: &Ruleset, circumstances: &Circumstances, seed: &mut Seed) -> Tried {
    let mut tried = Tried::default();
    let (mut lifting, mut lenient) = (None, None);
    // Where one segment more can only block more, no opt-out lifts another: nobody has to be tried.
    let shape = rules.shape();
    let (may_lift, takes_two) = (!shape.is_monotone, !shape.is_monotone || shape.depth > 1);
    let strict = strict_attributes(rules);
    for (rule, contexts) in circumstances.by_rule() {
        let of_rule = mechanisms_of(rules, rule);
        let people = people(&of_rule, takes_two);
        let actions = rules.actions_of_rule(rule);
        let mut each: Vec<(usize, usize, usize)> = Vec::new();
        let count = people.len() * contexts.len() * actions.len();
        if count <= TRIED_MAX {
            for person in 0..people.len() {
                let acts = (0..contexts.len()).flat_map(|nth| (0..actions.len()).map(move |act| (nth, act)));
                each.extend(acts.map(|(context, act)| (person, context, act)));
            }
        } else {
            let mut some = |all: usize| seed.below(all);
            each.extend(
                (0..TRIED_MAX).map(|_| (some(people.len()), some(contexts.len()), some(actions.len()))),
            );
        }
        for (nth, context, action) in each {
            let (outs, consented) = &people[nth];
            let context = &contexts[context];
            let Ok(action) = actions[action].parse::<Action>() else { continue };
            if !is_blocked(rules, outs, *consented, &action, context) {
                continue;
            }
            tried.blocked_tried += 1;
            let (act, who) = ((&action, context), (outs.as_slice(), *consented));
            if may_lift && lifting.is_none() {
                lifting = of_rule.iter().find_map(|more| lifted(rules, act, who, more));
            }
            if lenient.is_none() {
                let mut said = strict.iter().filter(|name| context.get(name).is_some());
                lenient = said.find_map(|name| looser_unsaid(rules, act, who, name));
            }
        }
    }
    tried.findings.extend(lifting.into_iter().chain(lenient));
    if tried.blocked_tried == 0 {
        let example =
            "nobody was found whom a rule blocks, so nothing can be said of who is blocked".to_owned();
        tried.findings.push(Finding { law: "somebody-is-blocked", example });
    }
    tried
}

/// One mechanism of each row that makes a segment which the rule names.
fn mechanisms_of(rules: &Ruleset, rule: &str) -> Vec<Mechanism> {
    let named: BTreeSet<&str> =
        rules.rule(rule).into_iter().flat_map(|rule| &rule.segments).map(|name| &**name).collect();
    let is_named = |mechanism: &Mechanism| {
        let outs = person(std::slice::from_ref(mechanism), false).outs;
        rules.segments_of(&outs).iter().any(|segment| named.contains(&**segment))
    };
    mechanisms(&[rules]).into_iter().filter(is_named).collect()
}

/// Who has said nothing, one thing or, where that can make a difference, two; with a consent and without.
fn people(mechanisms: &[Mechanism], takes_two: bool) -> Vec<(Vec<Mechanism>, bool)> {
    let pairs = mechanisms.iter().enumerate().filter(|_| takes_two).flat_map(|(nth, one)| {
        mechanisms[nth + 1..].iter().map(move |other| vec![one.clone(), other.clone()])
    });
    let all = std::iter::once(Vec::new()).chain(mechanisms.iter().map(|one| vec![one.clone()])).chain(pairs);
    all.flat_map(|outs| [(outs.clone(), false), (outs, true)]).collect()
}

/// The attributes that may not be judged more leniently when they are unsaid: all that a rule asks for, but for those of
/// which the ruleset says why.
pub fn strict_attributes(rules: &Ruleset) -> Vec<String> {
    let read = rules.shape().attributes;
    let strict = rules.context_attributes().iter().filter(|attribute| attribute.lenient_default.is_none());
    strict.map(|attribute| attribute.name.to_string()).filter(|name| read.contains(name)).collect()
}

fn is_blocked(
    rules: &Ruleset,
    outs: &[Mechanism],
    consented: bool,
    action: &Action,
    context: &Context,
) -> bool {
    matches!(rules.decide(&person(outs, consented), action, context), Verdict::Block { .. })
}

/// That somebody is blocked, and with one mechanism more gets through: the smallest such person; none where it is not
/// so.
pub fn lifted(
    rules: &Ruleset,
    (action, context): (&Action, &Context),
    (outs, consented): (&[Mechanism], bool),
    more: &Mechanism,
) -> Option<Finding> {
    let breaks = |outs: &[Mechanism], context: &Context| {
        is_blocked(rules, outs, consented, action, context)
            && !is_blocked(rules, &[outs, std::slice::from_ref(more)].concat(), consented, action, context)
    };
    if !breaks(outs, context) {
        return None;
    }
    let outs = smallest(outs.to_vec(), |fewer| breaks(fewer, context));
    let context = smallest_context(context, |context| breaks(&outs, context));
    let example = format!(
        "{} is blocked from `{action}`{}, and `{more}` besides lets it through",
        said(&outs, consented),
        in_words(&context),
    );
    Some(Finding { law: "more-opt-outs-never-allow-more", example })
}

/// That somebody is blocked, and gets through where the context leaves an attribute open; none where it is not so.
pub fn looser_unsaid(
    rules: &Ruleset,
    (action, context): (&Action, &Context),
    (outs, consented): (&[Mechanism], bool),
    unsaid: &str,
) -> Option<Finding> {
    let breaks = |outs: &[Mechanism], context: &Context| {
        let open: Context = context.iter().filter(|(name, _)| *name != unsaid).collect();
        is_blocked(rules, outs, consented, action, context)
            && !is_blocked(rules, outs, consented, action, &open)
    };
    if !breaks(outs, context) {
        return None;
    }
    let outs = smallest(outs.to_vec(), |fewer| breaks(fewer, context));
    let context = smallest_context(context, |context| breaks(&outs, context));
    let example = format!(
        "{} is blocked from `{action}`{}, but not where `{unsaid}` is left unsaid; make the strictest word the default, or \
         say in `lenient_default` why not",
        said(&outs, consented),
        in_words(&context),
    );
    Some(Finding { law: "unsaid-is-strictest", example })
}

/// Takes away whatever is not needed for `breaks` to hold.
pub(crate) fn smallest(mut set: Vec<Mechanism>, breaks: impl Fn(&[Mechanism]) -> bool) -> Vec<Mechanism> {
    let mut at = 0;
    while at < set.len() {
        let mut fewer = set.clone();
        fewer.remove(at);
        if breaks(&fewer) { set = fewer } else { at += 1 }
    }
    set
}

fn smallest_context(context: &Context, breaks: impl Fn(&Context) -> bool) -> Context {
    let mut context = context.clone();
    for (name, _) in context.clone().iter() {
        let fewer: Context = context.iter().filter(|(other, _)| *other != name).collect();
        if breaks(&fewer) {
            context = fewer;
        }
    }
    context
}
