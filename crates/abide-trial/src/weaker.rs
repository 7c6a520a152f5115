//! Two rulesets side by side: who would newly get through, and who would newly be blocked.
//!
//! Verdicts rest on which mechanisms are in force, on a consent, an action and a context. Mechanisms that both rulesets
//! put into the same segments are alike, texts that no policy names are alike, and where being in one more segment can
//! only block more, a set of mechanisms that is blocked has a small one in it that is. So few enough cases stand for
//! everybody, and all of them are tried.

mod contexts;
mod example;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use abide_model::{Action, Context, Fact, Mechanism, Verdict, mechanism::CATALOGUE};
use abide_rules::Ruleset;

use crate::synthetic::facts::{circumstances, mechanisms, person, said};
use contexts::Contexts;

pub use example::{Differs, example};

/// Cases tried at the most before saying that it cannot be settled this way: some seconds.
const CASES_MAX: usize = 400_000;

/// A person and an act that the two rulesets judge differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    pub action: Action,
    pub context: Context,
    pub mechanisms: Vec<Mechanism>,
    pub consented: bool,
    /// In words.
    pub sentence: String,
}

impl Example {
    fn new(
        action: Action,
        context: Context,
        mechanisms: Vec<Mechanism>,
        consented: bool,
        what: &str,
    ) -> Self {
        let who = said(&mechanisms, consented);
        let sentence = format!("{who} newly {what}: `{action}`{}", circumstances(&context));
        Self { action, context, mechanisms, consented, sentence }
    }
}

/// What trying all cases came to. Of each action the smallest examples.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    pub newly_allowed: Vec<Example>,
    pub newly_blocked: Vec<Example>,
    /// Why some people may not have been thought of; none where everybody was.
    pub gap: Option<String>,
    /// What only the old ruleset judges, and only the new one: of these nothing is compared.
    pub gone: Vec<Action>,
    pub added: Vec<Action>,
    pub cases: usize,
}

impl Comparison {
    /// Whether it is certain that nobody whom the old ruleset blocks gets through.
    pub fn is_no_weaker(&self) -> bool {
        self.newly_allowed.is_empty() && self.gap.is_none()
    }
}

/// What is compared without asking a policy: which actions there are, where they go, and how old a source may be.
pub fn outline(old: &Ruleset, new: &Ruleset) -> Comparison {
    let mut comparison =
        Comparison { gone: only_in(old, new), added: only_in(new, old), ..Comparison::default() };
    let actions = shared_actions(old, new);
    if actions.is_empty() {
        comparison.gap = Some("the two have no action in common, so there is nothing to compare".to_owned());
        return comparison;
    }
    let is_elsewhere = |action: &&&Action| {
        let to = [old, new].map(|rules| rules.action(action).map(|spec| &spec.destination));
        to[0] != to[1]
    };
    if let Some(moved) = actions.iter().find(is_elsewhere) {
        comparison.gap =
            Some(format!("`{moved}` goes elsewhere or runs on other channels, so other statements count"));
    }
    let limits =
        [old, new].into_iter().flat_map(|rules| actions.iter().flat_map(|name| rules.max_ages(name)));
    let named = limits.flat_map(abide_rules::MaxAge::attributes).map(str::to_owned).collect();
    let contexts = Contexts::of(old, new, &named, &[]);
    let Some(contexts) = contexts.all(CASES_MAX / CATALOGUE.len()) else {
        comparison.gap.get_or_insert(contexts.too_many());
        return comparison;
    };
    let looser = actions.iter().filter_map(|action| looser_sources(old, new, action, &contexts));
    comparison.newly_allowed.extend(looser);
    comparison
}

/// The actions that both rulesets judge.
pub fn shared_actions<'r>(old: &'r Ruleset, new: &Ruleset) -> Vec<&'r Action> {
    old.actions().map(|spec| &spec.name).filter(|name| new.action(name).is_some()).collect()
}

/// Tries everybody who can make a difference.
pub fn compare(old: &Ruleset, new: &Ruleset) -> Comparison {
    let mut comparison = outline(old, new);
    let actions = shared_actions(old, new);
    let touched = Touched::of(old, new);
    for action in &actions {
        let both = Both { old, new, action, cases_max: CASES_MAX / actions.len() };
        if let Err(gap) = both.compare(touched.has(action), &mut comparison) {
            comparison.gap.get_or_insert(gap);
        }
    }
    comparison
}

