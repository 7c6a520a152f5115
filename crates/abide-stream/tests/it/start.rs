//! Topics that are not there when a stream begins.

use std::{
    net::TcpListener,
    thread,
    time::{Duration, Instant},
};

use abide_stream::{Config, StreamError};
use abide_testkit::{TestRecord, kafka::wait_until};

use crate::world::{World, broker, settings};

fn config(servers: &str, group: &str, timeout_ms: u64) -> String {
    let route = format!(
        "[[route]]\nname = \"mails\"\ntopics = [\"{group}.in\"]\noutput = \"{group}.out\"\naction = \"contact.email\"\n\
         identifiers = [\"email=value:/to\"]\n"
    );
    let timeout = format!("timeout_ms = {timeout_ms}\npoll_ms");
    settings(servers, group).replacen("poll_ms", &timeout, 1) + &route
}

/// Whoever makes topics and starts a stream at once need not know how long brokers take to tell each other.
#[test]
fn topics_that_come_to_be_are_waited_for() {
    let broker = broker();
    let client = broker.kafka.client();
    let world = World::new();
    let stream = world.start("main", &config(&broker.kafka.servers(), "a", 120_000));
    thread::sleep(Duration::from_secs(2));
    assert!(!stream.has_ended());
    client.create(&["a.out", "a.dead", "a.tallies"], 1);
    thread::sleep(Duration::from_secs(1));
    client.create(&["a.in"], 1);
    client.write("a.in", &[TestRecord::new(0, "k", r#"{"to":"joe@example.com"}"#)]);
    wait_until(|| client.read("a.out").len() == 1);
    stream.stop().unwrap();
}

/// A topic that is deleted and made anew under a running stream begins with 0 again, and all of it is read.
#[test]
fn a_topic_that_is_made_anew_is_read_from_its_beginning() {
    let broker = broker();
    let client = broker.kafka.client();
    client.create(&["anew.in", "anew.out", "anew.dead", "anew.tallies"], 1);
    let world = World::new();
    let stream = world.start("main", &config(&broker.kafka.servers(), "anew", 120_000));
    let mail = |number: u32| TestRecord::new(0, "k", &format!(r#"{{"to":"p{number}@example.com"}}"#));
    client.write("anew.in", &(0..5).map(mail).collect::<Vec<_>>());
    wait_until(|| client.read("anew.out").len() == 5);
    client.delete("anew.in");
    client.create(&["anew.in"], 1);
    client.write("anew.in", &(5..8).map(mail).collect::<Vec<_>>());
    wait_until(|| client.read("anew.out").len() == 8);
    stream.stop().unwrap();
}

/// Not for ever: then it says which ones.
#[test]
fn topics_that_do_not_come_to_be_are_named() {
    let broker = broker();
    let client = broker.kafka.client();
    client.create(&["n.in", "n.dead"], 1);
    let world = World::new();
    let config = config(&broker.kafka.servers(), "n", 3000);
    let wanted = "the broker does not fit the configuration: it has no topic `n.out`, `n.tallies`";
    let checked = abide_stream::check(&Config::parse(&config).unwrap(), world.path());
    assert_eq!(checked.unwrap_err().to_string(), wanted);
    let stream = world.start("main", &config);
    wait_until(|| stream.has_ended());
    let ended = stream.stop().unwrap_err();
    assert!(matches!(ended, StreamError::Broker(_)), "{ended}");
    assert_eq!(ended.to_string(), wanted);
}

/// Whoever is told to stop does so, whatever it waits for.
#[test]
#[expect(clippy::disallowed_methods, reason = "what is measured is time")]
fn who_waits_can_be_stopped() {
    let broker = broker();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let world = World::new();
    for servers in [broker.kafka.servers(), nobody.local_addr().unwrap().to_string()] {
        let stream = world.start("main", &config(&servers, "s", 300_000));
        thread::sleep(Duration::from_secs(4));
        assert!(!stream.has_ended());
        let told_at = Instant::now();
        stream.stop().unwrap();
        assert!(told_at.elapsed() < Duration::from_secs(20), "{servers}: {:?}", told_at.elapsed());
    }
}
