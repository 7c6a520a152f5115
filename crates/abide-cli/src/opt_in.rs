//! `abide opt-in`: record that somebody said yes again.

use abide_model::{Direction, Proof, signal::Statement};

use crate::{exit::Exit, statement::StatementFlags};

/// Record that somebody said yes again.
///
/// It counts as the person's own only with a proof and the name of who recorded it. With --source
/// it is that source's word, and ends nothing but that source's own claim.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  abide opt-in --email - --mechanism email.list --scope list:weekly \\
      --proof double_opt_in --recorded-by web-form < address.txt
  abide opt-in --phone '+1 201 555 0123' --mechanism phone.dnc.us --source ftc")]
pub(crate) struct Args {
    #[command(flatten)]
    statement: StatementFlags,

    /// What shows that it is the person's own: double_opt_in, handset, login or signed.
    #[arg(long)]
    proof: Option<Proof>,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<Exit> {
    let statement = args.statement.statement()?;
    let statement = Statement { direction: Direction::In, proof: args.proof, ..statement };
    args.statement.record(statement).await
}
