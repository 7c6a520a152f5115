//! Policies made of the plain tables of `ruleset.toml`.

use cedar_policy::{Policy, PolicyId, Validator};
use serde_json::{Value, json};

use super::{depth, first_complaint, segments_named, unknown_name, with_help};
use crate::{
    error::{Nearest, Place, Problem, RulesetError},
    manifest::{
        Manifest,
        context::AttributeKind,
        table::{Condition, Table},
    },
    policies::{Effect, RuleSpec},
    schema::{ACTION, SEGMENT, type_name},
    sources::MANIFEST_FILE,
};
use miette::Diagnostic as _;

/// The policy of a table, checked like one that somebody wrote.
pub(super) fn policy(
    table: &Table,
    manifest: &Manifest,
    validator: &Validator,
) -> Result<(Policy, RuleSpec), RulesetError> {
    let mut conditions = Vec::new();
    for (kind, condition) in [("when", &table.when), ("unless", &table.unless)] {
        if let Some(condition) = condition {
            conditions.push(json!({ "kind": kind, "body": expression(condition, manifest)? }));
        }
    }
    let uid = |of: &str, id: &str| json!({ "type": of, "id": id });
    let id = table.rule_id();
    let whole = json!({
        "effect": "forbid",
        "principal": { "op": "in", "entity": uid(SEGMENT, &table.segment) },
        "action": { "op": "in", "entities": table.blocks.iter().map(|name| uid(ACTION, name)).collect::<Vec<_>>() },
        "resource": { "op": "All" },
        "conditions": conditions,
        "annotations": { "id": id, "reason": table.reason },
    });
    let policy = Policy::from_json(Some(PolicyId::new(&id)), whole).expect("it is a policy by construction");
    if table.reason.trim().is_empty() {
        return Err(RulesetError { place: table.place.clone(), problem: Problem::NoReason(id) });
    }
    if let Some(message) = first_complaint(&policy, validator).map(|(message, _)| message) {
        let place = table.unless.as_ref().or(table.when.as_ref()).map_or(&table.place, |given| &given.place);
        return Err(RulesetError { place: place.clone(), problem: Problem::Cedar(message) });
    }
    let rule = RuleSpec {
        id: id.into(),
        effect: Effect::Forbid,
        reason: table.reason.as_str().into(),
        segments: segments_named(&policy),
        file: MANIFEST_FILE.to_owned(),
    };
    Ok((policy, rule))
}

/// A condition, read: its words of context attributes may be written as plain strings.
fn expression(condition: &Condition, manifest: &Manifest) -> Result<Value, RulesetError> {
    let error = |problem| RulesetError { place: condition.place.clone(), problem };
    if depth::too_deep(&condition.text).is_some() {
        return Err(error(Problem::TooDeep(depth::DEPTH_MAX)));
    }
    let text = format!("permit (principal, action, resource) when {{ {} }};", condition.text);
    let policy = Policy::parse(None, text).map_err(|errors| {
        let first = errors.iter().next().expect("parse errors are never empty");
        error(Problem::Cedar(with_help(&first.to_string(), first.help())))
    })?;
    let mut json = policy.to_json().expect("what was parsed can be written");
    let clauses = json["conditions"].as_array_mut().expect("a policy has conditions");
    // Two mean that the text closed the brace which was opened for it.
    let [clause] = clauses.as_mut_slice() else {
        return Err(error(Problem::Cedar("it is one condition, without braces".to_owned())));
    };
    let mut body = clause["body"].take();
    type_words(&mut body, manifest, &condition.place)?;
    let typed = json!({
        "effect": "permit",
        "principal": { "op": "All" }, "action": { "op": "All" }, "resource": { "op": "All" },
        "conditions": [{ "kind": "when", "body": body }],
    });
    let typed = Policy::from_json(None, typed).expect("only literals were exchanged");
    match unknown_name(&typed, manifest) {
        Some((problem, _)) => Err(error(problem)),
        None => Ok(body),
    }
}

/// Gives the strings that are compared with a context attribute of words the type of that attribute.
fn type_words(expression: &mut Value, manifest: &Manifest, place: &Place) -> Result<(), RulesetError> {
    match expression {
        Value::Object(node) => {
            for (operator, operands) in node.iter_mut() {
                if ["==", "!=", "contains", "in"].contains(&operator.as_str()) {
                    let [left, right] = ["left", "right"].map(|side| attribute_of(&operands[side]));
                    for (attribute, side) in [(left, "right"), (right, "left")] {
                        if let Some(attribute) = attribute {
                            type_literals(&mut operands[side], &attribute, manifest, place)?;
                        }
                    }
                }
                type_words(operands, manifest, place)?;
            }
            Ok(())
        }
        Value::Array(nodes) => nodes.iter_mut().try_for_each(|node| type_words(node, manifest, place)),
        _ => Ok(()),
    }
}

/// `purpose` of `context.purpose`.
fn attribute_of(expression: &Value) -> Option<String> {
    let access = expression.get(".")?;
    let is_context = access.get("left")?.get("Var")? == "context";
    is_context.then(|| access.get("attr")?.as_str().map(str::to_owned))?
}

fn type_literals(
    operand: &mut Value,
    attribute: &str,
    manifest: &Manifest,
    place: &Place,
) -> Result<(), RulesetError> {
    let Some(spec) = manifest.attributes.iter().find(|known| &*known.name == attribute) else {
        let nearest = Nearest::of(attribute, manifest.attributes.iter().map(|known| &*known.name));
        let problem = Problem::Unknown { what: "context attribute", name: attribute.to_owned(), nearest };
        return Err(RulesetError { place: place.clone(), problem });
    };
    if !matches!(spec.kind, AttributeKind::Words { .. }) {
        return Ok(());
    }
    let literals = match operand.get_mut("Set").and_then(Value::as_array_mut) {
        Some(elements) => elements.iter_mut().collect(),
        None => vec![operand],
    };
    for literal in literals {
        if let Some(word) = literal.get("Value").and_then(Value::as_str) {
            *literal = json!({ "Value": { "__entity": { "type": type_name(spec), "id": word } } });
        }
    }
    Ok(())
}
