//! Webhooks on their way in: signed, once only, and never an endless loop.

use std::{collections::BTreeMap, path::Path, sync::Arc, thread, time::Duration};

use abide_service::{Config, HookAccount, Layers, Signed, StopWord};
use abide_testkit::{Faults, FaultyStore, Request::Write, Stall};
use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
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
        map: None,
        signed: None,
        public: "https://hooks.example.com".to_owned(),
        secret_variable: None,
        secret_file: Some(file),
        scope: None,
        categories: BTreeMap::new(),
        stop: None,
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

fn verdicts(client: &mut Client, subjects: &Value) -> Vec<String> {
    let question = json!({ "action": "contact.email", "subjects": subjects });
    let answer = client.post("/v1/filter", &question).good();
    let verdicts = answer["verdicts"].as_array().unwrap().iter();
    verdicts.map(|one| one["verdict"].as_str().unwrap().to_owned()).collect()
}

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
    assert_eq!(verdicts(&mut client, &json!(subjects)), ["block", "allow", "allow"]);
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

/// A text as Twilio signs it, with `someone:secret` as the auth token.
fn text(client: &mut Client, method: &str, sid: &str, said: &str) -> Answer {
    let from = "%2B12125550142";
    let form = format!("Body={said}&From={from}&MessageSid={sid}&To=%2B12125550199");
    let address = "https://hooks.example.com/v1/hooks/twilio";
    let signed = match method {
        "GET" => format!("{address}?{form}"),
        _ => format!("{address}Body{said}From+12125550142MessageSid{sid}To+12125550199"),
    };
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"someone:secret");
    let signature = STANDARD.encode(hmac::sign(&key, signed.as_bytes()));
    let headers =
        [("content-type", "application/x-www-form-urlencoded"), ("x-twilio-signature", signature.as_str())];
    match method {
        "GET" => client.ask("GET", &format!("/v1/hooks/twilio?{form}"), &headers, b""),
        _ => client.ask("POST", "/v1/hooks/twilio", &headers, form.as_bytes()),
    }
}

/// Texts have no date. A START that somebody sends again, after the server was started anew, ends no later STOP; a STOP
/// counts however it comes.
#[test]
fn an_opt_in_that_is_sent_again_ends_nothing() {
    let world = World::new();
    let hooks = vec![account(world.directory.path(), "twilio")];
    let start =
        || Running::start(Config { hooks: hooks.clone(), ..config() }, world.wiring("main", world.objects()));
    let running = start();
    let mut client = running.ready();
    let stopped = |client: &mut Client| {
        let subject = json!({ "phone": "+12125550142" });
        client
            .post("/v1/check", &json!({ "action": "contact.sms", "subject": subject, "explain": true }))
            .good()["reasons"]
            .to_string()
            .contains("sms.stop")
    };
    text(&mut client, "POST", "SM1", "STOP").good();
    assert!(stopped(&mut client));
    assert_eq!(text(&mut client, "POST", "SM2", "START").good()["accepted"], 1);
    assert!(!stopped(&mut client));
    assert_eq!(text(&mut client, "GET", "SM3", "STOP").good()["accepted"], 1);
    assert_eq!(text(&mut client, "POST", "SM2", "START").good()["repeated"], 1);
    drop(running);
    let running = start();
    let mut client = running.ready();
    assert_eq!(text(&mut client, "POST", "SM2", "START").good()["repeated"], 1);
    assert!(stopped(&mut client));
    assert_eq!(text(&mut client, "POST", "SM4", "START").good()["accepted"], 1);
    assert!(!stopped(&mut client));
}

