//! Part `service`: verdicts and opt-outs over HTTP, beside a web server that answers a constant and a policy engine
//! that holds the same list.
//!
//! Whoever is measured has one core, and whoever asks has the other; only opt-outs, whose clients wait for the disk, are
//! taken in with both.

mod client;
mod paced;
mod peers;
mod questions;
mod regions;
mod running;
mod wrk;

use std::fmt;
use std::fs::File;
use std::io::Write;
use std::time::Instant;

use anyhow::{Result, ensure};

use crate::bench_dir::BenchDir;
use crate::contest::Spread;
use crate::cores::on_the_other_core;
use crate::report::{Bar, bars, mib, of_bar, ratio, table};
use crate::store::Store;
use questions::{Bodies, Questions};
pub(crate) use running::free_port;
use running::{Running, serve};
use wrk::Wrk;

const OPA_ROWS: u64 = 1_000_000;
const BATCH: usize = 1_000;
const CLIENTS: usize = 64;
/// So many opt-outs in a request, as a vendor's webhook brings them.
const TOGETHER: usize = 10;
/// Of a round, when latency is measured: whatever holds up the machine for a moment spoils a part, and not the median.
const PARTS: usize = 4;
const OF_CONSTANT: f64 = 0.7;
const OF_OPA_RATE: f64 = 5.0;
const OF_OPA_MEMORY: f64 = 1.0 / 20.0;
const P99_MS: f64 = 1.0;
const IDENTIFIERS: f64 = 1e6;
const SIGNALS: f64 = 20_000.0;
const READY_S: f64 = 2.0;
/// So many spread one after the other.
const OPT_OUTS: usize = 300;
const BY_BUCKET_MS: f64 = 1_000.0;
const BY_PUSH_MS: f64 = 50.0;

/// Requests a second, and what the process held of memory at most.
struct Answered {
    name: String,
    rate: Spread,
    memory: Memory,
}

/// In bytes.
#[derive(Clone, Copy, Default)]
struct Memory {
    /// All of it that was in use at its peak, mapped files included.
    peak: u64,
    /// Without mapped files, at the end.
    own: u64,
}

/// Who takes part, with their versions.
pub(crate) fn peers() -> Result<String> {
    Ok(format!(
        "{}, Open Policy Agent {}",
        peers::nginx_version()?,
        peers::OPA.rsplit('@').next().unwrap_or("?")
    ))
}

