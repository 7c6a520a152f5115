//! `abide stream` on a broker that lets in only who logs in, with the password in the environment.

use std::fs;

use abide_testkit::{Kafka, Login, TestRecord, kafka::wait_until};

use crate::{
    stream::Streaming,
    world::{PERSON, World},
};

const LOGIN: Login<'_> = Login { user: "abide", password: "right-donkey-battery" };
const WRONG: &str = "wrong-donkey-battery";

fn prepare(kafka: &Kafka) -> World {
    let world = World::new();
    let config = format!(
        "[stream]\ngroup = \"g\"\ndead_letter = \"g.dead\"\npoll_ms = 20\ntimeout_ms = 5000\n\
         [stream.kafka]\n\"bootstrap.servers\" = \"{}\"\n\"security.protocol\" = \"SASL_SSL\"\n\
         \"ssl.ca.location\" = \"ca.pem\"\n\"sasl.mechanism\" = \"SCRAM-SHA-256\"\n\"sasl.username\" = \"abide\"\n\
         \"sasl.password\" = {{ variable = \"KAFKA_PASSWORD\" }}\n\
         [[route]]\nname = \"mails\"\ntopics = [\"g.in\"]\noutput = \"g.out\"\naction = \"contact.email\"\n\
         identifiers = [\"email=value:/to\"]\n",
        kafka.secure_servers()
    );
    fs::write(world.path("ca.pem"), kafka.authority()).unwrap();
    fs::write(world.path("stream.toml"), config).unwrap();
    world
}

/// Who comes with the wrong password is told so by the check and by the log, and no password is said.
#[test]
fn a_password_from_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let kafka = Kafka::start_secure(folder.path(), LOGIN);
    let client = kafka.client();
    client.create(&["g.in", "g.out", "g.dead"], 1);
    let mails = [PERSON, "joe@example.com"].map(|to| TestRecord::new(0, to, &format!(r#"{{"to":"{to}"}}"#)));
    client.write("g.in", &mails);
    let world = prepare(&kafka);
    let log = world.path("log");
    let said = || fs::read_to_string(&log).unwrap();
    let stream = |password: &str, arguments: &[&str]| {
        let mut command = world.command();
        command.arg("stream").args(arguments).env("KAFKA_PASSWORD", password);
        command
    };

    // On a machine that is busy a call may end before anything is said.
    wait_until(|| {
        let refused = crate::program::Ran::of(&mut stream(WRONG, &["--check"]));
        assert_eq!((refused.exit, refused.stdout.as_str()), (Some(3), ""), "{refused:?}");
        assert!(!refused.stderr.contains("donkey"), "{refused:?}");
        refused.stderr.contains("SASL authentication error") && refused.stderr.contains("`sasl.password`")
    });
    let streaming = Streaming::start_logged(&mut stream(WRONG, &[]), &log);
    wait_until(|| said().contains("SASL authentication error"));
    wait_until(|| said().contains("could not begin to work with the broker; trying again"));
    assert_eq!(streaming.end("-TERM"), Some(0));
    assert!(!said().contains("donkey"), "{}", said());
    assert_eq!(client.read("g.out"), []);

    let fits = crate::program::Ran::of(&mut stream(LOGIN.password, &["--check"]));
    assert_eq!((fits.exit, fits.stderr.as_str()), (Some(0), ""), "{fits:?}");
    let streaming = Streaming::start_logged(&mut stream(LOGIN.password, &[]), &log);
    wait_until(|| client.read("g.out").len() == 1);
    assert_eq!(streaming.end("-TERM"), Some(0));
    assert_eq!(client.read("g.out")[0].key, mails[1].key);
    assert!(!said().contains("donkey"), "{}", said());
}
