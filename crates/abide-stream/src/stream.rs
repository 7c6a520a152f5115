//! The running stream: threads that read and write, and beside them what follows and writes the journal.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use abide_journal::{Head, Pulse, Store, WriterConfig};
use abide_model::{Keyring, Normaliser, Origin, Tally, Time, causes::chain};
use abide_replica::ReplicaConfig;
use abide_rules::Ruleset;
use tokio::{net::TcpListener, runtime::Handle, sync::watch, task::JoinHandle};

use crate::{
    config::Config,
    engine::Rules,
    error::StreamError,
    figures::Figures,
    follow::Follow,
    keeper::Keeper,
    list::List,
    metrics::{Metrics, Total, scrape},
    pauses::Pauses,
    registry::{OfSchema, Registry},
    tallies::RouteTally,
    worker::{Run, Shared, Worker},
};

/// What a stream is given besides its configuration.
#[derive(Clone, Debug)]
pub struct Wiring {
    /// Where files that the configuration names are looked for.
    pub folder: PathBuf,
    pub store: Store,
    /// Under which name it writes, to the journal and in transactions: no two instances have the same.
    pub origin: Origin,
    pub keyring: Keyring,
    pub normaliser: Normaliser,
    pub built_in: Arc<Ruleset>,
    pub replica: ReplicaConfig,
    pub writer: WriterConfig,
    /// Where the journal was seen to lead earlier, by this machine.
    pub seen: Vec<Head>,
    pub now: fn() -> Time,
}

#[derive(Debug)]
pub struct Stream {
    shared: Arc<Shared>,
    threads: Vec<thread::JoinHandle<Result<(), StreamError>>>,
    stop_follower: watch::Sender<bool>,
    follower: JoinHandle<()>,
    metrics_address: Option<SocketAddr>,
}

impl Stream {
    /// Starts the threads. What is wrong with the configuration is found out here; a broker that is out of reach is waited
    /// for, and said so in the log.
    pub fn start(config: &Config, wiring: &Wiring, runtime: &Handle) -> Result<Self, StreamError> {
        let rules = Arc::new(Rules::new(config, &wiring.folder)?);
        let list = Arc::new(List::default());
        let (stop_follower, stop) = watch::channel(false);
        let pulse = (config.stream.heartbeat_s > 0)
            .then(|| Pulse::new(wiring.origin.clone(), Duration::from_secs(config.stream.heartbeat_s)));
        let metrics = Arc::new(Metrics::new());
        let follow = Follow {
            store: wiring.store.clone(),
            built_in: wiring.built_in.clone(),
            replica: wiring.replica.clone(),
            poll: Duration::from_millis(config.stream.poll_ms),
            pulse,
            list: list.clone(),
            metrics: metrics.clone(),
            now: wiring.now,
        };
        let follower = runtime.spawn(follow.run(stop.clone()));
        let metrics_address = match config.stream.metrics {
            None => None,
            Some(address) => {
                let listener = listen(address).map_err(|source| StreamError::Listen { address, source })?;
                let bound =
                    listener.local_addr().map_err(|source| StreamError::Listen { address, source })?;
                let _entered = runtime.enter();
                let listener = TcpListener::from_std(listener)
                    .map_err(|source| StreamError::Listen { address, source })?;
                let (metrics, list, now) = (metrics.clone(), list.clone(), wiring.now);
                let answer = move |path: &str| scrape(&metrics, &list, now(), path);
                runtime.spawn(abide_metrics::tell(listener, answer, stop.clone()));
                Some(bound)
            }
        };
        let keeper = Keeper {
            store: wiring.store.clone(),
            origin: wiring.origin.clone(),
            writer: wiring.writer,
            seen: wiring.seen.clone(),
            now: wiring.now,
        };
        let shared = Arc::new(Shared {
            config: config.clone(),
            registry: Registry::of(config, &wiring.folder)?,
            origin: wiring.origin.clone(),
            written_topics: config.written_topics(),
            folder: wiring.folder.clone(),
            rules,
            keyring: wiring.keyring.clone(),
            normaliser: wiring.normaliser,
            list,
            intake: keeper.start(runtime),
            figures: Figures::default(),
            metrics,
            stop: AtomicBool::new(false),
            now: wiring.now,
        });
        let threads = (0..config.stream.workers)
            .map(|number| {
                let shared = shared.clone();
                thread::Builder::new().name(format!("stream-{number}")).spawn(move || work(&shared, number))
            })
            .collect::<Result<_, _>>()
            .map_err(StreamError::Thread)?;
        Ok(Self { shared, threads, stop_follower, follower, metrics_address })
    }

