//! The `abide` command: flags, wiring, exit codes. One file per subcommand; what they share about
//! stores, clocks and terminals stands in the files named for it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is the place that prints")]

mod batches;
mod clock;
mod confirm;
mod exit;
mod identifiers;
mod journal;
mod progress;
mod statement;
mod store_flags;

mod check;
mod compact;
mod doctor;
mod drop;
mod export;
mod history;
mod import;
mod imports;
mod init;
mod mechanisms;
mod opt_in;
mod opt_out;
mod rekey;
mod retract;
mod rules;
mod scrub;
mod segment;
mod serve;
mod signals;
mod status;
mod stream;
mod token;
mod unsubscribe_link;
mod validate;
mod verify;

use std::panic::AssertUnwindSafe;

use clap::{Parser, Subcommand};

use crate::exit::Exit;

// Chunks of a megabyte go from thread to thread. The system's allocator gives each back to the kernel and fetches it
// again, a tenth of an import's time. Without huge pages, in which a few bytes here and there hold two mebibytes each: an
// idle service with a million people has 12 MiB of its own then instead of 40, and nothing was slower.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// One list of everybody who said no, enforced everywhere.
///
/// Abide keeps the choices that people make (do not contact, do not track, do not sell) as one list
/// of keys, and checks people and whole files against it before anything is sent, shared or
/// ingested.
///
/// Exit codes: 0 allowed or clean, 1 blocked or found, 2 cannot tell, 3 could not do the work.
#[derive(Debug, Parser)]
#[command(name = "abide", version, arg_required_else_help = true, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Args),
    Import(import::Args),
    Imports(imports::Args),
    Retract(retract::Args),
    Rules(rules::Args),
    OptOut(opt_out::Args),
    OptIn(opt_in::Args),
    Check(check::Args),
    Scrub(scrub::Args),
    Validate(validate::Args),
    Segment(segment::Args),
    Serve(serve::Args),
    Stream(stream::Args),
    Signals(signals::Args),
    Drop(drop::Args),
    History(history::Args),
    Status(status::Args),
    Token(token::Args),
    UnsubscribeLink(unsubscribe_link::Args),
    Compact(compact::Args),
    Verify(verify::Args),
    Doctor(doctor::Args),
    Rekey(rekey::Args),
    Export(export::Args),
    Mechanisms(mechanisms::Args),
}

fn main() -> std::process::ExitCode {
    std::panic::set_hook(Box::new(exit::report_bug));
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => {
            return exit::after_usage(&usage).into();
        }
    };
    let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| run(cli.command)));
    match outcome.unwrap_or_else(|panic| Ok(exit::after_panic(&*panic))) {
        Ok(exit) => exit.into(),
        Err(error) if exit::is_closed_pipe(&error) => Exit::Clean.into(),
        Err(error) => {
            eprintln!("abide: {}", exit::chain(&error));
            Exit::Failed.into()
        }
    }
}

fn run(command: Command) -> anyhow::Result<Exit> {
    // What runs until it is stopped has threads of its own.
    match command {
        Command::Serve(args) => return serve::run(args),
        Command::Stream(args) => return stream::run(&args),
        _ => {}
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match command {
            Command::Init(args) => init::run(args).await,
            Command::Import(args) => Box::pin(import::run(args)).await,
            Command::Imports(args) => imports::run(args).await,
            Command::Retract(args) => Box::pin(retract::run(args)).await,
            Command::Rules(args) => Box::pin(rules::run(args)).await,
            Command::OptOut(args) => opt_out::run(args).await,
            Command::OptIn(args) => opt_in::run(args).await,
            Command::Check(args) => check::run(args).await,
            Command::Scrub(args) => scrub::run(args).await,
            Command::Validate(args) => validate::run(args).await,
            Command::Segment(args) => segment::run(args).await,
            Command::Serve(_) | Command::Stream(_) => unreachable!("they are run above"),
            Command::Drop(args) => Box::pin(drop::run(args)).await,
            Command::Signals(args) => signals::run(&args),
            Command::History(args) => history::run(args).await,
            Command::Status(args) => Box::pin(status::run(args)).await,
            Command::Token(args) => token::run(args).await,
            Command::UnsubscribeLink(args) => unsubscribe_link::run(args).await,
            Command::Compact(args) => Box::pin(compact::run(args)).await,
            Command::Verify(args) => verify::run(args).await,
            Command::Doctor(args) => doctor::run(args).await,
            Command::Rekey(args) => Box::pin(rekey::run(args)).await,
            Command::Export(args) => export::run(args).await,
            Command::Mechanisms(args) => Ok(mechanisms::run(&args)),
        }
    })
}
