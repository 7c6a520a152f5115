//! `abide serve`: signals in, verdicts out, over HTTP.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use abide_journal::{WriterConfig, local_directory};
use abide_replica::ReplicaConfig;
use abide_service::{Config, Layers, ReadSettings, Server, Wiring};
use anyhow::{Context as _, bail};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use toml::{Table, Value};

use crate::{
    clock,
    exit::{Exit, chain},
    store_flags::{self, StoreFlags, StoreOptions, StoreTable},
};

/// Answer over HTTP: take opt-outs in, make them durable and give verdicts.
///
/// Settings come from `abide.toml`, then from the environment (ABIDE_SERVE_…), then from flags. Without a token
/// this machine alone may ask. SIGTERM lets requests that were begun end, and stops; SIGHUP reads the settings anew.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  abide serve --store ./abide-store
  abide serve --config /etc/abide.toml --check
  curl -s localhost:7450/v1/check -H 'Content-Type: application/json' \\
    -d '{\"action\":\"contact.email\",\"subject\":{\"email\":\"jane@example.com\"}}'")]
pub(crate) struct Args {
    /// The settings [default: abide.toml, if there is one here].
    #[arg(long, env = "ABIDE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,

    /// Where clients ask; port 0 takes a free one [default: 127.0.0.1:7450].
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,

    /// Where /metrics is answered; empty for nowhere [default: 127.0.0.1:7451].
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<String>,

    /// Threads that answer; 0 for one a processor [default: 0].
    #[arg(long, value_name = "NUMBER")]
    workers: Option<u16>,

    /// Print the effective settings and where each comes from, look whether the secrets and files that they name can be had,
    /// and stop. Secrets are not shown.
    #[arg(long)]
    check: bool,

    #[command(flatten)]
    store: StoreOptions,
}

pub(crate) fn run(args: Args) -> anyhow::Result<Exit> {
    let (store, layers) = args.settings()?;
    let mut config = layers.config()?;
    let flags = args.store.above(store)?;
    if args.check {
        print!("{}{}", explain(&flags), layers.explain()?);
        config.check_secrets().map_err(anyhow::Error::msg)?;
        return Ok(Exit::Clean);
    }
    log()?;
    let wanted = config.limits.connections;
    config.limits.connections = descriptors_for(wanted, if config.postfix.is_empty() { 1 } else { 2 });
    // Two threads for what is done beside answering: following the journal, making signals durable.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(serve(config, wanted, flags, args))
}

impl Args {
    fn file(&self) -> &Path {
        self.config.as_deref().unwrap_or(Path::new("abide.toml"))
    }

    /// From the file, the environment and the flags, as they are now.
    fn settings(&self) -> anyhow::Result<(StoreTable, Layers)> {
        let (store, mut layers) = read_file(self.config.as_deref())?;
        layers.environment(std::env::vars())?;
        if let Some(listen) = self.listen {
            layers.flag("listen", listen.to_string());
        }
        if let Some(metrics) = &self.metrics {
            layers.flag("metrics", metrics.clone());
        }
        if let Some(workers) = self.workers {
            layers.flag("workers", i64::from(workers));
        }
        Ok((store, layers))
    }
}

/// Files and sockets that are open beside connections: the list, the journal, the spool, the store, other nodes.
const OTHER_DESCRIPTORS: u64 = 256;

/// How many of the connections that there may be this process has descriptors for. It asks for more than it was given as far
/// as it may; without any left it could neither read the journal nor keep signals on its disk.
///
/// `listeners` have that many connections each.
fn descriptors_for(connections: usize, listeners: u64) -> usize {
    let wanted = connections as u64 * listeners + OTHER_DESCRIPTORS;
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < wanted) {
        let raised = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
        let asked = Rlimit { current: Some(raised), maximum: limit.maximum };
        if setrlimit(Resource::Nofile, asked).is_ok() {
            limit = asked;
        }
    }
    let Some(current) = limit.current.filter(|current| *current < wanted) else { return connections };
    let connections = (current.saturating_sub(OTHER_DESCRIPTORS) / listeners).max(1);
    tracing::warn!(
        connections,
        open_files = current,
        "fewer connections than limits.connections, since this process may open no more files (ulimit -n)"
    );
    usize::try_from(connections).unwrap_or(usize::MAX)
}

