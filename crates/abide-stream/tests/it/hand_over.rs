//! Members that come and go, and a broker that does.

use std::{collections::BTreeMap, thread, time::Duration};

use abide_testkit::{Kafka, KafkaClient, TestRecord, kafka::wait_until};

use crate::world::{World, broker, scrape, settings};

const PARTITIONS: i32 = 4;
const RECORDS: usize = 400;

fn config(servers: &str, group: &str) -> String {
    let route = format!(
        "[[route]]\nname = \"mails\"\ntopics = [\"{group}.in\"]\noutput = \"{group}.out\"\naction = \"contact.email\"\n\
         identifiers = [\"email=value:/to\"]\n"
    );
    // Many small transactions, so that each change meets one.
    settings(servers, group).replacen("poll_ms", "batch_records = 7\npoll_ms", 1) + &route
}

/// Every third person has said no.
fn write(client: &KafkaClient, group: &str, from: usize) {
    let records: Vec<TestRecord> = (from..from + RECORDS)
        .map(|number| {
            let value = format!(r#"{{"to":"p{}@example.com","n":{number}}}"#, number % 30);
            TestRecord::new(i32::try_from(number).unwrap() % PARTITIONS, &number.to_string(), &value)
        })
        .collect();
    client.write(&format!("{group}.in"), &records);
}

fn must_pass(number: usize) -> bool {
    !(number % 30).is_multiple_of(3)
}

/// Nothing lost, nothing doubled, nothing blocked let through, and each partition in its order.
fn check(client: &KafkaClient, group: &str, until: usize) {
    let mut found: BTreeMap<i32, Vec<usize>> = BTreeMap::new();
    for record in client.read(&format!("{group}.out")) {
        let number = String::from_utf8(record.key.unwrap()).unwrap().parse().unwrap();
        found.entry(record.partition).or_default().push(number);
    }
    for partition in 0..PARTITIONS {
        let of_partition = usize::try_from(partition).unwrap();
        let wanted: Vec<usize> = (0..until)
            .filter(|n| n % usize::try_from(PARTITIONS).unwrap() == of_partition && must_pass(*n))
            .collect();
        assert_eq!(found.get(&partition), Some(&wanted), "partition {partition}");
    }
}

fn wait_for(client: &KafkaClient, group: &str, until: usize) {
    let each = i64::try_from(until).unwrap() / i64::from(PARTITIONS);
    wait_until(|| {
        let committed = client.committed(group, &format!("{group}.in"), PARTITIONS);
        committed.iter().all(|(offset, _)| offset.is_some_and(|offset| offset >= each))
    });
}

fn prepare(client: &KafkaClient, group: &str, brokers: i32) -> World {
    client.create_on(&[&format!("{group}.in"), &format!("{group}.out")], PARTITIONS, brokers);
    client.create_on(&[&format!("{group}.dead"), &format!("{group}.tallies")], 1, brokers);
    let world = World::new();
    (0..30).step_by(3).for_each(|person| world.opt_out(&format!("p{person}@example.com")));
    world
}

#[test]
fn members_share_the_partitions_and_hand_them_over() {
    let broker = broker();
    let client = broker.kafka.client();
    let world = prepare(&client, "h", 1);
    let config = config(&broker.kafka.servers(), "h");
    write(&client, "h", 0);
    let first = world.start("eu-1", &config);
    wait_until(|| client.read("h.out").len() > 20);
    let second = world.start("eu-2", &config);
    write(&client, "h", RECORDS);
    thread::sleep(Duration::from_secs(2));
    write(&client, "h", 2 * RECORDS);
    wait_for(&client, "h", 3 * RECORDS);
    // The group went on while one came; now it goes on while one leaves.
    write(&client, "h", 3 * RECORDS);
    first.stop().unwrap();
    write(&client, "h", 4 * RECORDS);
    wait_for(&client, "h", 5 * RECORDS);
    let by_second = second.stop().unwrap();
    check(&client, "h", 5 * RECORDS);
    assert!(by_second["mails"].tally.seen > 0, "the second had its share");
}

#[test]
fn a_broker_that_restarts_loses_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut kafka = Kafka::start(folder.path(), 1);
    let client = kafka.client();
    let world = prepare(&client, "b", 1);
    write(&client, "b", 0);
    let stream = world.start("main", &config(&kafka.servers(), "b"));
    wait_until(|| client.read("b.out").len() > 20);
    kafka.kill(0);
    thread::sleep(Duration::from_secs(1));
    kafka.restart(0);
    write(&client, "b", RECORDS);
    wait_for(&client, "b", 2 * RECORDS);
    stream.stop().unwrap();
    check(&client, "b", 2 * RECORDS);
}

#[test]
fn of_three_brokers_one_may_be_gone() {
    let folder = tempfile::tempdir().unwrap();
    let mut kafka = Kafka::start(folder.path(), 3);
    let client = kafka.client();
    let world = prepare(&client, "l", 3);
    write(&client, "l", 0);
    let stream = world.start("main", &config(&kafka.servers(), "l"));
    wait_until(|| client.read("l.out").len() > 20);
    kafka.kill(0);
    write(&client, "l", RECORDS);
    wait_for(&client, "l", 2 * RECORDS);
    stream.stop().unwrap();
    check(&client, "l", 2 * RECORDS);
}

/// Started twice under one name, each ends the other's work for a while, and neither what the other did.
#[test]
fn two_of_one_name_lose_and_double_nothing() {
    let broker = broker();
    let client = broker.kafka.client();
    let world = prepare(&client, "t", 1);
    let config =
        config(&broker.kafka.servers(), "t").replacen("poll_ms", "metrics = \"127.0.0.1:0\"\npoll_ms", 1);
    write(&client, "t", 0);
    let older = world.start("main", &config);
    wait_until(|| client.read("t.out").len() > 20);
    let younger = world.start("main", &config);
    let addresses = [&older, &younger].map(|stream| stream.metrics_address().unwrap());
    let begun_anew = || addresses.map(|address| times_begun_anew(&scrape(address)));
    // Until each has had its turn, they are given something to quarrel about.
    let mut written = RECORDS;
    wait_until(|| {
        write(&client, "t", written);
        written += RECORDS;
        thread::sleep(Duration::from_secs(1));
        begun_anew().iter().all(|times| *times > 0)
    });
    wait_for(&client, "t", written);
    older.stop().unwrap();
    write(&client, "t", written);
    wait_for(&client, "t", written + RECORDS);
    younger.stop().unwrap();
    check(&client, "t", written + RECORDS);
}

fn times_begun_anew(metrics: &str) -> u32 {
    let mut counts = metrics.lines().filter_map(|line| line.strip_prefix("abide_stream_begun_anew_total "));
    counts.next().expect("it is counted").parse().unwrap()
}
