//! What can be said of a ruleset's policies without asking them: enough to know which people and contexts have to be
//! tried so that nobody is left out.

use std::collections::{BTreeMap, BTreeSet};

use abide_model::Action;
use cedar_policy::PolicySet;
use serde_json::Value;

use crate::{
    manifest::context::{AttributeKind, AttributeSpec},
    ruleset::Ruleset,
};

/// Bounds on what verdicts can depend on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// Being in one more segment can only block more.
    pub is_monotone: bool,
    /// Of a monotone ruleset: whatever is blocked is blocked for being in at most so many segments.
    pub depth: usize,
    /// The attributes that some policy reads. Whatever the others say, the verdict is the same.
    pub attributes: BTreeSet<String>,
    /// The texts that attributes without words are compared with. Other texts are all alike.
    pub texts: BTreeMap<String, BTreeSet<String>>,
    /// A condition whose outcomes cannot be counted up, such as a `like`.
    pub opaque: Option<String>,
}

/// What of a context one rule asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    pub rule: String,
    /// Each attribute with everything that it can say which makes a difference to the rule.
    pub attributes: BTreeMap<String, BTreeSet<String>>,
}

impl Ruleset {
    /// What each rule reads, in the order of their ids.
    pub fn readings(&self) -> Vec<Reading> {
        let readings = self.rules().map(|rule| {
            let json = self.cedar.policy(&rule.id).to_json().expect("what was parsed can be written");
            let conditions = &json["conditions"];
            let mut shape = Shape::default();
            self.note_texts(conditions, &mut shape);
            let named = |name: &String| {
                let attribute = self.context_attributes().iter().find(|known| *known.name == **name)?;
                let values = match &attribute.kind {
                    AttributeKind::Words { values, .. } => values.iter().map(ToString::to_string).collect(),
                    AttributeKind::Text => {
                        let named = shape.texts.get(name).into_iter().flatten().cloned();
                        named.chain(["some-other".to_owned()]).collect()
                    }
                };
                Some((name.clone(), values))
            };
            let attributes =
                attributes_read(conditions, self.context_attributes()).iter().filter_map(named).collect();
            Reading { rule: rule.id.to_string(), attributes }
        });
        readings.collect()
    }

    pub fn shape(&self) -> Shape {
        self.shape_of(&self.cedar.policies)
    }

    /// The shape of the policies that speak of one action.
    pub fn shape_for(&self, action: &Action) -> Shape {
        let policies = self.cedar.speaking_of(action, &self.manifest);
        policies.map(|policies| self.shape_of(&policies.all)).unwrap_or_default()
    }

    fn shape_of(&self, policies: &PolicySet) -> Shape {
        let mut shape = Shape { is_monotone: true, ..Shape::default() };
        let mut permits = 0;
        for policy in policies.policies() {
            let json = policy.to_json().expect("what was parsed can be written");
            let depth = self.look_at(&json, &mut shape);
            if json["effect"] == "forbid" {
                shape.depth = shape.depth.max(depth);
            } else {
                permits += depth;
            }
        }
        // One forbid is enough to block. Of the permits none may be left.
        shape.depth = shape.depth.max(permits);
        shape
    }

    /// Notes what a policy asks for, and counts the segments that it can take for it to block: a forbid by holding in
    /// all its clauses, a permit by failing in one.
    fn look_at(&self, policy: &Value, shape: &mut Shape) -> usize {
        let forbids = policy["effect"] == "forbid";
        let head = usize::from(policy["principal"]["op"] != "All");
        shape.is_monotone &= forbids || head == 0;
        let mut depths = vec![head];
        for clause in policy["conditions"].as_array().into_iter().flatten() {
            let blocks_by_holding = forbids == (clause["kind"] == "when");
            depths.push(depth_of(&clause["body"], blocks_by_holding));
            shape.is_monotone &= is_monotone(&clause["body"], blocks_by_holding);
            self.note_texts(&clause["body"], shape);
            shape.attributes.extend(attributes_read(&clause["body"], self.context_attributes()));
        }
        if forbids { depths.iter().sum() } else { depths.into_iter().max().unwrap_or(0) }
    }

