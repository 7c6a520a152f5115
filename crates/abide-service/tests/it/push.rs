//! Nodes that tell each other: an opt-out is in force on all of them at once, and through the bucket alone when they
//! cannot be reached.

use std::{
    fs,
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use abide_journal::{AccessId, AccessText, AccessToken, Created, Right};
use abide_service::{Config, Peers, Tls};
use abide_testkit::{Faults, FaultyStore, Proxy};
use serde_json::{Value, json};

use crate::{
    client::Client,
    tls::{Authority, install},
    world::{Running, World, config, now, wait_until},
};

fn said(email: &str) -> Value {
    json!({ "subject": { "email": email }, "mechanism": "email.unsubscribe" })
}

fn verdict(client: &mut Client, email: &str) -> Value {
    client.post("/v1/check", &json!({ "action": "contact.email", "subject": { "email": email } })).good()
}

/// Who hears whom has to be known before anybody listens, so each is heard through a proxy.
fn hears(proxies: &[Proxy]) -> Peers {
    Peers { hear: proxies.iter().map(Proxy::url).collect(), ..Peers::default() }
}

/// A node that says something, and how long the slowest other one took to enforce it.
#[expect(clippy::disallowed_methods, reason = "what is measured is time")]
fn spread(nodes: &mut [Client], origin: usize, email: &str) -> Duration {
    nodes[origin].post("/v1/signals", &said(email)).good();
    let began = Instant::now();
    for (at, node) in nodes.iter_mut().enumerate() {
        while at != origin && verdict(node, email)["verdict"] != "block" {
            assert!(began.elapsed() < Duration::from_secs(30), "it did not spread");
        }
    }
    began.elapsed()
}

#[expect(clippy::print_stderr, reason = "what was measured is the point of it")]
fn measure(what: &str, nodes: &mut [Client], rounds: usize, p99_max: Duration) {
    let mut took: Vec<Duration> = (0..rounds)
        .map(|round| spread(nodes, round % nodes.len(), &format!("{what}.{round}@example.com")))
        .collect();
    took.sort();
    let (p50, p99) = (took[rounds / 2], took[rounds * 99 / 100]);
    eprintln!("{what}: in force on {} nodes after {p50:?} (p50), {p99:?} (p99)", nodes.len());
    assert!(p99 < p99_max, "{what}: {p99:?}");
}

/// Bars of the product: 50 ms with push and a second without, on a machine that does nothing else. The bounds here leave
/// room for a debug build among other tests.
#[test]
fn an_opt_out_is_in_force_on_all_nodes_soon() {
    let world = World::new();
    let origins = ["ap-1", "eu-1", "us-1"];
    let start = |peers: &[Peers; 3], poll_ms| {
        let node = |at: usize| {
            let config = Config { peers: peers[at].clone(), poll_ms, workers: 1, ..config() };
            Running::start(config, world.wiring(origins[at], world.objects()))
        };
        [node(0), node(1), node(2)]
    };
    let alone = start(&Default::default(), 200);
    let mut clients: Vec<Client> = alone.iter().map(Running::ready).collect();
    measure("bucket", &mut clients, 30, Duration::from_secs(3));
    for (at, (node, client)) in alone.iter().zip(&mut clients).enumerate() {
        let lags = verdict(client, "anybody@example.com")["lag_ms"].take();
        let metrics = node.metrics();
        for (of, origin) in origins.into_iter().enumerate() {
            assert!(lags[origin].as_u64().is_some_and(|lag_ms| lag_ms < 30_000), "{origin} in {lags}");
            let counted = format!("abide_propagation_seconds_count{{origin=\"{origin}\"}}");
            // What it said itself was in force before it was read.
            assert!(of == at || metrics.contains(&counted), "{origin} in {metrics}");
        }
    }
    drop((clients, alone));

    // They look so seldom that whatever spreads was told.
    let proxies = [Proxy::new(), Proxy::new(), Proxy::new()];
    let others = |at: usize| hears(&[proxies[(at + 1) % 3].clone(), proxies[(at + 2) % 3].clone()]);
    let told = start(&[others(0), others(1), others(2)], 60_000);
    for (proxy, node) in proxies.iter().zip(&told) {
        proxy.lead_to(node.address());
    }
    let mut clients: Vec<Client> = told.iter().map(Running::ready).collect();
    let connected = |node: &Running| {
        let metrics = node.metrics();
        metrics
            .lines()
            .filter(|line| line.starts_with("abide_peer_connected{") && line.ends_with(" 1"))
            .count()
            == 2
    };
    wait_until(|| told.iter().all(connected));
    measure("push", &mut clients, 200, Duration::from_secs(1));
}

/// A peer that is away, silent or slow holds nobody up, and is heard again when it is back.
#[test]
fn a_dead_peer_blocks_nothing() {
    let world = World::new();
    let (dead, mute, live) = (Proxy::new(), Proxy::new(), Proxy::new());
    let config = Config { peers: hears(&[dead, mute.clone(), live.clone()]), ..config() };
    let hearing = Running::start(config, world.wiring("eu-1", world.objects()));
    let other = world.start("us-1");
    mute.swallow();
    live.lead_to(other.address());
    let mut nodes = [other.ready(), hearing.ready()];
    for round in 0..3 {
        spread(&mut nodes, 0, &format!("p{round}@example.com"));
        spread(&mut nodes, 1, &format!("q{round}@example.com"));
        live.cut();
        spread(&mut nodes, 0, &format!("r{round}@example.com"));
        live.let_through();
    }
    let heard = format!("peer=\"{}\"}} 1", live.address());
    wait_until(|| hearing.metrics().contains(&heard));
}

/// Who cannot be reached by the bucket's listing is told by the relay: the list stays current, and as old as the relay's.
#[test]
fn a_relay_looks_for_its_neighbours() {
    let world = World::new();
    let bucket = |()| FaultyStore::new(world.objects(), 1, Faults::NONE);
    let [relays, neighbours] = [(); 2].map(bucket);
    let proxy = Proxy::new();
    let relay = Running::start(config(), world.wiring("relay", Arc::new(relays.clone())));
    proxy.lead_to(relay.address());
    let peers = Peers { relay: proxy.url(), relay_patience_ms: 1_000, ..Peers::default() };
    let set_up = Config { peers, ..config() };
    let neighbour = Running::start(set_up, world.wiring("eu-1", Arc::new(neighbours.clone())));
    let writer = world.start("us-1");
    let mut nodes = [writer.ready(), neighbour.ready()];
    spread(&mut nodes, 0, "before@example.com");
    wait_until(|| neighbour.metrics().contains("abide_told_total{outcome=\"taken\"}"));

    // It cannot list the bucket, and needs not: what the writer says comes by way of the relay, and so does that there is
    // nothing else.
    neighbours.set_faults(Faults { list_failed: 1.0, ..Faults::NONE });
    spread(&mut nodes, 0, "relayed@example.com");
    let fresh =
        json!({ "action": "contact.email", "subject": { "email": "a@example.com" }, "list_age_max_ms": 900 });
    let is_fresh = |node: &mut Client| node.post("/v1/check", &fresh).good()["verdict"] == "allow";
    wait_until(|| is_fresh(&mut nodes[1]));

    // The relay is cut off from the bucket: what it says ages, and so does the list here.
    relays.set_faults(Faults { list_failed: 1.0, ..Faults::NONE });
    wait_until(|| !is_fresh(&mut nodes[1]));
    // The bucket can be listed from here again, and is, since the relay knows no more.
    neighbours.heal();
    wait_until(|| is_fresh(&mut nodes[1]));
    spread(&mut nodes, 0, "alone@example.com");

    // What a relay says late is as old as when it knew it.
    relays.heal();
    neighbours.set_faults(Faults { list_failed: 1.0, ..Faults::NONE });
    wait_until(|| is_fresh(&mut nodes[1]));
    proxy.delay(Duration::from_millis(1_500));
    wait_until(|| !is_fresh(&mut nodes[1]));
    proxy.let_through();
    wait_until(|| is_fresh(&mut nodes[1]));
}

/// A region of nodes that never list the bucket: one relay tells them all.
#[test]
fn a_relay_tells_a_whole_region() {
    let world = World::new();
    let neighbours = FaultyStore::new(world.objects(), 1, Faults::NONE);
    let relay = Running::start(config(), world.wiring("relay", world.objects()));
    let peers =
        Peers { relay: format!("http://{}", relay.address()), relay_patience_ms: 60_000, ..Peers::default() };
    let region: Vec<Running> = (0..16)
        .map(|at| {
            // Tokens are another matter, and looked for by each.
            let set_up = Config { peers: peers.clone(), workers: 1, tokens_ms: 3_600_000, ..config() };
            Running::start(set_up, world.wiring(&format!("eu-{at}"), Arc::new(neighbours.clone())))
        })
        .collect();
    let writer = world.start("us-1");
    let mut nodes = vec![writer.ready()];
    nodes.extend(region.iter().map(Running::ready));
    let connected = format!("peer=\"{}\"}} 1", relay.address());
    wait_until(|| region.iter().all(|node| node.metrics().contains(&connected)));
    // The writer, and some of the region, who look once where their own journals end.
    for speaker in 0..4 {
        spread(&mut nodes, speaker, &format!("before.{speaker}@example.com"));
    }
    neighbours.set_faults(Faults { list_failed: 1.0, ..Faults::NONE });
    for round in 0..12 {
        spread(&mut nodes, round % 4, &format!("relayed.{round}@example.com"));
    }
    assert_eq!(neighbours.faults_injected(), 0, "a neighbour listed the bucket itself");
}

/// Only a node with its own right is told, and nothing that somebody without the store's secret made up is believed.
#[test]
fn who_is_told() {
    let world = World::new();
    let token = |secret: u8, rights: &[Right]| {
        let text = AccessText::new(AccessId([secret; 8]), [secret; 32]);
        let token = AccessToken::new(&text, "node", rights, now());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        assert_eq!(runtime.block_on(token.create(&world.store())).unwrap(), Created::Done);
        text.expose()
    };
    let (follow, check) =
        (token(1, &[Right::Follow, Right::Check, Right::SignalsOut]), token(2, &[Right::Check]));
    let told = world.start("us-1");
    wait_until(|| told.client().get("/readyz").status == 200);
    for (shown, status) in [(check.as_str(), 403), ("", 401)] {
        assert_eq!(told.client().ask("GET", "/v1/push", &[("abide-token", shown)], b"").status, status);
    }
    let file = world.directory.path().join("token");
    fs::write(&file, &follow).unwrap();
    let liar = liar();
    let peers = Peers {
        hear: vec![format!("http://{}", told.address()), format!("http://{liar}")],
        token_file: file,
        ..Peers::default()
    };
    let hearing =
        Running::start(Config { peers, poll_ms: 60_000, ..config() }, world.wiring("eu-1", world.objects()));
    hearing.ready();
    wait_until(|| hearing.metrics().contains(&format!("peer=\"{}\"}} 1", told.address())));
    let headers = [("abide-token", follow.as_str()), ("content-type", "application/json")];
    let said = said("quiet@example.com").to_string();
    assert_eq!(told.client().ask("POST", "/v1/signals", &headers, said.as_bytes()).status, 200);
    let question =
        json!({ "action": "contact.email", "subject": { "email": "quiet@example.com" } }).to_string();
    let mut client = hearing.client();
    wait_until(|| {
        client.ask("POST", "/v1/check", &headers, question.as_bytes()).good()["verdict"] == "block"
    });
    let lied = format!("peer=\"{liar}\"}} 0");
    wait_until(|| hearing.metrics().contains(&lied));
}

/// Certificates on both sides: who has none, or believes another authority, hears nothing.
#[test]
fn by_tls() {
    let world = World::new();
    let folder = world.directory.path();
    let (authority, another) = (Authority::new(), Authority::new());
    install(folder, &authority.make("localhost"));
    for (name, authority) in [("ours.pem", &authority), ("another.pem", &another)] {
        fs::write(folder.join(name), authority.pem()).unwrap();
    }
    let tls = Tls {
        certificate_file: folder.join("certificate.pem"),
        key_file: folder.join("key.pem"),
        client_authorities_file: folder.join("ours.pem"),
    };
    let told = Running::start(Config { tls, ..config() }, world.wiring("us-1", world.objects()));
    let url = format!("https://localhost:{}", told.address().port());
    let hears = |origin: &str, authorities: &str, shows: bool| {
        let own = |name: &str| if shows { folder.join(name) } else { PathBuf::new() };
        let peers = Peers {
            hear: vec![url.clone()],
            authorities_file: folder.join(authorities),
            certificate_file: own("certificate.pem"),
            key_file: own("key.pem"),
            ..Peers::default()
        };
        Running::start(Config { peers, ..config() }, world.wiring(origin, world.objects()))
    };
    let connected = |node: &Running| {
        let metrics = node.metrics();
        let line = metrics.lines().find(|line| line.starts_with("abide_peer_connected{"));
        line.map(|line| line.ends_with(" 1"))
    };
    let good = hears("eu-1", "ours.pem", true);
    wait_until(|| connected(&good) == Some(true));
    for (origin, authorities, shows) in [("eu-2", "another.pem", true), ("eu-3", "ours.pem", false)] {
        let bad = hears(origin, authorities, shows);
        wait_until(|| connected(&bad) == Some(false));
    }
}

/// Somebody who answers as a node does and holds no secret.
fn liar() -> SocketAddr {
    use std::io::{BufRead as _, BufReader, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // Ends with the process.
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            lines.take_while(|line| !line.is_empty()).for_each(drop);
            let heads = r#"{"as_of_ms":0,"heads":"{\"format\":1,\"node\":\"us-1\",\"at_us\":0,\"heads\":[],\"seal\":\"0\"}"}"#;
            let _ = write!(stream, "HTTP/1.1 200 OK\r\n\r\n{heads}\n");
        }
    });
    address
}
