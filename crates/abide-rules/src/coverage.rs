//! Which rules and which branches of their conditions were exercised.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use cedar_policy::{Policy, PolicyId, PolicySet};
use serde_json::{Value, json};

use crate::{
    expression::{leaves, text_of},
    question::Question,
    ruleset::Ruleset,
};

/// Something that a set of cases can have exercised.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Branch {
    pub rule: Arc<str>,
    pub outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// The rule applied.
    Applied,
    /// A condition held, or did not, where the rule's scope fitted.
    Condition { text: String, held: bool },
}

/// Watches questions. Each branch is a policy of its own that permits where the branch is taken, so that asking Cedar
/// once answers for all.
pub struct Coverage<'r> {
    ruleset: &'r Ruleset,
    /// Those of the rules that speak of an action, as long as nothing has taken them.
    probes: BTreeMap<String, PolicySet>,
    branches: BTreeMap<PolicyId, Branch>,
    seen: BTreeSet<PolicyId>,
}

impl<'r> Coverage<'r> {
    pub fn new(ruleset: &'r Ruleset) -> Self {
        let mut branches = BTreeMap::new();
        let mut probes: BTreeMap<String, PolicySet> = BTreeMap::new();
        for rule in ruleset.rules() {
            let json = ruleset.cedar.policy(&rule.id).to_json().expect("what was parsed can be written");
            let actions = ruleset.actions_of(&json["action"]);
            for (outcome, probe) in probes_of(&json) {
                let id = PolicyId::new(format!("{}", branches.len()));
                let probe = Policy::from_json(Some(id.clone()), probe);
                let probe = probe.expect("a part of a policy's conditions is a condition");
                for action in &actions {
                    let of_action = probes.entry(action.clone()).or_default();
                    of_action.add(probe.clone()).expect("they are numbered");
                }
                branches.insert(id, Branch { rule: rule.id.clone(), outcome });
            }
        }
        Self { ruleset, probes, branches, seen: BTreeSet::new() }
    }

    /// Notes the branches that are taken where this is asked.
    pub fn observe(&mut self, question: &Question) {
        let Some(probes) = self.probes.get(question.action().as_str()) else { return };
        let Ok(posed) = self.ruleset.cedar.pose(question) else { return };
        let response = self.ruleset.cedar.ask(probes, &posed);
        for id in response.diagnostics().reason() {
            for probes in self.probes.values_mut() {
                // Not every action has it.
                let _ = probes.remove_static(id.clone());
            }
            self.seen.insert(id.clone());
        }
    }

    /// How many branches there are.
    pub fn len(&self) -> usize {
        self.branches.len()
    }

    pub fn is_empty(&self) -> bool {
        self.branches.is_empty()
    }

    /// Those that nothing has taken, by rule.
    pub fn untaken(&self) -> Vec<&Branch> {
        let mut untaken: Vec<&Branch> = self
            .branches
            .iter()
            .filter(|(id, _)| !self.seen.contains(id))
            .map(|(_, branch)| branch)
            .collect();
        untaken.sort();
        untaken
    }
}

impl std::fmt::Debug for Coverage<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Coverage").field("branches", &self.len()).finish_non_exhaustive()
    }
}

impl std::fmt::Display for Branch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.outcome {
            Outcome::Applied => write!(f, "the rule `{}` never applies", self.rule),
            Outcome::Condition { text, held: true } => {
                write!(f, "in the rule `{}` never holds: {text}", self.rule)
            }
            Outcome::Condition { text, held: false } => {
                write!(f, "in the rule `{}` always holds: {text}", self.rule)
            }
        }
    }
}

fn probes_of(policy: &Value) -> Vec<(Outcome, Value)> {
    let probe = |conditions: Value| {
        let mut probe = policy.clone();
        probe["effect"] = "permit".into();
        probe["conditions"] = conditions;
        probe
    };
    let clauses = &policy["conditions"];
    let mut probes = vec![(Outcome::Applied, probe(clauses.clone()))];
    let bodies = clauses.as_array().into_iter().flatten().map(|clause| &clause["body"]);
    for leaf in bodies.flat_map(leaves) {
        for (kind, held) in [("when", true), ("unless", false)] {
            let outcome = Outcome::Condition { text: text_of(leaf), held };
            if probes.iter().all(|(other, _)| *other != outcome) {
                probes.push((outcome, probe(json!([{ "kind": kind, "body": leaf }]))));
            }
        }
    }
    probes
}
