//! The contexts that stand for all others, counted before any is made.

use std::collections::{BTreeMap, BTreeSet};

use abide_model::Context;
use abide_rules::{AttributeKind, Ruleset, Shape};

/// What each attribute may say: every word of either ruleset, every text that a policy names and two that none does.
#[derive(Debug)]
pub(super) struct Contexts(BTreeMap<String, BTreeSet<Option<String>>>);

impl Contexts {
    /// Of the attributes named; the others make no difference.
    pub(super) fn of(old: &Ruleset, new: &Ruleset, named: &BTreeSet<String>, shapes: &[Shape]) -> Self {
        let mut values: BTreeMap<String, BTreeSet<Option<String>>> = BTreeMap::new();
        for attribute in old.context_attributes().iter().chain(new.context_attributes()) {
            if let AttributeKind::Words { values: words, .. } = &attribute.kind
                && named.contains(&*attribute.name)
            {
                let all = values.entry(attribute.name.to_string()).or_default();
                all.insert(None);
                all.extend(words.iter().map(|word| Some(word.to_string())));
            }
        }
        // A word that is the default is what is judged when none is said.
        for attribute in old.context_attributes() {
            let mut others = new.context_attributes().iter();
            let same = others.any(|other| other.kind == attribute.kind && other.name == attribute.name);
            if let (Some(default), Some(all)) = (attribute.default(), values.get_mut(&*attribute.name))
                && same
            {
                all.remove(&Some(default.to_owned()));
            }
        }
        for (name, texts) in shapes.iter().flat_map(|shape| &shape.texts) {
            let all = values.entry(name.clone()).or_default();
            all.extend([None, Some("some-other".to_owned()), Some(format!("some-other-{name}"))]);
            all.extend(texts.iter().cloned().map(Some));
        }
        Self(values)
    }

    fn count(&self) -> usize {
        self.0.values().fold(1, |all, values| all.saturating_mul(values.len()))
    }

    /// All of them; none where there are more than `max`.
    pub(super) fn all(&self, max: usize) -> Option<Vec<Context>> {
        if self.count() > max {
            return None;
        }
        let mut contexts = vec![Context::default()];
        for (name, values) in &self.0 {
            let with = |context: &Context, value: &Option<String>| {
                let mut context = context.clone();
                value.iter().for_each(|value| context.set(name, value));
                context
            };
            contexts = contexts
                .iter()
                .flat_map(|context| values.iter().map(move |value| with(context, value)))
                .collect();
        }
        Some(contexts)
    }

    pub(super) fn too_many(&self) -> String {
        let names: Vec<&str> = self.0.keys().map(String::as_str).collect();
        let count = self.count();
        let count = if count == usize::MAX { "countless".to_owned() } else { count.to_string() };
        format!("{count} contexts are too many to try: what `{}` can say together", names.join("`, `"))
    }
}
