//! A node that cannot reach the bucket takes opt-outs in, keeps them over a restart, and brings them in later.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    thread,
    time::Duration,
};

use abide_model::Time;
use abide_service::Wiring;
use abide_testkit::{Faults, FaultyStore, Request::Write, Stall};
use serde_json::{Value, json};

use crate::{
    client::Client,
    world::{Running, World, config, now, wait_until},
};

const CUT_OFF: Faults = Faults { write_refused: 1.0, read_failed: 1.0, list_failed: 1.0, ..Faults::NONE };

fn signal(email: &str) -> Value {
    json!({ "subject": { "email": email }, "mechanism": "email.unsubscribe" })
}

fn opt_in(email: &str) -> Value {
    json!({
        "subject": { "email": email }, "mechanism": "email.unsubscribe",
        "direction": "in", "proof": "login", "recorded_by": "form",
    })
}

fn verdict(client: &mut Client, email: &str, wishes: &Value) -> Value {
    let mut question = json!({ "action": "contact.email", "subject": { "email": email } });
    question.as_object_mut().unwrap().extend(wishes.as_object().unwrap().clone());
    client.post("/v1/check", &question).good()
}

#[test]
fn opt_outs_are_taken_while_the_bucket_is_out_of_reach() {
    let world = World::new();
    let bucket = FaultyStore::new(world.objects(), 1, Faults::NONE);
    let mut config = config();
    config.spool_after_ms = 100;
    let start = || Running::start(config.clone(), world.wiring("eu-1", Arc::new(bucket.clone())));
    let running = start();
    let mut client = running.ready();
    client.post("/v1/signals", &signal("before@example.com")).good();

    bucket.set_faults(CUT_OFF);
    let kept = client.post("/v1/signals", &signal("during@example.com")).good();
    assert_eq!((&kept["durable"], &kept["token"]), (&json!("node"), &Value::Null));
    assert_eq!(verdict(&mut client, "during@example.com", &json!({}))["verdict"], "block");
    // Whether this machine's clock is right can only be told by the store.
    let refused = client.post("/v1/signals", &opt_in("before@example.com"));
    assert_eq!((refused.status, refused.problem().as_str()), (503, "unavailable"), "{refused:?}");
    // The list ages: whoever sets a bound is told.
    let bound = json!({ "list_age_max_ms": 1 });
    wait_until(|| verdict(&mut client, "anybody@example.com", &bound)["cause"] == "list_stale");
    let known = verdict(&mut client, "before@example.com", &bound);
    assert_eq!(known["verdict"], "block", "an objection that is known stands");
    let passes = json!({ "list_age_max_ms": 1, "on_cannot_tell": "allow" });
    assert_eq!(verdict(&mut client, "anybody@example.com", &passes)["effect"], "allow");
    let fails = json!({
        "action": "contact.email", "subject": { "email": "anybody@example.com" },
        "list_age_max_ms": 1, "on_cannot_tell": "fail",
    });
    assert_eq!(client.post("/v1/check", &fails).problem(), "cannot-tell");

    // It is stopped, and started while the bucket is back for reading but takes nothing.
    drop((client, running));
    bucket.set_faults(Faults { write_refused: 1.0, ..Faults::NONE });
    let running = start();
    let mut client = running.ready();
    assert_eq!(verdict(&mut client, "during@example.com", &json!({}))["verdict"], "block");

    bucket.heal();
    let other = world.start("us-1");
    let mut elsewhere = other.ready();
    wait_until(|| verdict(&mut elsewhere, "during@example.com", &json!({}))["verdict"] == "block");
    wait_until(|| running.metrics().contains("abide_spool_waiting 0"));
    wait_until(|| running.metrics().contains("abide_signals_ahead 0"));
    assert_eq!(verdict(&mut client, "during@example.com", &json!({}))["verdict"], "block");
}

/// A bucket that takes nothing since the node's rights ended is out of reach like any other: nobody who says "do not" is
/// turned away, as if it were their fault.
#[test]
fn opt_outs_are_taken_while_the_bucket_denies_everything() {
    let world = World::new();
    let bucket = FaultyStore::new(world.objects(), 1, Faults::NONE);
    let running = Running::start(config(), world.wiring("eu-1", Arc::new(bucket.clone())));
    let mut client = running.ready();
    bucket.set_faults(Faults { is_denied: true, ..CUT_OFF });
    let kept = client.post("/v1/signals", &signal("during@example.com")).good();
    assert_eq!(kept["durable"], "node");
    assert_eq!(verdict(&mut client, "during@example.com", &json!({}))["verdict"], "block");
    assert_eq!(client.post("/v1/signals", &opt_in("during@example.com")).status, 503);
    bucket.heal();
    wait_until(|| running.metrics().contains("abide_spool_waiting 0"));
    let other = world.start("us-1");
    let mut elsewhere = other.ready();
    wait_until(|| verdict(&mut elsewhere, "during@example.com", &json!({}))["verdict"] == "block");
}

const HOUR_US: i64 = 3_600_000_000;

