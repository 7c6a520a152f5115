//! Values in Avro and Protobuf, and the registry that has their schemas.

use std::time::Duration;

use abide_stream::{Config, StreamError};
use abide_testkit::{KafkaClient, Proxy, SchemaRegistry, TestRecord, kafka::wait_until};
use apache_avro::{types::Value as Datum, writer::datum::GenericDatumWriter};
use prost_reflect::{DescriptorPool, DynamicMessage, Value as Field, prost::Message as _};

use crate::world::{World, broker, scrape, settings};

const AVRO: &str = r#"{"type":"record","name":"Mail","fields":[{"name":"type","type":{"type":"enum","name":"Type","symbols":["MAIL","BYE"]}},
    {"name":"to","type":["null","string"]},{"name":"user","type":{"type":"record","name":"User","fields":[{"name":"id","type":"long"},
    {"name":"tags","type":{"type":"array","items":"string"}}]}},{"name":"n","type":"int"}]}"#;

const PROTOBUF: &str = r#"syntax = "proto3"; package shop; enum Type { MAIL = 0; BYE = 1; }
    message Other { string to = 1; }
    message Mail { optional Type type = 1; string to = 2; User user = 3; int32 n = 4; message User { int64 id = 1; repeated string tags = 2; } }"#;

const MAP: &str = "claimant = \"person\"\n[[signal]]\nwhen = '.type == \"BYE\"'\nemail = \".to\"\nuser_id = '.user.id'\n\
                   mechanism = \"privacy.objection\"\n";

/// What a value says, however it is written.
struct Mail {
    is_bye: bool,
    to: Option<&'static str>,
    user: i64,
    n: i32,
}

const NOBODY: Mail = Mail { is_bye: false, to: None, user: 0, n: 0 };

type Writer = fn(&Mail) -> Vec<u8>;

fn in_avro(mail: &Mail) -> Vec<u8> {
    let (at, symbol) = if mail.is_bye { (1, "BYE") } else { (0, "MAIL") };
    let to = match mail.to {
        None => Datum::Union(0, Box::new(Datum::Null)),
        Some(to) => Datum::Union(1, Box::new(Datum::String(to.to_owned()))),
    };
    let tags = Datum::Array(vec![Datum::String("a".to_owned())]);
    let user = vec![("id".to_owned(), Datum::Long(mail.user)), ("tags".to_owned(), tags)];
    let datum = Datum::Record(vec![
        ("type".to_owned(), Datum::Enum(at, symbol.to_owned())),
        ("to".to_owned(), to),
        ("user".to_owned(), Datum::Record(user)),
        ("n".to_owned(), Datum::Int(mail.n)),
    ]);
    let schema = apache_avro::Schema::parse_str(AVRO).unwrap();
    GenericDatumWriter::builder(&schema).build().unwrap().write_value_to_vec(datum).unwrap()
}

fn in_protobuf(mail: &Mail) -> Vec<u8> {
    let file = protox::file::File::from_source("mail.proto", PROTOBUF).unwrap();
    let mut pool = DescriptorPool::new();
    pool.add_file_descriptor_proto(file.file_descriptor_proto().clone()).unwrap();
    let mut message = DynamicMessage::new(pool.get_message_by_name("shop.Mail").unwrap());
    message.set_field_by_name("type", Field::EnumNumber(mail.is_bye.into()));
    if let Some(to) = mail.to {
        message.set_field_by_name("to", Field::String(to.to_owned()));
    }
    let mut user = DynamicMessage::new(pool.get_message_by_name("shop.Mail.User").unwrap());
    user.set_field_by_name("id", Field::I64(mail.user));
    user.set_field_by_name("tags", Field::List(vec![Field::String("a".to_owned())]));
    message.set_field_by_name("user", Field::Message(user));
    message.set_field_by_name("n", Field::I32(mail.n));
    // The second of the file's messages.
    [b"\x02\x02", &message.encode_to_vec()[..]].concat()
}

fn framed(id: u32, body: &[u8]) -> Vec<u8> {
    [&[0], &id.to_be_bytes()[..], body].concat()
}

fn record(key: &str, value: Vec<u8>) -> TestRecord {
    // One time for all, so that an opt-out that is in two topics is the same one.
    let timestamp_ms = Some(1_750_000_000_000);
    TestRecord { value: Some(value), timestamp_ms, ..TestRecord::new(0, key, "") }
}

