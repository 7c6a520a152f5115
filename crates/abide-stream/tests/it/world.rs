//! A store, a broker, and streams between them.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    sync::{Arc, LazyLock, Mutex, Weak},
    time::{SystemTime, UNIX_EPOCH},
};

use abide_journal::{Record, Store, StoreConfig, StoreId, Writer, WriterConfig, local_directory};
use abide_model::{
    BatchId, Claimant, Forms, IdentifierKind, Keyring, Normaliser, Secret, Signal, Time, signal::Statement,
};
use abide_replica::ReplicaConfig;
use abide_rules::Ruleset;
use abide_stream::{Config, Stream, Wiring};
use abide_testkit::Kafka;
use object_store::{ObjectStore, path::Path as ObjectPath};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Compiled once, since that takes longer than a test.
pub(crate) static RULES: LazyLock<Arc<Ruleset>> = LazyLock::new(|| Arc::new(Ruleset::built_in().unwrap()));

#[expect(clippy::disallowed_methods, reason = "the broker has no other clock")]
pub(crate) fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Time::from_micros(i64::try_from(since.as_micros()).unwrap())
}

/// The broker that tests share, as long as any of them runs.
#[derive(Debug)]
pub(crate) struct Broker {
    pub(crate) kafka: Kafka,
    _folder: TempDir,
}

pub(crate) fn broker() -> Arc<Broker> {
    static SHARED: Mutex<Weak<Broker>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let folder = tempfile::tempdir().unwrap();
        let broker = Arc::new(Broker { kafka: Kafka::start(folder.path(), 1), _folder: folder });
        *shared = Arc::downgrade(&broker);
        broker
    })
}

/// A new store in a directory of its own.
pub(crate) struct World {
    directory: TempDir,
    secret: Secret,
    runtime: Runtime,
}

impl World {
    pub(crate) fn new() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let world =
            Self { directory: tempfile::tempdir().unwrap(), secret: Secret::from_bytes([3; 32]), runtime };
        let config = StoreConfig {
            id: StoreId([3; 16]),
            phone_region: "US".parse().unwrap(),
            forms: Forms::default(),
        };
        let objects = local_directory(&world.path().join("store"), true).unwrap();
        let root = ObjectPath::default();
        let made = Store::init(objects, &root, config, &world.secret, now());
        world.runtime.block_on(made).unwrap();
        world
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn objects(&self) -> Arc<dyn ObjectStore> {
        local_directory(&self.path().join("store"), true).unwrap()
    }

    fn store(&self) -> Store {
        let objects = self.objects();
        self.runtime.block_on(Store::open(objects, &ObjectPath::default(), &self.secret)).unwrap()
    }

    fn keyring(&self) -> Keyring {
        Keyring::new(&self.secret, Forms::default())
    }

    /// Somebody said no before the stream began.
    pub(crate) fn opt_out(&self, email: &str) {
        let normaliser = Normaliser::new("US".parse().unwrap());
        let identifier = normaliser.raw(IdentifierKind::Email, email).unwrap();
        let statement = Statement::out("email.unsubscribe".parse().unwrap(), Claimant::Person);
        let keys = self.keyring().signal_keys(&identifier);
        let signal = Signal::new(keys, statement, BatchId::live(now()), now(), now()).unwrap();
        let store = self.store();
        self.runtime.block_on(async {
            let writer = Writer::open(&store, "main".parse().unwrap(), WriterConfig::new(1)).await;
            writer.unwrap().append(&[Record::Signal(signal)], now()).await.unwrap();
        });
    }

    /// How many records an origin's journal has.
    pub(crate) fn len_journal(&self, origin: &str) -> u64 {
        let store = self.store();
        let writer = Writer::open(&store, origin.parse().unwrap(), WriterConfig::new(1));
        self.runtime.block_on(writer).unwrap().head().position
    }

    /// A file beside the configuration.
    pub(crate) fn file(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    pub(crate) fn start(&self, origin: &str, config: &str) -> Stream {
        self.start_on(self.objects(), origin, config)
    }

    /// On the store as it is, or behind something that fails.
    pub(crate) fn start_on(&self, objects: Arc<dyn ObjectStore>, origin: &str, config: &str) -> Stream {
        let store =
            self.runtime.block_on(Store::open(objects, &ObjectPath::default(), &self.secret)).unwrap();
        let own = self.path().join(origin);
        let wiring = Wiring {
            folder: self.path().to_owned(),
            store,
            origin: origin.parse().unwrap(),
            keyring: self.keyring(),
            normaliser: Normaliser::new("US".parse().unwrap()),
            built_in: RULES.clone(),
            replica: ReplicaConfig::new(&own),
            writer: WriterConfig::new(u64::try_from(now().as_micros()).unwrap()),
            seen: Vec::new(),
            now,
        };
        Stream::start(&Config::parse(config).unwrap(), &wiring, self.runtime.handle()).unwrap()
    }
}

/// All figures, as a Prometheus is told them.
pub(crate) fn scrape(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// How many transactions failed, whose records were read again.
pub(crate) fn transactions_failed(address: SocketAddr) -> u32 {
    let metrics = scrape(address);
    let figure =
        metrics.lines().find_map(|line| line.strip_prefix("abide_stream_transactions_failed_total "));
    figure.unwrap().parse().unwrap()
}

/// The table `[stream]`, for a broker of tests: members that are gone are missed soon.
pub(crate) fn settings(servers: &str, group: &str) -> String {
    format!(
        "[stream]\ngroup = \"{group}\"\ndead_letter = \"{group}.dead\"\ntallies = \"{group}.tallies\"\npoll_ms = 20\n\
         [stream.kafka]\n\"bootstrap.servers\" = \"{servers}\"\n\
         [stream.consumer]\n\"session.timeout.ms\" = 6000\n\"heartbeat.interval.ms\" = 500\n"
    )
}
