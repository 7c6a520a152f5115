//! `abide stream` as a process: what it would do, whether the broker fits, and its end by SIGKILL again and again.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use abide_testkit::{Kafka, KafkaClient, TestRecord, kafka::wait_until};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use crate::world::World;

/// Who says no in a record says it of the one whom it is to.
pub(crate) const MAP: &str =
    "claimant = \"person\"\n[[signal]]\nemail = \".to\"\nmechanism = \"email.unsubscribe\"\n";

/// The examples that are shown to users do what their comments say.
#[test]
fn what_would_become_of_the_examples() {
    let world = World::new();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let config = examples.join("stream.toml").display().to_string();
    let events = examples.join("stream/events.ndjson").display().to_string();
    let tried = world.must(2, &["stream", "try", "--config", &config, "--kcat", &events]);
    let wanted = "\
1: passed to mails.allowed
2: passed to shop.events.allowed
3: passed to shop.events.allowed; 1 opt-out
4: dropped, blocked by email-opted-out
5: redacted to shop.events.allowed, blocked by targeting-opted-out; 2 opt-outs
6: redacted to shop.events.allowed, blocked by targeting-opted-out
7: dropped, cannot tell: there is no email to send it to
8: dead_lettered to abide.dead-letter: the value is not JSON
";
    assert_eq!(tried.stdout, wanted);
}

/// What a topic holds in Avro or Protobuf is written as JSON to try it, and nobody is asked for a schema.
#[test]
fn values_of_any_format_are_tried_as_json() {
    let world = World::new();
    for format in ["avro", "protobuf"] {
        let config = format!(
            "[stream]\ngroup = \"g\"\ndead_letter = \"d\"\n[stream.kafka]\n[registry]\nurl = \"http://localhost:1\"\n\
             [[route]]\nname = \"r\"\ntopics = [\"in\"]\noutput = \"out\"\naction = \"contact.email\"\nformat = \"{format}\"\n\
             identifiers = [\"email=value:/to\"]\n"
        );
        fs::write(world.path("stream.toml"), config).unwrap();
        fs::write(world.path("events.ndjson"), "{\"to\":\"jane@example.com\"}\n").unwrap();
        let tried = world.must(0, &["stream", "try", "events.ndjson"]);
        assert_eq!(tried.stdout, "1: passed to out\n");
    }
}

#[test]
fn settings_that_make_no_sense() {
    let world = World::new();
    let stream = "[stream]\ngroup = \"g\"\ndead_letter = \"d\"\n[stream.kafka]\n";
    let route = "[[route]]\nname = \"r\"\ntopics = [\"in\"]\noutput = \"out\"\naction = \"contact.email\"\nidentifiers = [\"email=value:/to\"]\n";
    for (config, why) in [
        (format!("{stream}{}", route.replace("value:", "body:")), "no place in a record"),
        (format!("{stream}{}", route.replace("\"out\"", "\"in\"")), "`in` is read and written"),
        (format!("{stream}{route}blocked = \"redact\"\n"), "a list of fields"),
        (format!("{stream}{route}blocked = \"divert\"\n"), "divert_to"),
        (format!("{stream}{route}on_cannot_tell = \"pass\"\n"), "`block`, `allow`, `fail`"),
        (format!("{stream}\"isolation.level\" = \"read_uncommitted\"\n{route}"), "set by abide"),
        (format!("{stream}\"sasl.pasword\" = \"hunter2\"\n{route}"), "`sasl.pasword` is no setting"),
        (format!("{stream}\"sasl.password\" = {{ variable = \"NOT_SET\" }}\n{route}"), "NOT_SET"),
        (format!("{stream}{route}format = \"avro\"\n"), "need a [registry]"),
        (format!("{stream}{route}subject = \"s\"\n"), "JSON has no `subject`"),
        (format!("{stream}[registry]\nurl = \"http://a:hunter2@b\"\n{route}"), "not parts of `url`"),
        (stream.to_owned(), "route"),
    ] {
        fs::write(world.path("stream.toml"), &config).unwrap();
        let refused = world.must(3, &["stream", "--check"]);
        assert!(refused.stderr.contains(why), "{config}\n{refused:?}");
        assert!(!refused.stderr.contains("hunter2"), "{refused:?}");
    }
}

const PARTITIONS: i32 = 3;
const PEOPLE: usize = 60;
const RECORDS_PER_ROUND: usize = 200;

/// What is written, and for each record whether it must pass: a person is of one partition, and has said no there or not.
struct Oracle {
    random: ChaCha8Rng,
    said_no: BTreeSet<usize>,
    written: usize,
    must_pass: BTreeMap<i32, Vec<usize>>,
}