/// What is said of nobody who can be read is kept aside, and does not vanish among good answers.
#[test]
fn an_identifier_that_cannot_be_read_is_kept_aside() {
    let world = World::new();
    let hooks = vec![account(world.directory.path(), "postmark")];
    let running = Running::start(Config { hooks, ..config() }, world.wiring("main", world.objects()));
    let mut client = running.ready();
    assert_eq!(post(&mut client, BASIC, &unsubscribed("no address")).good()["unknown"], 1);
    let aside = client.get("/v1/hook-events").good();
    assert_eq!(aside["unknown"][0]["event"], "SubscriptionChange/true/ManualSuppression", "{aside}");
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

const SHOP: &str = r#"
claimant = "shop"
select = ".events[]"

[[signal]]
when = '.type == "left"'
email = ".email"
phone = ".phone"
mechanism = "privacy.objection"
id = ".id"

[[signal]]
when = '.type == "left" and .list'
email = ".email"
mechanism = "email.list"
scope = { jq = '"list:" + .list' }
id = ".id"
"#;

/// A source that nobody here knows, by a mapping file: everything that one event says counts, once.
#[test]
fn a_mapping_makes_a_source_known() {
    let world = World::new();
    let folder = world.directory.path();
    std::fs::write(folder.join("shop.toml"), SHOP).unwrap();
    let key = folder.join("key");
    std::fs::write(&key, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let mapped = |name: &str, signed: Option<Signed>| HookAccount {
        map: Some(folder.join("shop.toml")),
        secret_file: signed.map(|_| key.clone()).or(account(folder, name).secret_file),
        signed,
        ..account(folder, name)
    };
    let hooks = vec![mapped("shop", None), mapped("signing-shop", Some(Signed::Standard))];
    let running = Running::start(Config { hooks, ..config() }, world.wiring("main", world.objects()));
    let mut client = running.ready();
    let body = json!({ "events": [
        { "type": "left", "id": "e1", "email": "quiet@example.com", "phone": "+14155550100", "list": "weekly" },
        { "type": "came", "id": "e2", "email": "loud@example.com" },
        { "type": "left", "id": "e3" },
    ] })
    .to_string();
    for (name, authorization) in [("shop", "Bearer other:secret"), ("shop", ""), ("signing-shop", BASIC)] {
        let refused = post_to(&mut client, name, authorization, &body);
        assert_eq!((refused.status, refused.problem().as_str()), (401, "wrong-signature"), "{name}");
    }
    let taken = post_to(&mut client, "shop", "Bearer someone:secret", &body).good();
    assert_eq!((&taken["accepted"], &taken["unknown"]), (&json!(3), &json!(1)), "{taken}");
    let again = post_to(&mut client, "shop", BASIC, &body).good();
    assert_eq!((&again["accepted"], &again["repeated"]), (&json!(0), &json!(3)), "{again}");
    // Of an event half of which cannot be read the other half counts; a body that cannot be taken apart stays the sender's.
    let half = r#"{"events":[{"type":"left","id":"e4","email":["?"],"phone":"+14155550101"}]}"#;
    let taken = post_to(&mut client, "shop", BASIC, half).good();
    assert_eq!((&taken["accepted"], &taken["unknown"]), (&json!(1), &json!(1)), "{taken}");
    for body in ["no JSON", r#"{"events":7}"#] {
        assert_eq!(post_to(&mut client, "shop", BASIC, body).problem(), "invalid", "{body}");
    }
    client.ask("GET", "/v1/hooks/shop", &[("authorization", BASIC)], b"").good();
    let silent = post_to(&mut client, "shop", BASIC, r#"{"events":[]}"#).good();
    assert_eq!(silent["silent"], 1, "{silent}");
    let subjects = json!([{ "email": "quiet@example.com" }, { "email": "loud@example.com" }]);
    assert_eq!(verdicts(&mut client, &subjects), ["block", "allow"]);
    let aside = client.get("/v1/hook-events").good();
    assert_eq!(aside["unknown"][0]["event"], "GET", "{aside}");
    assert_eq!(
        aside["unknown"][1]["event"], "line 5: it says out, and has none of the identifiers",
        "{aside}"
    );
}

/// What is wrong with an account is said before the server starts.
/// What a vendor leaves to its customer to say: whom a STOP reaches, what a category means.
#[test]
fn accounts_say_what_vendors_do_not() {
    let world = World::new();
    let folder = world.directory.path();
    let categories = [("Analytics", "privacy.objection"), ("Advertising", "nothing")];
    let hooks = vec![
        HookAccount {
            stop: Some(StopWord::Brand),
            scope: Some("brand:acme".to_owned()),
            ..account(folder, "twilio")
        },
        HookAccount {
            categories: categories.map(|(name, means)| (name.to_owned(), means.to_owned())).into(),
            ..account(folder, "segment")
        },
    ];
    let running = Running::start(Config { hooks, ..config() }, world.wiring("main", world.objects()));
    let mut client = running.ready();
    text(&mut client, "POST", "SM1", "STOP").good();
    let mut sms = |sender: &str, brand: &str| {
        let context = json!({ "sender": sender, "brand": brand });
        let question = json!({ "action": "contact.sms", "subject": { "phone": "+12125550142" }, "context": context, "explain": true });
        client.post("/v1/check", &question).good()["reasons"].to_string().contains("sms.stop")
    };
    assert!(sms("+12125550100", "acme") && !sms("+12125550100", "other"));
    let refused = json!({ "type": "page", "userId": "u-1", "context": { "consent": { "categoryPreferences":
        { "analytics": false, "Advertising": false, "Functional": false } } } });
    let answer = post_to(&mut client, "segment", BASIC, &refused.to_string()).good();
    assert_eq!((&answer["accepted"], &answer["unknown"]), (&json!(1), &json!(1)), "{answer}");
    let aside = client.get("/v1/hook-events").good();
    assert_eq!(aside["unknown"][0]["event"], "category/Functional", "{aside}");
}

#[test]
fn accounts_that_make_no_sense() {
    let folder = tempfile::tempdir().unwrap();
    let (good, bad) = (folder.path().join("good.toml"), folder.path().join("bad.toml"));
    std::fs::write(&good, SHOP).unwrap();
    std::fs::write(&bad, SHOP.replace(".phone", ".phone |")).unwrap();
    let check = |name: &str, more: &str| {
        let public = "https://hooks.example.com";
        let text =
            format!("[[hooks]]\nname = {name:?}\npublic = {public:?}\nsecret_variable = \"S\"\n{more}");
        let mut layers = Layers::default();
        layers.file(&text.parse().unwrap()).unwrap();
        layers.config().map_err(|error| error.to_string())
    };
    let map = |file: &Path, more: &str| format!("map = {file:?}\n{more}");
    for (name, settings, said) in [
        ("shop", String::new(), "of others a `map`"),
        ("shop", map(&bad, ""), "bad.toml`: line"),
        ("shop", map(&folder.path().join("none.toml"), ""), "none.toml`: No such file"),
        ("shop", map(&good, "scope = \"brand:a\""), "a mapping says itself"),
        ("Shop", map(&good, ""), "lower-case"),
        ("brevo", "signed = \"shared\"".to_owned(), "goes with a `map`"),
        ("brevo", "stop = \"brand\"".to_owned(), "is Twilio's"),
        ("twilio", "categories = { Ads = \"privacy.no_sale\" }".to_owned(), "are Segment's"),
        ("segment", "categories = { Ads = \"sale\" }".to_owned(), "stands for a mechanism"),
        ("shop", map(&good, "stop = \"brand\""), "a mapping says itself"),
    ] {
        let why = check(name, &settings).unwrap_err();
        assert!(why.contains(said), "{said} in {why}");
    }
    assert_eq!(check("shop", &map(&good, "signed = \"standard\"")).unwrap().hooks.len(), 1);
}
