//! Real Kafka on loopback: Apache's own brokers in KRaft mode, which `cargo xtask setup` fetches from Maven Central.

mod client;
mod secure;

use std::{
    env,
    fs::{self, File},
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

pub use client::{KafkaClient, TestRecord};
pub use secure::{Login, stranger};

use secure::Secure;

const STARTS_MAX: u32 = 5;
const POLL_INTERVAL: Duration = Duration::from_millis(50);
const POLLS_MAX: u32 = 2_400;

/// Invented; every broker of a cluster has the same.
const CLUSTER: &str = "YWJpZGUtdGVzdC1rYWZrYQ";

/// A cluster of brokers that are controllers too. Stopped when dropped; its topics are gone with its folder.
#[derive(Debug)]
pub struct Kafka {
    folder: PathBuf,
    brokers: Vec<Broker>,
    secure: Option<Secure>,
}

#[derive(Debug)]
struct Broker {
    /// `None` while it is stopped.
    process: Option<Child>,
    address: SocketAddr,
    settings: PathBuf,
    log: PathBuf,
}

/// Why a cluster could not be started.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error("no Kafka at {}; run `cargo xtask setup`, or name a folder with its jars in ABIDE_TEST_KAFKA", .jars.display())]
    NotInstalled { jars: PathBuf },
    #[error("could not prepare Kafka's folder {}", .folder.display())]
    Folder { folder: PathBuf, source: io::Error },
    #[error("could not start java")]
    Spawn { source: io::Error },
    #[error("Kafka did not become ready; its output: {log}")]
    NotReady { log: String },
}

impl Kafka {
    /// Starts so many brokers on free ports of 127.0.0.1, with their data below `folder`, and returns when all answer.
    ///
    /// # Panics
    ///
    /// When Kafka is not installed or does not come up: a test that needs it has then failed, not passed.
    #[track_caller]
    pub fn start(folder: &Path, brokers: u16) -> Self {
        Self::start_with(folder, brokers, None)
    }

    /// Starts one broker that can also be reached over TLS, by who logs in like this (SCRAM-SHA-256 or PLAIN).
    ///
    /// # Panics
    ///
    /// As [`Kafka::start`].
    #[track_caller]
    pub fn start_secure(folder: &Path, login: Login<'_>) -> Self {
        Self::start_with(folder, 1, Some(login))
    }

    #[track_caller]
    fn start_with(folder: &Path, brokers: u16, login: Option<Login<'_>>) -> Self {
        match try_start(folder, brokers, login) {
            Ok(kafka) => kafka,
            Err(error) => match std::error::Error::source(&error) {
                Some(cause) => panic!("{error}: {cause}"),
                None => panic!("{error}"),
            },
        }
    }

    /// What clients are given as `bootstrap.servers`.
    pub fn servers(&self) -> String {
        let addresses: Vec<String> = self.brokers.iter().map(|broker| broker.address.to_string()).collect();
        addresses.join(",")
    }

    /// The `bootstrap.servers` of those who log in.
    pub fn secure_servers(&self) -> String {
        self.secure().address.to_string()
    }

    /// Whom those who log in have to believe, in PEM.
    pub fn authority(&self) -> &str {
        &self.secure().authority
    }

    fn secure(&self) -> &Secure {
        self.secure.as_ref().expect("it was started with a log-in")
    }

    pub fn client(&self) -> KafkaClient {
        KafkaClient::new(self.servers())
    }

    /// Ends a broker as a failing machine would. [`Kafka::restart`] brings it back with what it had on its disk.
    pub fn kill(&mut self, broker: usize) {
        self.brokers[broker].stop();
    }

    /// # Panics
    ///
    /// When it does not come up again.
    #[track_caller]
    pub fn restart(&mut self, broker: usize) {
        let broker = &mut self.brokers[broker];
        broker.stop();
        broker.spawn().expect("it was started before");
        assert!(broker.becomes_ready(), "it came up before; see {}", broker.log.display());
    }

    /// Where the brokers keep their data and write what they have to say.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Broker {
    fn spawn(&mut self) -> Result<(), StartError> {
        let folder = |source| StartError::Folder { folder: self.log.clone(), source };
        let output = File::options().create(true).append(true).open(&self.log).map_err(folder)?;
        let errors = output.try_clone().map_err(folder)?;
        let process = java("kafka.Kafka")
            .arg(&self.settings)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .map_err(|source| StartError::Spawn { source })?;
        self.process = Some(process);
        Ok(())
    }

    /// By its handle, so never a process that is not ours.
    fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Whether this very process answers before it ends or patience does.
    fn becomes_ready(&mut self) -> bool {
        let Some(process) = &mut self.process else { return false };
        for _ in 0..POLLS_MAX {
            match process.try_wait() {
                Ok(None) if answers(self.address) => return true,
                Ok(None) => thread::sleep(POLL_INTERVAL),
                Ok(Some(_)) | Err(_) => return false,
            }
        }
        false
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.stop();
    }
}

