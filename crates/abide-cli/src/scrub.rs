//! `abide scrub`: the rows of files that may stay.

pub(crate) mod columns;
pub(crate) mod files;
pub(crate) mod flags;
mod forms;
mod guarded;
pub(crate) mod inputs;
pub(crate) mod list;
pub(crate) mod places;
pub(crate) mod said;
pub(crate) mod sample;

use abide_model::{Action, OnCannotTell};
use abide_scrub::Task;

use crate::{clock, exit::Exit};
use files::Run;
use flags::{FileFlags, JudgeFlags, OutputFlags, ReportFlags};
use inputs::Inputs;
use list::ListFlags;
use places::Places;

/// Write the rows of files that may stay, byte for byte and in order.
///
/// Every row is one person, by all its columns of identifiers together. Columns are found by their
/// names and values, said aloud, and set by --id. The output appears only when it is complete.
///
/// Exit codes: 0 nobody was blocked, 1 somebody was, 2 nobody was but some rows could not be judged
/// (or `--on-cannot-tell fail` stopped at one), 3 the work could not be done (with several files: for one of them at
/// least; the others are done).
///
/// Where the ruleset in force was activated with a guard and that trips, the run stops with exit code 3, leaves no output
/// of the file it was at, does no further files, and goes back to the ruleset before (docs/rulesets.md).
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  abide scrub customers.csv --against unsubscribed.csv --action contact.email -o clean.csv
  abide scrub 'data/*.parquet' --action contact.email -o clean/ --report report.json
  abide scrub people.csv --action contact.sms --to mobile --context brand=BRAND -o clean.csv \\
      --blocked blocked.csv --unjudged unjudged.csv
  zcat p.ndjson.gz | abide scrub - --action sell --id user.email=email -o - > clean.ndjson")]
pub(crate) struct Args {
    /// What is about to be done, e.g. contact.email.
    #[arg(long)]
    action: Action,

    #[command(flatten)]
    output: OutputFlags,

    /// Where the rows go that are blocked: a file in the format of the input, or for several files a directory. A .csv
    /// file takes the rows of several files, or of other formats than CSV, as a table with the columns file and row.
    #[arg(long, value_name = "PATH")]
    blocked: Option<String>,

    /// Where the rows go that cannot be judged, whatever else becomes of them; as --blocked.
    #[arg(long, value_name = "PATH")]
    unjudged: Option<String>,

    /// What becomes of rows that cannot be judged: block, allow, or fail, which stops at the first.
    #[arg(long, default_value_t, value_name = "CHOICE")]
    on_cannot_tell: OnCannotTell,

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
    let places = Places::new(
        Some(&args.output.output),
        args.blocked.as_deref(),
        args.unjudged.as_deref(),
        args.output.durability(),
        &inputs,
    )?;
    args.report.check(places.takes_stdout())?;
    let list = args.list.open(&inputs, &args.files, now).await?;
    let run = Run {
        task: Task::Scrub { action: args.action },
        files: &args.files,
        judge: &args.judge,
        on_cannot_tell: args.on_cannot_tell,
        list: &list,
        beside: list.shadow.as_ref(),
        watch: list.guarded.as_ref().map(|guarded| &guarded.watch),
        digests: args.report.says_digests(),
        now,
    };
    let mut report = run.all(inputs, &places);
    // First of all, since others go on judging by it.
    let rolled_back = match &list.guarded {
        Some(guarded) => match guarded.watch.tripped() {
            Some(tripped) => guarded.roll_back(args.list.store(), tripped).await,
            None => Ok(()),
        },
        None => Ok(()),
    };
    places.save_sheets(&mut report, args.report.says_digests())?;
    args.report.give(&report, said::scrubbed)?;
    rolled_back?;
    Ok(files::exit_of(&report))
}
