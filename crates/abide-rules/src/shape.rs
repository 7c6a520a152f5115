//! What can be said of a ruleset's policies without asking them: enough to know which people and contexts have to be
//! tried so that nobody is left out.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{manifest::context::AttributeKind, ruleset::Ruleset};

/// Bounds on what verdicts can depend on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// Being in one more segment can only block more.
    pub is_monotone: bool,
    /// Of a monotone ruleset: whatever is blocked is blocked for being in at most so many segments.
    pub depth: usize,
    /// The texts that attributes without words are compared with. Other texts are all alike.
    pub texts: BTreeMap<String, BTreeSet<String>>,
    /// A condition whose outcomes cannot be counted up, such as a `like`.
    pub opaque: Option<String>,
}

impl Ruleset {
    pub fn shape(&self) -> Shape {
        let mut shape = Shape { is_monotone: true, ..Shape::default() };
        for policy in self.cedar.policies.policies() {
            let json = policy.to_json().expect("what was parsed can be written");
            self.look_at(&json, &mut shape);
        }
        shape
    }

    fn look_at(&self, policy: &Value, shape: &mut Shape) {
        let forbids = policy["effect"] == "forbid";
        let mut depth = usize::from(policy["principal"]["op"] != "All");
        shape.is_monotone &= forbids || depth == 0;
        for clause in policy["conditions"].as_array().into_iter().flatten() {
            let holds_for = clause["kind"] == "when";
            depth += depth_of(&clause["body"]);
            shape.is_monotone &= is_monotone(&clause["body"], forbids == holds_for);
            self.note_texts(&clause["body"], shape);
        }
        shape.depth = shape.depth.max(depth);
    }

    /// Collects the attributes of free text that a condition reads, and all texts that they may be compared with.
    fn note_texts(&self, expression: &Value, shape: &mut Shape) {
        let is_text = |name: &str| {
            let mut attributes = self.context_attributes().iter();
            attributes.any(|known| &*known.name == name && known.kind == AttributeKind::Text)
        };
        let mut read = Vec::new();
        let mut literals = BTreeSet::new();
        walk(expression, &mut |node| {
            for access in [".", "has"] {
                let attribute = node.get(access).and_then(|access| access["attr"].as_str());
                read.extend(attribute.filter(|name| is_text(name)).map(str::to_owned));
            }
            literals.extend(node.get("Value").and_then(Value::as_str).map(str::to_owned));
            if let Some(operator) = COUNTLESS.iter().find(|operator| node.get(**operator).is_some()) {
                shape.opaque = Some((*operator).to_owned());
            }
        });
        for name in read {
            shape.texts.entry(name).or_default().extend(literals.iter().cloned());
        }
    }
}

/// What takes texts apart, so that texts which nothing names are not all alike.
const COUNTLESS: [&str; 5] = ["like", "decimal", "ip", "datetime", "duration"];

fn walk<'v>(expression: &'v Value, visit: &mut impl FnMut(&'v Value)) {
    visit(expression);
    match expression {
        Value::Object(node) => node.values().for_each(|inner| walk(inner, visit)),
        Value::Array(nodes) => nodes.iter().for_each(|inner| walk(inner, visit)),
        _ => {}
    }
}

fn asks_for_segments(expression: &Value) -> bool {
    let mut asks = false;
    // `principal.consented` is a fact of its own and tried both ways.
    walk(expression, &mut |node| {
        asks |= node.get("in").is_some_and(|node| node["left"]["Var"] == "principal");
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

/// How many segments it can take for a condition to hold.
fn depth_of(expression: &Value) -> usize {
    let both = |operands: &Value| [depth_of(&operands["left"]), depth_of(&operands["right"])];
    if let Some(operands) = expression.get("&&") {
        return both(operands).iter().sum();
    }
    if let Some(operands) = expression.get("||") {
        return both(operands).into_iter().max().unwrap_or(0);
    }
    usize::from(asks_for_segments(expression))
}
