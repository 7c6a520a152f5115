//! The conditions of policies as trees, in Cedar's JSON form: taken apart, changed, written for people.

use cedar_policy::Policy;
use serde_json::{Value, json};

/// The parts of a condition that are neither `&&`, `||` nor `!` themselves.
pub(crate) fn leaves(expression: &Value) -> Vec<&Value> {
    for operator in ["&&", "||"] {
        if let Some(operands) = expression.get(operator) {
            return [leaves(&operands["left"]), leaves(&operands["right"])].concat();
        }
    }
    match expression.get("!") {
        Some(negated) => leaves(&negated["arg"]),
        None => vec![expression],
    }
}

/// A condition with one operand of an `&&` or `||`, or one element of a set, left out: every way to do that.
pub(crate) fn variants(expression: &Value) -> Vec<(String, Value)> {
    let mut variants = Vec::new();
    if let Some(elements) = expression.get("Set").and_then(Value::as_array).filter(|all| all.len() > 1) {
        for (at, left_out) in elements.iter().enumerate() {
            let mut rest = elements.clone();
            rest.remove(at);
            variants.push((format!("without `{}`", text_of(left_out)), json!({ "Set": rest })));
        }
        return variants;
    }
    let Some((operator, operands)) = expression.as_object().and_then(|node| node.iter().next()) else {
        return variants;
    };
    for (side, other) in [("left", "right"), ("right", "left"), ("arg", "")] {
        let Some(operand) = operands.get(side) else { continue };
        if operator == "&&" || operator == "||" {
            variants.push((format!("without `{}`", text_of(&operands[other])), operand.clone()));
        }
        for (what, changed) in self::variants(operand) {
            let mut whole = expression.clone();
            whole[operator][side] = changed;
            variants.push((what, whole));
        }
    }
    variants
}

/// A condition in the language of policies, on one line.
pub(crate) fn text_of(expression: &Value) -> String {
    let all = json!({ "op": "All" });
    let policy = json!({
        "effect": "permit", "principal": all, "action": all, "resource": all,
        "conditions": [{ "kind": "when", "body": expression }],
    });
    let text = Policy::from_json(None, policy).ok().and_then(|policy| policy.to_cedar());
    let inside = text.as_deref().and_then(|text| {
        let (_, after) = text.split_once("when {")?;
        after.trim_end().strip_suffix("};").map(str::trim)
    });
    // Whatever Cedar cannot write is still better shown than not.
    let shown = inside.map_or_else(|| expression.to_string(), str::to_owned);
    shown.split_whitespace().collect::<Vec<_>>().join(" ")
}
