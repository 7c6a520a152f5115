//! The seeds and seeded mutations of them through every body, on the stable compiler.
//!
//! `ABIDE_FUZZ_SEED` replays a run or makes another one, `ABIDE_FUZZ_TIMES` makes it so many times as long.

#![expect(clippy::unwrap_used, reason = "a test: what it cannot read is a failure")]
#![expect(clippy::print_stderr, reason = "the seed comes first, so that whatever follows can be replayed")]

use std::{env, fs, panic, path::Path, time::Duration};

use abide_fuzz::{Mutator, TARGETS, Target};

/// No input of this size may take longer, on the slowest machine and without optimisation.
const LONGEST: Duration = Duration::from_secs(20);

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn no_input_is_too_much() {
    let seed = number("ABIDE_FUZZ_SEED").unwrap_or(1);
    let times = number("ABIDE_FUZZ_TIMES").unwrap_or(1);
    eprintln!("ABIDE_FUZZ_SEED={seed}");
    for target in TARGETS {
        let seeds = (target.seeds)();
        assert!(!seeds.is_empty(), "{}", target.name);
        seeds.iter().for_each(|seed| feed(target, seed));
        let mut mutator = Mutator::new(seed);
        for _ in 0..u64::from(target.mutations) * times {
            feed(target, &mutator.mutated(&seeds));
        }
    }
}

/// What was found once is not found again.
#[test]
fn findings_stay_mended() {
    for target in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("findings").join(target.name);
        for finding in fs::read_dir(folder).into_iter().flatten() {
            feed(target, &fs::read(finding.unwrap().path()).unwrap());
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a test of how long something takes")]
fn feed(target: &Target, input: &[u8]) {
    let begun = std::time::Instant::now();
    let fed = panic::catch_unwind(|| (target.body)(input));
    let took = begun.elapsed();
    if fed.is_err() || took > LONGEST {
        let path = env::temp_dir().join(format!("abide-fuzz-{}", target.name));
        fs::write(&path, input).unwrap();
        panic!("{}: took {took:?}, or panicked above; the input is in `{}`", target.name, path.display());
    }
}

/// Each body has its file for libFuzzer, and no file is left over.
#[test]
fn every_target_has_its_file() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz_targets");
    let mut files: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    files.sort();
    let mut names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    names.sort_unstable();
    assert_eq!(files, names);
}
