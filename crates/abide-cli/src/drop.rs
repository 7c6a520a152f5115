//! `abide drop`: California's Delete Request and Opt-out Platform, in and out.

mod import;
mod report;
mod table;

use crate::exit::Exit;

/// Take in the lists of California's DROP, and answer them.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Import(import::Args),
    Report(report::Args),
}

pub(crate) async fn run(args: Args) -> anyhow::Result<Exit> {
    match args.command {
        Command::Import(args) => Box::pin(import::run(args)).await,
        Command::Report(args) => report::run(&args),
    }
}
