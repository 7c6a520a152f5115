//! Bad input of every kind is refused clearly, without a word of it in the answer, and harms nobody else.

use serde_json::json;

use crate::world::{Running, World, config};

const PRIVATE: &str = "secret.person";

#[test]
fn bad_bodies() {
    let world = World::new();
    let mut config = config();
    config.limits.single_bytes = 2_000;
    config.limits.batch_bytes = 20_000;
    config.limits.filter_subjects = 100;
    config.limits.signals = 10;
    let running = Running::start(config, world.wiring("main", world.objects()));
    let mut client = running.ready();
    let json_type = [("content-type", "application/json")];
    let check = |rest: &str| {
        format!("{{\"action\":\"contact.email\",\"subject\":{{\"email\":\"{PRIVATE}@example.com\"}}{rest}}}")
    };
    let many = |count: usize, one: &str| format!("[{}]", vec![one; count].join(","));
    let deep = "[".repeat(1_900);
    for (path, body, status, problem) in [
        ("/v1/check", String::new(), 400, "invalid"),
        ("/v1/check", "{".to_owned(), 400, "invalid"),
        ("/v1/check", deep.clone(), 400, "invalid"),
        ("/v1/check", format!("\"{PRIVATE}\""), 400, "invalid"),
        ("/v1/check", format!("{{\"action\":\"{PRIVATE}@example.com\"}}"), 400, "invalid"),
        ("/v1/check", check(",\"contxt\":{}"), 400, "invalid"),
        ("/v1/check", check(",\"action\":\"contact.email\""), 400, "invalid"),
        ("/v1/check", check(",\"context\":{\"purpose\":\"secret.person\"}"), 400, "invalid"),
        ("/v1/check", check(",\"context\":{\"purpose\":1}"), 400, "invalid"),
        ("/v1/check", check(",\"on_cannot_tell\":\"shrug\"").replace("shrug", PRIVATE), 400, "invalid"),
        ("/v1/check", format!("{{\"action\":\"contact.email\",\"subject\":{{\"{PRIVATE}\":1}}}}"), 400, "invalid"),
        ("/v1/check", check(&" ".repeat(2_000)), 413, "too-large"),
        ("/v1/filter", many(3, "{}"), 400, "invalid"),
        ("/v1/filter", format!("{{\"action\":\"contact.email\",\"subjects\":{}}}", many(101, "{}")), 413, "too-large"),
        ("/v1/filter", " ".repeat(20_001), 413, "too-large"),
        ("/v1/signals", many(0, ""), 400, "invalid"),
        ("/v1/signals", many(11, "{}"), 413, "too-large"),
        ("/v1/signals", format!("{{\"subject\":{{\"email\":\"{PRIVATE}\"}},\"mechanism\":\"email.unsubscribe\"}}"), 400, "invalid"),
        ("/v1/signals", format!("{{\"subject\":{{}},\"mechanism\":\"{PRIVATE}\"}}"), 400, "invalid"),
        ("/v1/signals", "{\"subject\":{\"email_domain\":\"example.com\"},\"mechanism\":\"sms.stop\"}".to_owned(), 400, "invalid"),
        ("/v1/signals", "{\"subject\":{\"email\":\"a@example.com\"},\"mechanism\":\"email.unsubscribe\",\"direction\":\"in\"}".to_owned(), 400, "invalid"),
        ("/v1/signals", "{\"subject\":{\"email\":\"a@example.com\"},\"mechanism\":\"email.unsubscribe\",\"at\":\"2999-01-01T00:00:00Z\"}".to_owned(), 400, "invalid"),
        ("/v1/signals", "{\"subject\":{\"email\":\"a@example.com\"},\"mechanism\":\"email.bounce.hard\"}".to_owned(), 400, "invalid"),
    ] {
        let answer = client.ask("POST", path, &json_type, body.as_bytes());
        assert_eq!((answer.status, answer.problem().as_str()), (status, problem), "{path} {body}: {answer:?}");
        assert!(!answer.body.contains(PRIVATE), "{path}: {answer:?}");
        if status == 413 {
            // What was not read of a body cannot be told from the next request.
            client = running.client();
        }
    }
    let not_text = client.ask("POST", "/v1/check", &json_type, b"{\"action\":\"\xff\"}");
    assert_eq!(not_text.problem(), "invalid");
}

