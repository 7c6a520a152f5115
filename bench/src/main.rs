//! `cargo xtask bench`: Abide side by side with what people would use instead.
//!
//! Every figure is made here: `people` invents the data, `scrub`, `import`, `rules`, `service`, `kafka` and `index`
//! measure, `contest` runs processes, `structures` holds the maps that ours is compared with, `report` writes
//! `docs/benchmarks.md`.

#![expect(clippy::disallowed_methods, reason = "measuring time is what it is for")]

mod bench_dir;
mod contest;
mod cores;
mod import;
mod index;
mod kafka;
mod people;
mod report;
mod rules;
mod scrub;
mod service;
mod status;
mod store;
mod structures;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

use bench_dir::BenchDir;

const ROWS: u64 = 10_000_000;
const EVENTS: u64 = 2_000_000;
const KILLS_EVENTS: u64 = 10_000_000;
const KILLS: u64 = 30;
const KEYS: [u64; 2] = [10_000_000, 100_000_000];

/// Measures Abide side by side with what people would use instead, and writes docs/benchmarks.md.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask bench")]
struct Arguments {
    /// Without one, all of them.
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// A list into a store, until a follower answers by it, and `abide check` on that store.
    Import {
        #[arg(long, default_value_t = ROWS)]
        rows: u64,
        #[arg(long, default_value_t = 3)]
        rounds: usize,
    },
    /// Customers without those on the list: CSV, Parquet, with a store and without.
    Scrub {
        #[arg(long, default_value_t = ROWS)]
        rows: u64,
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
    /// A change of rules on a store that holds a list, and a scrub with many rules.
    Rules {
        #[arg(long, default_value_t = ROWS)]
        rows: u64,
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
    /// Verdicts and opt-outs over HTTP, beside nginx and Open Policy Agent.
    Service {
        #[arg(long, default_value_t = ROWS)]
        rows: u64,
        #[arg(long, default_value_t = 3)]
        rounds: usize,
        /// Of each measurement.
        #[arg(long, default_value_t = 8)]
        seconds: u64,
    },
    /// Records between topics of Kafka, beside a loop that copies them and a join in Kafka Streams.
    Kafka {
        #[arg(long, default_value_t = ROWS)]
        rows: u64,
        /// In the input topic, of a kibibyte each.
        #[arg(long, default_value_t = EVENTS)]
        events: u64,
        #[arg(long, default_value_t = 3)]
        rounds: usize,
        /// Of each measurement of latency.
        #[arg(long, default_value_t = 10)]
        seconds: u64,
    },
    /// Instances of `abide stream` and the broker killed at random; every record against what had to become of it.
    Kills {
        #[arg(long, default_value_t = KILLS_EVENTS)]
        events: u64,
        #[arg(long, default_value_t = KILLS)]
        kills: u64,
        /// Replays a run, as far as clocks can.
        #[arg(long, default_value_t = 6)]
        seed: u64,
    },
    /// The copy loop, in a process of its own, for `kafka`.
    #[command(hide = true)]
    Copy {
        #[arg(long)]
        servers: String,
        #[arg(long)]
        group: String,
        #[command(flatten)]
        topics: kafka::CopyTopics,
    },
    /// The index beside ready structures.
    Index {
        #[arg(long, default_value_t = KEYS[1])]
        keys: u64,
    },
    /// One structure, in a process of its own, for `index`.
    #[command(hide = true)]
    Structure {
        #[arg(long)]
        name: index::Name,
        #[arg(long)]
        keys: u64,
        #[arg(long)]
        directory: PathBuf,
    },
}

fn main() -> Result<()> {
    let Some(part) = Arguments::parse().part else {
        run(&Part::Import { rows: ROWS, rounds: 3 })?;
        run(&Part::Scrub { rows: ROWS, rounds: 5 })?;
        run(&Part::Rules { rows: ROWS, rounds: 5 })?;
        run(&Part::Service { rows: ROWS, rounds: 3, seconds: 8 })?;
        run(&Part::Kafka { rows: ROWS, events: EVENTS, rounds: 3, seconds: 10 })?;
        run(&Part::Kills { events: KILLS_EVENTS, kills: KILLS, seed: 6 })?;
        return KEYS.into_iter().try_for_each(|keys| run(&Part::Index { keys }));
    };
    run(&part)
}

fn run(part: &Part) -> Result<()> {
    let bench = BenchDir::open()?;
    match *part {
        Part::Import { rows, rounds } => {
            let found = import::part(&bench, rows, rounds)?;
            report::publish(
                &format!("import --rows {rows}"),
                &format!(", {rounds} rounds"),
                &bench_dir::PEERS.join(", ").replace("==", " "),
                &found,
            )
        }
        Part::Scrub { rows, rounds } => {
            let found = scrub::part(&bench, rows, rounds)?;
            report::publish(
                &format!("scrub --rows {rows}"),
                &format!(", {rounds} rounds"),
                &bench_dir::PEERS.join(", ").replace("==", " "),
                &found,
            )
        }
        Part::Rules { rows, rounds } => {
            let found = rules::part(&bench, rows, rounds)?;
            report::publish(&format!("rules --rows {rows}"), &format!(", {rounds} rounds"), "no peer", &found)
        }
        Part::Service { rows, rounds, seconds } => {
            let found = service::part(&bench, rows, rounds, seconds)?;
            report::publish(
                &format!("service --rows {rows}"),
                &format!(", {rounds} rounds of {seconds} s"),
                &service::peers()?,
                &found,
            )
        }
        Part::Kafka { rows, events, rounds, seconds } => {
            let found = kafka::part(&bench, &kafka::Size { rows, events, rounds, seconds })?;
            report::publish(
                &format!("kafka --rows {rows} --events {events}"),
                &format!(", {rounds} rounds"),
                &kafka::peers(),
                &found,
            )
        }
        Part::Kills { events, kills, seed } => {
            let found = kafka::kills::part(&bench, events, kills, seed)?;
            report::publish(
                &format!("kills --events {events} --kills {kills}"),
                &format!(", seed {seed}"),
                &kafka::peers(),
                &found,
            )
        }
        Part::Copy { ref servers, ref group, ref topics } => kafka::copy(servers, group, topics),
        Part::Index { keys } => {
            let found = index::part(&bench, keys)?;
            report::publish(&format!("index --keys {keys}"), "", &index::peers(), &found)
        }
        Part::Structure { name, keys, ref directory } => index::structure(name, keys, directory),
    }
}