fn route(topic: &str, format: &str, more: &str) -> String {
    format!(
        "[[route]]\nname = \"{topic}\"\ntopics = [\"{topic}\"]\noutput = \"{topic}.out\"\naction = \"contact.email\"\n\
         format = \"{format}\"\nidentifiers = [\"email=value:/to\", \"user_id=value:/user/id\"]\n{more}\n\
         [route.opt_outs]\nmap = \"map.toml\"\nwhere = \"value:/type\"\nis = [\"BYE\"]\n"
    )
}

fn config(servers: &str, group: &str, registry: &str, routes: &[String]) -> String {
    format!("{}[registry]\nurl = \"{registry}\"\n{}", settings(servers, group), routes.concat())
}

fn values(client: &KafkaClient, topic: &str) -> Vec<(String, Option<Vec<u8>>)> {
    let key = |record: &TestRecord| String::from_utf8(record.key.clone().unwrap()).unwrap();
    client.read(topic).into_iter().map(|record| (key(&record), record.value)).collect()
}

/// Blocked records are dropped or redacted, opt-outs in records are heard, and what cannot be read is put aside, as for JSON.
#[test]
fn avro_and_protobuf_are_read_by_their_schemas() {
    let broker = broker();
    let client = broker.kafka.client();
    let registry = SchemaRegistry::start();
    let world = World::new();
    world.file("map.toml", MAP);
    world.opt_out("jane@example.com");
    client.create(&["s.dead", "s.tallies"], 1);
    let formats: [(&str, u32, Writer); 2] = [
        ("avro", registry.put("s.avro.redact-value", "AVRO", AVRO, &[]), in_avro),
        ("protobuf", registry.put("s.protobuf.redact-value", "PROTOBUF", PROTOBUF, &[]), in_protobuf),
    ];
    let mut routes = Vec::new();
    let jane = Mail { to: Some("Jane@Example.com"), n: 1, ..NOBODY };
    let free = Mail { to: Some("free@example.com"), user: 5, n: 2, ..NOBODY };
    let bye = Mail { is_bye: true, to: Some("joe@example.com"), user: 7, n: 3 };
    // Known by the number alone, which the opt-out had too.
    let same = Mail { to: Some("joe+other@example.com"), user: 7, n: 4, ..NOBODY };
    for (format, id, written) in formats {
        let cut = written(&jane).len() - 1;
        let mut headed = record("headed", written(&free));
        headed.headers = vec![("__value_schema_id".to_owned(), Some(vec![1; 17]))];
        let records = [
            record("jane", framed(id, &written(&jane))),
            record("free", framed(id, &written(&free))),
            record("joe", framed(id, &written(&bye))),
            record("same", framed(id, &written(&same))),
            record("cut", framed(id, &written(&jane)[..cut])),
            record("unknown", framed(99, &written(&free))),
            record("bare", written(&free)),
            headed,
            TestRecord { value: None, ..TestRecord::new(0, "gone", "") },
            record("last", framed(id, &written(&free))),
        ];
        for (blocked, more) in
            [("redact", "blocked = \"redact\"\nredact = [\"value:/to\", \"value:/user\"]"), ("drop", "")]
        {
            let topic = format!("s.{format}.{blocked}");
            client.create(&[&topic, &format!("{topic}.out")], 1);
            client.write(&topic, &records);
            routes.push(route(&topic, format, more));
        }
    }
    let stream = world.start("main", &config(&broker.kafka.servers(), "s", &registry.url(), &routes));
    for (format, ..) in formats {
        for blocked in ["redact", "drop"] {
            let topic = format!("s.{format}.{blocked}");
            wait_until(|| client.committed("s", &topic, 1)[0].0.is_some_and(|offset| offset >= 10));
            // What was committed is seen a moment later.
            let passed = if blocked == "drop" { 3 } else { 6 };
            wait_until(|| client.read(&format!("{topic}.out")).len() == passed);
        }
    }
    wait_until(|| client.read("s.dead").len() == 16);
    let counted = stream.stop().unwrap();

    for (format, id, written) in formats {
        let passed = |name: &str, mail: &Mail| (name.to_owned(), Some(framed(id, &written(mail))));
        let gone = ("gone".to_owned(), None);
        let wanted = [passed("free", &free), gone.clone(), passed("last", &free)];
        assert_eq!(values(&client, &format!("s.{format}.drop.out")), wanted, "{format}");
        // Null and no tags in Avro, nothing there in Protobuf.
        let redacted = |name: &str, mail: &Mail| {
            let is_bye = u8::from(mail.is_bye);
            let n = u8::try_from(mail.n).unwrap();
            let body = match format {
                "avro" => vec![2 * is_bye, 0, 0, 0, 2 * n],
                _ => vec![2, 2, 0x08, is_bye, 0x20, n],
            };
            (name.to_owned(), Some(framed(id, &body)))
        };
        let wanted = [
            redacted("jane", &jane),
            passed("free", &free),
            redacted("joe", &bye),
            redacted("same", &same),
            gone,
            passed("last", &free),
        ];
        assert_eq!(values(&client, &format!("s.{format}.redact.out")), wanted, "{format}");
        let tally = &counted[&format!("s.{format}.drop")];
        let tally =
            (tally.tally.seen, tally.tally.allowed, tally.tally.blocked, tally.tally.failed, tally.opt_outs);
        assert_eq!(tally, (10, 3, 3, 4, 2), "{format}");
    }
    // One statement of each of the two identifiers, from whichever record was first; the others add nothing.
    assert_eq!(world.len_journal("main"), 1 + 2);

    let dead = client.read("s.dead");
    let causes = |topic: &str| -> Vec<&str> {
        let of_topic = dead.iter().filter(|record| record.header("abide-from").unwrap().starts_with(topic));
        of_topic.map(|record| record.header("abide-cause").unwrap()).collect()
    };
    let in_header =
        "its schema is named in a header, which is not read; let the producer put the id before the value";
    let unknown = "the registry does not know the schema 99";
    let bare = "the value does not begin with the id of a schema";
    for blocked in ["redact", "drop"] {
        let misfit = "the value is not Avro of its schema";
        // What Avro wrote begins with a zero too, and what follows is the id of no schema.
        let causes_of_avro = causes(&format!("s.avro.{blocked}/"));
        assert_eq!([causes_of_avro[0], causes_of_avro[1], causes_of_avro[3]], [misfit, unknown, in_header]);
        assert!(causes_of_avro[2].starts_with("the registry does not know"), "{causes_of_avro:?}");
        let misfit = "the value is not Protobuf of its schema";
        assert_eq!(causes(&format!("s.protobuf.{blocked}/")), [misfit, unknown, bare, in_header]);
    }
    // What it knows it was asked once; what it did not know then it may know later.
    for (_, id, _) in formats {
        let path = format!("/schemas/ids/{id}");
        assert_eq!(registry.asked().iter().filter(|asked| **asked == path).count(), 1, "{path}");
    }
}

