//! An example that somebody else has found, judged again and made small.

use abide_model::{Action, Context, Mechanism, Verdict};
use abide_rules::Ruleset;

use super::{Example, known_part};
use crate::synthetic::{facts::person, smallest};

/// How the new ruleset judges otherwise than the old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Differs {
    LetsThrough,
    Blocks,
}

/// What is left of an example when all is taken away that it does not need; none where both rulesets judge it alike, or
/// differ the other way round.
pub fn example(
    old: &Ruleset,
    new: &Ruleset,
    differs: Differs,
    (action, context): (&Action, &Context),
    (mechanisms, consented): (&[Mechanism], bool),
) -> Option<Example> {
    let holds = |mechanisms: &[Mechanism], consented: bool, context: &Context| {
        let someone = person(mechanisms, consented);
        let is_allowed = [old, new]
            .map(|rules| rules.decide(&someone, action, &known_part(rules, context)) == Verdict::Allow);
        is_allowed == [differs == Differs::Blocks, differs == Differs::LetsThrough]
    };
    if !holds(mechanisms, consented, context) {
        return None;
    }
    let mechanisms = smallest(mechanisms.to_vec(), |fewer| holds(fewer, consented, context));
    let (mut consented, mut context) = (consented, context.clone());
    consented &= !holds(&mechanisms, false, &context);
    for (name, _) in context.clone().iter() {
        let fewer: Context = context.iter().filter(|(other, _)| *other != name).collect();
        let mut plain = fewer.clone();
        plain.set(name, "some-other");
        // A text of the solver's own can be anything.
        for simpler in [fewer, plain] {
            if holds(&mechanisms, consented, &simpler) {
                context = simpler;
                break;
            }
        }
    }
    let what = if differs == Differs::LetsThrough { "gets through" } else { "is blocked" };
    Some(Example::new(action.clone(), context, mechanisms, consented, what))
}
