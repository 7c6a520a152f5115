//! Records that are opt-outs themselves.

use abide_testkit::TestRecord;

use crate::world::{World, broker, settings, wait_until};

const MAP: &str = "claimant = \"person\"\n[[signal]]\nwhen = '.type == \"bye\"'\nemail = \".to\"\nmechanism = \"email.unsubscribe\"\n";

fn config(servers: &str, group: &str) -> String {
    let route = format!(
        "[[route]]\nname = \"mails\"\ntopics = [\"o.in\"]\noutput = \"{group}.out\"\naction = \"contact.email\"\n\
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
        let record = |kind: &str| {
            let value = format!(r#"{{"type":"{kind}","to":"p{person}@example.com"}}"#);
            TestRecord { timestamp_ms: Some(1_750_000_000_000), ..TestRecord::new(0, kind, &value) }
        };
        records.extend([record("mail"), record("bye"), record("mail")]);
    }
    records.push(TestRecord::new(0, "bye", r#"{"type":"bye","to":{}}"#));
    client.write("o.in", &records);
    let world = World::new();
    world.file("map.toml", MAP);

    let stream = world.start("eu-1", &config(&broker.kafka.servers(), "o1"));
    wait_until(|| client.committed("o1", "o.in", 1)[0].0.is_some_and(|offset| offset >= 61));
    stream.stop().unwrap();
    let keys = |topic: &str| -> Vec<String> {
        client
            .read(topic)
            .iter()
            .map(|record| String::from_utf8(record.key.clone().unwrap()).unwrap())
            .collect()
    };
    // The opt-out itself was judged by what held before it.
    assert_eq!(keys("o1.out"), ["mail", "bye"].repeat(20));
    // One that cannot be read is for somebody to look at.
    let dead = client.read("o1.dead");
    assert_eq!(
        dead[0].header("abide-cause"),
        Some("it is an opt-out by the mapping, line 4, and cannot be read")
    );
    assert_eq!(world.len_journal("eu-1"), 20);
    assert_eq!(client.committed("o1", "o.in", 1)[0].1, "abide eu-1:20");

    // Another group reads all of it again, and everybody has said no long since.
    let stream = world.start("eu-2", &config(&broker.kafka.servers(), "o2"));
    wait_until(|| client.committed("o2", "o.in", 1)[0].0.is_some_and(|offset| offset >= 61));
    stream.stop().unwrap();
    assert_eq!(keys("o2.out"), Vec::<String>::new());
    assert_eq!(world.len_journal("eu-2"), 0);
}