pub(crate) fn read_file(named: Option<&Path>) -> anyhow::Result<(StoreTable, Layers)> {
    let mut layers = Layers::default();
    let path = named.unwrap_or(Path::new("abide.toml"));
    if named.is_none() && !path.exists() {
        return Ok((StoreTable::default(), layers));
    }
    let text = fs::read_to_string(path).with_context(|| format!("could not read `{}`", path.display()))?;
    let mut table: Table = text.parse().with_context(|| format!("`{}` is no TOML", path.display()))?;
    let mut part = |name: &str| match table.remove(name) {
        None => Ok(Table::new()),
        Some(Value::Table(part)) => Ok(part),
        Some(_) => bail!("`{}`: [{name}] is a table", path.display()),
    };
    let (store, serve) = (part("store")?, part("serve")?);
    if let Some(unknown) = table.keys().next() {
        bail!("`{}`: there is no `{unknown}`; there are [store] and [serve]", path.display());
    }
    layers.file(&serve)?;
    let store = Value::Table(store).try_into().with_context(|| format!("`{}`, [store]", path.display()))?;
    Ok((store, layers))
}

fn explain(flags: &StoreFlags) -> String {
    let path = |path: &Option<PathBuf>| match path {
        Some(path) => format!("{:?}", path.display().to_string()),
        None => "\"\"".to_owned(),
    };
    let secret = if flags.secret_file.is_none() && std::env::var_os("ABIDE_SECRET").is_some() {
        "  # ABIDE_SECRET holds the secret, which is not shown"
    } else {
        ""
    };
    format!(
        "[store]\nat = {:?}\nsecret_file = {}{secret}\ncache = {}\norigin = {:?}\n\n",
        flags.store,
        path(&flags.secret_file),
        path(&flags.cache),
        flags.origin.as_str(),
    )
}

/// One JSON object a line, on standard error. `ABIDE_LOG` says how much, e.g. `debug`.
pub(crate) fn log() -> anyhow::Result<()> {
    let filter = std::env::var("ABIDE_LOG").unwrap_or_else(|_| "info".to_owned());
    let filter = tracing_subscriber::EnvFilter::try_new(filter).context("could not use ABIDE_LOG")?;
    tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(std::io::stderr).init();
    Ok(())
}

async fn serve(config: Config, wanted: usize, flags: StoreFlags, args: Args) -> anyhow::Result<Exit> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let opened = flags.open().await?;
    let spool = if config.spool.as_os_str().is_empty() {
        store_flags::state_dir(opened.store.id(), &flags.origin)?.join("spool")
    } else {
        config.spool.clone()
    };
    let connections = config.limits.connections;
    let had_file = args.file().exists();
    let read_settings = move || {
        if had_file && !args.file().exists() {
            return Err(format!("`{}` is not there any more", args.file().display()));
        }
        let mut config =
            args.settings().and_then(|(_, layers)| Ok(layers.config()?)).map_err(|error| chain(&error))?;
        // What was wanted at the start is what it has; another number is named.
        if config.limits.connections == wanted {
            config.limits.connections = connections;
        }
        Ok(config)
    };
    let wiring = Wiring {
        read_settings: Some(ReadSettings(Arc::new(read_settings))),
        spool: local_directory(&spool, true).with_context(|| {
            format!("could not use `{}` for signals that wait for the store", spool.display())
        })?,
        replica: ReplicaConfig::new(&opened.cache_dir()?),
        writer: WriterConfig::new(clock::random_number()?),
        seen: opened.memory()?.heads().to_vec(),
        origin: flags.origin.clone(),
        built_in: opened.built_in.clone(),
        keyring: opened.keyring.clone(),
        normaliser: opened.normaliser,
        store: opened.store.clone(),
        now: clock::now,
        random: || clock::random().map_err(std::io::Error::other),
    };
    let server = Server::start(config, wiring).await?;
    let scheme = if server.is_encrypted() { "https" } else { "http" };
    println!("Listening on {scheme}://{}", server.address());
    if let Some(metrics) = server.metrics_address() {
        println!("Metrics on http://{metrics}/metrics");
    }
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hang_up.recv() => if let Err(error) = server.reload() {
                tracing::error!(error = error.to_string(), "could not read the settings anew; those before count");
            },
        }
    }
    server.stop().await;
    Ok(Exit::Clean)
}
