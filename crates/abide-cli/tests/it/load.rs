//! Several nodes on one bucket under mixed traffic, while they are killed, restarted and cut off from it and from each
//! other: whatever was acknowledged is in force on the node that did so, whenever it answers, and on every node in the end.
//!
//! `ABIDE_LOAD_SEED` replays which node is hit how and when, as far as clocks can; `ABIDE_LOAD_ROUNDS` makes it long.

use std::{
    env, iter,
    sync::{
        Mutex, RwLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use abide_testkit::{Proxy, S3Server};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use crate::{
    program::now,
    serve::{Serving, ask},
    world::World,
};

const ORIGINS: [&str; 3] = ["ap", "eu", "us"];
const CLIENTS: u64 = 6;
const SEED: u64 = 1;
/// How often a node is hit.
const ROUNDS: u64 = 12;
const THINKS_MS: u64 = 40;
const SPOOL_AFTER_MS: u64 = 300;
/// How long all nodes may take to agree, once nothing hits them any more.
const AGREE_S: i64 = 60;

struct Node {
    origin: &'static str,
    /// Its only way to the bucket.
    proxy: Proxy,
    /// How the others hear it, wherever it answers.
    peer: Proxy,
    /// Where it answers, while it does.
    address: RwLock<Option<String>>,
}

impl Node {
    fn let_through(&self) {
        self.proxy.let_through();
        self.peer.let_through();
    }
}

#[derive(Default)]
struct Counts {
    kills: AtomicUsize,
    cuts: AtomicUsize,
    on_node: AtomicUsize,
    checks: AtomicUsize,
}

#[test]
#[expect(clippy::print_stderr, reason = "the seed comes first, so that whatever follows can be replayed")]
fn what_was_acknowledged_is_in_force_everywhere() {
    let number =
        |name: &str, otherwise: u64| env::var(name).map_or(otherwise, |text| text.parse().expect("a number"));
    let (seed, rounds) = (number("ABIDE_LOAD_SEED", SEED), number("ABIDE_LOAD_ROUNDS", ROUNDS));
    eprintln!("ABIDE_LOAD_SEED={seed} ABIDE_LOAD_ROUNDS={rounds}");
    let folder = tempfile::tempdir().unwrap();
    let server = S3Server::start(folder.path());
    let world = World::on_bucket(&server);
    let endpoint = server.env().into_iter().find(|(name, _)| *name == "AWS_ENDPOINT").unwrap().1;
    let nodes = ORIGINS.map(|origin| Node {
        origin,
        proxy: Proxy::new(),
        peer: Proxy::new(),
        address: RwLock::default(),
    });
    nodes.iter().for_each(|node| node.proxy.lead_to(endpoint.trim_start_matches("http://").parse().unwrap()));
    let (stop, counts) = (AtomicBool::new(false), Counts::default());
    let acknowledged = Mutex::new(Vec::new());
    let mut serving = nodes.each_ref().map(|node| Some(start(&world, node, &nodes)));
    thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (nodes, stop, counts, acknowledged) = (&nodes, &stop, &counts, &acknowledged);
            scope.spawn(move || {
                let own = client(number, seed, nodes, stop, counts);
                acknowledged.lock().unwrap().extend(own);
            });
        }
        hit(seed, rounds, &world, &nodes, &mut serving, &counts);
        stop.store(true, Ordering::Relaxed);
    });
    let acknowledged = acknowledged.into_inner().unwrap();
    let count = |count: &AtomicUsize| count.load(Ordering::Relaxed);
    let (kills, cuts, on_node) = (count(&counts.kills), count(&counts.cuts), count(&counts.on_node));
    eprintln!(
        "{} opt-outs acknowledged, {on_node} of them on a node's disk only; {} checks; {kills} kills, {cuts} cuts",
        acknowledged.len(),
        count(&counts.checks)
    );
    assert!(acknowledged.len() > 100 && kills > 1 && cuts > 1 && on_node > 0, "hardly anything happened");
    for node in &nodes {
        let until = now().plus_micros(AGREE_S * 1_000_000);
        while lacking(node, &acknowledged) > 0 {
            assert!(now() < until, "{} lacks {} opt-outs", node.origin, lacking(node, &acknowledged));
            thread::sleep(Duration::from_millis(100));
        }
    }
    drop(serving);
    world.must(0, &["verify"]);
}

