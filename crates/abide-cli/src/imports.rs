//! `abide imports`: what came in together, and what became of it.

use abide_journal::BatchRecord;
use abide_model::{BatchId, Claimant, Mechanism, Retraction, Time};
use serde_json::{Value, json};

use crate::{
    batches::{Batches, Committed, Signals, TakenBack},
    exit::Exit,
    store_flags::StoreFlags,
};

/// List what came in together, the newest first: imports, and what arrived one by one, by day.
///
/// Each can be taken back with `abide retract`. An import that was never completed has no effect;
/// import its file again. The journal is read for this, which takes some seconds for every ten
/// million records.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  abide imports
  abide imports --source ftc --mechanism phone.dnc.us --json")]
pub(crate) struct Args {
    /// Only what this source said (`person`: the people themselves).
    #[arg(long, value_name = "NAME")]
    source: Option<Claimant>,

    /// Only what was stated in this way.
    #[arg(long)]
    mechanism: Option<Mechanism>,

    /// Print JSON.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    store: StoreFlags,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<Exit> {
    let opened = args.store.open().await?;
    let batches = Batches::read(&opened.store).await?;
    let lines = args.lines(&batches);
    let windows: Vec<&TakenBack> = batches.windows().filter(|taken| args.wants_window(taken)).collect();
    if args.json {
        let lines: Vec<Value> = lines.iter().map(Line::to_json).collect();
        let windows: Vec<Value> = windows.iter().map(|taken| window_json(taken)).collect();
        println!("{}", json!({ "batches": lines, "windows_taken_back": windows }));
        return Ok(Exit::Clean);
    }
    if lines.is_empty() {
        println!("Nothing of that came in here.");
    }
    lines.iter().for_each(Line::print);
    for taken in windows {
        println!("{}  taken back: {}", taken.record.at, what_of(&taken.record.what));
        println!("    {}", why(taken));
    }
    Ok(Exit::Clean)
}

/// One batch of the answer.
struct Line<'b> {
    batch: &'b BatchId,
    at: Time,
    what: What<'b>,
    taken_back: Option<&'b TakenBack>,
}

enum What<'b> {
    Import(&'b Committed),
    Live(&'b Signals),
    Unfinished(&'b Signals),
}

impl Args {
    fn lines<'b>(&self, batches: &'b Batches) -> Vec<Line<'b>> {
        let line = |batch, at, what| Line { batch, at, what, taken_back: batches.taken_back(batch) };
        let imports = batches.committed.iter().filter(|(_, committed)| self.wants_import(&committed.record));
        let mut lines: Vec<Line<'_>> = imports
            .map(|(batch, committed)| line(batch, committed.record.committed_at, What::Import(committed)))
            .collect();
        let live = batches.live().filter(|(_, signals)| self.wants_any(signals));
        lines.extend(live.map(|(batch, signals)| line(batch, signals.last, What::Live(signals))));
        let unfinished = batches.unfinished().filter(|(_, signals)| self.wants_any(signals));
        lines.extend(unfinished.map(|(batch, signals)| line(batch, signals.last, What::Unfinished(signals))));
        lines.sort_by(|a, b| (b.at, b.batch).cmp(&(a.at, a.batch)));
        lines
    }

    fn wants(&self, source: &Claimant, mechanism: &Mechanism) -> bool {
        self.source.as_ref().is_none_or(|wanted| wanted == source)
            && self.mechanism.as_ref().is_none_or(|wanted| wanted == mechanism)
    }

    fn wants_import(&self, record: &BatchRecord) -> bool {
        (record.mechanisms.is_empty() && self.mechanism.is_none() && self.source.is_none())
            || record.mechanisms.iter().any(|mechanism| self.wants(&record.claimant, mechanism))
    }

    fn wants_any(&self, signals: &Signals) -> bool {
        signals.counts.keys().any(|(source, mechanism)| self.wants(source, mechanism))
    }

    fn wants_window(&self, taken: &TakenBack) -> bool {
        match &taken.record.what {
            Retraction::Window { source, mechanism, .. } => self.wants(source, mechanism),
            Retraction::Batch(_) => false,
        }
    }
}

