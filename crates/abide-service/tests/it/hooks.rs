//! Webhooks on their way in: signed, once only, and never an endless loop.

use std::{path::Path, sync::Arc, thread, time::Duration};

use abide_service::{Config, HookAccount};
use abide_testkit::{Faults, FaultyStore, Request::Write, Stall};
use serde_json::{Value, json};

use crate::{
    client::{Answer, Client},
    world::{Running, World, config, wait_until},
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
    post_to(client, "postmark", authorization, body)
}

fn post_to(client: &mut Client, name: &str, authorization: &str, body: &str) -> Answer {
    let headers = [("content-type", "application/json"), ("authorization", authorization)];
    client.ask("POST", &format!("/v1/hooks/{name}"), &headers, body.as_bytes())
}

fn unsubscribed(who: &str) -> String {
    json!({
        "RecordType": "SubscriptionChange", "Recipient": who, "SuppressSending": true,
        "SuppressionReason": "ManualSuppression", "MessageID": who, "ChangedAt": "2026-01-02T03:04:05Z",
    })
    .to_string()
}

// someone:secret
const BASIC: &str = "Basic c29tZW9uZTpzZWNyZXQ=";

#[test]
fn what_a_vendor_posts_is_in_force() {
    let world = World::new();
    let hooks = vec![account(world.directory.path(), "postmark")];
    let running = Running::start(Config { hooks, ..config() }, world.wiring("main", world.objects()));
    let mut client = running.ready();
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

/// Two people leave one campaign within one second: Brevo's event has no id of its own.
#[test]
fn what_two_people_say_at_once_is_no_repetition() {
    let world = World::new();
    let hooks = vec![account(world.directory.path(), "brevo")];
    let running = Running::start(Config { hooks, ..config() }, world.wiring("main", world.objects()));
    let mut client = running.ready();
    let left = |who: &str| {
        json!({ "event": "unsubscribe", "email": who, "camp_id": 7, "ts_event": 1_767_323_045 }).to_string()
    };
    for (who, accepted) in [("first@example.com", 1), ("second@example.com", 1), ("first@example.com", 0)] {
        let answer = post_to(&mut client, "brevo", BASIC, &left(who)).good();
        assert_eq!((&answer["accepted"], &answer["repeated"]), (&json!(accepted), &json!(1 - accepted)));
    }
}

/// A vendor that hangs up before it is answered sends it again, and is heard.
#[test]
fn who_hangs_up_may_say_it_again() {
    let world = World::new();
    let bucket = FaultyStore::new(world.objects(), 1, Faults::NONE);
    let hooks = vec![account(world.directory.path(), "postmark")];
    let mut config = config();
    config.spool_after_ms = 60_000;
    let running = Running::start(Config { hooks, ..config }, world.wiring("main", Arc::new(bucket.clone())));
    let mut client = running.ready();
    // So that the journal is open, and what comes next is an append.
    post(&mut client, BASIC, &unsubscribed("before@example.com")).good();
    bucket.stall_next(Stall { on: Write, under: "journal/".to_owned(), before_s: 4, after_s: 0 });
    let body = unsubscribed("quiet@example.com");
    let head = format!(
        "POST /v1/hooks/postmark HTTP/1.1\r\nhost: localhost\r\nauthorization: {BASIC}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut hasty = running.ready();
    hasty.write(format!("{head}{body}").as_bytes());
    thread::sleep(Duration::from_secs(1));
    assert_eq!(post(&mut client, BASIC, &body).problem(), "under-way");
    drop(hasty);
    wait_until(|| post(&mut client, BASIC, &body).status == 200);
}
