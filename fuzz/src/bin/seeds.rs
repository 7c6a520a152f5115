//! `seeds TARGET FOLDER`: writes a target's seeds for libFuzzer to begin with.

#![expect(clippy::print_stderr, reason = "a command line tool")]

use std::{env, fs, path::Path, process::ExitCode};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [name, folder] = &arguments[..] else {
        eprintln!("usage: seeds TARGET FOLDER");
        return ExitCode::from(2);
    };
    let Some(target) = abide_fuzz::TARGETS.iter().find(|target| target.name == name) else {
        let names: Vec<&str> = abide_fuzz::TARGETS.iter().map(|target| target.name).collect();
        eprintln!("no target `{name}`; there are {}", names.join(", "));
        return ExitCode::FAILURE;
    };
    let written = fs::create_dir_all(folder).and_then(|()| {
        let mut seeds = (target.seeds)().into_iter().enumerate();
        seeds.try_for_each(|(at, seed)| fs::write(Path::new(folder).join(format!("seed-{at}")), seed))
    });
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("could not write to `{folder}`: {error}");
            ExitCode::FAILURE
        }
    }
}
