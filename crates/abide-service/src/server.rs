//! Starting and stopping: sockets, threads, background tasks.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, OnceLock},
    thread,
    time::Duration,
};

use abide_journal::{Head, Heartbeats, JournalError, Pulse, Store, StoreError, WriterConfig};
use abide_model::{Keyring, Normaliser, Origin, Time};
use abide_replica::ReplicaConfig;
use abide_rules::Ruleset;
use arc_swap::ArcSwap;
use object_store::ObjectStore;
use tokio::{
    net::TcpListener,
    sync::{Semaphore, mpsc, watch},
    task::JoinHandle,
    time::{sleep, timeout},
};

use crate::{
    access::Access,
    aside::Aside,
    ask::Room,
    config::Config,
    follow::Follow,
    intake::{Intake, Keeper, Once},
    list::List,
    metrics::Metrics,
    postfix::{self, Policy},
    problem::{Kind, Problem},
    push::Board,
    set_up::{ReadSettings, SetUp},
    tls::Encryption,
    traces::Tracer,
    worker::{self, Connection},
};

/// What the service needs of the world.
#[derive(Debug)]
pub struct Wiring {
    pub store: Store,
    pub keyring: Keyring,
    pub normaliser: Normaliser,
    /// In force until the store has activated another.
    pub built_in: Arc<Ruleset>,
    pub replica: ReplicaConfig,
    /// Under which name this node writes.
    pub origin: Origin,
    pub writer: WriterConfig,
    /// The disk that signals are kept on while the store cannot be reached.
    pub spool: Arc<dyn ObjectStore>,
    /// Where this machine has seen the journals lead.
    pub seen: Vec<Head>,
    pub now: fn() -> Time,
    /// Bytes that nobody can guess, for what is sealed.
    pub random: fn() -> io::Result<[u8; 12]>,
    /// Where [`Server::reload`] has the settings from; the same again, if it is `None`.
    pub read_settings: Option<ReadSettings>,
}

#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error("could not listen on {address}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error(
        "{address} can be reached from other machines, and there is no token yet: make one with `abide token create`, or listen on 127.0.0.1"
    )]
    Open { address: SocketAddr },
    #[error("could not open the spool on this node's disk")]
    Spool(#[source] JournalError),
    /// A secret of [`Config`] that cannot be had.
    #[error("{0}")]
    Secrets(String),
    #[error("could not start a thread")]
    Thread(#[source] io::Error),
}

/// What all threads share.
pub(crate) struct Shared {
    /// As it was started; [`SetUp`] has what was read since.
    pub(crate) config: Config,
    set_up: ArcSwap<SetUp>,
    read_settings: Option<ReadSettings>,
    pub(crate) keyring: Keyring,
    pub(crate) normaliser: Normaliser,
    pub(crate) now: fn() -> Time,
    pub(crate) random: fn() -> io::Result<[u8; 12]>,
    pub(crate) list: Arc<List>,
    pub(crate) board: Arc<Board>,
    pub(crate) metrics: Arc<Metrics>,
    /// Requests that came with an idempotency key.
    pub(crate) once: Once,
    /// What vendors posted.
    pub(crate) hook_events: Once,
    /// For the bodies of those who have a right, and of strangers.
    pub(crate) room: Room,
    pub(crate) room_of_strangers: Room,
    pub(crate) access: Access,
    pub(crate) aside: Aside,
    pub(crate) encryption: Option<Encryption>,
    pub(crate) tracer: Option<Tracer>,
    intake: OnceLock<Intake>,
    store: Store,
    nodes: Mutex<Option<(Time, Arc<Heartbeats>)>>,
    stop: watch::Receiver<bool>,
}

/// How long the store may take at the start.
const START: Duration = Duration::from_secs(5);

/// How long what other nodes have told is not asked for again.
const NODES_HOLD_MICROS: i64 = 1_000_000;

impl Shared {
    pub(crate) fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// What a request goes by.
    pub(crate) fn set_up(&self) -> Arc<SetUp> {
        self.set_up.load_full()
    }

    /// Reads anew what can change while the server runs, all of it or nothing; gives what counts at the next start only.
    pub(crate) fn reload(&self) -> Result<Vec<&'static str>, String> {
        let config = match &self.read_settings {
            Some(ReadSettings(read)) => read()?,
            None => self.config.clone(),
        };
        let set_up = SetUp::open(config)?;
        if let Some(encryption) = &self.encryption {
            encryption.reload()?;
        }
        let at_next_start = set_up.at_next_start(&self.config);
        self.set_up.store(Arc::new(set_up));
        tracing::info!("read the settings, their secrets and certificates anew");
        if !at_next_start.is_empty() {
            tracing::warn!(
                settings = at_next_start.join(", "),
                "what changed there counts at the next start only"
            );
        }
        Ok(at_next_start)
    }

    /// Becomes true when the server is to stop.
    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.stop.clone()
    }

    pub(crate) fn intake(&self) -> Result<&Intake, Problem> {
        self.intake.get().ok_or_else(|| Problem::new(Kind::NotReady, "this node is still starting"))
    }

    /// What all nodes have told, a second old at the most.
    pub(crate) async fn nodes(&self, now: Time) -> Result<Arc<Heartbeats>, Box<StoreError>> {
        let lock = || self.nodes.lock().expect("what is done under this lock does not panic");
        if let Some((at, held)) = &*lock()
            && (0..NODES_HOLD_MICROS).contains(&now.micros_since(*at))
        {
            return Ok(held.clone());
        }
        let read = Arc::new(abide_journal::heartbeats(&self.store).await?);
        *lock() = Some((now, read.clone()));
        Ok(read)
    }
}