    /// Collects the attributes of free text that a condition reads, and all texts that they may be compared with.
    fn note_texts(&self, expression: &Value, shape: &mut Shape) {
        let is_text = |name: &str| {
            let mut attributes = self.context_attributes().iter();
            attributes.any(|known| &*known.name == name && known.kind == AttributeKind::Text)
        };
        let mut read = Vec::new();
        walk(expression, &mut |node| {
            for access in [".", "has"] {
                let attribute = node.get(access).and_then(|access| access["attr"].as_str());
                read.extend(attribute.filter(|name| is_text(name)).map(str::to_owned));
            }
        });
        let (literals, opaque) = texts_compared(expression);
        shape.opaque = opaque.or(shape.opaque.take());
        for name in read {
            shape.texts.entry(name).or_default().extend(literals.iter().cloned());
        }
    }
}

/// The attributes of the context that an expression asks for; all of them where it takes the context as a whole.
pub(crate) fn attributes_read(expression: &Value, attributes: &[AttributeSpec]) -> BTreeSet<String> {
    let (mut read, mut accesses, mut mentions) = (BTreeSet::new(), 0, 0);
    walk(expression, &mut |node| {
        mentions += usize::from(node["Var"] == "context");
        for access in [".", "has"].map(|access| &node[access]) {
            if access["left"]["Var"] == "context" {
                accesses += 1;
                read.extend(access["attr"].as_str().map(str::to_owned));
            }
        }
    });
    if mentions > accesses {
        read.extend(attributes.iter().map(|attribute| attribute.name.to_string()));
    }
    read
}

/// The texts that an expression names, and what it takes texts apart with, if it does.
pub(crate) fn texts_compared(expression: &Value) -> (BTreeSet<String>, Option<String>) {
    let (mut literals, mut opaque) = (BTreeSet::new(), None);
    walk(expression, &mut |node| {
        literals.extend(node.get("Value").and_then(Value::as_str).map(str::to_owned));
        if let Some(operator) = COUNTLESS.iter().find(|operator| node.get(**operator).is_some()) {
            opaque = Some((*operator).to_owned());
        }
    });
    (literals, opaque)
}

/// What takes texts apart, so that texts which nothing names are not all alike.
const COUNTLESS: [&str; 5] = ["like", "decimal", "ip", "datetime", "duration"];

pub(crate) fn walk<'v>(expression: &'v Value, visit: &mut impl FnMut(&'v Value)) {
    visit(expression);
    match expression {
        Value::Object(node) => node.values().for_each(|inner| walk(inner, visit)),
        Value::Array(nodes) => nodes.iter().for_each(|inner| walk(inner, visit)),
        _ => {}
    }
}

/// Whoever asks for a segment names it, in whatever kind of expression.
pub(crate) fn asks_for_segments(expression: &Value) -> bool {
    let mut asks = false;
    // `principal.consented` is a fact of its own and tried both ways.
    walk(expression, &mut |node| {
        asks |= node.get("__entity").is_some_and(|entity| entity["type"] == "Segment");
    });
    asks
}

/// Whether being in more segments makes a condition hold rather than fail (or the other way round, if not `upward`).
fn is_monotone(expression: &Value, upward: bool) -> bool {
    for operator in ["&&", "||"] {
        if let Some(operands) = expression.get(operator) {
            return is_monotone(&operands["left"], upward) && is_monotone(&operands["right"], upward);
        }
    }
    match (expression.get("!"), expression.get("in")) {
        (Some(negated), _) => is_monotone(&negated["arg"], !upward),
        (_, Some(inside)) if inside["left"]["Var"] == "principal" => upward,
        _ => !asks_for_segments(expression),
    }
}

/// How many segments it can take for a condition to hold, or, if not `wanted`, to fail.
fn depth_of(expression: &Value, wanted: bool) -> usize {
    for (operator, needs_both) in [("&&", wanted), ("||", !wanted)] {
        if let Some(operands) = expression.get(operator) {
            let [left, right] = ["left", "right"].map(|side| depth_of(&operands[side], wanted));
            return if needs_both { left + right } else { left.max(right) };
        }
    }
    match expression.get("!") {
        Some(negated) => depth_of(&negated["arg"], !wanted),
        None => usize::from(asks_for_segments(expression)),
    }
}
