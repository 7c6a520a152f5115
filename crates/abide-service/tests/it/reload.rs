//! Settings that are read anew while the server runs.

use std::sync::{Arc, Mutex};

use abide_service::{Config, ReadSettings, Wiring};
use serde_json::json;

use crate::{
    hooks::account,
    world::{Running, World, config},
};

/// What bears on single requests counts at once, what does not is named, and what is wrong changes nothing.
#[test]
fn what_changed_counts_or_is_named() {
    let world = World::new();
    let settings = Arc::new(Mutex::new(config()));
    let held = settings.clone();
    let read = move || {
        let config: Config = held.lock().unwrap().clone();
        if config.gpc_since == "wrong" { Err("gpc_since is a date".to_owned()) } else { Ok(config) }
    };
    let wiring = world.wiring("main", world.objects());
    let wiring = Wiring { read_settings: Some(ReadSettings(Arc::new(read))), ..wiring };
    let running = Running::start(config(), wiring);
    let mut client = running.ready();
    let post = [("content-type", "application/json"), ("authorization", "Basic c29tZW9uZTpzZWNyZXQ=")];
    let mut hook = || client.ask("POST", "/v1/hooks/postmark", &post, b"{}").status;
    assert_eq!(hook(), 404);
    {
        let mut config = settings.lock().unwrap();
        config.hooks = vec![account(world.directory.path(), "postmark")];
        config.gpc_since = "2026-01-01".to_owned();
        config.limits.signals = 1;
        config.limits.connections = 7;
        config.poll_ms += 1;
    }
    assert_eq!(hook(), 404, "nobody said so yet");
    let mut admin = running.client();
    let reloaded = admin.post("/v1/reload", &json!({})).good();
    assert_eq!(reloaded["at_next_start"], json!(["poll_ms", "limits.connections"]), "{reloaded}");
    assert_eq!(hook(), 200);
    assert_eq!(admin.get("/.well-known/gpc.json").good()["lastUpdate"], "2026-01-01");
    let one = json!({ "subject": { "email": "a@example.com" }, "mechanism": "email.unsubscribe" });
    assert_eq!(admin.post("/v1/signals", &json!([one, one])).problem(), "too-large");
    settings.lock().unwrap().gpc_since = "wrong".to_owned();
    assert_eq!(running.client().post("/v1/reload", &json!({})).problem(), "conflict");
    assert!(running.server().reload().is_err());
    assert_eq!(hook(), 200);
}
