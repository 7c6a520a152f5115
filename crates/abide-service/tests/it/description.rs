//! `/openapi.json` tells what there is: each route that it names answers, and what they answer has the schema that it
//! names.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use abide_service::Config;

use crate::world::{Running, World};

#[test]
fn the_description_is_that_of_the_routes() {
    let world = World::new();
    let hooks = vec![crate::hooks::account(world.directory.path(), "postmark")];
    let set_up = crate::unsubscribe::set_up(world.directory.path(), &[crate::unsubscribe::OLD]);
    let running = Running::start(
        Config { hooks, gpc_since: "2026-11-26".to_owned(), ..set_up },
        world.wiring("main", world.objects()),
    );
    let mut client = running.ready();
    let link = crate::unsubscribe::mint(&mut client, &crate::unsubscribe::email("reader"));
    let described = client.get("/openapi.json").good();
    assert_eq!(described["openapi"], "3.1.0");
    for (path, operations) in described["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let asked =
                path.replace("{token}", "main:1").replace("{path}", "send").replace("{name}", "postmark");
            let asked = asked.replace("/u/{link}", &link);
            let answer = client.ask(
                &method.to_ascii_uppercase(),
                &asked,
                &[("content-type", "application/json")],
                b"{}",
            );
            assert!(![404, 405, 415, 500].contains(&answer.status), "{method} {path}: {answer:?}");
            let problem = &operation["responses"]["default"]["content"]["application/problem+json"]["schema"];
            conforms(
                &described,
                problem,
                &json!({ "type": "t", "title": "t", "status": 400, "detail": "d" }),
            );
        }
    }
    let said = json!({ "subject": { "email": "quiet@example.com" }, "mechanism": "email.unsubscribe" });
    let check =
        json!({ "action": "contact.email", "subject": { "email": "quiet@example.com" }, "explain": true });
    let filter = json!({ "action": "contact.email", "subjects": [{ "email": "quiet@example.com" }, { "email": null, "user_id": [17] }], "explain": true });
    for (path, body) in [("/v1/signals", said), ("/v1/check", check), ("/v1/filter", filter)] {
        let operation = &described["paths"][path]["post"];
        conforms(&described, &operation["requestBody"]["content"]["application/json"]["schema"], &body);
        let answer = client.post(path, &body).good();
        conforms(
            &described,
            &operation["responses"]["200"]["content"]["application/json"]["schema"],
            &answer,
        );
    }
    let in_force = client.get("/v1/in-force/main:1").good();
    let schema = &described["paths"]["/v1/in-force/{token}"]["get"]["responses"]["200"]["content"]["application/json"]
        ["schema"];
    conforms(&described, schema, &in_force);
}

/// As much of JSON Schema as tells a wrong field or type: `$ref`, `type`, `properties`, `required`, `items`, `anyOf`, `enum`.
/// Where there are `properties`, what is not among them is wrong.
#[track_caller]
fn conforms(described: &Value, schema: &Value, value: &Value) {
    if let Err(fault) = fault(described, schema, value, "") {
        panic!("{fault}\nin {value}");
    }
}

fn fault(described: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    if schema.is_null() {
        return Err(format!("{at}: no schema"));
    }
    if let Some(reference) = schema["$ref"].as_str() {
        let found = described.pointer(reference.trim_start_matches('#'));
        return fault(described, found.unwrap_or(&Value::Null), value, at);
    }
    for word in ["anyOf", "oneOf"] {
        if let Some(options) = schema[word].as_array() {
            return options
                .iter()
                .find(|option| fault(described, option, value, at).is_ok())
                .map(|_| ())
                .ok_or_else(|| format!("{at}: none of {options:?}"));
        }
    }
    let is = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        _ => false,
    };
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !types.is_empty() && !types.iter().any(|name| is(name)) {
        return Err(format!("{at}: {value} is none of {types:?}"));
    }
    if let Some(words) = schema["enum"].as_array().filter(|words| !words.contains(value)) {
        return Err(format!("{at}: {value} is none of {words:?}"));
    }
    for required in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(required).is_none() {
            return Err(format!("{at}: {required} is missing"));
        }
    }
    for (place, item) in value.as_array().into_iter().flatten().enumerate() {
        fault(described, &schema["items"], item, &format!("{at}/{place}"))?;
    }
    if let (Some(properties), Some(fields)) = (schema["properties"].as_object(), value.as_object()) {
        let known: BTreeSet<&String> = properties.keys().collect();
        for (name, field) in fields {
            let Some(property) = properties.get(name) else {
                return Err(format!("{at}: {name} is none of {known:?}"));
            };
            fault(described, property, field, &format!("{at}/{name}"))?;
        }
    }
    Ok(())
}
