//! Two rulesets in one set of words, so that their policies can be compared by something that knows policies only.
//!
//! Segments, groups of actions and the words of a context mean in each ruleset what that ruleset says. Here they are
//! taken apart to what both speak of: which mechanisms are in force, which action it is, what the context says. A
//! segment becomes "one of these mechanisms", a word that one of the two does not know becomes what that one judges
//! instead. What cannot be taken apart so is [`Inexpressible`], never guessed.

mod schema;

use std::collections::BTreeSet;

use abide_model::{Action, Context, Fact, Mechanism, Scope, signal::Direction};
use cedar_policy::PolicyId;
use serde_json::{Value, json};
use thiserror::Error;

use crate::{
    manifest::context::{AttributeKind, AttributeSpec},
    ruleset::{Ruleset, makes},
    schema::{ACTION, ITEM, PERSON, SEGMENT, type_name},
    shape::asks_for_segments,
};

/// Two rulesets, and the mechanisms that they are compared by.
#[derive(Debug)]
pub struct Common<'r> {
    old: &'r Ruleset,
    new: &'r Ruleset,
    facts: Vec<Mechanism>,
    /// The policies of both, read once.
    policies: [Vec<Written>; 2],
}

/// A policy as JSON, and the actions that it speaks of.
#[derive(Debug)]
struct Written {
    id: String,
    actions: Vec<String>,
    json: Value,
}

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Old,
    New,
}

/// What is taken for granted while a side judges, instead of being left open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given<'a> {
    Nothing,
    /// A mechanism is in force.
    InForce(&'a Mechanism),
    /// The context does not say so much.
    Unsaid(&'a str),
}

/// Why a policy cannot be written in the words of both.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Inexpressible {
    #[error("the rule `{0}` asks for a segment in a way that cannot be taken apart")]
    Segment(String),
    #[error("the rule `{0}` names a single person or item")]
    Entity(String),
    #[error("the rule `{0}` takes the context as a whole")]
    WholeContext(String),
    #[error("`{0}` is one of some words in one ruleset and any text in the other")]
    Kind(String),
}

/// Stands before the names of facts; no attribute that a ruleset declares has a `:`.
const FACT: &str = "fact:";
/// What a context says that says nothing, where the two rulesets have different defaults.
const UNSAID: &str = "unsaid:";

impl<'r> Common<'r> {
    /// `facts` has to have one mechanism of each kind that one of the two tells from the others.
    pub fn new(old: &'r Ruleset, new: &'r Ruleset, facts: Vec<Mechanism>) -> Result<Self, Inexpressible> {
        for attribute in old.context_attributes() {
            let other = named(new, &attribute.name);
            if other.is_some_and(|other| other.default().is_some() != attribute.default().is_some()) {
                return Err(Inexpressible::Kind(attribute.name.to_string()));
            }
        }
        Ok(Self { old, new, facts, policies: [old, new].map(written) })
    }

    /// The schema of the policies of both, in Cedar's language.
    pub fn schema(&self) -> String {
        schema::text(self)
    }

    /// The mechanisms that are left open, and the attribute of a person that says whether each is in force.
    pub fn facts(&self) -> impl Iterator<Item = (&Mechanism, String)> {
        self.facts.iter().map(|mechanism| (mechanism, attribute_of(mechanism)))
    }

    /// The attributes of the context of both.
    pub fn attributes(&self) -> BTreeSet<String> {
        let all = [self.old, self.new].into_iter().flat_map(Ruleset::context_attributes);
        all.map(|attribute| attribute.name.to_string()).collect()
    }

    /// The context that the words of a request stand for.
    pub fn context(&self, words: impl IntoIterator<Item = (String, String)>) -> Context {
        let mut context = Context::default();
        let said = words.into_iter().filter(|(_, word)| word != UNSAID);
        said.for_each(|(name, word)| context.set(&name, &word));
        context
    }

    /// The policies of one side that speak of an action, as Cedar's JSON, in an order that follows from their content.
    /// Equal lists judge equally.
    pub fn policies(
        &self,
        side: Side,
        action: &Action,
        given: Given<'_>,
    ) -> Result<Vec<Value>, Inexpressible> {
        let [old, new] = &self.policies;
        let (rules, other, written) = match side {
            Side::Old => (self.old, self.new, old),
            Side::New => (self.new, self.old, new),
        };
        let mut policies = Vec::new();
        for Written { id, actions, json } in written {
            if actions.iter().any(|name| name == action.as_str()) {
                let words = Words { rules, other, side, given, facts: &self.facts, rule: id };
                policies.push(words.policy(json)?);
            }
        }
        policies.sort_by_cached_key(ToString::to_string);
        policies.dedup();
        Ok(policies)
    }

    fn side(&self, side: Side) -> &Ruleset {
        match side {
            Side::Old => self.old,
            Side::New => self.new,
        }
    }
}

fn written(rules: &Ruleset) -> Vec<Written> {
    let policies = rules.cedar.policies.policies().map(|policy| {
        let json = policy.to_json().expect("what was parsed can be written");
        let id: &PolicyId = policy.id();
        let id: &str = id.as_ref();
        Written { id: id.to_owned(), actions: rules.actions_of(&json["action"]), json }
    });
    policies.collect()
}

