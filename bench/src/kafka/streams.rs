//! What a user would write: a Kafka Streams topology that joins events with a table of opt-outs.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::broker::Broker;
use super::contestant::Contestant;
use super::events::preload_list;
use super::group::Group;
use crate::bench_dir::{BenchDir, checkout, made_once, succeed};
use crate::cores::{CORE, pinned};

/// The topology's name in Kafka, and that of its group.
pub(crate) const APPLICATION: &str = "streams";
const OPT_OUTS: &str = "opt-outs";
/// As many as it has cores.
const THREADS: &str = "1";
/// More makes it no faster.
const HEAP: &str = "-Xmx512m";

pub(crate) struct Streams {
    servers: String,
    classpath: String,
    state: PathBuf,
    events: String,
}

impl Streams {
    /// Compiled, and with the whole list in its table. `events` is empty so far.
    pub(crate) fn prepare(bench: &BenchDir, broker: &Broker, list: &Path, events: &str) -> Result<Self> {
        let streams = Self {
            servers: broker.servers().to_owned(),
            classpath: compile(bench)?,
            state: bench.empty("streams-state")?,
            events: events.to_owned(),
        };
        broker.create(&[OPT_OUTS, "streams-none"])?;
        let lines = BufReader::new(File::open(list)?).lines().skip(1).map_while(Result::ok);
        let written = preload_list(broker.servers(), OPT_OUTS, lines)?;
        println!("bench: Kafka Streams reads {written} opt-outs into its table");
        let mut building = Contestant::start(&bench.said(), streams.command("0,1", "streams-none"))?;
        Group::new(broker.servers(), APPLICATION, OPT_OUTS)?.wait(written, &mut building)?;
        building.stop(&[143])?;
        Ok(streams)
    }

    pub(crate) fn start(&self, bench: &BenchDir, output: &str) -> Result<Contestant> {
        Contestant::start(&bench.said(), self.command(CORE, output))
    }

    fn command(&self, cores: &str, output: &str) -> Command {
        let mut command = pinned(cores, "java");
        command.args([HEAP, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", &self.classpath]);
        command.args(["OptOutJoin", &self.servers, APPLICATION]).arg(&self.state);
        command.args([THREADS, &self.events, OPT_OUTS, output]);
        command
    }
}

impl Drop for Streams {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.state);
    }
}

pub(crate) fn version() -> &'static str {
    let (_, rest) = include_str!("../../peers/streams/pom.xml")
        .split_once("<artifactId>kafka-streams</artifactId>")
        .expect("the peer depends on it");
    let (_, rest) = rest.split_once("<version>").expect("it has a version");
    &rest[..rest.find('<').expect("a version ends")]
}

fn compile(bench: &BenchDir) -> Result<String> {
    let (peer, built) = (checkout().join("bench/peers/streams"), bench.folder("streams")?);
    let (jars, classes) = (built.join("jars"), built.join("build"));
    let sources = [
        include_str!("../../peers/streams/pom.xml"),
        include_str!("../../peers/streams/src/OptOutJoin.java"),
    ];
    made_once(&built.join("stamp"), &sources.concat(), || {
        println!(
            "bench: building the Kafka Streams program with Maven; it needs a JDK (`apt-get install default-jdk-headless`)"
        );
        let mut maven = Command::new("mvn");
        maven.args(["--quiet", "--batch-mode", "-Dstyle.color=never", "--file"]).arg(peer.join("pom.xml"));
        maven.args(["clean", "compile", "dependency:copy-dependencies", "-DincludeScope=runtime"]);
        maven.arg(format!("-Dfolder={}", classes.display()));
        succeed(maven.arg(format!("-DoutputDirectory={}", jars.display())))
    })?;
    Ok(format!("{}:{}", classes.join("classes").display(), jars.join("*").display()))
}
