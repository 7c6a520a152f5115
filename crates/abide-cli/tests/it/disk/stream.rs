//! A stream whose disk is full: the one that its journal is on, and the one that its copy of the list is on.

use std::{fs, path::PathBuf, process::Command, thread, time::Duration};

use abide_testkit::{Kafka, KafkaClient, TestRecord, kafka::wait_until};

use super::Disk;
use crate::{
    stream::{MAP, Streaming, keys},
    world::PERSON,
};

const FULL: &str = "No space left on device";

fn config(kafka: &Kafka) -> String {
    format!(
        "[stream]\ngroup = \"f\"\ndead_letter = \"f.dead\"\ntallies = \"f.tallies\"\npoll_ms = 20\nlist_age_max_s = 2\n\
         heartbeat_s = 1\ntimeout_ms = 2000\n\
         [stream.kafka]\n\"bootstrap.servers\" = \"{}\"\n\
         [[route]]\nname = \"mails\"\ntopics = [\"f.in\"]\noutput = \"f.out\"\naction = \"contact.email\"\n\
         identifiers = [\"email=value:/to\"]\n\
         [route.opt_outs]\nmap = \"map.toml\"\nwhere = \"value:/type\"\nis = [\"bye\"]\n",
        kafka.servers()
    )
}

struct Fixture {
    disk: Disk,
    client: KafkaClient,
    // Ends before its folder does.
    _kafka: Kafka,
    _folder: tempfile::TempDir,
}

impl Fixture {
    /// `None` where there are no namespaces to be had.
    fn new() -> Option<Self> {
        let disk = Disk::mount(4_096)?;
        let folder = tempfile::tempdir().unwrap();
        let kafka = Kafka::start(folder.path(), 1);
        let client = kafka.client();
        client.create(&["f.in", "f.out", "f.dead", "f.tallies"], 1);
        fs::write(disk.world.path("map.toml"), MAP).unwrap();
        fs::write(disk.world.path("stream.toml"), config(&kafka)).unwrap();
        Some(Self { disk, client, _kafka: kafka, _folder: folder })
    }

    fn command(&self) -> Command {
        let config = self.disk.world.path("stream.toml").display().to_string();
        self.disk.prepared(crate::program::ABIDE, &["stream", "--config", &config])
    }

    fn start(&self, command: &mut Command) -> Streaming {
        Streaming::start_logged(command, &self.log())
    }

    fn log(&self) -> PathBuf {
        self.disk.world.path("log")
    }

    fn has_said(&self, what: &str) -> bool {
        fs::read_to_string(self.log()).unwrap().contains(what)
    }

    fn write(&self, records: &[(&str, &str)]) {
        let record = |(kind, to): &(&str, &str)| {
            TestRecord::new(0, to, &format!(r#"{{"type":"{kind}","to":"{to}"}}"#))
        };
        self.client.write("f.in", &records.iter().map(record).collect::<Vec<_>>());
    }

    fn passed(&self) -> Vec<String> {
        keys(&self.client, "f.out")
    }

    fn committed(&self) -> Option<i64> {
        self.client.committed("f", "f.in", 1)[0].0
    }

    fn make_room(&self) {
        self.disk.shell("rm -f filler");
    }
}

/// An opt-out that cannot be made durable is not committed, nor is what comes after it; when there is room again, all of it is,
/// once.
#[test]
fn the_disk_of_the_journal() {
    let Some(fixture) = Fixture::new() else { return };
    let streaming = fixture.start(&mut fixture.command());
    fixture.write(&[("mail", "a@example.com"), ("mail", PERSON)]);
    wait_until(|| fixture.committed() == Some(2));
    fixture.disk.fill(0);
    fixture.write(&[("bye", "a@example.com"), ("mail", "a@example.com"), ("mail", "b@example.com")]);
    wait_until(|| fixture.has_said(FULL) && fixture.has_said("opt-outs could not be made durable"));
    thread::sleep(Duration::from_secs(3));
    assert_eq!(fixture.committed(), Some(2));
    assert_eq!(fixture.passed(), ["a@example.com"]);

    // Without opt-outs in them, records need no room: the list is read and new.
    fixture.make_room();
    wait_until(|| fixture.committed() == Some(5));
    fixture.disk.fill(0);
    fixture.write(&[("mail", "a@example.com"), ("mail", "c@example.com")]);
    wait_until(|| fixture.committed() == Some(7));
    fixture.make_room();
    assert_eq!(streaming.end("-TERM"), Some(0));
    assert_eq!(fixture.passed(), ["a@example.com", "b@example.com", "c@example.com"]);
    fixture.disk.stands("after the stream");
    let out = fixture.disk.abide("check --action contact.email --email a@example.com");
    assert_eq!(out.exit, Some(1), "{out:?}");
}

/// Without room for its copy of the list nothing is judged; when there is room, it begins.
#[test]
fn the_disk_of_the_copy() {
    let Some(fixture) = Fixture::new() else { return };
    let disk = &fixture.disk;
    disk.shell("rm -rf cache && mkdir cache");
    disk.fill(0);
    fixture.write(&[
        ("mail", PERSON),
        ("bye", "a@example.com"),
        ("mail", "a@example.com"),
        ("mail", "b@example.com"),
    ]);
    let streaming = fixture.start(fixture.command().env("ABIDE_STORE", disk.world.path("store")));
    wait_until(|| fixture.has_said(FULL));
    thread::sleep(Duration::from_secs(3));
    assert_eq!((fixture.committed(), fixture.passed()), (None, Vec::new()));
    fixture.make_room();
    wait_until(|| fixture.committed() == Some(4));

    // A copy that it has serves it on; nothing has to be written to read what is new.
    disk.fill(0);
    disk.world.must(0, &["opt-out", "--email", "c@example.com", "--mechanism", "email.unsubscribe"]);
    disk.world.must(0, &["compact"]);
    thread::sleep(Duration::from_secs(1));
    fixture.write(&[
        ("mail", "c@example.com"),
        ("bye", "d@example.com"),
        ("mail", "d@example.com"),
        ("mail", "b@example.com"),
    ]);
    wait_until(|| fixture.committed() == Some(8));
    assert_eq!(streaming.end("-TERM"), Some(0));
    assert_eq!(fixture.passed(), ["b@example.com", "b@example.com"]);
    fixture.make_room();
    disk.world.must(0, &["verify"]);
}
