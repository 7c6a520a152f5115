//! Servers on stores.

use std::{
    net::SocketAddr,
    sync::{Arc, LazyLock},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use abide_journal::{Store, StoreConfig, StoreId, WriterConfig, local_directory};
use abide_model::{Forms, Keyring, Normaliser, Secret, Time};
use abide_replica::ReplicaConfig;
use abide_rules::Ruleset;
use abide_service::{Config, Server, Wiring};
use object_store::{ObjectStore, path::Path as ObjectPath};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::client::Client;

/// Compiled once, since that takes longer than a test.
pub(crate) static RULES: LazyLock<Arc<Ruleset>> = LazyLock::new(|| Arc::new(Ruleset::built_in().unwrap()));

#[expect(clippy::disallowed_methods, reason = "the server that is started has no other clock")]
pub(crate) fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Time::from_micros(i64::try_from(since.as_micros()).unwrap())
}

pub(crate) fn random() -> std::io::Result<[u8; 12]> {
    let mut bytes = [0; 12];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Ok(bytes)
}

/// A server that is stopped when it is dropped.
pub(crate) struct Running {
    server: Option<Server>,
    runtime: Runtime,
}

impl Running {
    pub(crate) fn start(config: Config, wiring: Wiring) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let server = runtime.block_on(Server::start(config, wiring)).unwrap();
        Self { server: Some(server), runtime }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.as_ref().unwrap().address()
    }

    pub(crate) fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.address())
    }

    /// A client of a server whose list is complete.
    pub(crate) fn ready(&self) -> Client {
        let mut client = self.client();
        wait_until(|| client.get("/readyz").status == 200);
        client
    }

    pub(crate) fn metrics(&self) -> String {
        let address = self.server.as_ref().unwrap().metrics_address().unwrap();
        Client::new(address).get("/metrics").body
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.runtime.block_on(self.server.take().unwrap().stop());
    }
}

/// Looks again and again for half a minute.
#[track_caller]
pub(crate) fn wait_until(is_so: impl FnMut() -> bool) {
    abide_testkit::wait_until(Duration::from_millis(10), 3_000, is_so);
}

pub(crate) fn config() -> Config {
    Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        metrics: "127.0.0.1:0".to_owned(),
        workers: 2,
        poll_ms: 20,
        tokens_ms: 20,
        ..Config::default()
    }
}

/// A new store in a directory of its own.
pub(crate) struct World {
    pub(crate) directory: TempDir,
    secret: Secret,
}

impl World {
    pub(crate) fn new() -> Self {
        let world = Self { directory: tempfile::tempdir().unwrap(), secret: Secret::from_bytes([3; 32]) };
        let made = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        made.block_on(async {
            let config = StoreConfig {
                id: StoreId([3; 16]),
                phone_region: "US".parse().unwrap(),
                forms: Forms::default(),
            };
            Store::init(world.objects(), &ObjectPath::default(), config, &world.secret, now()).await.unwrap();
        });
        world
    }

    pub(crate) fn objects(&self) -> Arc<dyn ObjectStore> {
        local_directory(&self.directory.path().join("store"), true).unwrap()
    }

    pub(crate) fn store(&self) -> Store {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(Store::open(self.objects(), &ObjectPath::default(), &self.secret)).unwrap()
    }

    /// A node on the store as it is, or behind something that fails.
    pub(crate) fn wiring(&self, origin: &str, objects: Arc<dyn ObjectStore>) -> Wiring {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let store = runtime.block_on(Store::open(objects, &ObjectPath::default(), &self.secret)).unwrap();
        let own = self.directory.path().join(origin);
        wiring(store, &self.secret, origin, &own)
    }

    pub(crate) fn start(&self, origin: &str) -> Running {
        Running::start(config(), self.wiring(origin, self.objects()))
    }
}

pub(crate) fn wiring(store: Store, secret: &Secret, origin: &str, own: &std::path::Path) -> Wiring {
    Wiring {
        keyring: Keyring::new(secret, store.config().forms),
        normaliser: Normaliser::new(store.config().phone_region),
        built_in: RULES.clone(),
        replica: ReplicaConfig::new(&own.join("cache")),
        origin: origin.parse().unwrap(),
        writer: WriterConfig::new(u64::try_from(now().as_micros()).unwrap()),
        spool: local_directory(&own.join("spool"), true).unwrap(),
        seen: Vec::new(),
        now,
        random,
        read_settings: None,
        store,
    }
}
