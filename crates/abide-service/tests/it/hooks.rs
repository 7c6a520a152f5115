//! Webhooks on their way in: signed, once only, and never an endless loop.

use std::path::Path;

use abide_service::{Config, HookAccount};
use serde_json::{Value, json};

use crate::{
    client::{Answer, Client},
    world::{Running, World, config},
};

/// An account whose requests bring `someone:secret`.
pub(crate) fn account(folder: &Path, name: &str) -> HookAccount {
    let file = folder.join("hook-secret");
    std::fs::write(&file, "someone:secret\n").unwrap();
    HookAccount {
        name: name.to_owned(),
        vendor: None,
        public: "https://hooks.example.com".to_owned(),
        secret_variable: None,
        secret_file: Some(file),
        scope: None,
        authorities_file: None,
        connect_to: None,
    }
}

fn post(client: &mut Client, authorization: &str, body: &str) -> Answer {
    let headers = [("content-type", "application/json"), ("authorization", authorization)];
    client.ask("POST", "/v1/hooks/postmark", &headers, body.as_bytes())
}

// someone:secret
const BASIC: &str = "Basic c29tZW9uZTpzZWNyZXQ=";

#[test]
fn what_a_vendor_posts_is_in_force() {
    let world = World::new();
    let hooks = vec![account(world.directory.path(), "postmark")];
    let running = Running::start(Config { hooks, ..config() }, world.wiring("main", world.objects()));
    let mut client = running.ready();
    let unsubscribed = |who: &str| {
        json!({
            "RecordType": "SubscriptionChange", "Recipient": who, "SuppressSending": true,
            "SuppressionReason": "ManualSuppression", "MessageID": who, "ChangedAt": "2026-01-02T03:04:05Z",
        })
        .to_string()
    };
    for wrong in ["", "Basic c29tZW9uZTp3cm9uZw=="] {
        let refused = post(&mut client, wrong, &unsubscribed("forged@example.com"));
        assert_eq!((refused.status, refused.problem().as_str()), (401, "wrong-signature"));
    }
    let taken = post(&mut client, BASIC, &unsubscribed("quiet@example.com")).good();
    assert_eq!(taken["accepted"], 1, "{taken}");
    // Known and silent, not known, and nothing of theirs: all of it is answered well.
    let silent = r#"{"RecordType":"Bounce","Type":"SoftBounce","Email":"soft@example.com"}"#;
    assert_eq!(post(&mut client, BASIC, silent).good()["silent"], 1);
    for unknown in [r#"{"RecordType":"Brand new"}"#, "no JSON", "[1]"] {
        assert_eq!(post(&mut client, BASIC, unknown).good()["unknown"], 1, "{unknown}");
    }
    let aside = client.get("/v1/hook-events").good();
    let kept: Vec<_> =
        aside["unknown"].as_array().unwrap().iter().map(|one| (&one["event"], &one["count"])).collect();
    assert_eq!(kept, [(&json!("?"), &json!(2)), (&json!("Brand new"), &json!(1))], "{aside}");
    let subjects = ["quiet", "forged", "soft"].map(|who| json!({ "email": format!("{who}@example.com") }));
    let question = json!({ "action": "contact.email", "subjects": subjects });
    let verdicts = client.post("/v1/filter", &question).good();
    let words: Vec<&Value> =
        verdicts["verdicts"].as_array().unwrap().iter().map(|one| &one["verdict"]).collect();
    assert_eq!(words, ["block", "allow", "allow"]);
    let metrics = running.metrics();
    for line in [
        "abide_hook_events_total{name=\"postmark\",outcome=\"accepted\"} 1",
        "abide_hook_events_total{name=\"postmark\",outcome=\"refused\"} 2",
        "mechanism=\"email.unsubscribe\",claimant=\"postmark\"",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    assert_eq!(client.ask("POST", "/v1/hooks/sendgrid", &[], b"{}").status, 404);
}
