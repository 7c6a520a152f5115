//! The contexts in which a rule can apply or not, counted before any is made.

use std::collections::{BTreeMap, BTreeSet};

use abide_model::Context;
use abide_rules::{Effect, Reading, Ruleset};

use super::Finding;

/// Contexts of one rule at the most: a rule that needs more than that is not understood by those who review it either.
const CONTEXTS_MAX: usize = 4096;

/// Of each rule the contexts that it tells from others. What it does not ask for is left unsaid.
#[derive(Debug)]
pub(super) struct Circumstances(Vec<(String, Vec<Context>)>);

impl Circumstances {
    /// Refuses a rule that has more of them than can be tried.
    pub(super) fn of(rules: &Ruleset) -> Result<Self, Finding> {
        let permits =
            |reading: &Reading| rules.rule(&reading.rule).is_some_and(|rule| rule.effect == Effect::Permit);
        let (together, mut alone): (Vec<_>, Vec<_>) = rules.readings().into_iter().partition(permits);
        // One forbid is enough to block; of permits none may be left.
        if let Some(first) = together.first() {
            let attributes = together.iter().flat_map(|reading| reading.attributes.clone());
            let mut all = Reading { rule: first.rule.clone(), attributes: BTreeMap::default() };
            for (name, values) in attributes {
                all.attributes.entry(name).or_default().extend(values);
            }
            alone.push(all);
        }
        alone
            .into_iter()
            .map(|reading| Ok((reading.rule.clone(), contexts(&reading)?)))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    pub(super) fn by_rule(&self) -> impl Iterator<Item = (&str, &[Context])> {
        self.0.iter().map(|(rule, contexts)| (rule.as_str(), contexts.as_slice()))
    }

    /// Those of all rules, and the one that says nothing.
    pub(super) fn all(&self) -> BTreeSet<Context> {
        let all = self.0.iter().flat_map(|(_, contexts)| contexts.iter().cloned());
        all.chain([Context::default()]).collect()
    }
}

fn contexts(reading: &Reading) -> Result<Vec<Context>, Finding> {
    let counts = reading.attributes.values().map(|values| values.len() + 1);
    let count = counts.fold(1_usize, usize::saturating_mul);
    if count > CONTEXTS_MAX {
        let names: Vec<&str> = reading.attributes.keys().map(String::as_str).collect();
        let example = format!(
            "the rule `{}` tells more than {CONTEXTS_MAX} contexts apart by `{}`: make several of it that ask for less",
            reading.rule,
            names.join("`, `")
        );
        return Err(Finding { law: "rules-can-be-tried", example });
    }
    let mut contexts = vec![Context::default()];
    for (name, values) in &reading.attributes {
        let with = |context: &Context, value: &str| {
            let mut context = context.clone();
            context.set(name, value);
            context
        };
        let more: Vec<Context> = contexts
            .iter()
            .flat_map(|context| values.iter().map(move |value| with(context, value)))
            .collect();
        contexts.extend(more);
    }
    Ok(contexts)
}