pub(crate) fn part(bench: &BenchDir, rows: u64, rounds: usize, seconds: u64) -> Result<String> {
    let wrk = Wrk::find(seconds)?;
    let list = bench.list(rows)?;
    let questions = Questions::write(bench, rows)?;
    let store = Store::prepared(bench, &list)?;

    let [joined_s, restarted_s] = until_ready(&store)?;
    let checks = against_a_constant(bench, &store, &questions, &wrk, rounds)?;
    let [paced, paced_constant] = at_half(bench, &store, &questions, checks[0].rate.median, rounds, seconds)?;
    let filters = in_batches(&store, &questions, &wrk, rounds)?;
    let taken = opt_outs(bench, &store, seconds)?;
    let by_bucket = regions::by_bucket(bench, &store, OPT_OUTS)?;
    let by_push = regions::by_push(bench, &store, OPT_OUTS)?;
    drop(store);
    let opa = against_opa(bench, &wrk, rounds)?;

    let [ours, constant] = &checks;
    let share = ours.rate.median / constant.rate.median;
    let identifiers = filters.iter().map(|one| one.rate.median).fold(0.0, f64::max) * BATCH as f64;
    let mut found = vec![
        Bar {
            what: format!("`POST /v1/check`, list of {rows}"),
            asked: format!("≥ {OF_CONSTANT:.2} of nginx with a constant"),
            figure: format!("{:.0} a second, nginx {:.0}", ours.rate.median, constant.rate.median),
            ratio: format!("{share:.2} of nginx"),
            met: share >= OF_CONSTANT,
        },
        Bar {
            what: format!("p99 at half of that, {:.0} a second", paced.rate),
            asked: format!("< {P99_MS} ms"),
            figure: format!("{paced}; nginx {paced_constant}"),
            ratio: of_bar(paced.p99_ms.median / P99_MS),
            met: paced.p99_ms.median < P99_MS,
        },
        Bar {
            what: format!("`/v1/filter`, batches of {BATCH}"),
            asked: "≥ 1,000,000 identifiers a second".to_owned(),
            figure: format!("{identifiers:.0} a second"),
            ratio: of_bar(identifiers / IDENTIFIERS),
            met: identifiers >= IDENTIFIERS,
        },
        Bar {
            what: format!(
                "opt-outs accepted durably, {CLIENTS} clients, one in a request, killed at the end"
            ),
            asked: "≥ 20,000 a second, none lost".to_owned(),
            figure: format!(
                "{:.0} a second, {} of {} lost; flushing a new file and its folder takes {:.1} ms here",
                taken.alone, taken.lost, taken.accepted, taken.flush_ms
            ),
            ratio: of_bar(taken.alone / SIGNALS),
            met: taken.alone >= SIGNALS && taken.lost == 0,
        },
        Bar {
            what: format!("the same, {TOGETHER} in a request"),
            asked: "≥ 20,000 a second, none lost".to_owned(),
            figure: format!("{:.0} a second", taken.together),
            ratio: of_bar(taken.together / SIGNALS),
            met: taken.together >= SIGNALS && taken.lost == 0,
        },
        ready(format!("a node that joins, until it answers from all {rows}"), joined_s),
        ready("the same, started again after a `kill -9`".to_owned(), restarted_s),
        Bar {
            what: "a check right after an accepted opt-out sees it".to_owned(),
            asked: "always".to_owned(),
            figure: format!("{} of {} did not", taken.unseen, taken.seen + taken.unseen),
            ratio: String::new(),
            met: taken.unseen == 0 && taken.seen > 0,
        },
    ];
    for (how, asked_ms, taken) in
        [("the bucket alone", BY_BUCKET_MS, &by_bucket), ("push between nodes", BY_PUSH_MS, &by_push)]
    {
        found.push(Bar {
            what: format!(
                "an accepted opt-out is in force on all of three nodes, by {how}, p99 of {OPT_OUTS}"
            ),
            asked: format!("≤ {asked_ms:.0} ms"),
            figure: format!("{:.1} ms, median {:.1} ms", taken.p99_ms, taken.median_ms),
            ratio: of_bar(taken.p99_ms / asked_ms),
            met: taken.p99_ms <= asked_ms,
        });
    }
    let mut measured = vec![ours, constant];
    measured.extend(&filters);
    if let Some([ours, theirs]) = &opa {
        let (times, memory) =
            (ours.rate.median / theirs.rate.median, ours.memory.peak as f64 / theirs.memory.peak as f64);
        found.push(Bar {
            what: format!("`POST /v1/check` beside Open Policy Agent, list of {OPA_ROWS}"),
            asked: format!("≥ {} of its rate", ratio(OF_OPA_RATE)),
            figure: format!("{:.0} a second, theirs {:.0}", ours.rate.median, theirs.rate.median),
            ratio: ratio(times),
            met: times >= OF_OPA_RATE,
        });
        found.push(Bar {
            what: "the same, peak memory".to_owned(),
            asked: "≤ 1/20 of its".to_owned(),
            figure: format!("{}, theirs {}", mib(ours.memory.peak), mib(theirs.memory.peak)),
            ratio: format!("1/{:.0} of theirs", 1.0 / memory),
            met: memory <= OF_OPA_MEMORY,
        });
        measured.extend([ours, theirs]);
    }
    let head = ["Service", "requests a second", "least – most", "peak memory", "without mapped files"];
    let rows: Vec<Vec<String>> = measured.iter().map(|one| row(one)).collect();
    Ok([bars(&found), table(&head, &rows)].join("\n"))
}

