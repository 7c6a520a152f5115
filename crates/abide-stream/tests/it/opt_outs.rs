//! Records that are opt-outs themselves.

use std::{
    sync::Arc,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use abide_testkit::{Faults, FaultyStore, TestRecord, kafka::wait_until};

use crate::world::{World, broker, settings, transactions_failed};

const MAP: &str = "claimant = \"person\"\n[[signal]]\nwhen = '.type == \"bye\"'\nemail = \".to\"\nmechanism = \"email.unsubscribe\"\n";

fn config(servers: &str, group: &str, input: &str) -> String {
    let route = format!(
        "[[route]]\nname = \"mails\"\ntopics = [\"{input}\"]\noutput = \"{group}.out\"\naction = \"contact.email\"\n\
         identifiers = [\"email=value:/to\"]\n\
         [route.opt_outs]\nmap = \"map.toml\"\nwhere = \"value:/type\"\nis = [\"bye\"]\n"
    );
    settings(servers, group) + &route
}

/// An opt-out holds for the very next record of its partition, is durable before anything is committed, and read again adds
/// nothing to the journal.
#[test]
fn an_opt_out_holds_for_what_comes_after_it() {
    let broker = broker();
    let client = broker.kafka.client();
    client.create(&["o.in", "o1.out", "o1.dead", "o1.tallies", "o2.out", "o2.dead", "o2.tallies"], 1);
    let mut records = Vec::new();
    for person in 0..20 {
        // Half of them are dated ahead of our clock, so that this dates them.
        let timestamp_ms = if person % 2 == 0 { 1_750_000_000_000 } else { in_half_an_hour() };
        let record = |kind: &str| {
            let value = format!(r#"{{"type":"{kind}","to":"p{person}@example.com"}}"#);
            TestRecord { timestamp_ms: Some(timestamp_ms), ..TestRecord::new(0, kind, &value) }
        };
        records.extend([record("mail"), record("bye"), record("mail")]);
    }
    records.push(TestRecord::new(0, "bye", r#"{"type":"bye","to":{}}"#));
    client.write("o.in", &records);
    let world = World::new();
    world.file("map.toml", MAP);

    let stream = world.start("eu-1", &config(&broker.kafka.servers(), "o1", "o.in"));
    wait_until(|| client.committed("o1", "o.in", 1)[0].0.is_some_and(|offset| offset >= 61));
    stream.stop().unwrap();
    let keys = |topic: &str| -> Vec<String> {
        client
            .read(topic)
            .iter()
            .map(|record| String::from_utf8(record.key.clone().unwrap()).unwrap())
            .collect()
    };
    // The opt-out itself is of somebody who has said no.
    assert_eq!(keys("o1.out"), ["mail"].repeat(20));
    // One that cannot be read is for somebody to look at.
    let dead = client.read("o1.dead");
    assert_eq!(
        dead[0].header("abide-cause"),
        Some("it is an opt-out by the mapping, line 4, and cannot be read")
    );
    assert_eq!(world.len_journal("eu-1"), 20);
    assert_eq!(client.committed("o1", "o.in", 1)[0].1, "abide eu-1:20");

    // Another group reads all of it again, and everybody has said no long since.
    let stream = world.start("eu-2", &config(&broker.kafka.servers(), "o2", "o.in"));
    wait_until(|| client.committed("o2", "o.in", 1)[0].0.is_some_and(|offset| offset >= 61));
    stream.stop().unwrap();
    assert_eq!(keys("o2.out"), Vec::<String>::new());
    assert_eq!(world.len_journal("eu-2"), 0);
}

#[expect(clippy::disallowed_methods, reason = "the broker takes nothing that is much further ahead")]
fn in_half_an_hour() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from((now + Duration::from_secs(1_800)).as_millis()).unwrap()
}

/// An opt-in that is read again ends no opt-out that came after it, whoever dates it.
#[test]
fn an_opt_in_that_is_read_again_ends_nothing() {
    let broker = broker();
    let client = broker.kafka.client();
    client.create(
        &["back.in", "back1.out", "back1.dead", "back1.tallies", "back2.out", "back2.dead", "back2.tallies"],
        1,
    );
    let world = World::new();
    let back = "[[signal]]\nwhen = '.type == \"back\"'\nemail = \".to\"\nmechanism = \"email.unsubscribe\"\n\
                direction = \"in\"\nproof = \"login\"\nrecorded_by = \"site\"\n";
    world.file("map.toml", &(MAP.to_owned() + back));
    let config = |group: &str| {
        let text = config(&broker.kafka.servers(), group, "back.in");
        text.replace("is = [\"bye\"]", "is = [\"bye\", \"back\"]")
    };
    let said = |kind: &str, timestamp_ms: i64| {
        let value = format!(r#"{{"type":"{kind}","to":"p@example.com"}}"#);
        TestRecord { timestamp_ms: Some(timestamp_ms), ..TestRecord::new(0, kind, &value) }
    };
    client.write("back.in", &[said("bye", 1_750_000_000_000), said("back", in_half_an_hour())]);
    let stream = world.start("eu-1", &config("back1"));
    wait_until(|| client.committed("back1", "back.in", 1)[0].0 == Some(2));
    client.write("back.in", &[said("bye", in_half_an_hour()), said("mail", 1_750_000_000_000)]);
    wait_until(|| client.committed("back1", "back.in", 1)[0].0 == Some(4));
    stream.stop().unwrap();
    let dead = client.read("back1.dead");
    assert!(dead.is_empty(), "{:?}", dead[0].header("abide-cause"));
    assert_eq!(world.len_journal("eu-1"), 3);
    let stream = world.start("eu-2", &config("back2"));
    wait_until(|| client.committed("back2", "back.in", 1)[0].0 == Some(4));
    stream.stop().unwrap();
    assert_eq!(
        (client.read("back1.out").len(), client.read("back2.out").len(), world.len_journal("eu-2")),
        (1, 0, 0)
    );
}

/// While the store cannot be reached, nothing passes and nothing is committed; afterwards it goes on where it was.
#[test]
fn without_its_journal_it_waits() {
    const CUT_OFF: Faults = Faults { write_refused: 1.0, read_failed: 1.0, list_failed: 1.0, ..Faults::NONE };
    let broker = broker();
    let client = broker.kafka.client();
    client.create(&["w.in", "w.out", "w.dead", "w.tallies"], 1);
    let world = World::new();
    world.file("map.toml", MAP);
    let bucket = FaultyStore::new(world.objects(), 1, Faults::NONE);
    let config = config(&broker.kafka.servers(), "w", "w.in").replacen(
        "poll_ms",
        "list_age_max_s = 1\ntimeout_ms = 1000\nmetrics = \"127.0.0.1:0\"\npoll_ms",
        1,
    );
    let stream = world.start_on(Arc::new(bucket.clone()), "eu-1", &config);
    let mail = |person: u32| TestRecord::new(0, "mail", &format!(r#"{{"to":"p{person}@example.com"}}"#));
    let bye =
        |person: u32| TestRecord::new(0, "bye", &format!(r#"{{"type":"bye","to":"p{person}@example.com"}}"#));
    client.write("w.in", &[mail(1)]);
    wait_until(|| client.read("w.out").len() == 1);

    bucket.set_faults(CUT_OFF);
    // First it cannot make the opt-out durable, then its list is too old.
    client.write("w.in", &[bye(1), mail(1), mail(2)]);
    thread::sleep(Duration::from_secs(4));
    assert_eq!(client.read("w.out").len(), 1);
    assert_eq!(client.committed("w", "w.in", 1)[0].0, Some(1));

    let failed = || transactions_failed(stream.metrics_address().unwrap());
    let before = failed();
    assert!(before > 0);
    bucket.heal();
    wait_until(|| client.committed("w", "w.in", 1)[0].0 == Some(4));
    // What was given up leaves nothing that the next one fails of.
    assert_eq!(failed(), before);
    stream.stop().unwrap();
    let passed: Vec<String> =
        client.read("w.out").iter().filter_map(TestRecord::value_text).map(str::to_owned).collect();
    let wanted = [mail(1), mail(2)];
    assert_eq!(passed, wanted.iter().filter_map(TestRecord::value_text).collect::<Vec<_>>());
    assert_eq!(world.len_journal("eu-1"), 1);
}
