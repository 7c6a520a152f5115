//! Every case of the repository whose verdicts rest on rules alone.

use std::{
    fs,
    path::{Path, PathBuf},
};

use abide_rules::{Case, Ruleset};

use crate::story::Story;

#[test]
fn every_case_comes_to_its_verdicts() {
    let ruleset = Ruleset::built_in().unwrap();
    let mut wrong = Vec::new();
    let (mut judged, mut left_out) = (0, 0);
    for path in case_files() {
        let case = Case::parse(&fs::read_to_string(&path).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let story = Story::of(&case, &ruleset);
        for (nth, check) in case.checks.iter().enumerate() {
            match story.verdict(check) {
                None => left_out += 1,
                Some(verdict) if check.expected.is_met_by(&verdict) => judged += 1,
                Some(verdict) => wrong.push(format!(
                    "{} check {}: wanted {:?}, got {verdict:?}",
                    path.display(),
                    nth + 1,
                    check.expected
                )),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // A wrong path or a helper that judges nothing must not pass for success.
    assert!(judged > 100 && left_out < judged / 10, "judged {judged}, left out {left_out}");
}

/// What `abide rules init` writes out is what is reviewed here.
#[test]
fn the_program_has_every_case_of_the_default_ruleset() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("default/cases");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let names = files.iter().map(|path| path.file_name().unwrap().to_str().unwrap());
    assert!(names.eq(abide_rules::sources::BUILT_IN_CASES.iter().map(|(name, _)| *name)));
}

/// A comment at the top of each says which fact it holds.
#[test]
fn every_case_says_what_it_is_about() {
    for path in case_files() {
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# "), "{} does not begin with a comment", path.display());
    }
}

fn case_files() -> Vec<PathBuf> {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![crate_folder.join("../../cases"), crate_folder.join("default/cases")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "toml") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}
