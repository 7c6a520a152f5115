//! `doctor`: it says what is wrong, where everything else only fails.

use std::{fs, path::PathBuf, process::Command};

use abide_testkit::S3Server;
use serde_json::Value;

use crate::{
    program::{ABIDE, Ran, clean},
    world::World,
};

/// What is wrong, by what was looked at.
fn wrong(report: &Value) -> Vec<(&str, &str)> {
    let findings = report["findings"].as_array().unwrap().iter();
    let wrong = findings.filter(|finding| finding["grade"] != "ok").inspect(|finding| {
        assert!(finding["do"].is_string(), "what is wrong has a remedy: {finding}");
    });
    // How much room a test machine has is not the test's affair.
    let wrong = wrong.filter(|finding| !finding["says"].as_str().unwrap().contains("MB are free"));
    wrong.map(|finding| (finding["about"].as_str().unwrap(), finding["grade"].as_str().unwrap())).collect()
}

#[test]
fn a_sound_store_has_nothing_wrong() {
    for compacted in [false, true] {
        let world = World::new();
        if compacted {
            world.must(0, &["compact"]);
        }
        let before = world.objects("");
        let report = world.run(&["doctor", "--json"]).json();
        assert_eq!(wrong(&report), [], "{report}");
        assert_eq!(world.objects(""), before, "the probe is gone");
        let about =
            |word: &str| report["findings"].as_array().unwrap().iter().any(|found| found["about"] == word);
        for word in ["files", "temporary", "store", "cache", "secret", "writing", "clock", "versions", "list"]
        {
            assert!(about(word), "{word} was not looked at: {report}");
        }
    }
}

/// A name, what is done to a compacted store, and what has to be found.
type Fault = (&'static str, fn(&World), &'static [(&'static str, &'static str)]);

const FAULTS: [Fault; 11] = [
    ("no store", |world| fs::remove_dir_all(world.path("store")).unwrap(), &[("store", "problem")]),
    (
        "no description",
        |world| fs::remove_file(world.path("store/abide.json")).unwrap(),
        &[("store", "problem")],
    ),
    ("no secret", |world| fs::remove_file(world.path("secret")).unwrap(), &[("secret", "problem")]),
    ("another secret", |world| write_secret(world, &"5e".repeat(32)), &[("secret", "problem")]),
    ("no secret at all", |world| write_secret(world, "pass-word"), &[("secret", "problem")]),
    ("a secret for all", |world| world.set_mode("secret", 0o644), &[("secret", "problem")]),
    ("a cache for all", |world| world.set_mode("cache", 0o777), &[("cache", "problem")]),
    ("a damaged copy", |world| flip(copy(world)), &[("cache", "problem")]),
    ("a cut copy", |world| fs::write(copy(world), "").unwrap(), &[("cache", "problem")]),
    (
        "a damaged journal",
        |world| {
            world.must(0, &["opt-out", "--email", "a@example.com", "--mechanism", "email.unsubscribe"]);
            flip(world.objects("/journal/").pop().unwrap());
        },
        &[("list", "problem")],
    ),
    (
        "a damaged manifest",
        |world| {
            flip(
                world
                    .objects("/snapshots/")
                    .into_iter()
                    .find(|path| path.extension().unwrap() == "json")
                    .unwrap(),
            );
        },
        &[("snapshot", "problem")],
    ),
];

fn write_secret(world: &World, text: &str) {
    fs::write(world.path("secret"), text).unwrap();
}

/// This machine's copy of the list.
fn copy(world: &World) -> PathBuf {
    let store = fs::read_dir(world.path("cache")).unwrap().next().unwrap().unwrap().path();
    let mut files = fs::read_dir(store).unwrap().map(|entry| entry.unwrap().path());
    files.find(|path| path.extension().is_some_and(|ending| ending == "index")).unwrap()
}

fn flip(path: PathBuf) {
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x04;
    fs::write(path, bytes).unwrap();
}

#[test]
fn what_is_broken_is_found() {
    for (about, hurt, found) in FAULTS {
        let world = World::new();
        world.must(0, &["compact"]);
        hurt(&world);
        let ran = world.run(&["doctor", "--json"]);
        assert_eq!(ran.exit, Some(1), "{about}: {ran:?}");
        assert_eq!(wrong(&ran.json()), found, "{about}: {ran:?}");
        let told = world.must(1, &["doctor"]);
        assert!(told.stdout.contains("PROBLEM") && told.stdout.contains("do: "), "{about}: {told:?}");
    }
}

/// The probe works on a bucket: conditional writes, the bucket's clock, and nothing left.
#[test]
fn a_bucket_is_probed() {
    let root = tempfile::tempdir().unwrap();
    let server = S3Server::start(root.path());
    let directory = tempfile::tempdir().unwrap();
    let store = format!("{}/lists/acme", server.url());
    let run = |line: &[&str]| {
        let mut command = Command::new(ABIDE);
        clean(&mut command, directory.path());
        command.envs(server.env().to_vec()).env("ABIDE_STORE", &store);
        Ran::of(command.args(line))
    };
    assert_eq!(run(&["init"]).exit, Some(0));
    let report = run(&["doctor", "--json"]);
    assert_eq!(wrong(&report.json()), [], "{report:?}");
    let nodes = root.path().join("abide-test/lists/acme/nodes");
    let left = fs::read_dir(nodes).map_or(0, Iterator::count);
    assert_eq!(left, 0, "the probe is gone");
}
