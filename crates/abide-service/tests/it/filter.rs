//! What `/v1/filter` and `/v1/check` say beside the verdict.

use serde_json::{Value, json};

use crate::world::World;

#[test]
fn lines_are_answered_by_lines() {
    let world = World::new();
    let running = world.start("main");
    let mut client = running.ready();
    let said = json!({ "subject": { "email": "quiet@example.com" }, "mechanism": "email.list", "scope": "list:weekly" });
    client.post("/v1/signals", &said).good();
    let lines = "{\"email\":\"quiet@example.com\"}\n\n{\"email\":\"loud@example.com\",\"phone\":\"+12125550142\"}\n{\"email\":\nnull\n{}";
    let ask = |client: &mut crate::client::Client, query: &str| {
        let path = format!("/v1/filter?{query}");
        client.ask("POST", &path, &[("content-type", "application/x-ndjson")], lines.as_bytes())
    };
    let words = |body: &str, of: &str| -> Vec<String> {
        body.lines()
            .map(|line| {
                serde_json::from_str::<Value>(line).unwrap()[of].as_str().unwrap_or_default().to_owned()
            })
            .collect()
    };
    let answer = ask(&mut client, "action=contact.email&context.list=weekly");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(
        words(&answer.body, "verdict"),
        ["block", "allow", "cannot_tell", "cannot_tell", "cannot_tell"]
    );
    assert_eq!(words(&answer.body, "cause"), ["", "", "undecodable", "undecodable", "destination_missing"]);
    assert_eq!(words(&answer.body, "effect"), ["block", "allow", "block", "block", "block"]);
    let tally: Value = serde_json::from_str(answer.header("abide-tally").unwrap()).unwrap();
    assert_eq!(tally, json!({ "seen": 5, "allowed": 1, "blocked": 1, "cannot_tell": 3, "failed": 0 }));
    let stamp: Value = serde_json::from_str(answer.header("abide-stamp").unwrap()).unwrap();
    assert!(
        stamp["ruleset"].is_string() && stamp["position"].is_object() && stamp["as_of"].is_string(),
        "{stamp}"
    );

    let another = ask(&mut client, "action=contact.email&context.list=monthly&on_cannot_tell=allow");
    assert_eq!(words(&another.body, "effect"), ["allow"; 5]);
    assert_eq!(ask(&mut client, "action=contact.email&on_cannot_tell=fail").problem(), "cannot-tell");
    for wrong in
        ["", "action=No", "action=contact.email&purpose=marketing", "action=contact.email&strict=perhaps"]
    {
        assert_eq!(ask(&mut client, wrong).problem(), "invalid", "{wrong}");
    }
}

#[test]
fn an_explanation_says_why_and_names_nobody() {
    let world = World::new();
    let running = world.start("main");
    let mut client = running.ready();
    let said = json!({ "subject": { "email": "quiet@example.com" }, "mechanism": "email.unsubscribe" });
    client.post("/v1/signals", &said).good();
    let question = json!({
        "action": "contact.email", "explain": true, "context": { "purpose": "marketing" },
        "subject": { "email": "quiet@example.com", "phone": "no number" },
    });
    let answer = client.post("/v1/check", &question).good();
    assert_eq!((&answer["verdict"], &answer["partly_judged"]), (&json!("block"), &json!(true)));
    assert_eq!(answer["reasons"][0]["mechanisms"], json!(["email.unsubscribe"]));
    assert_eq!(answer["reasons"][0]["claimants"], json!(["person"]));
    assert_eq!(answer["segments"], json!(["do_not_contact.email"]));
    assert_eq!(answer["identifiers"][0], json!({ "kind": "email", "hashed": false }));
    assert!(answer["identifiers"][1]["error"].is_string());
    assert!(!answer.to_string().contains("quiet") && !answer.to_string().contains("no number"), "{answer}");
    // Of two addresses, the one that the mail goes to counts.
    let mut two = json!({
        "action": "contact.email", "subject": { "email": ["quiet@example.com", "loud@example.com"] },
    });
    assert_eq!(client.post("/v1/check", &two).good()["cause"], "destination_ambiguous");
    two["subject"] = json!({ "email": "quiet@example.com" });
    two["to"] = json!({ "email": "loud@example.com" });
    assert_eq!(client.post("/v1/check", &two).good()["verdict"], "allow");
}
