//! `abide rules`: rulesets as files, put to the test, stored, brought into force.

mod activate;
mod diff;
mod folder;
mod impact;
mod init;
mod log;
mod prove;
mod push;
mod rollback;
mod shadow;
mod test;
mod versions;

pub(crate) use activate::append;
use clap::Subcommand;
pub(crate) use versions::{Versions, in_use};

use crate::exit::Exit;

/// Write, test, compare, store and activate rulesets: what mechanisms mean, and what blocks what.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Args),
    Test(test::Args),
    Diff(diff::Args),
    Impact(impact::Args),
    Prove(prove::Args),
    Push(push::Args),
    Activate(activate::Args),
    Rollback(rollback::Args),
    Shadow(shadow::Args),
    Log(log::LogArgs),
    Show(log::ShowArgs),
    Active(log::ActiveArgs),
}

pub(crate) async fn run(args: Args) -> anyhow::Result<Exit> {
    match args.command {
        Command::Init(args) => init::run(&args),
        Command::Test(args) => test::run(&args).await,
        Command::Diff(args) => diff::run(&args).await,
        Command::Impact(args) => impact::run(&args).await,
        Command::Prove(args) => prove::run(&args).await,
        Command::Push(args) => push::run(&args).await,
        Command::Activate(args) => activate::run(&args).await,
        Command::Rollback(args) => rollback::run(&args).await,
        Command::Shadow(args) => shadow::run(&args).await,
        Command::Log(args) => log::log(&args).await,
        Command::Show(args) => log::show(&args).await,
        Command::Active(args) => log::active(&args).await,
    }
}
