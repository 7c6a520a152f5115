//! What no compiler checks and every reader relies on: the direction of the crate arrows, what stays out of
//! the engine, and the sizes and names of files.

#![expect(clippy::unwrap_used, reason = "a test: what it cannot read is a failure")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// One line per layer, lowest first: its crates, and which of ours they may use.
/// A crate that is not named here is an error, so a new one gets its place in the drawing first.
const LAYERS: &[(&str, &[&str])] = &[
    // Words, then the engine: bytes and values in, values out.
    ("abide-model", &[]),
    ("abide-values", &[]),
    ("abide-rules abide-index abide-formats abide-signals", &["abide-model"]),
    ("abide-enforce", &["abide-model", "abide-rules", "abide-index"]),
    ("abide-trial", &["abide-model abide-rules abide-index abide-enforce"]),
    // Starts a solver and waits for it, so it is no part of the engine.
    ("abide-proof", &["abide-model abide-rules abide-trial"]),
    // State.
    ("abide-journal", &["abide-model"]),
    ("abide-replica", &[ENGINE, "abide-journal"]),
    // What processes that run on and on answer scrapes by.
    ("abide-metrics", &[]),
    // Adapters, which never use each other, and the shell.
    ("abide-import abide-scrub", &[ENGINE, "abide-journal abide-replica"]),
    ("abide-service abide-stream", &[ENGINE, "abide-journal abide-replica abide-metrics"]),
    (
        "abide-cli",
        &[
            ENGINE,
            "abide-proof abide-journal abide-replica abide-import abide-scrub abide-service abide-stream",
        ],
    ),
    // Tools. The test kit is everybody's dev-dependency and nobody's dependency.
    ("abide-testkit", &[ENGINE, "abide-journal abide-replica"]),
    ("abide-fuzz", &[ENGINE, "abide-journal abide-replica"]),
    ("xtask", &[]),
];
const ENGINE: &str =
    "abide-model abide-values abide-rules abide-index abide-formats abide-signals abide-enforce abide-trial";

/// The engine never waits and never does I/O, so these appear nowhere below it.
const NEVER_IN_ENGINE: &[&str] = &["object_store", "tokio"];

const FILE_SIZE_MAX: u64 = 1024 * 1024;
const LARGE_FILES: &[&str] = &[];

#[test]
fn arrows_point_down() {
    let allowed: BTreeMap<&str, Vec<&str>> = LAYERS
        .iter()
        .flat_map(|(crates, uses)| {
            crates.split(' ').map(|name| (name, uses.iter().flat_map(|u| u.split(' ')).collect()))
        })
        .collect();
    let metadata = command(env!("CARGO"), &["metadata", "--no-deps", "--offline", "--format-version", "1"]);
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let ours: Vec<&str> = packages.iter().map(|package| package["name"].as_str().unwrap()).collect();

    let mut wrong = Vec::new();
    for package in packages {
        let from = package["name"].as_str().unwrap();
        let Some(uses) = allowed.get(from) else {
            wrong.push(format!("{from} has no place in LAYERS"));
            continue;
        };
        for dependency in package["dependencies"].as_array().unwrap() {
            let to = dependency["name"].as_str().unwrap();
            let for_tests = dependency["kind"] == "dev" && to == "abide-testkit";
            if ours.contains(&to) && !uses.contains(&to) && !for_tests {
                wrong.push(format!("{from} may not use {to}"));
            }
        }
    }
    assert!(wrong.is_empty(), "crate arrows that design and LAYERS do not have:\n{}", wrong.join("\n"));
}

/// Not only direct dependencies: a runtime that comes in through a third crate is a runtime all the same.
#[test]
fn engine_is_free_of_runtimes() {
    for name in ENGINE.split(' ') {
        let tree = ["tree", "--offline", "--edges", "normal", "--prefix", "none", "--package", name];
        let tree = command(env!("CARGO"), &tree);
        assert!(tree.starts_with(name), "cargo tree did not answer about {name}: {tree}");
        for line in tree.lines() {
            let dependency = line.split(' ').next().unwrap();
            let ask = format!("see `cargo tree --package {name} --edges normal --invert {dependency}`");
            assert!(!NEVER_IN_ENGINE.contains(&dependency), "{name} uses {dependency}; {ask}");
        }
    }
}

#[test]
fn files_are_small() {
    let large: Vec<String> = tracked_files()
        .into_iter()
        .filter(|file| !LARGE_FILES.contains(&file.as_str()))
        .filter(|file| {
            fs::symlink_metadata(workspace().join(file)).is_ok_and(|found| found.len() > FILE_SIZE_MAX)
        })
        .collect();
    assert!(large.is_empty(), "over 1 MiB in git, and not in LARGE_FILES: {large:?}");
}

#[test]
fn decisions_are_numbered() {
    let mut seen = BTreeMap::new();
    for path in tracked_files() {
        let Some(name) = path.strip_prefix("docs/decisions/") else {
            continue;
        };
        let (number, rest) = name.split_at_checked(4).unwrap_or_default();
        let well_named = number.bytes().all(|byte| byte.is_ascii_digit())
            && rest
                .strip_prefix('-')
                .and_then(|rest| rest.strip_suffix(".md"))
                .is_some_and(|title| !title.is_empty());
        assert!(well_named, "{path}: decisions are called NNNN-title.md");
        let other = seen.insert(number.to_owned(), path.clone());
        assert_eq!(other, None, "{path}: the number is taken");
    }
}

fn tracked_files() -> Vec<String> {
    let files = command("git", &["ls-files", "-z"]);
    let files: Vec<String> = files.split_terminator('\0').map(str::to_owned).collect();
    assert!(!files.is_empty(), "git lists no file here");
    files
}

fn command(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(workspace()).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {}: {errors}", arguments.join(" "));
    String::from_utf8(output.stdout).unwrap()
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}
