//! The newest object of a journal, lost before any snapshot knew of it: the store is whole in itself, and
//! whoever saw more of it says so.

use std::fs;

use crate::world::World;

const LATE: &str = "late@example.com";
const CHECK: [&str; 5] = ["check", "--action", "contact.email", "--email", LATE];
const SAYS: &str = "not at or before what was seen of this journal earlier";

#[test]
fn it_is_missed() {
    let world = World::new();
    world.must(0, &["opt-out", "--email", LATE, "--mechanism", "email.complaint"]);
    let newest = world.objects("/journal/").pop().unwrap();
    let bytes = fs::read(&newest).unwrap();
    fs::remove_file(&newest).unwrap();

    // This machine has seen it, so it neither answers nor writes where it was.
    for line in
        [&CHECK[..], &["opt-out", "--email", LATE, "--mechanism", "email.bounce.hard", "--source", "ses"]]
    {
        let ran = world.must(3, line);
        assert!(ran.stderr.contains(SAYS), "{ran:?}");
    }
    let ran = world.must(3, &["verify"]);
    assert!(ran.stdout.contains("DAMAGED") && ran.stdout.contains(SAYS), "{ran:?}");
    assert!(ran.stdout.contains("heads-"), "what to do after a restore on purpose: {ran:?}");

    // Another machine has not, but who verifies there reads what the first one left in the store.
    fs::remove_dir_all(world.path("cache")).unwrap();
    let ran = world.must(3, &["verify"]);
    assert!(ran.stdout.contains("DAMAGED") && ran.stdout.contains(SAYS), "{ran:?}");

    fs::write(&newest, bytes).unwrap();
    world.must(0, &["verify"]);
    world.must(1, &CHECK);
}

/// Who only reads remembers too: once it has answered from an opt-out, it never again answers without it.
#[test]
fn a_reader_misses_it_too() {
    let world = World::new();
    fs::remove_dir_all(world.path("cache")).unwrap();
    world.must(0, &["opt-out", "--email", LATE, "--mechanism", "email.complaint"]);
    fs::remove_dir_all(world.path("cache")).unwrap();
    world.must(1, &CHECK);
    fs::remove_file(world.objects("/journal/").pop().unwrap()).unwrap();
    let ran = world.must(3, &CHECK);
    assert!(ran.stderr.contains(SAYS), "{ran:?}");
}

/// What stands in the store under a node's name is sealed, and is not needed by anybody who answers.
#[test]
fn what_a_node_left_is_damaged() {
    let world = World::new();
    let left = world.objects("/nodes/main.json").pop().unwrap();
    let text = fs::read_to_string(&left).unwrap();
    fs::write(&left, text.replace("\"position\": 1", "\"position\": 9")).unwrap();
    let ran = world.must(3, &["verify"]);
    assert!(ran.stdout.contains("nodes/main.json"), "{ran:?}");
    world.must(1, &["check", "--action", "contact.email", "--email", crate::world::PERSON]);
    // The next command that writes puts it right.
    world.must(0, &["opt-out", "--email", LATE, "--mechanism", "email.complaint"]);
    world.must(0, &["verify"]);
}

/// Files of writers that were killed go once nobody can be at them any more.
#[test]
fn what_killed_writers_left_is_removed() {
    let world = World::new();
    let half = world.path("store/journal/main/00000000000000000002.parquet#1");
    fs::write(&half, "half").unwrap();
    let ran = world.must(0, &["compact", "--json"]).json();
    assert!(half.exists(), "somebody may be at it");
    assert_eq!((ran["deleted"]["objects"].as_u64(), ran["waiting"]["bytes"].as_u64()), (Some(0), Some(4)));

    let file = fs::File::options().write(true).open(&half).unwrap();
    let long_ago = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
    file.set_modified(long_ago).unwrap();
    assert_eq!(world.must(0, &["compact", "--json", "--dry-run"]).json()["due"]["bytes"], 4);
    assert!(half.exists());
    assert_eq!(world.must(0, &["compact", "--json"]).json()["deleted"]["bytes"], 4);
    assert!(!half.exists());
    world.must(0, &["verify"]);
}
