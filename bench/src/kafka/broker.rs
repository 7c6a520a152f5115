//! A broker on loopback, set up as Kafka's own start script does, on the core of whoever asks.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use futures_executor::block_on;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::metadata::MetadataTopic;

use crate::bench_dir::{BenchDir, checkout, output};
use crate::service::free_port;

pub(crate) const PARTITIONS: i32 = 12;

const PATIENCE: Duration = Duration::from_secs(60);

/// Killed when it is dropped; its topics are gone with the folder.
pub(crate) struct Broker {
    process: Child,
    servers: String,
    folder: PathBuf,
}

impl Broker {
    pub(crate) fn start(bench: &BenchDir) -> Result<Self> {
        let folder = bench.empty("kafka")?;
        ensure!(jars().is_dir(), "no Kafka at {}: `cargo xtask setup`", jars().display());
        let (port, controller) = (free_port()?, free_port()?);
        let settings = format!(
            "process.roles=broker,controller\n\
             node.id=1\n\
             controller.quorum.voters=1@127.0.0.1:{controller}\n\
             listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
             advertised.listeners=PLAINTEXT://127.0.0.1:{port}\n\
             controller.listener.names=CONTROLLER\n\
             listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
             log.dirs={}\n\
             auto.create.topics.enable=false\n\
             log.retention.ms=-1\n\
             log.segment.delete.delay.ms=100\n\
             group.initial.rebalance.delay.ms=0\n\
             group.min.session.timeout.ms=1000\n\
             offsets.topic.replication.factor=1\n\
             transaction.state.log.replication.factor=1\n\
             transaction.state.log.min.isr=1\n",
            folder.join("data").display(),
        );
        fs::write(folder.join("settings"), settings)?;
        let mut format = java("kafka.tools.StorageTool");
        format.args(["format", "--cluster-id", "YWJpZGUtYmVuY2gta2Fma2", "--config"]);
        output(format.arg(folder.join("settings")))?;
        let process = spawn(&folder)?;
        let broker = Self { process, servers: format!("127.0.0.1:{port}"), folder };
        broker.wait()?;
        Ok(broker)
    }

    pub(crate) fn servers(&self) -> &str {
        &self.servers
    }

    /// Ends it as a failing machine would, and starts it on what it left.
    pub(crate) fn kill_and_restart(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        self.process = spawn(&self.folder)?;
        self.wait()
    }

    fn wait(&self) -> Result<()> {
        let consumer: BaseConsumer = client(&self.servers).set("log_level", "0").create()?;
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if consumer.fetch_metadata(None, Duration::from_secs(1)).is_ok() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(100));
        }
        bail!("the broker is not ready; see {}", self.folder.join("said.txt").display())
    }

    pub(crate) fn create(&self, topics: &[&str]) -> Result<()> {
        self.create_with(topics, PARTITIONS)
    }

    pub(crate) fn create_with(&self, topics: &[&str], partitions: i32) -> Result<()> {
        let new = topics.iter().map(|topic| NewTopic::new(topic, partitions, TopicReplication::Fixed(1)));
        let new: Vec<NewTopic<'_>> = new.collect();
        for outcome in block_on(self.admin()?.create_topics(&new, &options()))? {
            outcome.map_err(|(topic, why)| anyhow::anyhow!("could not create {topic}: {why}"))?;
        }
        topics.iter().try_for_each(|topic| self.wait_for(topic))
    }

    /// A topic that was created may be unknown for a moment.
    fn wait_for(&self, topic: &str) -> Result<()> {
        let consumer: BaseConsumer = client(&self.servers).create()?;
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let found = consumer.fetch_metadata(Some(topic), PATIENCE)?;
            let is_led = |topic: &MetadataTopic| {
                let mut partitions = topic.partitions().iter();
                topic.error().is_none()
                    && !topic.partitions().is_empty()
                    && partitions.all(|one| one.leader() >= 0)
            };
            if found.topics().iter().any(is_led) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(20));
        }
        bail!("{topic} was created and does not come to be")
    }

    /// And waits until the disk has its bytes back.
    pub(crate) fn delete(&self, topics: &[&str]) -> Result<()> {
        for outcome in block_on(self.admin()?.delete_topics(topics, &options()))? {
            outcome.map_err(|(topic, why)| anyhow::anyhow!("could not delete {topic}: {why}"))?;
        }
        thread::sleep(Duration::from_secs(1));
        Ok(())
    }

    fn admin(&self) -> Result<AdminClient<DefaultClientContext>> {
        Ok(client(&self.servers).create()?)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(self.folder.join("data"));
    }
}

pub(crate) fn client(servers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", servers);
    config
}

fn options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(PATIENCE))
}

fn spawn(folder: &Path) -> Result<Child> {
    let said = File::options().create(true).append(true).open(folder.join("said.txt"))?;
    let mut command = java("kafka.Kafka");
    command.arg(folder.join("settings")).stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said);
    command.spawn().context("could not start java")
}

/// A class of Kafka's, with the options of its start script.
fn java(class: &str) -> Command {
    let mut command = Command::new("java");
    command.args(["-Xms1g", "-Xmx1g", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20"]);
    command.args(["-XX:InitiatingHeapOccupancyPercent=35", "-cp"]).arg(jars().join("*")).arg(class);
    command
}

fn jars() -> PathBuf {
    checkout().join("target/tools/kafka")
}