/// While the registry is away nothing passes, nothing is committed and nothing is put aside; then it goes on.
#[test]
fn without_the_registry_it_waits() {
    let broker = broker();
    let client = broker.kafka.client();
    client.create(&["v.in", "v.in.out", "v.dead", "v.tallies"], 1);
    let registry = SchemaRegistry::start();
    let id = registry.put("v.in-value", "AVRO", AVRO, &[]);
    let free = Mail { to: Some("free@example.com"), ..NOBODY };
    client.write("v.in", &[record("free", framed(id, &in_avro(&free)))]);
    let world = World::new();
    world.file("map.toml", MAP);
    let way = Proxy::new();
    let routes = [route("v.in", "avro", "")];
    let stream = world.start("main", &config(&broker.kafka.servers(), "v", &way.url(), &routes));
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!((client.read("v.in.out"), client.read("v.dead")), (Vec::new(), Vec::new()));
    assert_eq!(client.committed("v", "v.in", 1)[0].0, None);
    assert!(!stream.has_ended());

    // Something answers that is no registry: nothing is known of the schema all the same.
    way.lead_to(registry.address());
    registry.answer_only(Some((404, "<html>")));
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(client.read("v.dead"), []);

    registry.answer_only(None);
    wait_until(|| client.read("v.in.out").len() == 1);
    // It is asked no more for what it said once.
    way.cut();
    client.write("v.in", &[record("again", framed(id, &in_avro(&free)))]);
    wait_until(|| client.read("v.in.out").len() == 2);
    stream.stop().unwrap();
}

