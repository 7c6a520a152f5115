//! What can go wrong: a clear error, exit 3, no output, nothing lost, and nobody named.

use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

use crate::{
    program::{ABIDE, Ran, run},
    world::{PEOPLE, PERSON, PRIVATE, World},
};

/// How the store stands after a fault.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Store {
    /// It is as it was: with its own secret it verifies.
    Whole,
    /// `verify` says that it is not.
    Hurt,
    /// The same of what was compacted: nothing can be judged, but opt-outs are still taken.
    SnapshotHurt,
}

type Hurt = fn(&World);

/// A name, what is done to the store, what the message has to say, and how the store then stands.
const FAULTS: [(&str, Hurt, &str, Store); 13] = [
    ("wrong secret", |world| secret(world, &"5e".repeat(32)), "not the secret of the store", Store::Whole),
    ("no secret", |world| secret(world, "pass-word"), "could not read the secret in", Store::Whole),
    ("missing secret", |world| fs::remove_file(world.path("secret")).unwrap(), "restore it", Store::Whole),
    ("secret that others read", |world| world.set_mode("secret", 0o644), "chmod 600", Store::Whole),
    (
        "no such store",
        |world| fs::rename(world.path("store"), world.path("away")).unwrap(),
        "abide init",
        Store::Hurt,
    ),
    (
        "no description",
        |world| fs::remove_file(world.path("store/abide.json")).unwrap(),
        "abide init",
        Store::Hurt,
    ),
    (
        "description cut short",
        |world| cut(&world.path("store/abide.json")),
        "abide.json is damaged",
        Store::Hurt,
    ),
    (
        "newer format",
        |world| describe(world, "\"format\": 1", "\"format\": 99"),
        "upgrade abide",
        Store::Hurt,
    ),
    ("damaged journal", |world| flip(&world.objects("/journal/")[0]), "journal is damaged", Store::Hurt),
    ("journal cut short", |world| cut(&world.objects("/journal/")[0]), "journal is damaged", Store::Hurt),
    ("damaged index", |world| flip(&compacted(world, ".index")), "is damaged", Store::SnapshotHurt),
    (
        "missing index",
        |world| fs::remove_file(compacted(world, ".index")).unwrap(),
        "is missing",
        Store::SnapshotHurt,
    ),
    ("damaged manifest", |world| flip(&compacted(world, ".json")), "snapshot manifest", Store::SnapshotHurt),
];

#[test]
fn a_store_that_cannot_be_used_is_said_to_be_so() {
    for (about, hurt, says, store) in FAULTS {
        let world = World::new();
        let own_secret = fs::read_to_string(world.path("secret")).unwrap();
        hurt(&world);
        let before = world.entries();
        for arguments in [
            &["check", "--action", "contact.email", "--email", PERSON][..],
            &["opt-out", "--email", PERSON, "--mechanism", "email.complaint"],
            &["validate", "people.csv", "--action", "contact.email"],
            &[
                "scrub",
                "people.csv",
                "--action",
                "contact.email",
                "-o",
                "clean.csv",
                "--report",
                "report.json",
            ],
            &["segment", "people.csv", "--actions", "contact.email", "-o", "labelled.csv"],
            &["export", "-o", "list.ndjson"],
        ] {
            let ran = world.run(arguments);
            let about = format!("{about}: {arguments:?}: {ran:?}");
            if arguments[0] == "opt-out" && store == Store::SnapshotHurt {
                assert_eq!(ran.exit, Some(0), "{about}");
            } else {
                refused(&ran, says, &about);
            }
        }
        let mut after = world.entries();
        after.retain(|name| name != "cache");
        assert_eq!(after, before.into_iter().filter(|name| name != "cache").collect::<Vec<_>>(), "{about}");
        if store == Store::Whole {
            secret(&world, &own_secret);
            world.must(0, &["verify"]);
            world.must(1, &["check", "--action", "contact.email", "--email", PERSON]);
        } else {
            world.must(3, &["verify"]);
        }
    }
}

fn secret(world: &World, text: &str) {
    fs::write(world.path("secret"), text).unwrap();
    world.set_mode("secret", 0o600);
}

fn describe(world: &World, from: &str, to: &str) {
    let path = world.path("store/abide.json");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replace(from, to)).unwrap();
}

/// Compacts, empties this machine's copy, and gives the one part of that name.
fn compacted(world: &World, ending: &str) -> std::path::PathBuf {
    world.must(0, &["compact"]);
    fs::remove_dir_all(world.path("cache")).unwrap();
    let mut parts = world.objects("/snapshots/");
    parts.retain(|part| part.to_string_lossy().ends_with(ending));
    assert_eq!(parts.len(), 1, "{parts:?}");
    parts.remove(0)
}

fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x04;
    fs::write(path, bytes).unwrap();
}

fn cut(path: &Path) {
    let bytes = fs::read(path).unwrap();
    fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
}

