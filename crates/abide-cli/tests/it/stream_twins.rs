//! Two processes of `abide stream` under one name: somebody started it twice.

use std::{fs, path::Path, thread, time::Duration};

use abide_testkit::{Kafka, KafkaClient, TestRecord, kafka::wait_until};

use crate::{
    stream::{MAP, Streaming, keys},
    world::World,
};

const SAID: &str = "another runs under this member's name";
const MAILS_PER_ROUND: usize = 10;

/// Somebody gets a mail and says no, and is written to again.
fn write(client: &KafkaClient, from: usize) {
    let of = |person: usize| {
        ["mail", "bye", "mail"].map(|kind| {
            let value = format!(r#"{{"type":"{kind}","to":"p{person}@example.com"}}"#);
            TestRecord::new(0, &person.to_string(), &value)
        })
    };
    client.write("w.in", &(from..from + MAILS_PER_ROUND).flat_map(of).collect::<Vec<_>>());
}

/// Both say so, and between them they do everything once: records, and opt-outs, which both write to one journal.
#[test]
fn two_processes_of_one_name() {
    let folder = tempfile::tempdir().unwrap();
    let kafka = Kafka::start(folder.path(), 1);
    let client = kafka.client();
    client.create(&["w.in", "w.out", "w.dead"], 1);
    let world = World::new();
    fs::write(world.path("map.toml"), MAP).unwrap();
    let config = format!(
        "[stream]\ngroup = \"w\"\ndead_letter = \"w.dead\"\npoll_ms = 20\nbatch_records = 7\n\
         [stream.kafka]\n\"bootstrap.servers\" = \"{}\"\n\
         [[route]]\nname = \"mails\"\ntopics = [\"w.in\"]\noutput = \"w.out\"\naction = \"contact.email\"\n\
         identifiers = [\"email=value:/to\"]\n\
         [route.opt_outs]\nmap = \"map.toml\"\nwhere = \"value:/type\"\nis = [\"bye\"]\n",
        kafka.servers()
    );
    fs::write(world.path("stream.toml"), config).unwrap();
    let logs = [world.path("older.log"), world.path("younger.log")];
    let start =
        |log: &Path| Streaming::start_logged(world.command().args(["stream", "--origin", "twin"]), log);
    let committed = || client.committed("w", "w.in", 1)[0].0;

    write(&client, 0);
    let older = start(&logs[0]);
    wait_until(|| committed().is_some());
    let younger = start(&logs[1]);
    let mut written = MAILS_PER_ROUND;
    // Only who has something to write notices.
    wait_until(|| {
        write(&client, written);
        written += MAILS_PER_ROUND;
        thread::sleep(Duration::from_millis(500));
        logs.iter().all(|log| fs::read_to_string(log).unwrap().contains(SAID))
    });
    assert_eq!(older.end("-TERM"), Some(0));
    wait_until(|| committed() == i64::try_from(3 * written).ok());
    assert_eq!(younger.end("-TERM"), Some(0));
    let wanted: Vec<String> = (0..written).map(|person| person.to_string()).collect();
    assert_eq!(keys(&client, "w.out"), wanted);
    world.must(0, &["verify"]);
}
