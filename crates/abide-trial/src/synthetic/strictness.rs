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
use crate::parallel;

/// People and acts tried around one rule; where there are more, the seed chooses among them.
const TRIED_MAX: usize = 500;

#[derive(Debug, Default)]
pub(super) struct Tried {
    pub(super) findings: Vec<Finding>,
    pub(super) blocked_tried: usize,
}

/// Tries both laws around every rule, on `threads` threads.
pub(super) fn strictness(
    rules: &Ruleset,
    circumstances: &Circumstances,
    seed: &mut Seed,
    threads: usize,
) -> Tried {
    // Where one segment more can only block more, no opt-out lifts another: nobody has to be tried.
    let shape = rules.shape();
    let laws = Laws {
        rules,
        may_lift: !shape.is_monotone,
        takes_two: !shape.is_monotone || shape.depth > 1,
        strict: strict_attributes(rules),
    };
    // The seed is drawn from in the order of the rules, however many threads there are.
    let around: Vec<Around<'_>> =
        circumstances.by_rule().map(|(rule, contexts)| laws.around(rule, contexts, seed)).collect();
    let (mut lifting, mut lenient, mut blocked_tried) = (None, None, 0);
    for of_rule in parallel::each(&around, threads, |around| laws.try_around(around)) {
        lifting = lifting.or(of_rule.lifting);
        lenient = lenient.or(of_rule.lenient);
        blocked_tried += of_rule.blocked_tried;
    }
    let mut findings: Vec<Finding> = lifting.into_iter().chain(lenient).collect();
    if blocked_tried == 0 {
        let example =
            "nobody was found whom a rule blocks, so nothing can be said of who is blocked".to_owned();
        findings.push(Finding { law: "somebody-is-blocked", example });
    }
    Tried { findings, blocked_tried }
}

/// The two laws, for a ruleset.
struct Laws<'r> {
    rules: &'r Ruleset,
    may_lift: bool,
    takes_two: bool,
    strict: Vec<String>,
}

/// Who and what is tried around one rule.
struct Around<'c> {
    mechanisms: Vec<Mechanism>,
    people: Vec<(Vec<Mechanism>, bool)>,
    contexts: &'c [Context],
    actions: Vec<Action>,
    /// Numbers of a person, a context and an action.
    acts: Vec<(usize, usize, usize)>,
}

#[derive(Default)]
struct Found {
    lifting: Option<Finding>,
    lenient: Option<Finding>,
    blocked_tried: usize,
}

impl Laws<'_> {
    fn around<'c>(&self, rule: &str, contexts: &'c [Context], seed: &mut Seed) -> Around<'c> {
        let mechanisms = mechanisms_of(self.rules, rule);
        let people = people(&mechanisms, self.takes_two);
        let named = self.rules.actions_of_rule(rule);
        let actions: Vec<Action> = named.iter().filter_map(|name| name.parse().ok()).collect();
        let count = people.len() * contexts.len() * actions.len();
        let acts = if count <= TRIED_MAX {
            let (contexts, actions) = (contexts.len(), actions.len());
            let each = (0..people.len()).flat_map(|person| {
                (0..contexts)
                    .flat_map(move |context| (0..actions).map(move |action| (person, context, action)))
            });
            each.collect()
        } else {
            let mut some = |all: usize| seed.below(all);
            let drawn =
                (0..TRIED_MAX).map(|_| (some(people.len()), some(contexts.len()), some(actions.len())));
            drawn.collect()
        };
        Around { mechanisms, people, contexts, actions, acts }
    }

    fn try_around(&self, around: &Around<'_>) -> Found {
        let mut found = Found::default();
        for &(person, context, action) in &around.acts {
            let (outs, consented) = &around.people[person];
            let (context, action) = (&around.contexts[context], &around.actions[action]);
            if !is_blocked(self.rules, outs, *consented, action, context) {
                continue;
            }
            found.blocked_tried += 1;
            let (act, who) = ((action, context), (outs.as_slice(), *consented));
            if self.may_lift && found.lifting.is_none() {
                found.lifting = around.mechanisms.iter().find_map(|more| lifted(self.rules, act, who, more));
            }
            if found.lenient.is_none() {
                let mut said = self.strict.iter().filter(|name| context.get(name).is_some());
                found.lenient = said.find_map(|name| looser_unsaid(self.rules, act, who, name));
            }
        }
        found
    }
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
    let someone = person(outs, consented);
    match rules.question(&someone, action, context) {
        Some(question) => rules.blocking(&question).is_some(),
        None => matches!(rules.decide(&someone, action, context), Verdict::Block { .. }),
    }
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