/// A running service.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    metrics_address: Option<SocketAddr>,
    postfix_addresses: Vec<SocketAddr>,
    stop: watch::Sender<bool>,
    accepting: JoinHandle<()>,
    workers: Vec<thread::JoinHandle<()>>,
    following: JoinHandle<()>,
    keeping: JoinHandle<()>,
    admitting: JoinHandle<()>,
    telling: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
}

impl Server {
    /// Listens, and answers as soon as it does; verdicts once the list is complete. Runs its background tasks on the
    /// runtime that it is started on.
    pub async fn start(config: Config, wiring: Wiring) -> Result<Self, ServerError> {
        let set_up = SetUp::open(config.clone()).map_err(ServerError::Secrets)?;
        let encryption = config.tls.clone().open().map_err(ServerError::Secrets)?;
        let is_public = !config.listen.ip().is_loopback();
        let access = Access::new(&config.limits, is_public);
        // Not read in time, nobody may ask until they are.
        if let Ok(Ok(false)) = timeout(START, access.read(&wiring.store)).await
            && is_public
        {
            return Err(ServerError::Open { address: config.listen });
        }
        let listener = listen(config.listen).await?;
        let metrics_address = config.metrics_address().expect("it was checked");
        let metrics_listener = match metrics_address {
            Some(address) => Some(listen(address).await?),
            None => None,
        };
        let policies = listen_for_postfix(&config)?;
        let postfix_addresses =
            policies.iter().map(|(listener, _)| listener.local_addr().expect("it is bound")).collect();
        let bound = |listener: &TcpListener| listener.local_addr().expect("it is bound");
        let (address, metrics_address) = (bound(&listener), metrics_listener.as_ref().map(bound));

        let (stop, stopping) = watch::channel(false);
        let (list, metrics) = (Arc::new(List::default()), Arc::new(Metrics::new()));
        let board = Arc::new(Board::new(wiring.store.clone(), wiring.origin.clone(), wiring.now));
        let (intake, keeping) = keeper(&config, &wiring, &list, &board, &metrics)
            .start(config.limits.waiting_signals)
            .await
            .map_err(ServerError::Spool)?;
        let tracer = config.traces.open(wiring.origin.as_str(), &metrics, wiring.random, &stopping);
        let tracer = tracer.map_err(ServerError::Secrets)?;
        let told = config.peers.listen(&wiring.store, &metrics, wiring.random, &stopping);
        let told = told.map_err(ServerError::Secrets)?;
        let follow = follow(&config, &wiring, &list, &board, &metrics);
        let following = tokio::spawn(follow.run(told, stopping.clone()));
        let shared = Arc::new(Shared {
            keyring: wiring.keyring,
            normaliser: wiring.normaliser,
            now: wiring.now,
            random: wiring.random,
            once: Once::new(config.limits.idempotency_keys),
            hook_events: Once::new(config.limits.hook_events),
            room: Room::new(config.limits.bodies_bytes),
            room_of_strangers: Room::new((config.limits.bodies_bytes / 4).max(config.limits.hook_bytes)),
            access,
            set_up: ArcSwap::from_pointee(set_up),
            read_settings: wiring.read_settings,
            aside: Aside::default(),
            encryption,
            tracer,
            intake: OnceLock::from(intake),
            store: wiring.store,
            nodes: Mutex::default(),
            stop: stopping.clone(),
            list,
            board,
            metrics,
            config,
        });
        let telling = metrics_listener.map(|listener| {
            let shared = shared.clone();
            let answer = move |path: &str| crate::metrics::scrape(&shared, path);
            tokio::spawn(abide_metrics::tell(listener, answer, stopping.clone()))
        });
        let admitting = tokio::spawn(keep_access(shared.clone(), stopping.clone()));
        let mut workers = Vec::new();
        let mut hands = Vec::new();
        for number in 0..count(shared.config.workers) {
            let (hand, connections) = mpsc::unbounded_channel();
            let (shared, stopping) = (shared.clone(), stopping.clone());
            let named = thread::Builder::new().name(format!("worker-{number}"));
            let thread = named.spawn(move || worker::run(shared, connections, &stopping));
            workers.push(thread.map_err(ServerError::Thread)?);
            hands.push(hand);
        }
        if !policies.is_empty() {
            let (shared, stopping) = (shared.clone(), stopping.clone());
            let named = thread::Builder::new().name("postfix".to_owned());
            let thread = named.spawn(move || postfix::run(shared, policies, stopping));
            workers.push(thread.map_err(ServerError::Thread)?);
        }
        let connections_max = shared.config.limits.connections;
        let accepting = tokio::spawn(accept(listener, hands, connections_max, stopping));
        tracing::info!(%address, "listening");
        Ok(Self {
            address,
            metrics_address,
            postfix_addresses,
            stop,
            accepting,
            workers,
            following,
            keeping,
            admitting,
            telling,
            shared,
        })
    }

