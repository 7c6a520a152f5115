//! `abide validate`: is anybody in these files whom the list objects to?

use abide_model::{Action, OnCannotTell};
use abide_scrub::Task;

use crate::{
    clock,
    exit::Exit,
    scrub::{
        files::{self, Run},
        flags::{FileFlags, JudgeFlags, ReportFlags},
        inputs::Inputs,
        list::ListFlags,
        places::Places,
        said,
    },
};

/// Look whether anybody in a file is opted out, and write nothing: the gate before an ingest job.
///
/// Exit codes: 0 nobody is, 1 somebody is, 2 nobody is but some rows could not be judged, 3 the work
/// could not be done.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  abide validate customers.csv --action collect && load customers.csv
  abide validate 'incoming/*.parquet' --action collect --json
  abide validate leads.csv --against unsubscribed.csv --action contact.email")]
pub(crate) struct Args {
    /// What is about to be done, e.g. collect.
    #[arg(long)]
    action: Action,

    #[command(flatten)]
    files: FileFlags,

    #[command(flatten)]
    judge: JudgeFlags,

    #[command(flatten)]
    report: ReportFlags,

    #[command(flatten)]
    list: ListFlags,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<Exit> {
    let now = clock::now();
    let inputs = Inputs::find(&args.files.files)?;
    let list = args.list.open(&inputs, &args.files, now).await?;
    let run = Run {
        task: Task::Validate { action: args.action },
        files: &args.files,
        judge: &args.judge,
        on_cannot_tell: OnCannotTell::Block,
        list: &list,
        beside: list.shadow.as_ref(),
        watch: None,
        digests: args.report.says_digests(),
        now,
    };
    let report = run.all(inputs, &Places::nowhere());
    args.report.give(&report, said::validated)?;
    Ok(files::exit_of(&report))
}
