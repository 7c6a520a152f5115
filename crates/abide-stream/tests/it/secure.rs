//! Brokers that ask who comes, and are to be asked who they are.

use std::{path::Path, thread, time::Duration};

use abide_stream::Config;
use abide_testkit::{
    Kafka, KafkaClient, Login, TestRecord,
    kafka::{stranger, wait_until},
};

use crate::world::{World, settings};

const LOGIN: Login<'_> = Login { user: "abide", password: "right-donkey-battery" };
const WRONG: &str = "wrong-donkey-battery";

/// As an operator writes it down: by librdkafka's names, with the password in a file.
fn config(kafka: &Kafka, group: &str, mechanism: &str) -> String {
    let login = format!(
        "\"security.protocol\" = \"SASL_SSL\"\n\"ssl.ca.location\" = \"ca.pem\"\n\"sasl.mechanism\" = \"{mechanism}\"\n\
         \"sasl.username\" = \"abide\"\n\"sasl.password\" = {{ file = \"password\" }}\n[stream.consumer]"
    );
    let route = format!(
        "[[route]]\nname = \"mails\"\ntopics = [\"{group}.in\"]\noutput = \"{group}.out\"\naction = \"contact.email\"\n\
         identifiers = [\"email=value:/to\"]\n"
    );
    let settings = settings(&kafka.secure_servers(), group)
        .replacen("[stream.consumer]", &login, 1)
        .replacen("poll_ms", "timeout_ms = 5000\npoll_ms", 1);
    settings + &route
}

fn create(client: &KafkaClient, group: &str) {
    let topics = ["in", "out", "dead", "tallies"].map(|name| format!("{group}.{name}"));
    client.create(&topics.each_ref().map(String::as_str), 1);
}

fn mails() -> [TestRecord; 2] {
    ["jane", "joe"].map(|name| TestRecord::new(0, name, &format!(r#"{{"to":"{name}@example.com"}}"#)))
}

fn check(config: &str, folder: &Path) -> Result<(), String> {
    let checked = abide_stream::check(&Config::parse(config).unwrap(), folder);
    checked.map(|_| ()).map_err(|error| abide_model::causes::chain(&error))
}

/// What may pass does, the rest does not. Whoever changes a password does so in two places, and the stream waits for the second.
#[test]
fn a_stream_that_logs_in() {
    let folder = tempfile::tempdir().unwrap();
    let kafka = Kafka::start_secure(folder.path(), LOGIN);
    let client = kafka.client();
    let world = World::new();
    world.opt_out("jane@example.com");
    world.file("ca.pem", kafka.authority());
    for (group, mechanism) in [("scram", "SCRAM-SHA-256"), ("plain", "PLAIN")] {
        let config = config(&kafka, group, mechanism);
        create(&client, group);
        client.write(&format!("{group}.in"), &mails());
        world.file("password", WRONG);
        let stream = world.start("main", &config);
        thread::sleep(Duration::from_secs(2));
        assert!(!stream.has_ended());
        assert_eq!(client.read(&format!("{group}.out")), []);

        // As an editor leaves it.
        world.file("password", &format!("{}\n", LOGIN.password));
        wait_until(|| client.read(&format!("{group}.out")).len() == 1);
        wait_until(|| client.committed(group, &format!("{group}.in"), 1)[0].0 == Some(2));
        stream.stop().unwrap();
        let passed = client.read(&format!("{group}.out"));
        assert_eq!(passed[0].key, Some(b"joe".to_vec()), "{mechanism}");
    }
}

/// What is said when it cannot get in names the reason and what to look at, and no secret.
#[test]
fn a_broker_that_does_not_let_us_in() {
    let folder = tempfile::tempdir().unwrap();
    let kafka = Kafka::start_secure(folder.path(), LOGIN);
    create(&kafka.client(), "s");
    let (scram, plain) = (config(&kafka, "s", "SCRAM-SHA-256"), config(&kafka, "s", "PLAIN"));
    let of_producer = scram.clone() + "[stream.producer]\n\"sasl.password\" = { file = \"wrong\" }\n";
    let unencrypted = scram.replace("SASL_SSL", "SASL_PLAINTEXT");
    let no_password = scram.replace("\"sasl.password\"", "\"client.rack\"");
    let (ca, password) = (kafka.authority(), LOGIN.password);
    let stranger = stranger();
    let cases: [(&str, &str, &str, &[&str]); 8] = [
        (&scram, ca, WRONG, &["SASL authentication error", "`sasl.password`"]),
        (&plain, ca, WRONG, &["SASL authentication error", "`sasl.password`"]),
        (&of_producer, ca, password, &["SASL authentication error", "`sasl.password`"]),
        (&scram, &stranger, password, &["certificate verify failed", "ssl.ca.location"]),
        (&unencrypted, ca, password, &["security.protocol"]),
        (&scram, "", password, &["`ssl.ca.location`"]),
        (&no_password, ca, password, &["`sasl.password`"]),
        (
            &scram.replace("ca.pem", "none.pem"),
            ca,
            password,
            &["`ssl.ca.location`: could not read", "No such file"],
        ),
    ];
    let world = World::new();
    world.file("wrong", WRONG);
    for (config, authority, password, said) in cases {
        world.file("ca.pem", authority);
        world.file("password", password);
        // On a machine that is busy a call may end before anything is said.
        let why = check(config, world.path()).or_else(|_| check(config, world.path())).unwrap_err();
        for part in said {
            assert!(why.contains(part), "{part} in {why}");
        }
        for secret in [LOGIN.password, WRONG] {
            assert!(!why.contains(secret), "{why}");
        }
    }
    world.file("ca.pem", ca);
    world.file("password", password);
    assert_eq!(check(&scram, world.path()), Ok(()));
}
