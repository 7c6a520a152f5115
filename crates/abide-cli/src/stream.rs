//! `abide stream`: Kafka in, only what may pass out.

mod try_out;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use abide_journal::WriterConfig;
use abide_replica::ReplicaConfig;
use abide_stream::{Config, RouteTally, Stream, StreamError, Trial, Wiring};
use anyhow::Context as _;
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{MissedTickBehavior, interval},
};
use toml::{Table, Value};

use crate::{
    clock,
    exit::Exit,
    serve,
    store_flags::{Opened, StoreFlags, StoreOptions, StoreTable},
};

/// Let through, from topics to topics of Kafka, only the records that may pass, each exactly once.
///
/// What it reads, decides and writes is one transaction. Instances with the same group share the partitions; each needs
/// an origin of its own. SIGTERM ends it after the transaction that it is in.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  abide stream --config examples/stream.toml --check
  abide stream --config stream.toml --origin eu-1
  abide stream try --config examples/stream.toml examples/stream/events.ndjson"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,

    /// The settings.
    #[arg(long, value_name = "FILE", default_value = "stream.toml")]
    config: PathBuf,

    /// Ask the broker, and the schema registry, whether they have what the settings name, and stop.
    #[arg(long)]
    check: bool,

    /// Read what the group has not read yet, count what would become of it, and write nothing.
    #[arg(long, conflicts_with = "check")]
    dry_run: bool,

    #[command(flatten)]
    store: StoreOptions,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Try(try_out::Args),
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    // Two threads beside those that read and write: one follows the journal, one makes opt-outs durable.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        if let Some(Command::Try(args)) = &args.command {
            return try_out::run(args).await;
        }
        let settings = Settings::read(&args.config, &args.store)?;
        if args.check {
            return check(&settings);
        }
        serve::log()?;
        if args.dry_run { dry_run(settings).await } else { stream(settings).await }
    })
}

/// A file of settings, read.
struct Settings {
    config: Config,
    /// Where the files that it names are looked for.
    folder: PathBuf,
    store: StoreFlags,
}

impl Settings {
    fn read(path: &Path, store: &StoreOptions) -> anyhow::Result<Self> {
        let named = || format!("`{}`", path.display());
        let text = fs::read_to_string(path).with_context(|| format!("could not read {}", named()))?;
        let mut table: Table = text.parse().with_context(|| format!("{} is no TOML", named()))?;
        let file = table.remove("store").unwrap_or_else(|| Value::Table(Table::new()));
        let file: StoreTable = file.try_into().with_context(|| format!("{}, [store]", named()))?;
        Ok(Self {
            config: Config::parse(&text).with_context(named)?,
            folder: path.parent().unwrap_or(Path::new("")).to_owned(),
            store: store.above(file)?,
        })
    }

    /// A list to try records on, and the store that it is of.
    async fn trial(&self) -> anyhow::Result<Trial> {
        let opened = self.store.open().await?;
        let replica = opened.replica(clock::now()).await?;
        let Opened { keyring, normaliser, .. } = opened;
        Ok(Trial::new(&self.config, &self.folder, replica.snapshot(), keyring, normaliser)?)
    }
}

fn check(settings: &Settings) -> anyhow::Result<Exit> {
    for report in abide_stream::check(&settings.config, &settings.folder)? {
        let remark = report.remark.map_or(String::new(), |remark| format!(": {remark}"));
        println!("{}: {} partitions{remark}", report.topic, report.partitions);
        if let Some(warning) = report.warning {
            eprintln!("abide: warning: {}: {warning}", report.topic);
        }
    }
    Ok(Exit::Clean)
}

async fn dry_run(settings: Settings) -> anyhow::Result<Exit> {
    let trial = settings.trial().await?;
    let counted = tokio::task::spawn_blocking(move || {
        abide_stream::dry_run(&settings.config, &settings.folder, trial, clock::now)
    });
    let tallies = counted.await.context("the dry run broke down")??;
    Ok(told(&tallies))
}

async fn stream(settings: Settings) -> anyhow::Result<Exit> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let Settings { config, folder, store } = settings;
    let opened = store.open().await?;
    let wiring = Wiring {
        folder,
        origin: store.origin.clone(),
        replica: ReplicaConfig::new(&opened.cache_dir()?),
        writer: WriterConfig::new(clock::random_number()?),
        seen: opened.memory()?.heads().to_vec(),
        built_in: opened.built_in.clone(),
        keyring: opened.keyring.clone(),
        normaliser: opened.normaliser,
        store: opened.store,
        now: clock::now,
    };
    let stream = Stream::start(&config, &wiring, &tokio::runtime::Handle::current())?;
    if let Some(address) = stream.metrics_address() {
        println!("Metrics on http://{address}/metrics");
    }
    let mut look = interval(Duration::from_millis(100));
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let looks_per_report = config.stream.report_s.saturating_mul(10);
    let mut looks: u64 = 0;
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = look.tick() => {
                looks += 1;
                if looks_per_report > 0 && looks.is_multiple_of(looks_per_report) {
                    stream.report();
                }
                if stream.has_ended() {
                    break;
                }
            }
        }
    }
    let stopped = tokio::task::spawn_blocking(move || stream.stop()).await.context("a thread broke down")?;
    match stopped {
        Ok(tallies) => {
            told(&tallies);
            Ok(Exit::Clean)
        }
        Err(error @ StreamError::CannotTell { .. }) => {
            eprintln!("abide: {error}");
            Ok(Exit::CannotTell)
        }
        Err(error) => Err(error.into()),
    }
}

/// One line a route.
fn told(tallies: &BTreeMap<String, RouteTally>) -> Exit {
    let mut exit = Exit::Clean;
    for (route, RouteTally { tally, deeds, opt_outs, .. }) in tallies {
        let deeds: Vec<String> =
            deeds.iter().map(|(deed, count)| format!("{count} {}", deed.as_str())).collect();
        println!(
            "{route}: {} seen, {} allowed, {} blocked, {} cannot tell, {} failed; {}; {opt_outs} opt-outs",
            tally.seen,
            tally.allowed,
            tally.blocked,
            tally.cannot_tell,
            tally.failed,
            deeds.join(", "),
        );
        if tally.blocked > 0 {
            exit = Exit::Found;
        }
    }
    exit
}
