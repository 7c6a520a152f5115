//! Rulesets with one small fault each, to see whether their cases would notice.
//!
//! A mutant is a rule left out, applied to fewer or more, or a mechanism that makes a segment no more. A set of
//! cases that all pass on a mutant says nothing about the place where it differs.

mod faults;

use std::{fmt, sync::Arc};

use cedar_policy::{Policy, PolicyId, PolicySet};
use serde_json::{Value, json};

use crate::{
    expression::{self, text_of},
    manifest::table::above,
    ruleset::Ruleset,
    schema::ACTION,
};

pub use faults::{RuleFaults, Settled};

/// A ruleset that differs from another in one place.
#[derive(Debug)]
pub struct Mutant {
    /// The rule that differs; none where a segment does.
    pub rule: Option<Arc<str>>,
    /// What was done to it, in words: `without the condition …`.
    pub what: String,
    change: Change,
}

#[derive(Debug)]
enum Change {
    Drop,
    Replace(Value),
    /// The nth pattern of a segment.
    Forget {
        segment: Arc<str>,
        nth: usize,
    },
}

/// `the rule `held` left out`.
impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.rule {
            Some(rule) => write!(f, "the rule `{rule}` {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

impl Change {
    /// What stands in place of the rule's policy.
    fn policy(&self, id: PolicyId) -> Option<Policy> {
        let Self::Replace(json) = self else { return None };
        Some(Policy::from_json(Some(id), json.clone()).expect("what is left of a policy is one"))
    }
}

impl Ruleset {
    /// Every ruleset that differs from this one by one of the faults that people make.
    pub fn mutants(&self) -> Vec<Mutant> {
        let of_rules = self.rules().flat_map(|rule| {
            let json = self.cedar.policy(&rule.id).to_json().expect("what was parsed can be written");
            let replaced = self.scopes(&json).into_iter().chain(conditions(&json));
            let replaced = replaced.map(|(what, json)| (what, Change::Replace(json)));
            let all = std::iter::once(("left out".to_owned(), Change::Drop)).chain(replaced);
            let id = rule.id.clone();
            all.map(move |(what, change)| Mutant { rule: Some(id.clone()), what, change }).collect::<Vec<_>>()
        });
        of_rules.chain(self.forgetful()).collect()
    }

    /// The ruleset with the fault in it.
    #[must_use]
    pub fn mutated(&self, mutant: &Mutant) -> Self {
        let mut ruleset = self.clone();
        match (&mutant.change, &mutant.rule) {
            (Change::Forget { segment, nth }, _) => {
                let spec = ruleset.manifest.segments.iter_mut().find(|spec| spec.name == *segment);
                spec.expect("it is a mutant of this ruleset").mechanisms.remove(*nth);
            }
            (change, Some(rule)) => {
                let id = PolicyId::new(&**rule);
                let kept = self.cedar.policies.policies().filter(|policy| *policy.id() != id).cloned();
                let policies = PolicySet::from_policies(kept.chain(change.policy(id.clone())));
                if matches!(change, Change::Drop) {
                    ruleset.rules.remove(rule);
                }
                let policies = policies.expect("ids are distinct as before");
                ruleset.cedar = Arc::new(self.cedar.with_policies(policies));
            }
            (_, None) => unreachable!("a change of a rule names it"),
        }
        ruleset
    }

    /// The actions of a rule, one of them left out; and the rule for everybody.
    fn scopes(&self, policy: &Value) -> Vec<(String, Value)> {
        let mut variants = Vec::new();
        if policy["principal"]["op"] != "All" {
            variants
                .push(("applied to everybody".to_owned(), with(policy, "principal", json!({ "op": "All" }))));
        }
        let actions = self.actions_of(&policy["action"]);
        for (at, left_out) in actions.iter().enumerate().filter(|_| actions.len() > 1) {
            let rest = actions.iter().enumerate().filter(|(other, _)| *other != at);
            let entities: Vec<Value> = rest.map(|(_, name)| json!({ "type": ACTION, "id": name })).collect();
            let scope = json!({ "op": "in", "entities": entities });
            variants.push((format!("not applied to `{left_out}`"), with(policy, "action", scope)));
        }
        variants
    }

    /// The names of the actions that a rule speaks of; none for a rule that there is not.
    pub fn actions_of_rule(&self, id: &str) -> Vec<String> {
        let policy = self.rules.get(id).map(|rule| self.cedar.policy(&rule.id));
        let json = policy.map(|policy| policy.to_json().expect("what was parsed can be written"));
        json.map(|json| self.actions_of(&json["action"])).unwrap_or_default()
    }

    /// The names of the actions that a rule's scope has, those of its groups among them.
    pub(crate) fn actions_of(&self, scope: &Value) -> Vec<String> {
        let all = self.manifest.actions.iter().map(|action| action.name.as_str().to_owned());
        if scope["op"] == "All" {
            return all.collect();
        }
        let one = std::slice::from_ref(&scope["entity"]);
        let named: &[Value] = scope["entities"].as_array().map_or(one, Vec::as_slice);
        let named: Vec<&str> = named.iter().filter_map(|entity| entity["id"].as_str()).collect();
        let is_meant = |action: &String| {
            let groups = above(action, &self.manifest.actions, &self.manifest.groups);
            named.contains(&action.as_str()) || groups.iter().any(|group| named.contains(&group.as_str()))
        };
        all.filter(is_meant).collect()
    }

    /// Each mechanism of each segment, forgotten.
    fn forgetful(&self) -> impl Iterator<Item = Mutant> + '_ {
        self.segments().flat_map(|segment| {
            segment.mechanisms.iter().enumerate().map(|(nth, pattern)| Mutant {
                rule: None,
                what: format!("the segment `{}` without `{pattern}`", segment.name),
                change: Change::Forget { segment: segment.name.clone(), nth },
            })
        })
    }
}

/// The conditions of a policy, each left out or changed in one place.
fn conditions(policy: &Value) -> Vec<(String, Value)> {
    let clauses = policy["conditions"].as_array().cloned().unwrap_or_default();
    let mut variants = Vec::new();
    for (at, clause) in clauses.iter().enumerate() {
        let kind = clause["kind"].as_str().unwrap_or_default();
        let mut without = clauses.clone();
        without.remove(at);
        let what = format!("without its `{kind} {{ {} }}`", text_of(&clause["body"]));
        variants.push((what, with(policy, "conditions", without.into())));
        for (what, body) in expression::variants(&clause["body"]) {
            let mut changed = clauses.clone();
            changed[at]["body"] = body;
            variants.push((format!("{what} in its `{kind}`"), with(policy, "conditions", changed.into())));
        }
    }
    variants
}

fn with(policy: &Value, key: &str, value: Value) -> Value {
    let mut changed = policy.clone();
    changed[key] = value;
    changed
}
