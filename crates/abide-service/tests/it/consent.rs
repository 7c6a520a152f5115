//! What browsers and consent banners say, as signals that are kept and as a reason for one answer.

use serde_json::{Value, json};

use crate::world::World;

/// Opted out of sale in the US national section.
const GPP: &str = "DBABLA~BVVVVVVVVWA.YA";

#[test]
fn consents_become_signals() {
    let world = World::new();
    let running = world.start("main");
    let mut client = running.ready();
    let said =
        |consent: Value| json!({ "subject": { "cookie": "c-1", "user_id": "u-1" }, "consent": consent });
    let nothing =
        client.post("/v1/signals", &said(json!({ "headers": { "Sec-GPC": "0", "DNT": "0" } }))).good();
    assert_eq!((&nothing["accepted"], &nothing["token"]), (&json!(0), &Value::Null), "{nothing}");
    let sell = json!({ "action": "sell", "subject": { "user_id": "u-1" } });
    assert_eq!(client.post("/v1/check", &sell).good()["verdict"], "allow");
    let headers = json!({ "headers": { "sec-gpc": "1", "Cookie": ["a=b", "euconsent-v2=nonsense"] } });
    let taken = client.post("/v1/signals", &said(headers)).good();
    assert_eq!(taken["accepted"], 1, "{taken}");
    assert!(taken["not_understood"][0]["why"].as_str().unwrap().contains("TCF"), "{taken}");
    assert_eq!(client.post("/v1/check", &sell).good()["verdict"], "block");
    let contact =
        json!({ "action": "contact.email", "subject": { "email": "a@example.com", "user_id": "u-1" } });
    assert_eq!(client.post("/v1/check", &contact).good()["verdict"], "allow", "GPC is about ads");
    for (body, why) in [
        (said(json!({ "fields": { "gpp": "nonsense" } })), "GPP"),
        (json!({ "subject": { "user_id": "u-2" } }), "`mechanism`, or a `consent`"),
        (
            json!({ "subject": { "user_id": "u-2" }, "consent": { "query": "gpc=1" }, "direction": "in" }),
            "opt-outs of the person only",
        ),
    ] {
        let refused = client.post("/v1/signals", &body);
        assert!(refused.status == 400 && refused.body.contains(why), "{why}: {refused:?}");
    }
}

/// For one answer, as if it had just been said; the next answer knows nothing of it.
#[test]
fn a_consent_counts_for_one_answer() {
    let world = World::new();
    let running = world.start("main");
    let mut client = running.ready();
    let mut verdict = |action: &str, consent: Option<Value>| {
        let mut question = json!({ "action": action, "subject": { "user_id": "u-1" }, "explain": true });
        if let Some(consent) = consent {
            question["consent"] = consent;
        }
        client.post("/v1/check", &question).good()
    };
    let event = json!({ "event": { "regs": { "gpp": GPP } } });
    let query = json!({ "query": format!("gpp={GPP}&page=1") });
    for (consent, wanted) in [
        (None, "allow"),
        (Some(json!({})), "allow"),
        (Some(json!({ "headers": { "Sec-GPC": "1" } })), "block"),
        (Some(event), "block"),
        (Some(query), "block"),
        (Some(json!({ "headers": { "Sec-GPC": "1;x" } })), "allow"),
        (Some(json!({ "fields": { "us_privacy": "1YN-" } })), "allow"),
        (Some(json!({ "fields": { "us_privacy": "1YY-" } })), "block"),
        (Some(json!({ "fields": { "gpp": "nonsense" } })), "cannot_tell"),
        (Some(json!({ "fields": { "gpp": "nonsense", "gpc": "1" } })), "block"),
        (None, "allow"),
    ] {
        let said = format!("{consent:?}");
        let answer = verdict("sell", consent);
        assert_eq!(answer["verdict"], wanted, "{said}: {answer}");
    }
    let why = verdict("sell", Some(json!({ "headers": { "Sec-GPC": "1" } })));
    assert!(why["reasons"].to_string().contains("web.gpc"), "{why}");
    // Whoever says no and shows nothing by which they are known says no all the same.
    for subject in [json!({}), json!({ "email": "no address" })] {
        let mut ask = |consent: Value| {
            let question = json!({ "action": "sell", "subject": subject, "consent": consent, "on_cannot_tell": "allow" });
            client.post("/v1/check", &question).good()
        };
        let refused = ask(json!({ "headers": { "Sec-GPC": "1" } }));
        assert_eq!((&refused["verdict"], &refused["effect"]), (&json!("block"), &json!("block")));
        assert_eq!(ask(json!({}))["verdict"], "cannot_tell");
    }
    let mut verdict = |action: &str, consent: Value| {
        let question = json!({ "action": action, "subject": { "user_id": "u-1" }, "consent": consent });
        client.post("/v1/check", &question).good()
    };
    let track = verdict("track.third_party", json!({ "headers": { "dnt": "1" } }));
    assert_eq!(track["verdict"], "block", "{track}");
}
