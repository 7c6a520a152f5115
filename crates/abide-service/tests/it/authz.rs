//! What gateways ask about, in the way of each; and real gateways in front of a real API.

use std::collections::BTreeMap;

use abide_service::{AuthzRoute, Config};
use serde_json::json;

use crate::world::{Running, World, config};

fn route(path: &str, identifiers: &[&str]) -> AuthzRoute {
    AuthzRoute {
        path: path.to_owned(),
        methods: Vec::new(),
        action: "contact.email".to_owned(),
        context: BTreeMap::from([("purpose".to_owned(), "marketing".to_owned())]),
        identifiers: identifiers.iter().map(|text| (*text).to_owned()).collect(),
        on_cannot_tell: None,
        list_age_max_ms: None,
    }
}

fn routes() -> Config {
    Config {
        authz: vec![
            route("/send", &["email=query:to", "email=header:x-recipient", "email=body:/to"]),
            route("/members/{email}/**", &[]),
            AuthzRoute { on_cannot_tell: Some("allow".to_owned()), ..route("/lax", &["email=query:to"]) },
        ],
        ..config()
    }
}

fn start(world: &World) -> Running {
    let running = Running::start(routes(), world.wiring("main", world.objects()));
    let said = json!({ "subject": { "email": "quiet@example.com" }, "mechanism": "email.unsubscribe" });
    running.ready().post("/v1/signals", &said).good();
    running
}

/// The same requests in the way of each gateway: 200 lets them pass, 403 does not.
#[test]
fn each_gateway_asks_in_its_way() {
    let world = World::new();
    let running = start(&world);
    let mut client = running.ready();
    let mut by_headers = |path: &str, names: [&str; 2], uri: &str| {
        client.ask("GET", path, &[(names[0], "POST"), (names[1], uri)], b"").status
    };
    let requests = [
        ("/send?to=loud@example.com", 200),
        ("/send?to=quiet%40example.com", 403),
        ("/send?to=loud@example.com&to=quiet@example.com", 403),
        ("/send", 403),
        ("/send?to=nobody", 403),
        ("/members/QUIET@example.com/messages/1", 403),
        ("/members/loud@example.com/messages/1", 200),
        ("/members/loud@example.com/../../send", 403),
        ("/elsewhere?to=loud@example.com", 403),
        ("/lax?to=nobody", 200),
        ("/lax?to=quiet@example.com", 403),
    ];
    for (uri, status) in requests {
        assert_eq!(
            by_headers("/v1/authz/nginx", ["x-original-method", "x-original-uri"], uri),
            status,
            "{uri}"
        );
        assert_eq!(
            by_headers("/v1/authz/forward", ["x-forwarded-method", "x-forwarded-uri"], uri),
            status,
            "{uri}"
        );
    }
    // What one gateway sets, the client of another could make up.
    let mixed = [("x-forwarded-method", "POST"), ("x-forwarded-uri", "/send?to=loud@example.com")];
    assert_eq!(client.ask("GET", "/v1/authz/nginx", &mixed, b"").status, 403);
    let twice = [
        ("x-original-method", "POST"),
        ("x-original-uri", "/send?to=loud@example.com"),
        ("x-original-uri", "/send?to=quiet@example.com"),
    ];
    assert_eq!(client.ask("GET", "/v1/authz/nginx", &twice, b"").status, 403);
    for (uri, status) in requests {
        let path = format!("/v1/authz/envoy{uri}");
        assert_eq!(client.ask("POST", &path, &[], b"").status, status, "{path}");
    }
    for (body, status) in [
        ("{\"to\":\"loud@example.com\"}", 200),
        ("{\"to\":\"quiet@example.com\"}", 403),
        ("{\"to\":[\"loud@example.com\",\"quiet@example.com\"]}", 403),
        ("{\"to\":{}}", 403),
        ("{\"to\":", 403),
    ] {
        assert_eq!(client.ask("POST", "/v1/authz/envoy/send", &[], body.as_bytes()).status, status, "{body}");
    }
    let passed = client.ask("POST", "/v1/authz/envoy/send?to=loud@example.com", &[], b"");
    assert_eq!(passed.header("abide-verdict"), Some("allow"));
    let blocked = client.ask("POST", "/v1/authz/envoy/send?to=quiet@example.com", &[], b"");
    assert!(
        blocked.body.contains("blocked by email-opted-out") && !blocked.body.contains("quiet"),
        "{blocked:?}"
    );
    assert!(
        running.metrics().contains("verdict=\"block\",rule=\"email-opted-out\",enforcement_point=\"authz\"")
    );
}
