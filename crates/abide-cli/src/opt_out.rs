//! `abide opt-out`: record that somebody said no.

use crate::{exit::Exit, statement::StatementFlags};

/// Record that somebody said no. Answers once it is durable.
///
/// Several identifiers of one person may be given; the statement is recorded for each.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  abide opt-out --email jane@example.com --mechanism email.unsubscribe --scope brand:acme
  abide opt-out --phone - --mechanism phone.stop < number.txt
  abide opt-out --email-domain example.org --mechanism hold.internal --source legal")]
pub(crate) struct Args {
    #[command(flatten)]
    statement: StatementFlags,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<Exit> {
    let statement = args.statement.statement()?;
    args.statement.record(statement).await
}
