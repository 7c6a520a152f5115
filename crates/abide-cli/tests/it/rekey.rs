//! `rekey`: the same answers under a new secret, and none under the old one.

use std::fs;

use serde_json::Value;

use crate::{
    program::Ran,
    world::{PERSON, World},
};

const OTHER: &str = "loud.heron@example.com";
const BOUNCED: &str = "bounced@example.com";

/// A store with an import, a window taken back, a snapshot and a tail.
fn filled() -> World {
    let world = World::new();
    fs::write(world.path("list.csv"), format!("email\n{OTHER}\n")).unwrap();
    import(&world, &[]);
    let bounce = ["opt-out", "--email", BOUNCED, "--mechanism", "email.bounce.hard", "--source", "ses"];
    world.must(0, &[&bounce[..], &["--at", "2026-01-10T10:30:00Z"]].concat());
    let window =
        ["retract", "--source", "ses", "--mechanism", "email.bounce.hard", "--domain", "example.com"];
    let between = ["--between", "2026-01-10..2026-01-11", "--reason", "outage", "--yes"];
    world.must(0, &[&window[..], &between].concat());
    world.must(0, &["compact"]);
    world.must(0, &["opt-out", "--email", "late@example.com", "--mechanism", "email.complaint"]);
    world
}

const NEW: [&str; 4] = ["--store", "store-2", "--secret-file", "secret-2"];
const REKEY: [&str; 6] = ["rekey", "--to", "store-2", "--new-secret-file", "secret-2", "--yes"];

fn import(world: &World, flags: &[&str]) -> Value {
    let line =
        ["import", "list.csv", "--id", "email=email", "--mechanism", "email.complaint", "--source", "ses"];
    world.must(0, &[&line[..], &["--json"], flags].concat()).json()
}

/// What a store answers, but for what tells stores apart.
fn answers(world: &World, flags: &[&str]) -> Vec<Value> {
    let run = |line: &[&str]| world.run(&[line, flags].concat());
    let mut answers: Vec<Value> = [PERSON, OTHER, BOUNCED, "late@example.com", "nobody@example.com"]
        .iter()
        .map(|email| {
            let check = run(&["check", "--action", "contact.email", "--email", email, "--json"]);
            let history = run(&["history", "--email", email, "--json"]).json();
            let mut verdict = check.json();
            verdict["as_of"].take();
            Value::from(vec![check.exit.into(), verdict, history])
        })
        .collect();
    answers.push(run(&["imports", "--json"]).json());
    answers.push(
        run(&["validate", "people.csv", "--action", "contact.email", "--json"]).json()["totals"].clone(),
    );
    let heads = run(&["verify", "--json"]).json()["origins"].clone();
    answers.push(heads[0]["position"].clone());
    answers
}

#[track_caller]
fn refused(ran: &Ran, says: &str) {
    assert_eq!(ran.exit, Some(3), "{ran:?}");
    assert!(ran.stderr.contains(says), "does not say `{says}`: {ran:?}");
}

#[test]
fn a_rekeyed_store_answers_the_same() {
    let world = filled();
    let before = answers(&world, &[]);
    // Nobody to ask, so nothing is done.
    assert_eq!(world.run(&REKEY[..5]).exit, Some(3));
    assert!(!world.path("secret-2").exists());

    world.must(0, &REKEY);
    assert_eq!(answers(&world, &NEW), before);
    world.must(0, &[&["verify"][..], &NEW].concat());
    assert_eq!(import(&world, &NEW)["repeated"], 1, "the list knows what it knew");
    let check = ["check", "--action", "contact.email", "--email", PERSON];
    refused(&world.run(&[&check[..], &["--store", "store-2"]].concat()), "former secret");
    for line in [
        &check[..],
        &["opt-out", "--email", PERSON, "--mechanism", "email.complaint"],
        &["import", "list.csv", "--id", "email=email", "--mechanism", "email.complaint"],
        &["status"],
        &["compact"],
    ] {
        refused(&world.run(line), "store-2");
    }
    refused(&world.run(&REKEY), "already");
    // No key stands in both.
    let keys = |flags: &[&str], name: &str| {
        world.must(0, &[&["export", "-o", name][..], flags].concat());
        fs::read_to_string(world.path(name)).unwrap()
    };
    let new = keys(&NEW, "new.ndjson");
    assert_eq!(new.lines().count(), 3);
    // And it can go on.
    let again = ["rekey", "--to", "store-3", "--new-secret-file", "secret-3", "--yes"];
    world.must(0, &[&again[..], &NEW].concat());
    let third = ["--store", "store-3", "--secret-file", "secret-3"];
    world.must(1, &[&check[..], &third].concat());
    let third = keys(&third, "third.ndjson");
    let key = |line: &str| serde_json::from_str::<Value>(line).unwrap()["key"].to_string();
    assert!(third.lines().all(|line| !new.contains(&key(line))), "a key is the same under two secrets");
}

/// What is removed, and whether the old store is the one in use then.
type Cut = (&'static [&'static str], bool);

/// Each step only creates something, so to remove what the later ones made is to be cut off after it.
#[test]
fn a_rekey_that_was_cut_off_is_run_again() {
    let world = filled();
    // That all answers are the same is the other test's affair.
    let listed = |flags: &[&str]| world.must(0, &[&["imports", "--json"][..], flags].concat()).stdout;
    let before = listed(&[]);
    let check = ["check", "--action", "contact.email", "--email", PERSON];
    world.must(0, &REKEY);
    let remove = |names: &[&str]| {
        for name in names.iter().map(|name| world.path(name)) {
            if name.is_dir() { fs::remove_dir_all(name).unwrap() } else { fs::remove_file(name).unwrap() }
        }
    };
    let cuts: [Cut; 6] = [
        // Before the new place was a store, before the fence, before the snapshot, the journal, the
        // beginning, and before anything but the secret.
        (&["store-2/abide.json"], false),
        (&["store-2/abide.json", "store/moved.json"], true),
        (&["store-2/abide.json", "store/moved.json", "store-2/snapshots"], true),
        (&["store-2/abide.json", "store/moved.json", "store-2/snapshots", "store-2/journal"], true),
        (&["store/moved.json", "store-2"], true),
        (&["store/moved.json", "store-2", "secret-2"], true),
    ];
    for (removed, old_is_in_use) in cuts {
        remove(removed);
        if old_is_in_use {
            world.must(1, &check);
        } else {
            refused(&world.run(&check), "run it again");
        }
        if removed[0] == "store-2/abide.json" {
            refused(&world.run(&[&check[..], &NEW].concat()), "not completed");
            refused(
                &world.run(&["init", "--store", "store-2", "--secret-file", "secret-9"]),
                "not completed",
            );
        }
        world.must(0, &REKEY);
        assert_eq!(listed(&NEW), before, "{removed:?}");
        world.must(1, &[&check[..], &NEW].concat());
    }
}