impl Line<'_> {
    fn print(&self) {
        match self.what {
            What::Import(Committed { record, token }) => {
                let file = record.file.as_deref().map(|file| format!("  {file}")).unwrap_or_default();
                let whole = if record.snapshot { ", the whole list" } else { "" };
                println!("{}  {}  {}: {}{file}", self.batch, self.at, record.claimant, mechanisms(record));
                println!(
                    "    {} rows: {} taken, {} repeated, {} unreadable; {} signals, {} withdrawn{whole}; at {token}",
                    record.rows_read,
                    record.rows_taken,
                    record.rows_repeated,
                    unreadable(record),
                    record.signals,
                    record.withdrawn,
                );
                if let Some(note) = &record.note {
                    println!("    {note}");
                }
            }
            What::Live(signals) => {
                println!("{}  {}  {} signals, one by one", self.batch, self.at, signals.count());
                println!("    {}", counts(signals));
            }
            What::Unfinished(signals) => {
                println!("{}  {}  {} signals", self.batch, self.at, signals.count());
                println!("    {}", counts(signals));
                println!(
                    "    NOT COMPLETED: under way, or cut off and without effect; then import its file again"
                );
            }
        }
        if let Some(taken) = self.taken_back {
            println!("    TAKEN BACK {}", why(taken));
        }
    }

    fn to_json(&self) -> Value {
        let mut line = match self.what {
            What::Import(Committed { record, token }) => json!({
                "state": "import",
                "signals": record.signals,
                "source": record.claimant.as_str(),
                "mechanisms": record.mechanisms.iter().map(Mechanism::as_str).collect::<Vec<_>>(),
                "opened_at": record.opened_at.to_string(),
                "file": record.file,
                "file_sha256": record.file_sha256.map(hex::encode),
                "rows_read": record.rows_read,
                "rows_taken": record.rows_taken,
                "rows_repeated": record.rows_repeated,
                "rows_unreadable": record.rows_unreadable,
                "whole_list": record.snapshot,
                "withdrawn": record.withdrawn,
                "recorded_by": record.recorded_by,
                "note": record.note,
                "token": token.to_string(),
            }),
            What::Live(signals) => json!({ "state": "live", "signals": signals.count(), "by": by(signals) }),
            What::Unfinished(signals) => {
                json!({ "state": "not_completed", "signals": signals.count(), "by": by(signals) })
            }
        };
        line["batch"] = json!(self.batch.as_str());
        line["at"] = json!(self.at.to_string());
        line["taken_back"] = self.taken_back.map_or(Value::Null, taken_json);
        line
    }
}

fn mechanisms(record: &BatchRecord) -> String {
    record.mechanisms.iter().map(Mechanism::as_str).collect::<Vec<_>>().join(" ")
}

pub(crate) fn unreadable(record: &BatchRecord) -> u64 {
    record.rows_unreadable.values().sum()
}

fn counts(signals: &Signals) -> String {
    let count = |((source, mechanism), count): (&(Claimant, Mechanism), &u64)| {
        format!("{count} × {mechanism}, said by {source}")
    };
    signals.counts.iter().map(count).collect::<Vec<_>>().join("; ")
}

fn by(signals: &Signals) -> Value {
    let row = |((source, mechanism), count): (&(Claimant, Mechanism), &u64)| json!({ "source": source.as_str(), "mechanism": mechanism.as_str(), "signals": count });
    signals.counts.iter().map(row).collect()
}

/// What a window names, in words.
pub(crate) fn what_of(what: &Retraction) -> String {
    match what {
        Retraction::Batch(batch) => format!("batch {batch}"),
        Retraction::Window { source, mechanism, from, until, domain } => {
            let domain = if domain.is_some() { ", of one mail domain" } else { "" };
            format!("{mechanism} said by {source} from {from} until {until}{domain}")
        }
    }
}

/// When, by whom and for what reason something was taken back.
pub(crate) fn why(taken: &TakenBack) -> String {
    let record = &taken.record;
    format!("at {} by {}: {}", record.at, record.recorded_by, record.reason)
}

fn taken_json(taken: &TakenBack) -> Value {
    let record = &taken.record;
    json!({
        "at": record.at.to_string(), "by": &*record.recorded_by, "reason": &*record.reason,
        "token": taken.token.to_string(),
    })
}

fn window_json(taken: &TakenBack) -> Value {
    let mut json = taken_json(taken);
    if let Retraction::Window { source, mechanism, from, until, domain } = &taken.record.what {
        json["source"] = json!(source.as_str());
        json["mechanism"] = json!(mechanism.as_str());
        json["from"] = json!(from.to_string());
        json["until"] = json!(until.to_string());
        json["one_domain"] = json!(domain.is_some());
    }
    json
}
