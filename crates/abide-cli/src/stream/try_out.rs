//! `abide stream try`: what would become of events.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::PathBuf,
};

use abide_stream::{Record, Told, Why};
use anyhow::{Context as _, bail};
use serde::Deserialize;

use super::Settings;
use crate::{clock, exit::Exit, store_flags::StoreOptions};

/// Show what would become of events. No broker is asked, nothing is written.
///
/// Of topics in Avro and Protobuf, values are given as JSON too, as other tools show them: no registry is asked.
/// Opt-outs in events count for those that come after them. Exits with 1 if something would be blocked, with 2 if something
/// could not be judged.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The settings.
    #[arg(long, value_name = "FILE", default_value = "stream.toml")]
    config: PathBuf,

    /// The topic that they are of [default: the first of the first route].
    #[arg(long, value_name = "TOPIC")]
    topic: Option<String>,

    /// Lines are as `kcat -J` writes them, with topic, key, headers and payload; else they are values.
    #[arg(long)]
    kcat: bool,

    /// One event a line; `-` is standard input.
    events: PathBuf,

    #[command(flatten)]
    store: StoreOptions,
}

/// A line of `kcat -J`.
#[derive(Deserialize)]
struct Line {
    topic: Option<String>,
    #[serde(default)]
    ts: Option<i64>,
    #[serde(default)]
    key: Option<String>,
    #[serde(default)]
    payload: Option<String>,
    /// Names and values in turn.
    #[serde(default)]
    headers: Vec<String>,
}

pub(super) async fn run(args: &Args) -> anyhow::Result<Exit> {
    let mut settings = Settings::read(&args.config, &args.store)?;
    settings.config.read_values_as_json();
    let mut trial = settings.trial().await?;
    let first = settings.config.read_topics().first().map_or(String::new(), |topic| (*topic).to_owned());
    let default_topic = args.topic.clone().unwrap_or(first);
    let mut exit = Exit::Clean;
    for (number, line) in (1_i64..).zip(open(args)?.split(b'\n')) {
        let line = line.context("could not read the events")?;
        if line.trim_ascii().is_empty() {
            continue;
        }
        let Line { topic, ts, key, payload, headers } = if args.kcat {
            // The reader's own words would quote the line.
            serde_json::from_slice(&line)
                .map_err(|_| anyhow::anyhow!("line {number} is none that `kcat -J` writes"))?
        } else {
            let payload = String::from_utf8_lossy(&line).into_owned();
            Line { topic: None, ts: None, key: None, payload: Some(payload), headers: Vec::new() }
        };
        let topic = topic.as_ref().unwrap_or(&default_topic);
        if !trial.reads(topic) {
            bail!("line {number}: no route reads the topic `{topic}`");
        }
        let record = Record {
            topic,
            partition: 0,
            offset: number,
            timestamp_ms: ts,
            key: key.as_ref().map(String::as_bytes),
            value: payload.as_ref().map(String::as_bytes),
            headers: headers
                .chunks_exact(2)
                .map(|pair| (pair[0].as_str(), Some(pair[1].as_bytes())))
                .collect(),
            has_unreadable_headers: false,
        };
        trial.judge(&[record], clock::now(), |_, told| {
            println!("{number}: {}", described(&told));
            exit = worse(exit, &told);
        })?;
    }
    Ok(exit)
}

fn open(args: &Args) -> anyhow::Result<Box<dyn BufRead>> {
    if args.events.as_os_str() == "-" {
        return Ok(Box::new(BufReader::new(std::io::stdin())));
    }
    let file = File::open(&args.events)
        .with_context(|| format!("could not read the events `{}`", args.events.display()))?;
    Ok(Box::new(BufReader::new(file)))
}

/// `redacted to shop.allowed, blocked by targeting-opted-out; 1 opt-out`
fn described(told: &Told) -> String {
    let mut said = if told.stops { "stops the stream".to_owned() } else { told.deed.as_str().to_owned() };
    let to = told.topic.as_ref().map(|topic| format!(" to {topic}"));
    let why = told.why.as_ref().map(|why| match why {
        Why::Rules(rules) => format!(", blocked by {}", rules.join(", ")),
        Why::CannotTell(why) => format!(", cannot tell: {why}"),
        Why::Poison(cause) => format!(": {cause}"),
    });
    let opt_outs = match told.opt_outs {
        0 => None,
        1 => Some("; 1 opt-out".to_owned()),
        several => Some(format!("; {several} opt-outs")),
    };
    said.extend([to, why, opt_outs].into_iter().flatten());
    said
}

fn worse(exit: Exit, told: &Told) -> Exit {
    match (exit, &told.why) {
        (Exit::CannotTell, _) | (_, Some(Why::CannotTell(_) | Why::Poison(_))) => Exit::CannotTell,
        (_, Some(Why::Rules(_))) => Exit::Found,
        (other, None) => other,
    }
}
