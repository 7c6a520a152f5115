//! The policies that speak of one action, and what they can tell apart.

use std::{collections::BTreeSet, sync::Arc};

use abide_model::{Action, Context};
use cedar_policy::{ActionConstraint, Effect, EntityUid, Policy, PolicySet};
use serde_json::Value;

use crate::{
    manifest::{Manifest, context::AttributeSpec, table::above},
    policies::segments_named,
    question::Question,
    schema::CONSENTED,
    shape::{attributes_read, texts_compared, walk},
};

/// Whatever does not speak of an action has no part in its verdicts, so nobody has to ask it.
pub(crate) struct ActionPolicies {
    pub(crate) all: PolicySet,
    pub(crate) permits: PolicySet,
    segments: BTreeSet<Arc<str>>,
    reads_consent: bool,
    attributes: BTreeSet<String>,
    /// The texts that something is compared with.
    literals: BTreeSet<String>,
    /// A policy takes texts apart, so that no two are alike.
    is_opaque: bool,
}

impl ActionPolicies {
    pub(super) fn of(policies: &PolicySet, action: &EntityUid, manifest: &Manifest) -> Self {
        let name: &str = action.id().unescaped();
        let mut names = above(name, &manifest.actions, &manifest.groups);
        names.push(name.to_owned());
        let speaks_of_it = |policy: &&Policy| is_meant(&policy.action_constraint(), &names);
        let speaking: Vec<&Policy> = policies.policies().filter(speaks_of_it).collect();
        let set = |policies: &[&Policy]| {
            let all = policies.iter().map(|policy| (*policy).clone());
            PolicySet::from_policies(all).expect("their ids are distinct in the whole set too")
        };
        let permits: Vec<&Policy> =
            speaking.iter().copied().filter(|policy| policy.effect() == Effect::Permit).collect();
        let mut known = Self {
            all: set(&speaking),
            permits: set(&permits),
            segments: speaking.iter().flat_map(|policy| segments_named(policy)).collect(),
            reads_consent: false,
            attributes: BTreeSet::new(),
            literals: BTreeSet::new(),
            is_opaque: false,
        };
        for policy in speaking {
            let json = policy.to_json().expect("what was parsed can be written");
            known.note(&json["conditions"], &manifest.attributes);
        }
        known
    }

    fn note(&mut self, conditions: &Value, attributes: &[AttributeSpec]) {
        walk(conditions, &mut |node| {
            let reads = |access: &str| node.get(access).is_some_and(|access| access["attr"] == CONSENTED);
            self.reads_consent |= reads(".") || reads("has");
        });
        self.attributes.extend(attributes_read(conditions, attributes));
        let (literals, opaque) = texts_compared(conditions);
        self.literals.extend(literals);
        self.is_opaque |= opaque.is_some();
    }

    /// The segments that make a difference.
    pub(crate) fn segments(&self) -> &BTreeSet<Arc<str>> {
        &self.segments
    }

    /// What these policies see of somebody and an act. Texts that no policy names can only be told from one another, so
    /// they get names by their order; words that are not said are their default.
    pub(crate) fn question(
        &self,
        action: &Action,
        (segments, consented): (&BTreeSet<Arc<str>>, bool),
        context: &Context,
        attributes: &[AttributeSpec],
    ) -> Question {
        let mut seen = Context::default();
        let mut strangers = Vec::new();
        for attribute in attributes.iter().filter(|attribute| self.attributes.contains(&*attribute.name)) {
            let said = context.get(&attribute.name);
            match (attribute.default(), said) {
                (Some(default), _) => seen.set(&attribute.name, said.unwrap_or(default)),
                (None, Some(text)) => seen.set(&attribute.name, &self.stand_in(text, &mut strangers)),
                (None, None) => {}
            }
        }
        let segments = segments.intersection(&self.segments).cloned().collect();
        Question::new(action.clone(), segments, consented && self.reads_consent, seen)
    }

    fn stand_in<'t>(&self, text: &'t str, strangers: &mut Vec<&'t str>) -> String {
        if self.is_opaque || self.literals.contains(text) {
            return text.to_owned();
        }
        let nth = strangers.iter().position(|known| *known == text).unwrap_or_else(|| {
            strangers.push(text);
            strangers.len() - 1
        });
        let names = (1..).map(|number| format!("text-{number}"));
        let mut free = names.filter(|name| !self.literals.contains(name));
        free.nth(nth).expect("numbers do not run out")
    }
}

fn is_meant(constraint: &ActionConstraint, names: &[String]) -> bool {
    let is_named = |uid: &EntityUid| names.iter().any(|name| name == uid.id().unescaped());
    match constraint {
        ActionConstraint::Any => true,
        ActionConstraint::In(uids) => uids.iter().any(is_named),
        ActionConstraint::Eq(uid) => is_named(uid),
    }
}