/// A node whose clock is wrong goes on taking opt-outs, which count everywhere at once, and enforces those of others. What
/// it cannot date rightly, an opt-in, it refuses.
#[test]
fn a_clock_that_is_off() {
    let world = World::new();
    let start = |origin: &str, now: fn() -> Time| {
        Running::start(config(), Wiring { now, ..world.wiring(origin, world.objects()) })
    };
    let (ahead, behind) =
        (start("ap-1", || now().plus_micros(HOUR_US)), start("eu-1", || now().plus_micros(-HOUR_US)));
    let right = start("us-1", now);
    let mut clients = [ahead.ready(), behind.ready(), right.ready()];
    for at in 0..clients.len() {
        let email = format!("p{at}@example.com");
        let taken = clients[at].post("/v1/signals", &signal(&email)).good();
        assert_eq!((&taken["durable"], &taken["in_force"]), (&json!("store"), &json!(true)));
        for other in &mut clients {
            wait_until(|| verdict(other, &email, &json!({}))["verdict"] == "block");
        }
    }
    let bound = json!({ "list_age_max_ms": 5_000 });
    for (client, takes) in clients.iter_mut().zip([false, false, true]) {
        // Ages are told by one clock alone.
        assert_eq!(verdict(client, "anybody@example.com", &bound)["verdict"], "allow");
        let answer = client.post("/v1/signals", &opt_in("p0@example.com"));
        assert_eq!(answer.status == 200, takes, "{answer:?}");
    }
}

/// A clock that is set back does not make the list of a node that is cut off younger.
#[test]
fn a_clock_that_is_set_back() {
    static BACK_US: AtomicI64 = AtomicI64::new(0);
    let world = World::new();
    let bucket = FaultyStore::new(world.objects(), 1, Faults::NONE);
    let wiring = world.wiring("eu-1", Arc::new(bucket.clone()));
    let now: fn() -> Time = || now().plus_micros(-BACK_US.load(Ordering::Relaxed));
    let running = Running::start(config(), Wiring { now, ..wiring });
    let mut client = running.ready();
    let bound = json!({ "list_age_max_ms": 1_500 });
    bucket.set_faults(CUT_OFF);
    BACK_US.store(HOUR_US, Ordering::Relaxed);
    assert_eq!(verdict(&mut client, "anybody@example.com", &bound)["verdict"], "allow");
    wait_until(|| verdict(&mut client, "anybody@example.com", &bound)["cause"] == "list_stale");
    bucket.heal();
    wait_until(|| verdict(&mut client, "anybody@example.com", &bound)["verdict"] == "allow");
}

/// No more signals wait for a store that is slow than there may be; who is refused may say it again.
#[test]
fn only_so_many_wait() {
    let world = World::new();
    let bucket = FaultyStore::new(world.objects(), 1, Faults::NONE);
    let mut config = config();
    config.spool_after_ms = 60_000;
    config.limits.waiting_signals = 3;
    let running = Running::start(config, world.wiring("main", Arc::new(bucket.clone())));
    let mut client = running.ready();
    client.post("/v1/signals", &signal("before@example.com")).good();
    bucket.stall_next(Stall { on: Write, under: "journal/".to_owned(), before_s: 3, after_s: 0 });
    let two =
        |who: &str| json!([signal(&format!("{who}1@example.com")), signal(&format!("{who}2@example.com"))]);
    let (slow, body) = (&mut running.client(), two("slow").to_string());
    let length = body.len();
    let head = format!(
        "POST /v1/signals HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    slow.write(format!("{head}{body}").as_bytes());
    thread::sleep(Duration::from_secs(1));
    let refused = client.post("/v1/signals", &two("hasty"));
    assert_eq!((refused.status, refused.problem().as_str()), (503, "unavailable"));
    wait_until(|| client.post("/v1/signals", &two("hasty")).status == 200);
    // More than may wait at a time wait alone.
    let four = ["a", "b", "c", "d"].map(|who| signal(&format!("{who}@example.com")));
    client.post("/v1/signals", &json!(four)).good();
}

/// Nothing is answered before the list is complete, and opt-outs are taken all the same.
#[test]
fn a_node_without_a_list_says_so() {
    let world = World::new();
    world.start("us-1").ready().post("/v1/signals", &signal("before@example.com")).good();
    let bucket = FaultyStore::new(world.objects(), 1, Faults::NONE);
    let wiring = world.wiring("eu-1", Arc::new(bucket.clone()));
    // It can be listed, so that it is known that there are no tokens.
    bucket.set_faults(Faults { list_failed: 0.0, ..CUT_OFF });
    let mut config = config();
    config.spool_after_ms = 100;
    let running = Running::start(config, wiring);
    let mut client = running.client();
    assert_eq!(client.get("/healthz").status, 200);
    let not_ready = client.get("/readyz");
    assert_eq!((not_ready.status, not_ready.problem().as_str()), (503, "not-ready"));
    assert_eq!(not_ready.header("retry-after"), Some("1"));
    let question = json!({ "action": "contact.email", "subject": { "email": "early@example.com" } });
    assert_eq!(client.post("/v1/check", &question).problem(), "not-ready");
    let taken = client.post("/v1/signals", &signal("early@example.com")).good();
    assert_eq!((&taken["durable"], &taken["in_force"]), (&json!("node"), &json!(false)));
    bucket.heal();
    let mut client = running.ready();
    assert_eq!(verdict(&mut client, "early@example.com", &json!({}))["verdict"], "block");
}
