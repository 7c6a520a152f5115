//! Signals in: durable, in force at once, once only, and everywhere in the end.

use std::thread;

use serde_json::{Value, json};

use crate::{
    client::Client,
    world::{World, wait_until},
};

fn opt_out(email: &str) -> Value {
    json!({ "subject": { "email": email }, "mechanism": "email.unsubscribe" })
}

fn verdict(client: &mut Client, email: &str) -> String {
    let question = json!({ "action": "contact.email", "subject": { "email": email } });
    client.post("/v1/check", &question).good()["verdict"].as_str().unwrap().to_owned()
}

/// Many at once, each checked right after it was accepted, on whichever worker; then by another node, which says where
/// and since when.
#[test]
fn an_accepted_signal_is_in_force_here_at_once_and_elsewhere_soon() {
    let world = World::new();
    let (here, there) = (world.start("eu-1"), world.start("us-1"));
    here.ready();
    let mut elsewhere = there.ready();
    let tokens: Vec<(String, String)> = thread::scope(|scope| {
        let people = (0..8).map(|client| {
            let here = &here;
            scope.spawn(move || {
                let (mut says, mut asks) = (here.client(), here.client());
                let mut tokens = Vec::new();
                for nth in 0..5 {
                    let email = format!("person.{client}.{nth}@example.com");
                    assert_eq!(verdict(&mut asks, &email), "allow");
                    let said = says.post("/v1/signals", &opt_out(&email)).good();
                    assert_eq!(verdict(&mut asks, &email), "block");
                    assert_eq!(
                        (&said["durable"], &said["accepted"], &said["in_force"]),
                        (&json!("store"), &json!(1), &json!(true))
                    );
                    tokens.push((email, said["token"].as_str().unwrap().to_owned()));
                }
                tokens
            })
        });
        people.collect::<Vec<_>>().into_iter().flat_map(|person| person.join().unwrap()).collect()
    });
    let mut client = here.client();
    for (email, token) in tokens {
        assert!(token.starts_with("eu-1:"), "{token}");
        let at_home = client.get(&format!("/v1/in-force/{token}")).good();
        assert!(at_home["in_force"] == true && at_home["since"].is_string(), "{at_home}");
        wait_until(|| elsewhere.get(&format!("/v1/in-force/{token}")).good()["in_force"] == true);
        assert_eq!(verdict(&mut elsewhere, &email), "block");
    }
    let nowhere = client.get("/v1/in-force/eu-1:999999").good();
    assert!(nowhere["in_force"] == false && nowhere["since"].is_null(), "{nowhere}");
}

/// A restart loses nothing, and what was said is in force before anything is answered.
#[test]
fn a_restart_loses_nothing() {
    let world = World::new();
    let first = world.start("main");
    let mut client = first.ready();
    client.post("/v1/signals", &opt_out("stays@example.com")).good();
    drop((client, first));
    let again = world.start("main");
    assert_eq!(verdict(&mut again.ready(), "stays@example.com"), "block");
}

/// What cannot be recorded is named by its place, and costs the others nothing.
#[test]
fn many_at_once() {
    let world = World::new();
    let running = world.start("main");
    let mut client = running.ready();
    let unknown = json!({ "subject": { "email": "a@example.com" }, "mechanism": "email.telepathy" });
    let several = json!({ "subject": { "email": "b@example.com", "phone": "+1 212 555 0142" }, "mechanism": "profile.all" });
    let unreadable = opt_out("nobody at all");
    let signals = [opt_out("a@example.com"), unknown, several, unreadable, json!(17)];
    let lines: String = signals.iter().map(|signal| format!("{signal}\n")).collect();
    let ndjson = [("content-type", "application/x-ndjson")];
    for said in [
        client.post("/v1/signals", &json!(signals)).good(),
        client.ask("POST", "/v1/signals", &ndjson, lines.as_bytes()).good(),
    ] {
        assert_eq!(said["accepted"], 2, "{said}");
        let refused: Vec<&Value> = said["refused"].as_array().unwrap().iter().map(|one| &one["at"]).collect();
        assert_eq!(refused, [1, 3, 4], "{said}");
        assert!(!said.to_string().contains("nobody"), "an answer repeats what may be an address: {said}");
    }
    assert_eq!(verdict(&mut client, "b@example.com"), "block");
    let by_phone = json!({ "action": "contact.sms", "subject": { "phone": "+12125550142" } });
    assert_eq!(client.post("/v1/check", &by_phone).good()["verdict"], "block");
    let metrics = running.metrics();
    for line in [
        "abide_signals_total{mechanism=\"email.unsubscribe\",claimant=\"person\",direction=\"out\"} 2",
        "abide_verdicts_total{action=\"contact.email\",verdict=\"block\",rule=",
        "abide_list_identities 3",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    assert!(!metrics.contains("example.com"), "{metrics}");
}

/// Sent again with its key, an opt-out does not stand above the opt-in that came in between.
#[test]
fn a_key_is_for_one_request() {
    let world = World::new();
    let running = world.start("main");
    let mut client = running.ready();
    let mut keyed = |body: &Value, key: &str| {
        let headers = [("content-type", "application/json"), ("idempotency-key", key)];
        client.ask("POST", "/v1/signals", &headers, body.to_string().as_bytes())
    };
    let out = opt_out("back@example.com");
    let first = keyed(&out, "one").good();
    let back = json!({
        "subject": { "email": "back@example.com" }, "mechanism": "email.unsubscribe", "direction": "in",
        "proof": "double_opt_in", "recorded_by": "web form",
    });
    keyed(&back, "two").good();
    assert_eq!(keyed(&out, "one").good(), first);
    let another = keyed(&opt_out("other@example.com"), "one");
    assert_eq!((another.status, another.problem().as_str()), (422, "key-reused"));
    assert_eq!(verdict(&mut running.client(), "back@example.com"), "allow");
}
