//! What may fail when it is evaluated. Of a well-typed policy that is little, and most policies have none of it.

use serde_json::Value;

/// Whether a well-typed policy, as Cedar's JSON, may fail for somebody: after validation that leaves arithmetic that
/// overflows, functions of extensions, and attributes of entities that are not there
/// (<https://docs.cedarpolicy.com/policies/validation.html>). The person whom it judges is always there, and what is not
/// known here is taken for something that may.
pub(crate) fn may_fail(policy: &Value) -> bool {
    let conditions = policy["conditions"].as_array();
    conditions.is_none_or(|conditions| conditions.iter().any(|clause| is_fallible(&clause["body"])))
}

fn is_fallible(expression: &Value) -> bool {
    let Some((operator, operands)) = expression.as_object().and_then(|node| node.iter().next()) else {
        return true;
    };
    let any_of = |names: &[&str]| names.iter().any(|name| is_fallible(&operands[*name]));
    match operator.as_str() {
        "Var" => false,
        "Value" => operands.is_array() || operands.is_object() && operands.get("__entity").is_none(),
        "." => !matches!(operands["left"]["Var"].as_str(), Some("principal" | "context")),
        "has" | "like" => any_of(&["left"]),
        "is" => any_of(&["left"]) || operands.get("in").is_some_and(is_fallible),
        "!" | "isEmpty" => any_of(&["arg"]),
        "==" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "&&" | "||" | "contains" | "containsAll"
        | "containsAny" => any_of(&["left", "right"]),
        "if-then-else" => any_of(&["if", "then", "else"]),
        "Set" => operands.as_array().is_none_or(|elements| elements.iter().any(is_fallible)),
        "Record" => operands.as_object().is_none_or(|fields| fields.values().any(is_fallible)),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use cedar_policy::Policy;

    use super::*;

    #[test]
    fn what_cannot_fail_is_told_from_what_may() {
        for (body, may) in [
            ("when { context.purpose == \"a\" && !(principal.held || context has brand) }", false),
            ("when { [1, 2].contains(context.n) } unless { context.n < 3 }", false),
            ("when { if principal.held then context.word like \"a*\" else resource is Item }", false),
            ("when { principal in [Group::\"a\", Group::\"b\"] }", false),
            ("", false),
            ("when { context.n + 1 == 2 }", true),
            ("when { -context.n == 2 }", true),
            ("when { principal.held && [context.n * 2].contains(4) }", true),
            ("when { ip(context.word).isLoopback() }", true),
            ("when { resource.owner == \"a\" }", true),
            ("when { context.owner.name == \"a\" }", true),
            ("unless { principal.hasTag(\"a\") && principal.getTag(\"a\") == 1 }", true),
        ] {
            let policy = format!("forbid (principal, action, resource) {body};");
            let json = Policy::parse(None, policy).unwrap().to_json().unwrap();
            assert_eq!(may_fail(&json), may, "{body}: {json}");
        }
    }
}
