//! The commands that are cargo with the right arguments.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::setup;

/// The checkout: this crate's folder stands in it.
pub(crate) fn workspace() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().expect("the crate stands in a folder of the workspace").to_owned()
}

pub(crate) fn check() -> Result<()> {
    run(cargo().args(["fmt", "--all", "--check"]))?;
    // The bench is no member, so that its peers are built by those who measure only.
    run(cargo().args(["fmt", "--check", "--manifest-path", "bench/Cargo.toml"]))?;
    run(cargo().args(["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    tidy()
}

pub(crate) fn tidy() -> Result<()> {
    run(cargo().args(["test", "--locked", "--quiet", "--package", "xtask", "--test", "tidy"]))
}

/// All tests and doc tests, or those whose name contains `name`.
///
/// One failing test binary does not hide the next, so that one run shows everything that is broken.
pub(crate) fn test(name: Option<&str>) -> Result<()> {
    let (server, solver) = setup::all()?;
    let mut command = cargo();
    command.args(["test", "--locked", "--workspace", "--no-fail-fast"]).args(name);
    run(command.env("ABIDE_TEST_S3", server).env("CVC5", solver))
}

/// Seeds of the simulation, more of them than the tests run; each is printed before it runs.
pub(crate) fn simulate(seed: Option<&str>) -> Result<()> {
    let mut command = cargo();
    // Optimised, since it is thousands of seeds: some 3 CPU seconds each, where the build of the tests takes 11.
    command.args([
        "test",
        "--locked",
        "--profile",
        "profiling",
        "--package",
        "abide-replica",
        "--test",
        "it",
    ]);
    command.args(["--", "--nocapture", "--exact", "sim::nothing_is_lost_and_nobody_is_wrong"]);
    match seed {
        Some(seed) => command.env("ABIDE_SIM_SEED", seed),
        None => command.env("ABIDE_SIM_SEEDS", env::var_os("ABIDE_SIM_SEEDS").unwrap_or("100".into())),
    };
    run(&mut command)
}

/// Builds the product and the bench as they are released, beside each other, and runs the bench.
pub(crate) fn bench(arguments: &[&str]) -> Result<()> {
    // Without a part, all of them.
    if matches!(arguments.first(), None | Some(&("kafka" | "kills"))) {
        setup::kafka()?;
    }
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from);
    let build = ["build", "--release", "--target-dir"];
    run(cargo().args(build).arg(&target).args(["--locked", "--package", "abide-cli"]))?;
    // Not locked: its lock file names what our crates use too, and they change without it.
    run(cargo().args(build).arg(&target).args(["--manifest-path", "bench/Cargo.toml"]))?;
    run(Command::new(target.join("release").join("abide-bench")).args(arguments))
}

/// Kill −9, more often than the tests do it; the seed is printed first, and ABIDE_CRASH_SEED replays it.
pub(crate) fn crash(rounds: Option<&str>) -> Result<()> {
    let server = setup::s3_server()?;
    setup::kafka()?;
    let mut command = cargo();
    command.args(["test", "--locked", "--package", "abide-cli", "--test", "it", "--"]);
    command.args(["--nocapture", "--test-threads", "1", "crash::", "stream::nothing_is_lost"]);
    run(command.env("ABIDE_TEST_S3", server).env("ABIDE_CRASH_ROUNDS", rounds.unwrap_or("300")))
}

/// A parser under libFuzzer for ten minutes, or as many seconds as `ABIDE_FUZZ_SECONDS` says.
pub(crate) fn fuzz(target: &str) -> Result<()> {
    let fuzzer = setup::cargo_fuzz()?;
    let corpus = workspace().join("fuzz").join("corpus").join(target);
    let mut seeds = cargo();
    seeds.args(["run", "--locked", "--quiet", "--package", "abide-fuzz", "--bin", "seeds", "--", target]);
    run(seeds.arg(&corpus))?;
    let seconds = env::var("ABIDE_FUZZ_SECONDS").unwrap_or("600".to_owned());
    let mut command = Command::new(fuzzer);
    // Run as `cargo fuzz` would run it; the sanitizer and the coverage are options of the compiler that the stable one
    // has too, and only asks for this to show.
    command.args(["fuzz", "run", target, "--features", "coverage"]).env("RUSTC_BOOTSTRAP", "1");
    command.arg("--target-dir").arg(workspace().join("target").join("fuzz")).arg(&corpus);
    // A build for this alone: without the optimisation across crates that takes longest, with lines in its traces.
    command.envs([("CARGO_PROFILE_RELEASE_LTO", "off"), ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")]);
    command
        .envs([("CARGO_PROFILE_RELEASE_STRIP", "none"), ("CARGO_PROFILE_RELEASE_DEBUG", "line-tables-only")]);
    run(command.args(["--", &format!("-max_total_time={seconds}"), "-timeout=20", "-rss_limit_mb=4096"]))
}

/// Runs a command in the workspace with its output passed through; anything but success is an error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = line(command);
    println!("xtask: {line}");
    let status =
        command.current_dir(workspace()).status().with_context(|| format!("could not start `{line}`"))?;
    ensure!(status.success(), "`{line}` failed: {status}");
    Ok(())
}

pub(crate) fn cargo() -> Command {
    // The cargo that runs us, so that a toolchain chosen with `cargo +NAME xtask` stays chosen.
    Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
}

fn line(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let mut words = vec![program.to_string_lossy()];
    words.extend(command.get_args().map(|argument| argument.to_string_lossy()));
    words.join(" ")
}
