//! Who may ask what, and how often.

use abide_journal::{AccessId, AccessText, AccessToken, Right, revoke_access};
use serde_json::{Value, json};

use crate::{
    client::{Answer, Client},
    world::{Running, World, config, now, wait_until},
};

fn question() -> Value {
    json!({ "action": "contact.email", "subject": { "email": "a@example.com" } })
}

/// Makes a token and returns what its holder shows.
fn token(world: &World, number: u8, rights: &[Right], set: impl FnOnce(&mut AccessToken)) -> String {
    let text = AccessText::new(AccessId([number; 8]), [number; 32]);
    let mut token = AccessToken::new(&text, "somebody", rights, now());
    set(&mut token);
    block_on(token.create(&world.store())).unwrap();
    text.expose()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn ask(client: &mut Client, token: &str, path: &str, body: &Value) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers = [("content-type", "application/json"), ("authorization", bearer.as_str())];
    client.ask("POST", path, &headers, body.to_string().as_bytes())
}

#[test]
fn each_right_opens_its_own() {
    let world = World::new();
    let checks = token(&world, 1, &[Right::Check], |_| ());
    let explains = token(&world, 2, &[Right::Check, Right::Explain], |_| ());
    let says_no = token(&world, 3, &[Right::SignalsOut], |_| ());
    let says_yes = token(&world, 4, &[Right::SignalsIn], |_| ());
    let running = Running::start(config(), world.wiring("main", world.objects()));
    let mut client = running.ready();

    let explain =
        json!({ "action": "contact.email", "subject": { "email": "a@example.com" }, "explain": true });
    let out = json!({ "subject": { "email": "a@example.com" }, "mechanism": "email.unsubscribe" });
    let back = json!({
        "subject": { "email": "a@example.com" }, "mechanism": "email.unsubscribe", "direction": "in",
        "proof": "login", "recorded_by": "form",
    });
    let filter = json!({ "action": "contact.email", "subjects": [{ "email": "a@example.com" }] });
    let asked = [
        ("/v1/check", &question()),
        ("/v1/check", &explain),
        ("/v1/filter", &filter),
        ("/v1/signals", &out),
        ("/v1/signals", &back),
        ("/v1/signals", &json!([out, back])),
    ];
    for (token, wanted) in [
        (&checks, [200, 403, 200, 403, 403, 403]),
        (&explains, [200, 200, 200, 403, 403, 403]),
        (&says_no, [403, 403, 403, 200, 403, 403]),
        (&says_yes, [403, 403, 403, 403, 200, 403]),
    ] {
        let found = asked.map(|(path, body)| ask(&mut client, token, path, body).status);
        assert_eq!(found, wanted);
    }
    for (no_token, why) in [
        ("", "none"),
        ("abide_0101010101010101_00", "cut"),
        (&checks.replace("01_01", "01_02"), "another secret"),
        (&checks.replace("abide_01", "abide_09"), "unknown"),
    ] {
        let refused = ask(&mut client, no_token, "/v1/check", &question());
        assert_eq!((refused.status, refused.problem().as_str()), (401, "no-token"), "{why}");
        assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
        assert!(no_token.is_empty() || !refused.body.contains(no_token));
    }
    assert_eq!(client.post("/v1/check", &question()).problem(), "no-token");
    // Nothing but these is open.
    for path in ["/healthz", "/readyz", "/openapi.json"] {
        assert_eq!(client.get(path).status, 200, "{path}");
    }
    assert_eq!(client.get("/v1/in-force/main:1").problem(), "no-token");
}

/// Running servers notice what is made and revoked, and with the first token the door closes.
#[test]
fn tokens_come_and_go() {
    let world = World::new();
    let running = Running::start(config(), world.wiring("main", world.objects()));
    let mut client = running.ready();
    assert_eq!(client.post("/v1/check", &question()).status, 200);
    let held = token(&world, 1, &[Right::Check], |_| ());
    let expired = token(&world, 2, &[Right::Check], |token| token.expires_at = Some(now()));
    wait_until(|| client.post("/v1/check", &question()).status == 401);
    wait_until(|| ask(&mut client, &held, "/v1/check", &question()).status == 200);
    assert_eq!(ask(&mut client, &expired, "/v1/check", &question()).status, 401);
    assert!(block_on(revoke_access(&world.store(), AccessId([1; 8]))).unwrap());
    wait_until(|| ask(&mut client, &held, "/v1/check", &question()).status == 401);
    // Emptying the folder does not open it again.
    std::fs::remove_dir_all(world.directory.path().join("store/tokens")).unwrap();
    for _ in 0..20 {
        assert_eq!(client.post("/v1/check", &question()).status, 401);
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

/// Nobody reads the list out by trying: each person asked about counts, one by one or in a batch.
#[test]
fn a_token_asks_about_so_many() {
    let world = World::new();
    let limited =
        |token: &mut AccessToken| (token.checks_per_s, token.explains_per_min) = (Some(20), Some(2));
    let rights = [Right::Check, Right::Explain];
    let held = token(&world, 1, &rights, limited);
    let other = token(&world, 2, &rights, |_| ());
    let running = Running::start(config(), world.wiring("main", world.objects()));
    let mut client = running.ready();
    let batch =
        json!({ "action": "contact.email", "subjects": vec![json!({ "email": "a@example.com" }); 400] });
    assert_eq!(ask(&mut client, &held, "/v1/filter", &batch).status, 200);
    let refused = ask(&mut client, &held, "/v1/check", &question());
    assert_eq!((refused.status, refused.problem().as_str()), (429, "too-many"));
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((15..=20).contains(&wait), "{wait} s for what 400 of 20 a second cost");
    let explain =
        json!({ "action": "contact.email", "subject": { "email": "a@example.com" }, "explain": true });
    let explained: Vec<u16> =
        (0..70).map(|_| ask(&mut client, &other, "/v1/check", &explain).status).collect();
    let passed = explained.iter().filter(|status| **status == 200).count();
    assert!((60..65).contains(&passed), "{passed} of 70, and 60 a minute");
    assert_eq!(ask(&mut client, &other, "/v1/check", &question()).status, 200);
}