/// Ids that somebody made up are asked for one by one, and never for longer than a member may stay away: the others keep
/// their order, and it keeps its partition.
#[test]
fn made_up_ids_hold_up_nobody_for_long() {
    let broker = broker();
    let client = broker.kafka.client();
    client.create(&["m.in", "m.in.out", "m.dead", "m.tallies"], 1);
    let registry = SchemaRegistry::start();
    let id = registry.put("m.in-value", "AVRO", AVRO, &[]);
    let free = Mail { to: Some("free@example.com"), ..NOBODY };
    let body = in_avro(&free);
    let made_up = (0..80).map(|nth| record("made up", framed(1_000 + nth, &body)));
    let records: Vec<_> = made_up.chain([record("free", framed(id, &body))]).collect();
    client.write("m.in", &records);
    let world = World::new();
    world.file("map.toml", MAP);
    let way = Proxy::new();
    way.lead_to(registry.address());
    // All of them take far longer than the six seconds.
    way.delay(Duration::from_millis(80));
    let config = config(&broker.kafka.servers(), "m", &way.url(), &[route("m.in", "avro", "")])
        .replacen("[stream.consumer]", "[stream.consumer]\n\"max.poll.interval.ms\" = 6000", 1)
        .replacen("poll_ms", "metrics = \"127.0.0.1:0\"\npoll_ms", 1);
    let stream = world.start("main", &config);
    wait_until(|| client.read("m.in.out").len() == 1);
    let metrics = scrape(stream.metrics_address().unwrap());
    stream.stop().unwrap();
    assert!(metrics.contains("abide_stream_transactions_failed_total 0"), "{metrics}");
    assert!(metrics.contains("abide_stream_begun_anew_total 0"), "{metrics}");
    assert_eq!(client.read("m.dead").len(), 80);
    let asked = registry.asked();
    let once: std::collections::BTreeSet<_> = asked.iter().collect();
    assert_eq!(asked.len(), once.len(), "each is asked for once: {asked:?}");
}

/// What a schema says is looked at before the first record.
#[test]
fn routes_are_checked_by_the_schemas() {
    let broker = broker();
    let client = broker.kafka.client();
    client.create(&["c.in", "c.in.out", "c.dead", "c.tallies"], 1);
    let registry = SchemaRegistry::start();
    let world = World::new();
    world.file("map.toml", MAP);
    let servers = broker.kafka.servers();
    let check = |more: &str| {
        let config = config(&servers, "c", &registry.url(), &[route("c.in", "avro", more)]);
        abide_stream::check(&Config::parse(&config).unwrap(), world.path())
            .map(|reports| (reports[0].remark.clone().unwrap_or_default(), reports[0].warning.clone()))
            .map_err(|error| error.to_string())
    };
    let remark = |more: &str| check(more).unwrap().0;
    assert_eq!(remark(""), "the registry has no `c.in-value`; `subject` names another");
    registry.put("c.in-value", "AVRO", AVRO, &[]);
    assert_eq!(check("").unwrap(), ("its schema is c.in-value 1".to_owned(), None));
    let redact = |field: &str| format!("blocked = \"redact\"\nredact = [\"value:/{field}\"]");
    // Who believes that it is taken out has to be told that it is not.
    let (remark_of_schema, warning) = check(&redact("user/name")).unwrap();
    assert_eq!(remark_of_schema, "its schema is c.in-value 1");
    assert_eq!(
        warning.as_deref(),
        Some("`redact` takes nothing out at value:/user/name: by the schema c.in-value 1 nothing is there")
    );
    let why = check(&redact("type")).unwrap_err();
    assert!(
        why.starts_with("the route `c.in`: `value:/type` cannot be taken out by the schema c.in-value 1"),
        "{why}"
    );
    assert!(remark("subject = \"other\"").contains("`other`"));
    registry.answer_only(Some((500, "")));
    assert_eq!(check("").unwrap_err(), "the schema registry does not answer: it answers 500");
    registry.answer_only(None);

    // Where that came to be later, what is blocked by it is for somebody to look at.
    let stream = world
        .start("main", &config(&servers, "c", &registry.url(), &[route("c.in", "avro", &redact("type"))]));
    wait_until(|| stream.has_ended());
    assert!(matches!(stream.stop(), Err(StreamError::Config(_))));
    world.opt_out("jane@example.com");
    let id = registry.put("other", "AVRO", AVRO, &[]);
    let jane = Mail { to: Some("jane@example.com"), ..NOBODY };
    client.write("c.in", &[record("jane", framed(id, &in_avro(&jane)))]);
    let more = format!("{}\nsubject = \"nothing\"", redact("type"));
    let stream =
        world.start("later", &config(&servers, "c", &registry.url(), &[route("c.in", "avro", &more)]));
    wait_until(|| client.read("c.dead").len() == 1);
    let counted = stream.stop().unwrap();
    assert_eq!((client.read("c.in.out"), counted["c.in"].tally.blocked), (Vec::new(), 1));
    let cause = client.read("c.dead").swap_remove(0);
    assert!(cause.header("abide-cause").unwrap().starts_with("it is blocked, and a field"), "{cause:?}");
}
