//! The project's own commands: one short menu, `cargo xtask`, and nothing to install for it.
//!
//! Each entry runs the ordinary tools (cargo, go) with their output passed through, and stops at the first
//! failure.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool")]

mod cargo;
mod setup;

use std::env;
use std::process::ExitCode;

const MENU: &str = "\
usage: cargo xtask COMMAND

  setup         install what the tests need besides: an S3 server, schemathesis and Kafka into target/tools, the solver
                cvc5, nginx, Caddy, Chromium, Postfix, Java and Maven
  check         formatting, clippy and tidy: before every commit
  tidy          crate arrows, file sizes and names
  test [NAME]   setup, then all tests and doc tests, or those whose name contains NAME
  sim [SEED]    the simulated world of the replica: one seed, a range (100..200), or as many as ABIDE_SIM_SEEDS says (100)
  bench [PART]  Abide side by side with what people would use instead; `bench help` tells the parts
  crash [N]     kill −9 at any moment of whatever writes: N rounds (300) on a directory, a third of them on S3, as many
                between topics of Kafka
  fuzz TARGET   a parser of foreign bytes under libFuzzer, for ABIDE_FUZZ_SECONDS (600); targets are fuzz/fuzz_targets
  ci            what CI runs: check, then test
";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        ["setup"] => setup::all().map(|_| ()),
        ["check"] => cargo::check(),
        ["tidy"] => cargo::tidy(),
        ["test"] => cargo::test(None),
        ["test", name] => cargo::test(Some(name)),
        ["sim"] => cargo::simulate(None),
        ["sim", seed] => cargo::simulate(Some(seed)),
        ["bench", ref arguments @ ..] => cargo::bench(arguments),
        ["crash"] => cargo::crash(None),
        ["crash", rounds] => cargo::crash(Some(rounds)),
        ["fuzz", target] => cargo::fuzz(target),
        ["ci"] => cargo::check().and_then(|()| cargo::test(None)),
        ["help" | "--help" | "-h"] => {
            print!("{MENU}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("{MENU}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