fn ready(what: String, seconds: f64) -> Bar {
    Bar {
        what,
        asked: format!("≤ {READY_S:.0} s"),
        figure: format!("{seconds:.2} s"),
        ratio: of_bar(seconds / READY_S),
        met: seconds <= READY_S,
    }
}

fn row(one: &Answered) -> Vec<String> {
    vec![
        one.name.clone(),
        format!("{:.0}", one.rate.median),
        format!("{:.0} – {:.0}", one.rate.least, one.rate.most),
        mib(one.memory.peak),
        mib(one.memory.own),
    ]
}

/// How long a node takes from its start until it is ready: on a machine that has no copy of the list, and again there.
fn until_ready(store: &Store) -> Result<[f64; 2]> {
    let start = || -> Result<f64> {
        let began = Instant::now();
        let _killed = serve(store, "late", &[], false)?;
        Ok(began.elapsed().as_secs_f64())
    };
    Ok([start()?, start()?])
}

fn against_a_constant(
    bench: &BenchDir,
    store: &Store,
    questions: &Questions,
    wrk: &Wrk,
    rounds: usize,
) -> Result<[Answered; 2]> {
    let ours = serve(store, "check", &["--workers", "1"], true)?;
    let answer = client::Client::new(ours.port)?.post("/v1/check", questions.first().as_bytes())?;
    let nginx = peers::nginx(bench, &answer)?;
    let asked = questions.checks();
    in_turns(
        wrk,
        rounds,
        [("`/v1/check`".to_owned(), &ours, &asked), ("nginx, a constant".to_owned(), &nginx, &asked)],
    )
}

/// Each in each round, after one that warms caches.
fn in_turns(
    wrk: &Wrk,
    rounds: usize,
    contestants: [(String, &Running, &Bodies); 2],
) -> Result<[Answered; 2]> {
    let mut rates = [Vec::new(), Vec::new()];
    for round in 0..=rounds {
        for ((_, server, asked), rates) in contestants.iter().zip(&mut rates) {
            let rate = wrk.rate(server.port, asked)?;
            if round > 0 {
                rates.push(rate);
            }
        }
    }
    let [ours, theirs] = contestants;
    let [our_rates, their_rates] = rates;
    let answered = |(name, server, _): (String, &Running, &Bodies), rates| -> Result<Answered> {
        Ok(Answered { name, rate: Spread::of(rates), memory: server.memory()? })
    };
    Ok([answered(ours, our_rates)?, answered(theirs, their_rates)?])
}

/// Latency at half of the greatest rate, of several rounds.
struct AtHalf {
    rate: f64,
    median_ms: Spread,
    p99_ms: Spread,
}

impl AtHalf {
    fn of(rounds: &[paced::Paced]) -> Self {
        Self {
            rate: Spread::of(rounds.iter().map(|round| round.rate)).median,
            median_ms: Spread::of(rounds.iter().map(|round| round.median_ms)),
            p99_ms: Spread::of(rounds.iter().map(|round| round.p99_ms)),
        }
    }
}

impl fmt::Display for AtHalf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Spread { median, least, most } = self.p99_ms;
        write!(f, "{median:.3} ms ({least:.3} – {most:.3}), median {:.3} ms", self.median_ms.median)
    }
}

