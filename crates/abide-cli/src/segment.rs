//! `abide segment`: all rows of files, each with its verdicts and segments.

use abide_model::{Action, OnCannotTell};
use abide_scrub::{Task, Threshold};

use crate::{
    clock,
    exit::Exit,
    scrub::{
        files::Run,
        flags::{FileFlags, JudgeFlags, OutputFlags, ReportFlags},
        inputs::Inputs,
        list::ListFlags,
        places::Places,
        said,
    },
};

/// Label every row: a column with the verdict of each action, and one with the segments.
///
/// The columns are named verdict_contact_email and so on, and hold allow, block or cannot_tell;
/// `segments` holds names with spaces between. Rows with too few or too many fields stay as they
/// are. Prints how many people can be reached by what.
///
/// Exit codes: 0 the files are labelled, 3 the work could not be done.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  abide segment customers.csv --actions contact.email,contact.sms,target.ad -o labelled.csv
  abide segment 'data/*.parquet' --actions contact.email --context brand=BRAND -o labelled/")]
pub(crate) struct Args {
    /// What might be done, with commas between.
    #[arg(long, required = true, value_delimiter = ',', value_name = "ACTION,…")]
    actions: Vec<Action>,

    #[command(flatten)]
    output: OutputFlags,

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
    let places = Places::new(Some(&args.output.output), None, None, args.output.durability(), &inputs)?;
    args.report.check(places.takes_stdout())?;
    let list = args.list.open(&inputs, &args.files, now).await?;
    let run = Run {
        task: Task::Segment { actions: args.actions },
        files: &args.files,
        judge: &args.judge,
        on_cannot_tell: OnCannotTell::Block,
        list: &list,
        beside: list.shadow.as_ref(),
        watch: None,
        digests: args.report.says_digests(),
        now,
    };
    let report = run.all(inputs, &places);
    args.report.give(&report, said::segmented)?;
    Ok(if report.threshold() == Threshold::Failed { Exit::Failed } else { Exit::Clean })
}
