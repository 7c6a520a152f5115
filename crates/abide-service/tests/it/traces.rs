//! Spans reach a collector, hold nobody, and keep nobody waiting.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex},
    thread,
};

use abide_service::{Config, Traces};
use serde_json::{Value, json};

use crate::{
    client::Client,
    world::{Running, World, config, wait_until},
};

/// Takes what is posted to it.
fn collector() -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, posted) = (listener.local_addr().unwrap(), Arc::<Mutex<Vec<String>>>::default());
    let all = posted.clone();
    // Ends with the process.
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut reading = BufReader::new(stream.try_clone().unwrap());
            let head: Vec<String> =
                reading.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
            let length = head.iter().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            let mut body = vec![0; length.parse().unwrap()];
            reading.read_exact(&mut body).unwrap();
            assert_eq!(head[0], "POST /v1/traces HTTP/1.1");
            all.lock().unwrap().push(String::from_utf8(body).unwrap());
            let _ = (&stream).write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
        }
    });
    (address, posted)
}

fn start(world: &World, collector: SocketAddr, one_in: u64) -> Running {
    let endpoint = format!("http://{collector}/v1/traces");
    let traces = Traces { endpoint, one_in, ..Traces::default() };
    Running::start(Config { traces, ..config() }, world.wiring("main", world.objects()))
}

fn check(client: &mut Client, parent: &str) {
    let body = json!({ "action": "contact.email", "subject": { "email": "quiet@example.com" } }).to_string();
    let headers = [("content-type", "application/json"), ("traceparent", parent)];
    assert_eq!(client.ask("POST", "/v1/check", &headers, body.as_bytes()).status, 200);
}

#[test]
fn requests_become_spans() {
    let world = World::new();
    let (address, posted) = collector();
    let running = start(&world, address, 1);
    let mut client = running.ready();
    let (trace, parent) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    check(&mut client, &format!("00-{trace}-{parent}-01"));
    // Its sender does not trace this one; what cannot be read is as if it were not there.
    check(&mut client, &format!("00-{}-{parent}-00", "a".repeat(32)));
    check(&mut client, "quiet@example.com");
    client.ask("POST", "/u/secret-link", &[], b"");
    let spans = || -> Vec<Value> {
        let bodies = posted.lock().unwrap().clone();
        let bodies = bodies.iter().map(|body| serde_json::from_str::<Value>(body).unwrap());
        bodies
            .flat_map(|body| body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().clone())
            .filter(|span| span["name"] != "GET /readyz")
            .collect()
    };
    wait_until(|| spans().len() == 3);
    let spans = spans();
    assert_eq!((&spans[0]["traceId"], &spans[0]["parentSpanId"]), (&json!(trace), &json!(parent)));
    assert_eq!((&spans[0]["name"], &spans[0]["kind"]), (&json!("POST /v1/check"), &json!(2)));
    assert_eq!(spans[0]["attributes"][2]["value"]["intValue"], "200");
    let nanos = |name: &str| spans[0][name].as_str().unwrap().parse::<u64>().unwrap();
    assert!(nanos("startTimeUnixNano") <= nanos("endTimeUnixNano"));
    assert_eq!((spans[1]["traceId"].as_str().unwrap().len(), &spans[1]["parentSpanId"]), (32, &Value::Null));
    assert_eq!(spans[2]["name"], "POST /u/{link}");
    let said = posted.lock().unwrap().concat();
    assert!(!said.contains("quiet") && !said.contains("secret-link"), "{said}");
}

#[test]
fn a_collector_that_is_away_costs_spans_only() {
    let world = World::new();
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let running = start(&world, gone, 1);
    check(&mut running.ready(), "");
    wait_until(|| running.metrics().contains("abide_trace_spans_total{outcome=\"dropped\"}"));
}