#[test]
fn wrong_ways_to_ask() {
    let world = World::new();
    let running = world.start("main");
    let mut client = running.ready();
    for (method, path, status, problem) in [
        ("GET", "/", 404, "not-found"),
        ("GET", "/v1/check/", 404, "not-found"),
        ("GET", "/v1/../healthz", 404, "not-found"),
        ("GET", "/v1/in-force/", 404, "not-found"),
        ("GET", "/v1/in-force/a/b", 404, "not-found"),
        ("GET", "/v1/in-force/nowhere", 400, "invalid"),
        ("GET", "/v1/in-force/main:0", 400, "invalid"),
        ("GET", "/v1/in-force/..%2f..:1", 400, "invalid"),
        ("DELETE", "/v1/check", 405, "wrong-method"),
        ("POST", "/readyz", 405, "wrong-method"),
    ] {
        let answer = client.ask(method, path, &[], b"");
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (status, problem),
            "{method} {path}: {answer:?}"
        );
    }
    for path in ["/healthz", "/readyz", "/openapi.json", "/v1/rules"] {
        client.write(format!("HEAD {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes());
        let head = client.read_head();
        assert_eq!(head.status, 200, "{path}: {head:?}");
    }
    assert_eq!(client.ask("GET", "/.well-known/gpc.json", &[], b"").problem(), "not-found");
    // What a page in a browser could send is not taken.
    for kind in ["text/plain", "application/x-www-form-urlencoded", ""] {
        let answer = client.ask("POST", "/v1/check", &[("content-type", kind)], b"{}");
        assert_eq!((answer.status, answer.problem().as_str()), (415, "wrong-type"), "{kind}");
    }
    // Nor what comes under a name that somebody gave to this address.
    let rebound = client.send(b"GET /v1/in-force/main:1 HTTP/1.1\r\nhost: evil.example.com\r\n\r\n");
    assert_eq!((rebound.status, rebound.problem().as_str()), (403, "forbidden"));
    for host in ["localhost", "127.0.0.1:80", "[::1]:7450"] {
        let asked =
            client.send(format!("GET /v1/in-force/main:1 HTTP/1.1\r\nhost: {host}\r\n\r\n").as_bytes());
        assert_eq!(asked.status, 200, "{host}: {asked:?}");
    }
    let key = client.ask(
        "POST",
        "/v1/signals",
        &[("content-type", "application/json"), ("idempotency-key", "")],
        b"[]",
    );
    assert_eq!(key.problem(), "invalid");
}

/// Who is slow, or sends more than there may be, is cut off; who comes meanwhile is answered.
#[test]
fn slow_and_greedy_clients() {
    let world = World::new();
    let mut config = config();
    config.workers = 1;
    config.limits.head_s = 1;
    config.limits.body_s = 1;
    config.limits.connections = 4;
    let running = Running::start(config, world.wiring("main", world.objects()));
    drop(running.ready());
    let mut slow_head = running.client();
    slow_head.write(b"POST /v1/check HTTP/1.1\r\nhost: local");
    let mut slow_body = running.client();
    slow_body.write(b"POST /v1/check HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{");
    let mut other = running.client();
    let question = json!({ "action": "contact.email", "subject": { "email": "a@example.com" } });
    assert_eq!(other.post("/v1/check", &question).good()["verdict"], "allow");
    assert_eq!(slow_body.read().problem(), "too-slow");
    assert!(slow_head.is_closed());

    let mut long_head = running.client();
    let header = format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "x".repeat(20_000));
    long_head.write(header.as_bytes());
    // The answer may be lost, since the server closes before it has read everything.
    assert!(matches!(
        long_head.first_line().as_deref(),
        None | Some("HTTP/1.1 431 Request Header Fields Too Large")
    ));
    drop((slow_head, slow_body, other, long_head));
    crate::world::wait_until(|| running.metrics().contains("abide_http_connections 0"));
    let mut held: Vec<_> = (0..4).map(|_| running.client()).collect();
    crate::world::wait_until(|| running.metrics().contains("abide_http_connections 4"));
    assert!(running.client().is_closed(), "one too many");
    held.clear();
    crate::world::wait_until(|| running.metrics().contains("abide_http_connections 0"));
    running.ready();
}

/// Who asks for much and reads nothing loses the connection, and the answers go with it.
#[test]
fn a_client_that_reads_nothing() {
    let world = World::new();
    let mut config = config();
    config.limits.write_s = 1;
    let running = Running::start(config, world.wiring("main", world.objects()));
    drop(running.ready());
    let subjects = vec!["{\"email\":\"a@example.com\"}"; 20_000].join(",");
    let body = format!("{{\"action\":\"contact.email\",\"subjects\":[{subjects}]}}");
    let head =
        "POST /v1/filter HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length:";
    let request = format!("{head} {}\r\n\r\n{body}", body.len());
    let mut greedy = running.client();
    // More than the buffers between the two hold; the rest is not taken any more.
    for _ in 0..40 {
        greedy.write(request.as_bytes());
    }
    crate::world::wait_until(|| running.metrics().contains("abide_http_connections 0"));
}

#[test]
fn a_public_address_needs_a_token() {
    let world = World::new();
    let mut config = config();
    config.listen = "0.0.0.0:0".parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let wiring = world.wiring("main", world.objects());
    let refused = runtime.block_on(abide_service::Server::start(config, wiring)).unwrap_err();
    assert!(refused.to_string().contains("abide token create"), "{refused}");
}
