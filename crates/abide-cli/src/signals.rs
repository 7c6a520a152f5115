//! `abide signals`: what comes in other than by lists, before it does.

mod try_out;

use crate::exit::Exit;

/// Look at what mapping files make of events.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Try(try_out::Args),
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    match &args.command {
        Command::Try(args) => try_out::run(args),
    }
}