/// Ours, and the constant at the same rate: what it cannot keep either is the machine's.
fn at_half(
    bench: &BenchDir,
    store: &Store,
    questions: &Questions,
    most: f64,
    rounds: usize,
    seconds: u64,
) -> Result<[AtHalf; 2]> {
    let bodies = questions.bodies()?;
    let ask = |port, seconds| on_the_other_core(|| paced::run(port, &bodies, most / 2.0, seconds));
    let ours = serve(store, "check", &["--workers", "1"], true)?;
    let answer = client::Client::new(ours.port)?.post("/v1/check", questions.first().as_bytes())?;
    let nginx = peers::nginx(bench, &answer)?;
    let ports = [ours.port, nginx.port];
    let mut paced = [Vec::new(), Vec::new()];
    // Warms both up.
    ports.iter().try_for_each(|port| ask(*port, seconds).map(drop))?;
    for _ in 0..rounds * PARTS {
        for (port, paced) in ports.iter().zip(&mut paced) {
            paced.push(ask(*port, seconds.div_ceil(PARTS as u64))?);
        }
    }
    Ok(paced.map(|rounds| AtHalf::of(&rounds)))
}

fn in_batches(store: &Store, questions: &Questions, wrk: &Wrk, rounds: usize) -> Result<Vec<Answered>> {
    let ours = serve(store, "check", &["--workers", "1"], true)?;
    let mut answered = Vec::new();
    for (name, batches) in questions.batches(BATCH) {
        wrk.rate(ours.port, &batches)?;
        let rates = (0..rounds).map(|_| wrk.rate(ours.port, &batches)).collect::<Result<Vec<f64>>>()?;
        answered.push(Answered { name, rate: Spread::of(rates), memory: ours.memory()? });
    }
    Ok(answered)
}

/// What became of opt-outs.
struct Taken {
    /// A second, with one in a request and with several.
    alone: f64,
    together: f64,
    flush_ms: f64,
    accepted: usize,
    lost: usize,
    seen: usize,
    unseen: usize,
}

fn opt_outs(bench: &BenchDir, store: &Store, seconds: u64) -> Result<Taken> {
    let flush_ms = flush_ms(bench)?;
    let serving = serve(store, "signals", &[], false)?;
    let (seen, unseen) = client::check_after_each(serving.port, CLIENTS, 2)?;
    let (alone, mut accepted) = client::opt_out(serving.port, CLIENTS, 1, seconds)?;
    let (together, others) = client::opt_out(serving.port, CLIENTS, TOGETHER, seconds)?;
    accepted.extend(others);
    // `kill -9`, by dropping it.
    drop(serving);
    let again = serve(store, "signals", &[], false)?;
    let lost = accepted.len() - client::blocked(again.port, &accepted)?;
    ensure!(!accepted.is_empty(), "no opt-out was accepted");
    Ok(Taken { alone, together, flush_ms, accepted: accepted.len(), lost, seen, unseen })
}

/// How long it takes at the median until a new file and its name are on the disk: what an append to a store in a
/// directory waits for, whoever makes it.
fn flush_ms(bench: &BenchDir) -> Result<f64> {
    let folder = bench.empty("flush")?;
    let mut took = Vec::new();
    for number in 0..51 {
        let began = Instant::now();
        let mut file = File::create(folder.join(number.to_string()))?;
        file.write_all(&[1; 8 << 10])?;
        file.sync_all()?;
        File::open(&folder)?.sync_all()?;
        took.push(began.elapsed().as_secs_f64() * 1e3);
    }
    Ok(Spread::of(took).median)
}

fn against_opa(bench: &BenchDir, wrk: &Wrk, rounds: usize) -> Result<Option<[Answered; 2]>> {
    let list = bench.list(OPA_ROWS)?;
    let questions = Questions::write(bench, OPA_ROWS)?;
    let Some(opa) = peers::opa(bench, &list)? else { return Ok(None) };
    let store = Store::prepared(bench, &list)?;
    let ours = serve(&store, "check", &["--workers", "1"], true)?;
    let (asked, of_opa) = (questions.checks(), questions.inputs());
    let contestants = [
        (format!("`/v1/check`, list of {OPA_ROWS}"), &ours, &asked),
        (format!("OPA, list of {OPA_ROWS}"), &opa, &of_opa),
    ];
    in_turns(wrk, rounds, contestants).map(Some)
}