impl Oracle {
    fn write(&mut self, client: &KafkaClient) {
        let mut records = Vec::new();
        for number in self.written..self.written + RECORDS_PER_ROUND {
            let person = self.random.random_range(0..PEOPLE);
            let partition = i32::try_from(person).unwrap() % PARTITIONS;
            // So that some people are left in every round.
            let says_no = self.random.random_ratio(1, 30);
            if says_no {
                self.said_no.insert(person);
            }
            if !self.said_no.contains(&person) {
                self.must_pass.entry(partition).or_default().push(number);
            }
            let kind = if says_no { "bye" } else { "mail" };
            let value = format!(r#"{{"type":"{kind}","to":"p{person}@example.com"}}"#);
            records.push(TestRecord::new(partition, &number.to_string(), &value));
        }
        self.written += RECORDS_PER_ROUND;
        client.write("k.in", &records);
    }

    fn check(&self, client: &KafkaClient) {
        let mut found: BTreeMap<i32, Vec<usize>> = BTreeMap::new();
        for record in client.read("k.out") {
            let number = String::from_utf8(record.key.unwrap()).unwrap().parse().unwrap();
            found.entry(record.partition).or_default().push(number);
        }
        assert_eq!(found, self.must_pass);
        let tallies = client.read("k.tallies");
        let of = |part: &str| -> usize {
            let part = |tally: &TestRecord| {
                let tally: Value = serde_json::from_str(tally.value_text().unwrap()).unwrap();
                usize::try_from(tally[part].as_u64().unwrap()).unwrap()
            };
            tallies.iter().map(part).sum()
        };
        let passed = self.must_pass.values().map(Vec::len).sum::<usize>();
        assert_eq!((of("seen"), of("allowed"), of("blocked")), (self.written, passed, self.written - passed));
    }
}

/// A stream that runs.
pub(crate) struct Streaming(Child);

impl Streaming {
    fn start(world: &World) -> Self {
        let mut command = world.command();
        command.args(["stream"]).stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }

    /// What it says goes to a file.
    pub(crate) fn start_logged(command: &mut Command, log: &Path) -> Self {
        command.stdout(Stdio::null()).stderr(File::create(log).unwrap());
        Self(command.spawn().unwrap())
    }

    pub(crate) fn end(mut self, signal: &str) -> Option<i32> {
        Command::new("kill").args([signal, &self.0.id().to_string()]).status().unwrap();
        self.0.wait().unwrap().code()
    }
}

impl Drop for Streaming {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How many records are behind the group. Marks of transactions stand in topics that are written in them, not in this one.
fn committed(client: &KafkaClient) -> i64 {
    client.committed("k", "k.in", PARTITIONS).iter().filter_map(|(offset, _)| *offset).sum()
}

/// Of the records in a topic.
pub(crate) fn keys(client: &KafkaClient, topic: &str) -> Vec<String> {
    let key = |record: TestRecord| String::from_utf8(record.key.unwrap()).unwrap();
    client.read(topic).into_iter().map(key).collect()
}

/// Killed at any moment, nothing is lost, nothing doubled, nobody who said no gets anything, and the tallies are true.
#[test]
fn nothing_is_lost_or_doubled_by_kills() {
    let folder = tempfile::tempdir().unwrap();
    let kafka = Kafka::start(folder.path(), 1);
    let client = kafka.client();
    client.create(&["k.in", "k.out"], PARTITIONS);
    client.create(&["k.dead", "k.tallies"], 1);
    let world = World::new();
    fs::write(world.path("map.toml"), MAP).unwrap();
    // A member by name, so that the group does not wait for the one that was killed.
    let config = format!(
        "[stream]\ngroup = \"k\"\ndead_letter = \"k.dead\"\ntallies = \"k.tallies\"\npoll_ms = 20\nbatch_records = 20\n\
         [stream.kafka]\n\"bootstrap.servers\" = \"{}\"\n[stream.consumer]\n\"group.instance.id\" = \"one\"\n\
         [[route]]\nname = \"mails\"\ntopics = [\"k.in\"]\noutput = \"k.out\"\naction = \"contact.email\"\n\
         identifiers = [\"email=value:/to\"]\n\
         [route.opt_outs]\nmap = \"map.toml\"\nwhere = \"value:/type\"\nis = [\"bye\"]\n",
        kafka.servers()
    );
    fs::write(world.path("stream.toml"), &config).unwrap();
    let fits = world.must(0, &["stream", "--check"]);
    assert!(fits.stdout.contains("k.out: 3 partitions\n"), "{fits:?}");

    let seed = std::env::var("ABIDE_CRASH_SEED").map_or(6, |seed| seed.parse().unwrap());
    let mut oracle = Oracle {
        random: ChaCha8Rng::seed_from_u64(seed),
        said_no: BTreeSet::new(),
        written: 0,
        must_pass: BTreeMap::new(),
    };
    oracle.write(&client);
    let dry = world.must(1, &["stream", "--dry-run"]);
    assert!(dry.stdout.starts_with("mails: 200 seen"), "{dry:?}");
    assert_eq!(client.read("k.out"), []);

    let rounds = std::env::var("ABIDE_CRASH_ROUNDS").map_or(6, |rounds| rounds.parse().unwrap());
    for _ in 0..rounds {
        let before = committed(&client);
        let streaming = Streaming::start(&world);
        oracle.write(&client);
        // In the middle of what it does, wherever that is.
        let mut looks = 0;
        while committed(&client) == before && looks < 500 {
            looks += 1;
            thread::sleep(Duration::from_millis(20));
        }
        thread::sleep(Duration::from_millis(oracle.random.random_range(0..300)));
        assert_eq!(streaming.end("-KILL"), None);
    }
    let streaming = Streaming::start(&world);
    wait_until(|| committed(&client) == i64::try_from(oracle.written).unwrap());
    assert_eq!(streaming.end("-TERM"), Some(0));
    oracle.check(&client);
    world.must(0, &["verify"]);
}
