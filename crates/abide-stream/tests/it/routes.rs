//! What becomes of records that may pass, that are blocked, that cannot be judged and that cannot be read.

use abide_testkit::{TestRecord, kafka::wait_until};
use serde_json::Value;

use crate::world::{World, broker, scrape, settings, transactions_failed};

const BLOCKED: &str = r#"{"to": "jane@example.com",  "n": 1.50}"#;
const FREE: &str = r#"{"to":"joe@example.com", "n":2}"#;

fn route(name: &str, more: &str) -> String {
    format!(
        "[[route]]\nname = \"{name}\"\ntopics = [\"r.{name}\"]\noutput = \"r.{name}.out\"\naction = \"contact.email\"\n\
         identifiers = [\"email=value:/to\"]\nblocked = \"{name}\"\n{more}\n"
    )
}

/// What every route is given: a blocked record, a free one with all that a record may have, one with nobody in it, one that
/// takes a key away, and one that is no JSON.
fn records() -> Vec<TestRecord> {
    let mut full = TestRecord::new(1, "k", FREE);
    full.headers = vec![("x".to_owned(), Some(b"\xff\0".to_vec())), ("x".to_owned(), None)];
    full.timestamp_ms = Some(1_700_000_000_123);
    let mut blocked = TestRecord::new(0, "b", BLOCKED);
    blocked.headers = vec![("to".to_owned(), Some(b"jane@example.com".to_vec()))];
    vec![
        blocked,
        full,
        TestRecord::new(0, "nobody", r#"{"n":3}"#),
        TestRecord { value: None, ..TestRecord::new(0, "gone", "") },
        TestRecord::new(0, "poison", "{'to':1}"),
        TestRecord::new(0, "last", FREE),
    ]
}

#[test]
fn each_record_goes_where_its_route_says() {
    let broker = broker();
    let client = broker.kafka.client();
    let names = ["drop", "redact", "divert", "tombstone"];
    for name in names {
        client.create(&[&format!("r.{name}"), &format!("r.{name}.out")], 2);
        client.write(&format!("r.{name}"), &records());
    }
    client.create(&["r.dead", "r.tallies", "r.aside"], 1);
    let world = World::new();
    world.opt_out("Jane@Example.com");
    let mut config = settings(&broker.kafka.servers(), "r")
        .replacen("poll_ms", "metrics = \"127.0.0.1:0\"\npoll_ms", 1)
        .replacen("[stream.consumer]", "[stream.consumer]\n\"statistics.interval.ms\" = 200", 1);
    config.push_str(&route("drop", ""));
    config.push_str(&route("redact", r#"redact = ["value:/to", "header:to", "key"]"#));
    config.push_str(&route("divert", r#"divert_to = "r.aside""#));
    config.push_str(&route("tombstone", ""));
    let stream = world.start("main", &config);
    let all_there = [("drop", 3), ("redact", 5), ("divert", 3), ("tombstone", 5)];
    wait_until(|| all_there.iter().all(|(name, len)| client.read(&format!("r.{name}.out")).len() == *len));
    wait_until(|| client.read("r.dead").len() == names.len());
    // Lag comes with the client's own statistics, a moment later.
    let address = stream.metrics_address().unwrap();
    wait_until(|| scrape(address).contains("abide_stream_lag{topic=\"r.drop\",partition=\"0\"} 0"));
    let metrics = scrape(address);
    for line in [
        "abide_stream_verdicts_total{route=\"redact\",verdict=\"block\"} 1",
        "abide_stream_records_total{route=\"tombstone\",deed=\"tombstoned\"} 2",
        "abide_stream_transaction_seconds_count",
        "abide_stream_list_age_seconds",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    let counted = stream.stop().unwrap();

    let texts = |topic: &str| -> Vec<(i32, String, String)> {
        let text = |bytes: Option<&Vec<u8>>| {
            bytes.map_or("-".to_owned(), |bytes| String::from_utf8(bytes.clone()).unwrap())
        };
        client
            .read(topic)
            .iter()
            .map(|record| (record.partition, text(record.key.as_ref()), text(record.value.as_ref())))
            .collect()
    };
    let wanted = |records: &[(i32, &str, &str)]| -> Vec<(i32, String, String)> {
        records.iter().map(|(at, key, value)| (*at, (*key).to_owned(), (*value).to_owned())).collect()
    };
    let passed = [(0, "gone", "-"), (0, "last", FREE), (1, "k", FREE)];
    assert_eq!(texts("r.drop.out"), wanted(&passed));
    assert_eq!(texts("r.divert.out"), wanted(&passed));
    // Blocked and unjudged records without what was to be taken out, in the places where they stood.
    let redacted = [(0, "-", r#"{"to": null,  "n": 1.50}"#), (0, "-", r#"{"n":3}"#)];
    assert_eq!(texts("r.redact.out"), wanted(&[&redacted[..], &passed].concat()));
    let taken_away = [(0, "b", "-"), (0, "nobody", "-")];
    assert_eq!(texts("r.tombstone.out"), wanted(&[&taken_away[..], &passed].concat()));
    assert_eq!(texts("r.aside"), wanted(&[(0, "b", BLOCKED), (0, "nobody", r#"{"n":3}"#)]));

    // What passes is the same in all that a record has.
    let full = client.read("r.drop.out").pop().unwrap();
    assert_eq!(full, records()[1]);
    // Why stands in headers, and nobody with it.
    let aside = client.read("r.aside");
    let said = |name: &str| aside.iter().map(|record| record.header(name)).collect::<Vec<_>>();
    assert_eq!(said("abide-verdict"), [Some("block"), Some("cannot_tell")]);
    assert_eq!(said("abide-rule"), [Some("email-opted-out"), None]);
    assert_eq!(said("abide-mechanism"), [Some("email.unsubscribe"), None]);
    assert_eq!(said("abide-why"), [None, Some("destination_missing")]);
    assert_eq!(said("abide-position"), [Some("main:1"); 2]);
    assert!(said("abide-ruleset").iter().all(Option::is_some));
    let redacted = client.read("r.redact.out").swap_remove(0);
    assert!(redacted.header("to").is_none() && !format!("{:?}", redacted.headers).contains("jane"));
    let dead = client.read("r.dead").swap_remove(0);
    assert_eq!(dead.header("abide-cause"), Some("the value is not JSON"));
    assert_eq!(dead.value_text(), Some("{'to':1}"));

    // Tallies add up, those that were produced and those that are told at the end.
    for name in names {
        let mut seen = [0; 5];
        for tally in
            client.read("r.tallies").iter().filter(|tally| tally.key.as_deref() == Some(name.as_bytes()))
        {
            let tally: Value = serde_json::from_str(tally.value_text().unwrap()).unwrap();
            let parts = ["seen", "allowed", "blocked", "cannot_tell", "failed"];
            parts.iter().zip(&mut seen).for_each(|(part, sum)| *sum += tally[*part].as_u64().unwrap());
        }
        assert_eq!(seen, [6, 3, 1, 1, 1], "{name}");
        let tally = counted[name].tally;
        assert_eq!([tally.seen, tally.allowed, tally.blocked, tally.cannot_tell, tally.failed], seen);
    }
}

/// What cannot be judged stops a stream that is told so, with nothing of its transaction written.
#[test]
fn it_stops_where_it_is_told_to() {
    let broker = broker();
    let client = broker.kafka.client();
    client.create(&["f.drop", "f.drop.out", "f.dead", "f.tallies"], 1);
    let nobody = TestRecord::new(0, "nobody", r#"{"n":3}"#);
    client.write("f.drop", &[TestRecord::new(0, "k", FREE), nobody]);
    let world = World::new();
    let route = route("drop", "on_cannot_tell = \"fail\"").replace("r.drop", "f.drop");
    let stream = world.start("main", &(settings(&broker.kafka.servers(), "f") + &route));
    wait_until(|| stream.has_ended());
    let why = stream.stop().unwrap_err().to_string();
    assert!(why.contains("f.drop/0/1"), "{why}");
    // What was before it is read again once somebody has looked.
    assert_eq!(client.read("f.drop.out"), []);
    assert_eq!(client.committed("f", "f.drop", 1)[0].0, None);
}

/// Text that no codec makes short.
fn noise(length: u32) -> String {
    (0..length).map(|n| char::from(b'a' + (n * n % 23) as u8)).collect()
}

/// A record that the output does not take goes to the dead letters, of which its headers alone would be too much, without
/// anything of its own; it is looked for once, and stops nobody.
#[test]
fn one_that_is_too_large_is_put_aside() {
    let broker = broker();
    let client = broker.kafka.client();
    client.create(&["g.drop"], 2);
    client.create(&["g.tallies"], 1);
    client.create_small("g.drop.out", 2_000);
    client.create_small("g.dead", 1_000);
    let large = format!(r#"{{"to":"joe@example.com","n":"{}"}}"#, noise(2_000));
    let mut poison = TestRecord::new(0, "poison", "no JSON");
    let mut large = TestRecord::new(0, "large", &large);
    for record in [&mut poison, &mut large] {
        record.headers = vec![("long".to_owned(), Some(noise(1_500).into_bytes()))];
    }
    let passes = |nth: u32| TestRecord::new(i32::from(nth > 10), &nth.to_string(), FREE);
    let mut records: Vec<TestRecord> = (0..30).map(passes).collect();
    records.insert(5, large);
    records.insert(8, poison);
    client.write("g.drop", &records);
    let world = World::new();
    let settings =
        settings(&broker.kafka.servers(), "g").replacen("poll_ms", "metrics = \"127.0.0.1:0\"\npoll_ms", 1);
    let config = settings + &route("drop", "").replace("r.drop", "g.drop");
    let stream = world.start("main", &config);
    wait_until(|| client.read("g.drop.out").len() == 30);
    wait_until(|| client.read("g.dead").len() == 2);
    // All of them together, then each of the two alone; after each of these the client's next is refused too.
    let failed = transactions_failed(stream.metrics_address().unwrap());
    assert!((3..=10).contains(&failed), "{failed}");
    let counted = stream.stop().unwrap();
    assert_eq!((counted["drop"].tally.seen, counted["drop"].tally.failed), (32, 2));
    for (dead, from) in client.read("g.dead").into_iter().zip(["g.drop/0/5", "g.drop/0/8"]) {
        assert_eq!((dead.header("abide-from"), dead.headers.len()), (Some(from), 2), "{dead:?}");
        assert_eq!((dead.key, dead.value), (None, None));
    }
    let mut passed: Vec<_> =
        client.read("g.drop.out").into_iter().map(|record| record.key.unwrap()).collect();
    passed.sort_by_key(|key| String::from_utf8(key.clone()).unwrap().parse::<u32>().unwrap());
    assert_eq!(passed, (0..30).map(|nth: u32| nth.to_string().into_bytes()).collect::<Vec<_>>());
}

/// A topic that is compacted takes nothing without a key, and one may refuse old timestamps: both for ever, so that the record
/// goes to the dead letters and stops nobody.
#[test]
fn one_that_its_topic_never_takes_is_put_aside() {
    let broker = broker();
    let client = broker.kafka.client();
    client.create(&["n.drop", "n.redact", "n.dead", "n.tallies"], 1);
    client.create_set("n.drop.out", &[("cleanup.policy", "compact")]);
    client.create_set("n.redact.out", &[("message.timestamp.before.max.ms", "3600000")]);
    let keyless = TestRecord { key: None, ..TestRecord::new(0, "", FREE) };
    let mut old = TestRecord::new(0, "old", FREE);
    old.timestamp_ms = Some(1_700_000_000_123);
    for (topic, refused) in [("n.drop", keyless), ("n.redact", old)] {
        let passes = |key| TestRecord::new(0, key, FREE);
        client.write(topic, &[passes("a"), passes("b"), refused, passes("c")]);
    }
    let world = World::new();
    let of = |name: &str, more: &str| route(name, more).replace(&format!("r.{name}"), &format!("n.{name}"));
    let routes = of("drop", "") + &of("redact", r#"redact = ["value:/to"]"#);
    let stream = world.start("main", &(settings(&broker.kafka.servers(), "n") + &routes));
    wait_until(|| client.read("n.dead").len() == 2);
    for output in ["n.drop.out", "n.redact.out"] {
        wait_until(|| client.read(output).len() == 3);
    }
    stream.stop().unwrap();
    let mut dead: Vec<_> = client.read("n.dead");
    dead.sort_by_key(|dead| dead.header("abide-from").map(str::to_owned));
    for (dead, (from, cause)) in
        dead.iter().zip([("n.drop/0/2", "without a key"), ("n.redact/0/2", "timestamp")])
    {
        assert_eq!(dead.header("abide-from"), Some(from), "{dead:?}");
        assert!(dead.header("abide-cause").unwrap().contains(cause), "{dead:?}");
    }
}

/// Where there is no place for a dead letter at all, it stops, and says at which record and why; nothing is lost.
#[test]
fn a_dead_letter_that_nothing_takes_stops_it() {
    let broker = broker();
    let client = broker.kafka.client();
    client.create(&["h.drop", "h.drop.out", "h.tallies"], 1);
    // Enough for the marks of transactions, and no more.
    client.create_small("h.dead", 100);
    client.write("h.drop", &[TestRecord::new(0, "k", FREE), TestRecord::new(0, "poison", "no JSON")]);
    let world = World::new();
    let config = settings(&broker.kafka.servers(), "h") + &route("drop", "").replace("r.drop", "h.drop");
    let stream = world.start("main", &config);
    wait_until(|| stream.has_ended());
    let why = stream.stop().unwrap_err().to_string();
    assert!(why.contains("h.drop/0/1") && why.contains("max.message.bytes"), "{why}");
    assert_eq!(client.committed("h", "h.drop", 1)[0].0, Some(1));
}