/// Two rulesets before one action: only the policies that speak of it have a say.
struct Both<'r> {
    old: &'r Ruleset,
    new: &'r Ruleset,
    action: &'r Action,
    cases_max: usize,
}

impl Both<'_> {
    /// Notes who is judged differently, or says why not everybody could be tried.
    fn compare(&self, is_touched: bool, comparison: &mut Comparison) -> Result<(), String> {
        let &Self { old, new, action, cases_max } = self;
        let kinds = kinds_by(old, new, |outs| self.segments(outs));
        if !is_touched && !kinds.iter().any(|kind| self.is_moved(std::slice::from_ref(kind))) {
            return Ok(());
        }
        let shapes = [old, new].map(|rules| rules.shape_for(action));
        if let Some(operator) = shapes.iter().find_map(|shape| shape.opaque.as_ref()) {
            let gap = format!("a policy uses `{operator}`, whose outcomes cannot be counted up");
            // Whoever is found is found all the same.
            comparison.gap.get_or_insert(gap);
        }
        let read = shapes.iter().flat_map(|shape| shape.attributes.iter().cloned()).collect();
        let contexts = Contexts::of(old, new, &read, &shapes);
        let contexts = contexts.all(cases_max / 2).ok_or_else(|| contexts.too_many())?;
        let size = if shapes.iter().all(|shape| shape.is_monotone) {
            shapes.iter().map(|shape| shape.depth).max().unwrap_or(0)
        } else {
            kinds.len()
        };
        let sets = sets(&kinds, size, cases_max / (2 * contexts.len())).ok_or_else(|| {
            format!(
                "sets of up to {size} of {} mechanisms in {} contexts are too many to try",
                kinds.len(),
                contexts.len()
            )
        })?;
        let mut differing = Differing::default();
        for set in sets.iter().filter(|set| is_touched || self.is_moved(set)) {
            for consented in [false, true] {
                let someone = person(set, consented);
                for context in &contexts {
                    comparison.cases += 1;
                    let is_allowed = |rules: &Ruleset| {
                        rules.decide(&someone, action, &known_part(rules, context)) == Verdict::Allow
                    };
                    match (is_allowed(old), is_allowed(new)) {
                        (false, true) => differing.allowed.note(action, context, set, consented),
                        (true, false) => differing.blocked.note(action, context, set, consented),
                        _ => {}
                    }
                }
            }
        }
        comparison.newly_allowed.extend(differing.allowed.examples("gets through"));
        comparison.newly_blocked.extend(differing.blocked.examples("is blocked"));
        Ok(())
    }

    /// The segments that facts make in each, but for those that no policy here asks for.
    fn segments(&self, outs: &[Fact]) -> [BTreeSet<Arc<str>>; 2] {
        [self.old, self.new].map(|rules| {
            let asked_for = rules.segments_asked_for(self.action);
            rules.segments_of(outs).intersection(&asked_for).cloned().collect()
        })
    }

    fn is_moved(&self, set: &[Mechanism]) -> bool {
        let [old, new] = self.segments(&person(set, false).outs);
        old != new
    }
}

fn only_in(one: &Ruleset, other: &Ruleset) -> Vec<Action> {
    one.actions().map(|spec| &spec.name).filter(|name| other.action(name).is_none()).cloned().collect()
}

/// The actions of which some rule differs. Of the others, who is in the same segments is judged alike.
enum Touched {
    All,
    Some(BTreeSet<String>),
}

impl Touched {
    fn of(old: &Ruleset, new: &Ruleset) -> Self {
        let changes = old.difference(new);
        if changes.iter().any(|change| !["segment", "source", "rule"].contains(&change.what)) {
            return Self::All;
        }
        let rules = changes.iter().filter(|change| change.what == "rule");
        let actions = rules
            .flat_map(|rule| [old, new].into_iter().flat_map(|ruleset| ruleset.actions_of_rule(&rule.name)));
        Self::Some(actions.collect())
    }

    fn has(&self, action: &Action) -> bool {
        match self {
            Self::All => true,
            Self::Some(actions) => actions.contains(action.as_str()),
        }
    }
}

