//! Several nodes on one bucket: how long after it was accepted on one an opt-out is in force on all of them.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::client::{Client, opt_out_of, verdict};
use super::running::{Running, free_port, serve_at};
use crate::bench_dir::BenchDir;
use crate::store::Store;

const NODES: usize = 3;
const LATEST: Duration = Duration::from_secs(30);

/// From the answer to whoever said it to the last other node that blocks, in milliseconds.
pub(crate) struct InForce {
    pub(crate) median_ms: f64,
    pub(crate) p99_ms: f64,
}

/// By the bucket alone, which every node looks at five times a second.
pub(crate) fn by_bucket(bench: &BenchDir, store: &Store, opt_outs: usize) -> Result<InForce> {
    measure(&start(bench, store, false)?, "bucket", opt_outs)
}

/// With nodes that tell each other.
pub(crate) fn by_push(bench: &BenchDir, store: &Store, opt_outs: usize) -> Result<InForce> {
    measure(&start(bench, store, true)?, "push", opt_outs)
}

fn start(bench: &BenchDir, store: &Store, hear: bool) -> Result<Vec<Running>> {
    let folder = bench.empty("regions")?;
    let ports = (0..NODES).map(|_| free_port()).collect::<Result<Vec<u16>>>()?;
    let nodes = (0..NODES).map(|node| {
        let others = ports.iter().filter(|port| hear && **port != ports[node]);
        let others: Vec<String> = others.map(|port| format!("\"http://127.0.0.1:{port}\"")).collect();
        let settings = folder.join(format!("{node}.toml"));
        fs::write(&settings, format!("[serve.peers]\nhear = [{}]\n", others.join(", ")))?;
        let name = format!("region-{node}");
        let settings = settings.to_string_lossy();
        serve_at(
            store,
            &name,
            ports[node],
            &["--workers", "1", "--origin", &name, "--config", &settings],
            false,
        )
    });
    nodes.collect()
}

fn measure(nodes: &[Running], phase: &str, opt_outs: usize) -> Result<InForce> {
    let mut clients = nodes.iter().map(|node| Client::new(node.port)).collect::<Result<Vec<Client>>>()?;
    // The first of each node opens its journal, and lets it find its neighbours.
    for nth in 0..NODES {
        spread(&mut clients, nth, &format!("warm-{phase}.{nth}@example.com"))?;
    }
    let took =
        (0..opt_outs).map(|nth| spread(&mut clients, nth % NODES, &format!("{phase}.{nth}@example.com")));
    let mut took = took.collect::<Result<Vec<f64>>>()?;
    took.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| took[((took.len() as f64 * share).ceil() as usize).clamp(1, took.len()) - 1];
    Ok(InForce { median_ms: at(0.5), p99_ms: at(0.99) })
}

fn spread(clients: &mut [Client], of: usize, email: &str) -> Result<f64> {
    clients[of].post("/v1/signals", opt_out_of(email).as_bytes())?;
    let began = Instant::now();
    for (at, client) in clients.iter_mut().enumerate() {
        while at != of && verdict(client, email)? != "block" {
            ensure!(began.elapsed() < LATEST, "an opt-out did not get from one node to another");
        }
    }
    Ok(began.elapsed().as_secs_f64() * 1e3)
}