fn attribute_of(mechanism: &Mechanism) -> String {
    format!("{FACT}{mechanism}")
}

fn named<'r>(rules: &'r Ruleset, name: &str) -> Option<&'r AttributeSpec> {
    rules.context_attributes().iter().find(|attribute| &*attribute.name == name)
}

/// `contact` is a group that may have other actions in the other ruleset.
fn group_name(side: Side, group: &str) -> String {
    let prefix = if side == Side::Old { "old" } else { "new" };
    format!("{prefix}:{group}")
}

/// What a word of one ruleset is in the words of both.
struct Words<'a> {
    rules: &'a Ruleset,
    other: &'a Ruleset,
    side: Side,
    given: Given<'a>,
    facts: &'a [Mechanism],
    /// For messages.
    rule: &'a str,
}

impl Words<'_> {
    /// Its scope becomes conditions: only one action is asked about, and a person is what is known of them.
    fn policy(&self, policy: &Value) -> Result<Value, Inexpressible> {
        let mut conditions = Vec::new();
        let principal = &policy["principal"];
        let within = match principal["op"].as_str() {
            Some("in") => Some(&principal["entity"]),
            Some("is") => principal.get("in").map(|within| &within["entity"]),
            Some("All") => None,
            _ => return Err(Inexpressible::Entity(self.rule.to_owned())),
        };
        if let Some(entity) = within {
            let entity = json!({ "Value": { "__entity": entity } });
            conditions.push(json!({ "kind": "when", "body": self.one_of(&entity)? }));
        }
        let resource = &policy["resource"];
        if resource.get("entity").is_some() || resource.get("in").is_some() {
            return Err(Inexpressible::Entity(self.rule.to_owned()));
        }
        for clause in policy["conditions"].as_array().into_iter().flatten() {
            conditions.push(json!({ "kind": clause["kind"], "body": self.expression(&clause["body"])? }));
        }
        let all = json!({ "op": "All" });
        Ok(json!({
            "effect": policy["effect"], "principal": all, "action": all, "resource": all, "conditions": conditions,
        }))
    }

    fn expression(&self, expression: &Value) -> Result<Value, Inexpressible> {
        let Some((operator, operands)) = expression.as_object().and_then(|node| node.iter().next()) else {
            return self.parts(expression);
        };
        let is_context = |operand: &Value| operand["Var"] == "context";
        match operator.as_str() {
            "Value" => self.literal(operands),
            "Var" if is_context(expression) && !self.is_context_alike() => {
                Err(Inexpressible::WholeContext(self.rule.to_owned()))
            }
            "Var" => Ok(expression.clone()),
            "." if is_context(&operands["left"]) => {
                Ok(self.said(operands["attr"].as_str().unwrap_or_default()))
            }
            "has" if is_context(&operands["left"]) => {
                Ok(self.is_said(operands["attr"].as_str().unwrap_or_default()))
            }
            "has" if operands["attr"].as_str().is_some_and(|attribute| attribute.starts_with(FACT)) => {
                Err(Inexpressible::Entity(self.rule.to_owned()))
            }
            "in" if asks_for_segments(&operands["right"]) => {
                self.within(&operands["left"], &operands["right"], expression)
            }
            "is" if operands.get("in").is_some_and(asks_for_segments) => {
                // Whoever is judged is a person.
                self.within(&operands["left"], &operands["in"], expression)
            }
            "Record" => {
                let fields = operands.as_object().into_iter().flatten();
                let fields = fields.map(|(name, value)| Ok((name.clone(), self.expression(value)?)));
                Ok(json!({ "Record": fields.collect::<Result<serde_json::Map<_, _>, Inexpressible>>()? }))
            }
            _ => self.parts(expression),
        }
    }

    fn parts(&self, expression: &Value) -> Result<Value, Inexpressible> {
        match expression {
            Value::Object(node) => {
                let parts = node.iter().map(|(name, part)| Ok((name.clone(), self.expression(part)?)));
                parts.collect::<Result<serde_json::Map<_, _>, _>>().map(Value::Object)
            }
            Value::Array(nodes) => {
                nodes.iter().map(|part| self.expression(part)).collect::<Result<_, _>>().map(Value::Array)
            }
            _ => Ok(expression.clone()),
        }
    }

    fn literal(&self, value: &Value) -> Result<Value, Inexpressible> {
        let mut value = value.clone();
        if let Some(entity) = value.get_mut("__entity") {
            let (of, id) = (entity["type"].as_str().unwrap_or_default(), entity["id"].as_str());
            if [PERSON, ITEM].contains(&of) {
                return Err(Inexpressible::Entity(self.rule.to_owned()));
            }
            let group = self.rules.manifest.groups.iter().find(|group| Some(group.name.as_str()) == id);
            if let Some(group) = group.filter(|_| of == ACTION) {
                entity["id"] = group_name(self.side, &group.name).into();
            }
        }
        Ok(json!({ "Value": value }))
    }

    /// Whether somebody is in a segment, however that is put.
    fn within(&self, who: &Value, right: &Value, whole: &Value) -> Result<Value, Inexpressible> {
        if who["Var"] == "principal" {
            return self.one_of(right);
        }
        if let Some(branches) = who.get("if-then-else") {
            return self.branches(branches, |branch| self.within(branch, right, whole));
        }
        // A segment is in itself and in nothing else, in either ruleset.
        if who["Value"]["__entity"]["type"] == SEGMENT {
            return self.parts(whole);
        }
        Err(Inexpressible::Segment(self.rule.to_owned()))
    }

    /// Whether the person is in what an expression names.
    fn one_of(&self, segments: &Value) -> Result<Value, Inexpressible> {
        if let Some(branches) = segments.get("if-then-else") {
            return self.branches(branches, |branch| self.one_of(branch));
        }
        if let Some(elements) = segments.get("Set").and_then(Value::as_array) {
            let each = elements.iter().map(|element| self.one_of(element));
            return Ok(any(each.collect::<Result<Vec<_>, _>>()?));
        }
        let entity = &segments["Value"]["__entity"];
        let (Some(name), true) = (entity["id"].as_str(), entity["type"] == SEGMENT) else {
            return Err(Inexpressible::Segment(self.rule.to_owned()));
        };
        let segment = self.rules.segment(name).expect("names of segments were checked");
        let said = |mechanism: &Mechanism| Fact {
            direction: Direction::Out,
            mechanism: mechanism.clone(),
            scope: Scope::Everyone,
            claimant: abide_model::Claimant::Person,
        };
        if let Given::InForce(mechanism) = self.given
            && makes(segment, &said(mechanism))
        {
            return Ok(json!({ "Value": true }));
        }
        let making = self.facts.iter().filter(|mechanism| makes(segment, &said(mechanism)));
        let person = json!({ "Var": "principal" });
        Ok(any(making
            .map(|mechanism| json!({ ".": { "left": person, "attr": attribute_of(mechanism) } }))
            .collect()))
    }

    fn branches(
        &self,
        branches: &Value,
        of: impl Fn(&Value) -> Result<Value, Inexpressible>,
    ) -> Result<Value, Inexpressible> {
        let (then, otherwise) = (of(&branches["then"])?, of(&branches["else"])?);
        Ok(
            json!({ "if-then-else": { "if": self.expression(&branches["if"])?, "then": then, "else": otherwise } }),
        )
    }

    /// What the context says of an attribute, as this ruleset understands it.
    fn said(&self, name: &str) -> Value {
        let read = json!({ ".": { "left": { "Var": "context" }, "attr": name } });
        let Some(attribute) = named(self.rules, name) else { return read };
        let AttributeKind::Words { values, default } = &attribute.kind else { return read };
        let word =
            |word: &str| json!({ "Value": { "__entity": { "type": type_name(attribute), "id": word } } });
        if self.given == Given::Unsaid(name) {
            return word(default);
        }
        let strange: Vec<Value> = words(attribute, named(self.other, name))
            .into_iter()
            .filter(|known| !values.iter().any(|value| **value == **known))
            .map(|strange| word(&strange))
            .collect();
        if strange.is_empty() {
            return read;
        }
        let is_strange = json!({ "contains": { "left": { "Set": strange }, "right": read } });
        json!({ "if-then-else": { "if": is_strange, "then": word(default), "else": read } })
    }

    fn is_said(&self, name: &str) -> Value {
        match named(self.rules, name) {
            Some(attribute) if attribute.default().is_some() => json!({ "Value": true }),
            Some(_) if self.given != Given::Unsaid(name) => {
                json!({ "has": { "left": { "Var": "context" }, "attr": name } })
            }
            _ => json!({ "Value": false }),
        }
    }

    /// Whether the context has the same attributes, words and defaults in both.
    fn is_context_alike(&self) -> bool {
        let kinds = |rules: &Ruleset| {
            let kind = |attribute: &AttributeSpec| (attribute.name.clone(), attribute.kind.clone());
            rules.context_attributes().iter().map(kind).collect::<Vec<_>>()
        };
        !matches!(self.given, Given::Unsaid(_)) && kinds(self.rules) == kinds(self.other)
    }
}

/// All words that an attribute has in either ruleset; one for saying nothing, where that is judged differently.
fn words(one: &AttributeSpec, other: Option<&AttributeSpec>) -> BTreeSet<String> {
    let of = |attribute: &AttributeSpec| match &attribute.kind {
        AttributeKind::Words { values, .. } => values.iter().map(ToString::to_string).collect(),
        AttributeKind::Text => Vec::new(),
    };
    let mut words: BTreeSet<String> = of(one).into_iter().chain(other.into_iter().flat_map(of)).collect();
    if other.is_some_and(|other| other.default() != one.default()) {
        words.insert(UNSAID.to_owned());
    }
    words
}

fn any(all: Vec<Value>) -> Value {
    let or = |left: Value, right: Value| json!({ "||": { "left": left, "right": right } });
    all.into_iter().reduce(or).unwrap_or_else(|| json!({ "Value": false }))
}