#[track_caller]
fn refused(ran: &Ran, says: &str, about: &str) {
    assert_eq!(ran.exit, Some(3), "{about}: {ran:?}");
    assert!(ran.stderr.contains(says), "does not say `{says}`: {about}: {ran:?}");
    assert!(!ran.stderr.contains(PRIVATE) && !ran.stdout.contains(PRIVATE), "names somebody: {about}");
}

/// This machine's copy may be damaged or emptied at any time: it is fetched again.
#[test]
fn a_damaged_copy_is_fetched_again() {
    let world = World::new();
    world.must(0, &["compact"]);
    let question = ["check", "--action", "contact.email", "--email", PERSON];
    world.must(1, &question);
    let mut copies = Vec::new();
    for store in fs::read_dir(world.path("cache")).unwrap() {
        for copy in fs::read_dir(store.unwrap().path()).unwrap() {
            copies.push(copy.unwrap().path());
        }
    }
    copies.retain(|copy| copy.extension().is_some_and(|ending| ending == "index"));
    assert_eq!(copies.len(), 1, "{copies:?}");
    cut(&copies[0]);
    world.must(1, &question);
    flip(&copies[0]);
    let ran = world.run(&question);
    assert!(matches!(ran.exit, Some(1 | 3)), "never passed: {ran:?}");
    world.must(1, &question);
    world.must(0, &["verify"]);
}

/// An output that cannot be written, or is the input, is neither begun nor left half-written.
#[test]
fn an_output_that_cannot_be_written_is_said_to_be_so() {
    let world = World::new();
    fs::create_dir(world.path("folder")).unwrap();
    symlink("people.csv", world.path("link.csv")).unwrap();
    let before = world.entries();
    for (output, says) in [
        ("nowhere/clean.csv", "nowhere/clean.csv"),
        ("people.csv/clean.csv", "people.csv/clean.csv"),
        ("people.csv", "is the input"),
        ("./folder/../people.csv", "is the input"),
        ("link.csv", "is the input"),
        ("clean.parquet", "choose another ending"),
    ] {
        let ran = world.run(&["scrub", "people.csv", "--action", "contact.email", "-o", output]);
        refused(&ran, says, &format!("{output}: {ran:?}"));
    }
    let twice = ["scrub", "people.csv", "--action", "contact.email", "-o", "one.csv", "--blocked", "one.csv"];
    let ran = world.run(&twice);
    refused(&ran, "one.csv", &format!("{ran:?}"));
    assert_eq!(fs::read_to_string(world.path("people.csv")).unwrap(), PEOPLE);
    assert_eq!(without_cache(world.entries()), without_cache(before));
    assert_eq!(fs::read_dir(world.path("folder")).unwrap().count(), 0);
    world.must(0, &["verify"]);
}

fn without_cache(mut names: Vec<String>) -> Vec<String> {
    names.retain(|name| name != "cache");
    names
}

/// A folder without the right to write into it. The superuser may write everywhere, so there is nothing to see then.
#[test]
fn a_folder_that_may_not_be_written_is_said_to_be_so() {
    let world = World::new();
    fs::create_dir(world.path("locked")).unwrap();
    world.set_mode("locked", 0o555);
    let may_write_everywhere = fs::write(world.path("locked/probe"), "").is_ok();
    let ran = world.run(&["scrub", "people.csv", "--action", "contact.email", "-o", "locked/clean.csv"]);
    if may_write_everywhere {
        assert_eq!(ran.exit, Some(1), "{ran:?}");
    } else {
        refused(&ran, "locked/clean.csv", &format!("{ran:?}"));
        assert_eq!(fs::read_dir(world.path("locked")).unwrap().count(), 0);
    }
    world.set_mode("locked", 0o755);
}

/// No file may grow beyond some kilobytes, which is how a full disk looks to a program.
#[test]
fn a_disk_that_is_full_takes_nothing_half() {
    let world = World::new();
    let rows: String = (0..40_000).map(|row| format!("u-{row},nobody.{row}@example.com\n")).collect();
    fs::write(world.path("many.csv"), format!("id,email\nu-0,{PERSON}\n{rows}")).unwrap();
    let before = world.entries();
    for arguments in [
        &["scrub", "many.csv", "--action", "contact.email", "-o", "clean.csv"][..],
        &["scrub", "many.csv", "--action", "contact.email", "-o", "clean.csv.gz", "--threads", "1"],
        &["segment", "many.csv", "--actions", "contact.email", "-o", "labelled.csv"],
        &["scrub", "people.csv", "--against", "many.csv", "--action", "contact.email", "-o", "clean.csv"],
        &["import", "many.csv", "--id", "email=email", "--mechanism", "email.unsubscribe"],
    ] {
        refused(&limited(&world, 64, arguments), "File too large", &format!("{arguments:?}"));
    }
    for arguments in [
        &["opt-out", "--email", "somebody.else@example.com", "--mechanism", "email.unsubscribe"][..],
        &["compact"],
    ] {
        refused(&limited(&world, 1, arguments), "File too large", &format!("{arguments:?}"));
    }
    assert_eq!(without_cache(world.entries()), without_cache(before));
    world.must(0, &["verify"]);
    world.must(1, &["check", "--action", "contact.email", "--email", PERSON]);
    world.must(0, &["check", "--action", "contact.email", "--email", "somebody.else@example.com"]);
    world.must(0, &["compact"]);
    world.must(1, &["check", "--action", "contact.email", "--email", PERSON]);
}

