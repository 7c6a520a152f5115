//! `abide rules impact`: whom a change would touch, on real data.

use abide_enforce::Snapshot;
use abide_model::{Action, OnCannotTell};
use abide_scrub::{BesideReport, Report, RowsReport, Task, Threshold};
use serde_json::json;

use super::versions::resolve;
use crate::{
    clock,
    exit::Exit,
    scrub::{
        files::Run,
        flags::{FileFlags, JudgeFlags},
        inputs::Inputs,
        list::ListFlags,
        places::Places,
    },
};

/// Judge real data by the active ruleset and by another in one pass, and say whose verdict differs.
///
/// Rows are named by number, people never. Nothing is written.
///
/// Exit codes: 0 everybody is judged alike, 1 somebody is not, 3 the work could not be done.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  abide rules impact rules/ --data customers.parquet --action contact.email
  abide rules impact v9 'data/*.csv' --action target.ad --json")]
pub(crate) struct Args {
    /// The other ruleset: a folder, or a version of the store.
    ruleset: String,

    /// The same as FILE: what to judge, e.g. customers.parquet. May be given several times.
    #[arg(long, value_name = "FILE", required_unless_present = "files", conflicts_with = "files")]
    data: Vec<String>,

    /// What is about to be done, e.g. contact.email.
    #[arg(long)]
    action: Action,

    #[command(flatten)]
    files: FileFlags,

    #[command(flatten)]
    judge: JudgeFlags,

    /// Print JSON.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    list: ListFlags,
}

pub(crate) async fn run(args: &Args) -> anyhow::Result<Exit> {
    let now = clock::now();
    let named = if args.data.is_empty() { &args.files.files } else { &args.data };
    let inputs = Inputs::find(named)?;
    let list = args.list.open(&inputs, &args.files, now).await?;
    let rules = resolve(&args.ruleset, args.list.store()).await?;
    let beside = Snapshot { rules, ..(*list.snapshot).clone() };
    let run = Run {
        task: Task::Validate { action: args.action.clone() },
        files: &args.files,
        judge: &args.judge,
        on_cannot_tell: OnCannotTell::Block,
        list: &list,
        beside: Some(&beside),
        watch: None,
        digests: false,
        now,
    };
    let report = run.all(inputs, &Places::nowhere());
    if args.json {
        println!("{}", to_json(&report, &beside));
    } else {
        print(&report, &list.snapshot, &beside);
    }
    let differs = report.totals.iter().any(|total| total.beside.is_some());
    Ok(match report.threshold() {
        Threshold::Failed => Exit::Failed,
        _ if differs => Exit::Found,
        _ => Exit::Clean,
    })
}

fn print(report: &Report, active: &Snapshot, beside: &Snapshot) {
    println!("from {} to {}", active.rules.version(), beside.rules.version());
    for total in &report.totals {
        println!("{}: {} rows", total.action, total.tally.seen);
        let beside = total.beside.clone().unwrap_or_default();
        println!("  {} would newly get through", beside.newly_allowed.rows);
        println!("  {} would newly be blocked", beside.newly_blocked.rows);
        println!("  {} newly can or cannot be judged", beside.otherwise.rows);
    }
    for file in &report.files {
        for BesideReport { newly_allowed, newly_blocked, otherwise } in
            file.judged.iter().filter_map(|judged| judged.beside.as_ref())
        {
            let kinds = [
                ("get through", newly_allowed),
                ("are blocked", newly_blocked),
                ("can or cannot be judged", otherwise),
            ];
            for (what, rows) in kinds.into_iter().filter(|(_, rows)| rows.rows > 0) {
                println!("  `{}`: newly {what}: {}", file.input.name, numbers(rows));
            }
        }
    }
}

fn numbers(rows: &RowsReport) -> String {
    let shown: Vec<String> = rows.first.iter().map(u64::to_string).collect();
    let more = rows.rows - rows.first.len() as u64;
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("row {}{rest}", shown.join(", "))
}

fn to_json(report: &Report, beside: &Snapshot) -> serde_json::Value {
    let files = report.files.iter().map(|file| {
        let judged = file.judged.iter().map(|judged| {
            json!({ "action": judged.action, "seen": judged.tally.seen, "beside": judged.beside.clone().unwrap_or_default() })
        });
        json!({ "name": file.input.name, "judged": judged.collect::<Vec<_>>() })
    });
    json!({
        "old": report.ruleset.sha256,
        "new": beside.rules.version().digest_hex(),
        "files": files.collect::<Vec<_>>(),
        "totals": report.totals.iter().map(|total| {
            json!({ "action": total.action, "seen": total.tally.seen, "beside": total.beside.clone().unwrap_or_default() })
        }).collect::<Vec<_>>(),
    })
}