fn start(world: &World, node: &Node, nodes: &[Node; 3]) -> Serving {
    let own = world.path(node.origin);
    let mut command = world.command();
    command.env("ABIDE_ORIGIN", node.origin).env("ABIDE_CACHE", own.join("cache"));
    command.env("XDG_STATE_HOME", own.join("state")).env("AWS_ENDPOINT", node.proxy.url());
    command.env("ABIDE_SERVE_SPOOL_AFTER_MS", SPOOL_AFTER_MS.to_string()).env("ABIDE_SERVE_WORKERS", "1");
    let others = nodes.iter().filter(|other| other.origin != node.origin).map(|other| other.peer.url());
    command.env("ABIDE_SERVE_PEERS_HEAR", others.collect::<Vec<_>>().join(","));
    let serving = Serving::start_by(command);
    node.peer.lead_to(serving.address.parse().unwrap());
    *node.address.write().unwrap() = Some(serving.address.clone());
    serving
}

/// Kills, cuts off and slows down one node after the other; all of them run and reach the bucket in the end.
fn hit(
    seed: u64,
    rounds: u64,
    world: &World,
    nodes: &[Node; 3],
    serving: &mut [Option<Serving>; 3],
    counts: &Counts,
) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    for _ in 0..rounds {
        let at = rng.random_range(0..nodes.len());
        let node = &nodes[at];
        thread::sleep(Duration::from_millis(rng.random_range(50..400)));
        match rng.random_range(0..4) {
            0 => {
                *node.address.write().unwrap() = None;
                // A kill −9.
                drop(serving[at].take());
                counts.kills.fetch_add(1, Ordering::Relaxed);
                node.let_through();
                serving[at] = Some(start(world, node, nodes));
            }
            both @ (1 | 2) => {
                node.proxy.cut();
                if both == 2 {
                    node.peer.cut();
                }
                counts.cuts.fetch_add(1, Ordering::Relaxed);
                // Long enough that its own disk has to do.
                thread::sleep(Duration::from_millis(2 * SPOOL_AFTER_MS));
            }
            _ => nodes.iter().for_each(Node::let_through),
        }
    }
    nodes.iter().for_each(Node::let_through);
}

/// Whose opt-outs were acknowledged to it.
fn client(number: u64, seed: u64, nodes: &[Node; 3], stop: &AtomicBool, counts: &Counts) -> Vec<String> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ (number << 32));
    let mut acknowledged: Vec<(usize, String)> = Vec::new();
    let mut people = (0..).map(|nth| format!("p{number}.{nth}@example.com"));
    while !stop.load(Ordering::Relaxed) {
        // People think; without that, whoever starts again in the midst of it has the whole of their haste to read.
        thread::sleep(Duration::from_millis(rng.random_range(0..THINKS_MS)));
        let at = rng.random_range(0..nodes.len());
        let Some(address) = nodes[at].address.read().unwrap().clone() else {
            thread::yield_now();
            continue;
        };
        let own = acknowledged.iter().rev().find(|(by, _)| *by == at);
        if rng.random_bool(0.4)
            && let Some((_, email)) = own
        {
            let question = json!({ "action": "contact.email", "subject": { "email": email } });
            let Some((200, answer)) = ask(&address, "POST", "/v1/check", &question.to_string()) else {
                continue;
            };
            let answer: Value = serde_json::from_str(&answer).unwrap();
            assert_eq!(
                answer["verdict"], "block",
                "{} forgot what it acknowledged: {answer}",
                nodes[at].origin
            );
            counts.checks.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        let email = people.next().expect("it never ends");
        let mut said = json!({ "subject": { "email": email }, "mechanism": "email.unsubscribe" });
        // Somebody else's change of mind in the midst of it, which may be refused.
        if rng.random_bool(0.1) {
            let other = json!({
                "subject": { "email": format!("back.{email}") }, "mechanism": "email.unsubscribe",
                "direction": "in", "proof": "login", "recorded_by": "form",
            });
            let _ = ask(&address, "POST", "/v1/signals", &other.to_string());
        }
        said["recorded_by"] = json!(nodes[at].origin);
        let Some((200, answer)) = ask(&address, "POST", "/v1/signals", &said.to_string()) else { continue };
        if answer.contains("\"durable\":\"node\"") {
            counts.on_node.fetch_add(1, Ordering::Relaxed);
        }
        acknowledged.push((at, email));
    }
    acknowledged.into_iter().map(|(_, email)| email).collect()
}

/// How many of them a node would let through.
fn lacking(node: &Node, acknowledged: &[String]) -> usize {
    let address = node.address.read().unwrap().clone().unwrap();
    let lacking = |some: &[String]| {
        let subjects: Vec<Value> = some.iter().map(|email| json!({ "email": email })).collect();
        let question = json!({ "action": "contact.email", "subjects": subjects });
        let answered = ask(&address, "POST", "/v1/filter", &question.to_string());
        let answer: Value = match answered {
            Some((200, body)) => serde_json::from_str(&body).unwrap(),
            _ => return some.len(),
        };
        some.len() - usize::try_from(answer["tally"]["blocked"].as_u64().unwrap()).unwrap()
    };
    iter::Sum::sum(acknowledged.chunks(10_000).map(lacking))
}