/// `blocks` of 512 bytes are as large as a file may become. The signal is ignored, so that writing fails instead.
fn limited(world: &World, blocks: u32, arguments: &[&str]) -> Ran {
    let mut command = Command::new("sh");
    world.lead(&mut command);
    command.args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\""), ABIDE]);
    Ran::of(command.args(arguments))
}

/// Standard output on a full device is an output like another.
#[test]
fn a_full_standard_output_is_said_to_be_so() {
    let world = World::new();
    for arguments in [&["scrub", "people.csv", "--action", "contact.email", "-o", "-"][..], &["export"]] {
        let mut command = Command::new(ABIDE);
        world.lead(&mut command);
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let ran = Ran::of(command.args(arguments).stdout(full));
        refused(&ran, "abide: ", &format!("{arguments:?}: {ran:?}"));
    }
}

#[test]
fn usage_that_makes_no_sense_exits_with_3() {
    let world = World::new();
    for arguments in [
        &[][..],
        &["no-such-command"],
        &["check"],
        &["check", "--action", "contact.email"],
        &["check", "--action", "contact.email", "--email"],
        &["check", "--action", "contact.email", "--email", PERSON, "--context", "purpose"],
        &["check", "--action", "contact.email", "--email", PERSON, "--context", "no_such=thing"],
        &["check", "--action", "contact.email", "--email", PERSON, "--uncovered", "perhaps"],
        &["scrub", "people.csv"],
        &["scrub", "people.csv", "--action", "contact.telepathy", "-o", "clean.csv"],
        &["scrub", "people.csv", "--action", "contact.phone", "-o", "clean.csv"],
        &["scrub", "missing.csv", "--action", "contact.email", "-o", "clean.csv"],
        &["scrub", "missing-*.csv", "--action", "contact.email", "-o", "clean/"],
        &["validate", "people.csv", "--action", "contact.email", "--id", "no_such=email"],
        &["import", "people.csv"],
        &["import", "people.csv", "--id", "email=email", "--mechanism", "email.telepathy"],
        &["opt-out", "--email", "not an address", "--mechanism", "email.unsubscribe"],
        &["opt-out", "--email", PERSON, "--mechanism", "phone.dnc.us"],
        &["opt-out", "--email", PERSON, "--mechanism", "email.unsubscribe", "--at", "yesterday"],
        &["opt-out", "--email", PERSON, "--mechanism", "email.unsubscribe", "--at", "2999-01-01T00:00:00Z"],
        &["opt-in", "--email", PERSON, "--mechanism", "email.unsubscribe", "--proof", "hearsay"],
        &["retract", "--reason", "wrong file"],
        &["retract", "import-20260101t000000z-00000000", "--reason", "wrong file", "--yes"],
        &["retract", "live-20260101"],
        &["retract", "live-20260101", "--reason", " ", "--yes"],
        &["retract", "--source", "ses", "--mechanism", "email.bounce.hard", "--reason", "outage", "--yes"],
        &["rekey"],
        &["rekey", "--to", "store", "--yes"],
        &["init"],
    ] {
        let before = world.objects("");
        let ran = world.run(arguments);
        refused(&ran, "", &format!("{arguments:?}: {ran:?}"));
        assert!(!ran.stderr.trim().is_empty() && ran.stdout.is_empty(), "{arguments:?}: {ran:?}");
        assert_eq!(world.objects(""), before, "{arguments:?} changed the store");
    }
    assert_eq!(without_cache(world.entries()), ["people.csv", "secret", "store"]);
}

#[test]
fn every_command_explains_itself() {
    let directory = tempfile::tempdir().unwrap();
    let general = run(directory.path(), ["--help"]);
    assert_eq!(general.exit, Some(0), "{general:?}");
    for command in [
        "init", "import", "imports", "retract", "opt-out", "opt-in", "check", "scrub", "validate", "segment",
        "history", "status", "compact", "verify", "export",
    ] {
        assert!(general.stdout.contains(&format!("\n  {command} ")), "{command} is not in --help");
        let help = run(directory.path(), [command, "--help"]);
        assert_eq!(help.exit, Some(0), "{help:?}");
        assert!(
            help.stdout.contains("Example") && help.stdout.contains(&format!("abide {command}")),
            "{help:?}"
        );
    }
    assert_eq!(run(directory.path(), ["--version"]).exit, Some(0));
}