    /// Where it listens; the port that was found if it was to take a free one.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// Where Postfix asks, in the order of the settings.
    pub fn postfix_addresses(&self) -> Vec<SocketAddr> {
        self.postfix_addresses.clone()
    }

    pub fn is_encrypted(&self) -> bool {
        self.shared.encryption.is_some()
    }

    /// Reads settings, secrets and certificates anew; requests and connections that come from now on go by them. An error
    /// leaves all as it was. Gives the settings that changed and count at the next start only.
    pub fn reload(&self) -> Result<Vec<&'static str>, ServerError> {
        self.shared.reload().map_err(ServerError::Secrets)
    }

    /// Takes no more requests, lets those that were begun end, and makes durable what was handed in.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        let _ = self.accepting.await;
        let workers = self.workers;
        let joined = tokio::task::spawn_blocking(move || {
            for worker in workers {
                let _ = worker.join();
            }
        });
        let _ = joined.await;
        if let Some(telling) = self.telling {
            let _ = telling.await;
        }
        let _ = self.following.await;
        let _ = self.admitting.await;
        drop(self.shared);
        // Its last hand went with the last worker.
        let _ = self.keeping.await;
        tracing::info!("stopped");
    }
}

/// Reads the tokens anew, again and again.
async fn keep_access(shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let every = Duration::from_millis(shared.config.tokens_ms);
    while !*stop.borrow() {
        tokio::select! {
            () = sleep(every) => {}
            _ = stop.changed() => return,
        }
        if let Err(error) = shared.access.read(&shared.store).await {
            tracing::warn!(error = abide_model::causes::chain(&error), "could not read the access tokens");
        }
    }
}

fn keeper(
    config: &Config,
    wiring: &Wiring,
    list: &Arc<List>,
    board: &Arc<Board>,
    metrics: &Arc<Metrics>,
) -> Keeper {
    Keeper {
        store: wiring.store.clone(),
        origin: wiring.origin.clone(),
        writer: wiring.writer,
        disk: wiring.spool.clone(),
        spool_after: Duration::from_millis(config.spool_after_ms),
        seen: wiring.seen.clone(),
        list: list.clone(),
        board: board.clone(),
        metrics: metrics.clone(),
        now: wiring.now,
    }
}

fn follow(
    config: &Config,
    wiring: &Wiring,
    list: &Arc<List>,
    board: &Arc<Board>,
    metrics: &Arc<Metrics>,
) -> Follow {
    let every = Duration::from_secs(config.heartbeat_s);
    Follow {
        store: wiring.store.clone(),
        built_in: wiring.built_in.clone(),
        replica: wiring.replica.clone(),
        poll: Duration::from_millis(config.poll_ms),
        pulse: (!every.is_zero()).then(|| Pulse::new(wiring.origin.clone(), every)),
        relay_patience: config
            .peers
            .has_relay()
            .then(|| Duration::from_millis(config.peers.relay_patience_ms)),
        list: list.clone(),
        board: board.clone(),
        metrics: metrics.clone(),
        now: wiring.now,
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, ServerError> {
    TcpListener::bind(address).await.map_err(|source| ServerError::Listen { address, source })
}

fn listen_for_postfix(config: &Config) -> Result<Vec<(std::net::TcpListener, Policy)>, ServerError> {
    let open = |service: &postfix::PolicyService| {
        let listener = std::net::TcpListener::bind(service.listen);
        let listener = listener.and_then(|listener| listener.set_nonblocking(true).map(|()| listener));
        let listener = listener.map_err(|source| ServerError::Listen { address: service.listen, source })?;
        Ok((listener, service.check().expect("it was checked")))
    };
    config.postfix.iter().map(open).collect()
}

fn count(workers: usize) -> usize {
    match workers {
        0 => thread::available_parallelism().map_or(1, Into::into),
        workers => workers,
    }
}

/// Hands each connection to the next worker, so that all have equally many.
async fn accept(
    listener: TcpListener,
    hands: Vec<mpsc::UnboundedSender<Connection>>,
    connections_max: usize,
    mut stop: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(connections_max));
    for hand in hands.iter().cycle() {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.changed() => return,
        };
        let Ok((stream, _)) = accepted else {
            // Out of descriptors, say. Those in use will come free.
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        // One too many is closed at once.
        let Ok(place) = places.clone().try_acquire_owned() else { continue };
        let _ = stream.set_nodelay(true);
        if let Ok(stream) = stream.into_std() {
            let _ = hand.send(Connection { stream, place });
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("config", &self.config).finish_non_exhaustive()
    }
}