#[derive(Default)]
struct Differing {
    allowed: Smallest,
    blocked: Smallest,
}

/// The smallest sets that differ, each in the first context in which it does.
#[derive(Default)]
struct Smallest(Vec<(Action, Context, Vec<Mechanism>, bool)>);

impl Smallest {
    fn note(&mut self, action: &Action, context: &Context, set: &[Mechanism], consented: bool) {
        let is_within = |(_, _, smaller, _): &(Action, Context, Vec<Mechanism>, bool)| {
            smaller.iter().all(|mechanism| set.contains(mechanism))
        };
        if !self.0.iter().any(is_within) {
            self.0.push((action.clone(), context.clone(), set.to_vec(), consented));
        }
    }

    fn examples(self, what: &str) -> impl Iterator<Item = Example> + use<'_> {
        let what = what.to_owned();
        self.0.into_iter().map(move |(action, context, mechanisms, consented)| {
            Example::new(action, context, mechanisms, consented, &what)
        })
    }
}

/// One mechanism of each kind that the two rulesets tell apart.
pub fn kinds(old: &Ruleset, new: &Ruleset) -> Vec<Mechanism> {
    kinds_by(old, new, |outs| [old.segments_of(outs), new.segments_of(outs)])
}

/// One mechanism of each kind that is told apart by the segments that it makes in the two.
fn kinds_by(
    old: &Ruleset,
    new: &Ruleset,
    segments: impl Fn(&[Fact]) -> [BTreeSet<Arc<str>>; 2],
) -> Vec<Mechanism> {
    let mut kinds = BTreeMap::new();
    for mechanism in mechanisms(&[old, new]) {
        let segments = segments(&person(std::slice::from_ref(&mechanism), false).outs);
        if segments.iter().any(|segments| !segments.is_empty()) {
            kinds.entry(segments).or_insert(mechanism);
        }
    }
    kinds.into_values().collect()
}

/// All sets of at most `size`, the small ones first; none where there are more than `max`.
fn sets(kinds: &[Mechanism], size: usize, max: usize) -> Option<Vec<Vec<Mechanism>>> {
    let mut all = vec![Vec::new()];
    let mut last: Vec<(usize, Vec<Mechanism>)> = vec![(0, Vec::new())];
    for _ in 0..size.min(kinds.len()) {
        let mut next = Vec::new();
        for (from, set) in &last {
            for at in *from..kinds.len() {
                next.push((at + 1, [set.as_slice(), &kinds[at..=at]].concat()));
                if all.len() + next.len() > max {
                    return None;
                }
            }
        }
        all.extend(next.iter().map(|(_, set)| set.clone()));
        last = next;
    }
    Some(all)
}

/// What a ruleset understands of a context. A word that is new is judged by the other as unsaid: strictly.
fn known_part(rules: &Ruleset, context: &Context) -> Context {
    let is_known = |pair: &(&str, &str)| rules.check_context(&[*pair].into_iter().collect()).is_ok();
    context.iter().filter(is_known).collect()
}

/// A source that may be older than before, where an answer rests on it.
fn looser_sources(old: &Ruleset, new: &Ruleset, action: &Action, contexts: &[Context]) -> Option<Example> {
    let days = |rules: &Ruleset, mechanism: &Mechanism, context: &Context| {
        let context = known_part(rules, context);
        let limits =
            rules.max_ages(action).filter(|limit| limit.covers(mechanism) && limit.applies(&context));
        limits.map(|limit| limit.days).min().unwrap_or(u32::MAX)
    };
    for mechanism in mechanisms(&[old, new]) {
        for context in contexts {
            let (before, after) = (days(old, &mechanism, context), days(new, &mechanism, context));
            if after > before {
                let limit = if after == u32::MAX { "any age".to_owned() } else { format!("{after} days") };
                let sentence = format!(
                    "`{action}`{} may newly rest on a list of `{mechanism}` of {limit}, {before} days before",
                    circumstances(context)
                );
                return Some(Example {
                    action: action.clone(),
                    context: context.clone(),
                    mechanisms: vec![mechanism],
                    consented: false,
                    sentence,
                });
            }
        }
    }
    None
}