    /// Whether a part of it has ended, so that the stream should be stopped.
    pub fn has_ended(&self) -> bool {
        self.follower.is_finished() || self.threads.iter().any(thread::JoinHandle::is_finished)
    }

    /// Logs what was done since the beginning.
    pub fn report(&self) {
        let Total { transactions, micros_max } = self.shared.metrics.take_total();
        let mut tally = Tally::default();
        self.shared.figures.tallies().values().for_each(|of_route| tally.add(&of_route.tally));
        tracing::info!(
            seen = tally.seen,
            allowed = tally.allowed,
            blocked = tally.blocked,
            cannot_tell = tally.cannot_tell,
            failed = tally.failed,
            transactions,
            slowest_us = micros_max,
            "since the beginning"
        );
    }

    /// Where `/metrics` is answered.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// Lets every thread end the transaction that it is in; returns what was done, by route.
    pub fn stop(self) -> Result<BTreeMap<String, RouteTally>, StreamError> {
        self.shared.stop.store(true, Ordering::Release);
        let mut outcome = Ok(());
        for thread in self.threads {
            let ended = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            outcome = outcome.and(ended);
        }
        if self.follower.is_finished() {
            let broke_down = || StreamError::Broken("what follows the journal broke down".to_owned());
            outcome =
                outcome.and(Err(self.shared.list.broken().map_or_else(broke_down, StreamError::Broken)));
        }
        let _ = self.stop_follower.send(true);
        outcome.map(|()| self.shared.figures.tallies())
    }
}

/// For a runtime, which waits by itself.
fn listen(address: SocketAddr) -> std::io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// One member of the group, begun anew as often as its clients are of no use any more. Where it cannot go on at all, the
/// others end too.
fn work(shared: &Arc<Shared>, number: usize) -> Result<(), StreamError> {
    let ended = members(shared, number);
    if ended.is_err() {
        shared.stop.store(true, Ordering::Release);
    }
    ended
}

/// What the registry has now. While it does not answer, no value is read that needs it, and that is said then.
fn check_schemas(shared: &Shared) -> Result<(), StreamError> {
    let Some(registry) = &shared.registry else { return Ok(()) };
    match registry.check(&shared.config, &shared.rules) {
        Ok(found) => {
            for (topic, OfSchema { remark, warning }) in found {
                tracing::info!(topic, remark, "the values");
                if let Some(warning) = warning {
                    tracing::warn!(topic, warning, "the values");
                }
            }
            Ok(())
        }
        Err(error @ StreamError::Registry(_)) => {
            tracing::warn!(error = chain(&error), "could not look at the schemas of topics");
            Ok(())
        }
        Err(error) => Err(error),
    }
}

fn members(shared: &Arc<Shared>, number: usize) -> Result<(), StreamError> {
    if number == 0 {
        check_schemas(shared)?;
    }
    let mut pauses = Pauses::NONE;
    while !shared.stop.load(Ordering::Acquire) {
        match Worker::new(shared.clone(), number) {
            Ok(mut worker) => {
                let began = (shared.now)();
                match worker.run()? {
                    Run::Stopped => break,
                    Run::Anew { why, is_fenced } => {
                        shared.metrics.begun_anew();
                        pauses.after((shared.now)().micros_since(began));
                        pauses.tell(&why, is_fenced);
                    }
                }
            }
            // It was told to while it waited for what it needs.
            Err(_) if shared.stop.load(Ordering::Acquire) => break,
            Err(error @ StreamError::Kafka { .. }) => {
                tracing::warn!(
                    error = chain(&error),
                    "could not begin to work with the broker; trying again"
                );
                pauses = Pauses::SHORT;
            }
            Err(error) => return Err(error),
        }
        pauses.sleep(&shared.stop);
    }
    Ok(())
}