fn try_start(folder: &Path, brokers: u16, login: Option<Login<'_>>) -> Result<Kafka, StartError> {
    let jars = jars();
    if !jars.is_dir() {
        return Err(StartError::NotInstalled { jars });
    }
    let mut said = String::new();
    for attempt in 0..STARTS_MAX {
        let folder = folder.join(format!("kafka-{attempt}"));
        let (mut brokers, secure) = prepare(&folder, brokers, login)?;
        brokers.iter_mut().try_for_each(Broker::spawn)?;
        if brokers.iter_mut().all(Broker::becomes_ready) {
            return Ok(Kafka { folder, brokers, secure });
        }
        // Most likely somebody else took a port between our look and the broker's; other ports, then.
        said = brokers.iter().filter_map(|broker| fs::read_to_string(&broker.log).ok()).collect();
    }
    Err(StartError::NotReady { log: said })
}

/// Settings and formatted storage for each broker.
fn prepare(
    folder: &Path,
    brokers: u16,
    login: Option<Login<'_>>,
) -> Result<(Vec<Broker>, Option<Secure>), StartError> {
    let wrong = |source| StartError::Folder { folder: folder.to_owned(), source };
    fs::create_dir_all(folder).map_err(wrong)?;
    let ports: Vec<(u16, SocketAddr, SocketAddr)> = (1..=brokers)
        .map(|id| Ok((id, free_address()?, free_address()?)))
        .collect::<io::Result<_>>()
        .map_err(wrong)?;
    let secure =
        login.map(|login| Secure::prepare(folder, free_address()?, login)).transpose().map_err(wrong)?;
    let voters: Vec<String> = ports.iter().map(|(id, _, controller)| format!("{id}@{controller}")).collect();
    let mut prepared = Vec::new();
    for (id, address, controller) in ports {
        let settings = folder.join(format!("broker-{id}.properties"));
        let data = folder.join(format!("data-{id}"));
        let replicas = brokers.min(3);
        let open = format!("PLAINTEXT://{address}");
        let listeners = match &secure {
            Some(secure) => format!("{open},SECURE://{}", secure.address),
            None => open,
        };
        // Kept for ever: records of a test may have timestamps of years ago, and half a minute after its
        // start a broker deletes by them what is older than a week.
        let text = format!(
            "process.roles=broker,controller\n\
             node.id={id}\n\
             controller.quorum.voters={}\n\
             listeners={listeners},CONTROLLER://{controller}\n\
             advertised.listeners={listeners}\n\
             controller.listener.names=CONTROLLER\n\
             listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL\n\
             log.dirs={}\n\
             auto.create.topics.enable=false\n\
             log.retention.ms=-1\n\
             group.initial.rebalance.delay.ms=0\n\
             group.min.session.timeout.ms=1000\n\
             broker.session.timeout.ms=3000\n\
             broker.heartbeat.interval.ms=500\n\
             offsets.topic.num.partitions=3\n\
             offsets.topic.replication.factor={replicas}\n\
             transaction.state.log.num.partitions=3\n\
             transaction.state.log.replication.factor={replicas}\n\
             transaction.state.log.min.isr={}\n\
             share.coordinator.state.topic.replication.factor={replicas}\n\
             share.coordinator.state.topic.min.isr=1\n\
             {}",
            voters.join(","),
            data.display(),
            if brokers > 2 { 2 } else { 1 },
            secure.as_ref().map_or("", |secure| &secure.settings),
        );
        fs::write(&settings, text).map_err(wrong)?;
        let log = folder.join(format!("broker-{id}.log"));
        let formatted = java("kafka.tools.StorageTool")
            .args(["format", "--cluster-id", CLUSTER, "--config"])
            .arg(&settings)
            .args(secure.iter().flat_map(|secure| ["--add-scram", &secure.scram]))
            .output()
            .map_err(|source| StartError::Spawn { source })?;
        if !formatted.status.success() {
            let log = [formatted.stdout, formatted.stderr].concat();
            return Err(StartError::NotReady { log: String::from_utf8_lossy(&log).into_owned() });
        }
        prepared.push(Broker { process: None, address, settings, log });
    }
    Ok((prepared, secure))
}

/// Looks again and again what a stream has done, for two minutes: groups take their time to form anew.
///
/// # Panics
///
/// When it does not come to be.
#[track_caller]
pub fn wait_until(is_so: impl FnMut() -> bool) {
    crate::wait_until(Duration::from_millis(200), 600, is_so);
}

/// A class of Kafka's, in a machine that starts fast and takes little.
fn java(class: &str) -> Command {
    let mut command = Command::new("java");
    command.args(["-Xmx320m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-cp"]);
    command.arg(jars().join("*")).arg(class);
    command
}

/// A broker that takes requests answers the one about its versions.
fn answers(address: SocketAddr) -> bool {
    // Length, ApiVersions in version 0, number 1, no client's name.
    const ASK: [u8; 14] = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff];
    let ask = || -> io::Result<[u8; 8]> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(&ASK)?;
        let mut start = [0; 8];
        stream.read_exact(&mut start)?;
        Ok(start)
    };
    ask().is_ok_and(|start| start[4..] == [0, 0, 0, 1])
}

fn jars() -> PathBuf {
    match env::var_os("ABIDE_TEST_KAFKA") {
        Some(path) => PathBuf::from(path),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/kafka"),
    }
}

fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}
