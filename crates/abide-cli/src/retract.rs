//! `abide retract`: take back what should not have come in.

mod hidden;
mod preview;
mod target;

use abide_enforce::Effect;
use abide_journal::{Record, RetractionRecord, Writer};
use abide_model::{BatchId, Time};
use abide_replica::{Compacted, Replica};
use anyhow::{Context as _, bail, ensure};
use serde_json::json;

use crate::{
    batches::Batches,
    clock,
    confirm::{Confirmed, confirm},
    exit::Exit,
    journal,
    progress::{self, Unit},
    store_flags::{StoreFlags, remember},
};
use hidden::Hidden;
use preview::Preview;
use target::{Target, WindowFlags};

/// Take an import back, or what a source said in a period.
///
/// Nothing leaves the journal: what is taken back counts no more, and `abide history` says why. It
/// is first shown whom that frees, and asked whether to go on. There is no taking back of it; what
/// was right is said again. A period goes by when something was stated, so what a later import
/// says of that period counts no more either.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  abide retract import-20261122t101500z-0a1b2c3d --reason 'wrong file'
  abide retract --source ses --mechanism email.bounce.hard \\
      --between 2026-11-20T10:00:00Z..2026-11-20T12:30:00Z --domain example.com --reason 'outage'
  abide retract live-20261120 --reason 'test data' --dry-run")]
pub(crate) struct Args {
    /// The batch, as `abide imports` lists it.
    #[arg(required_unless_present = "between", conflicts_with_all = ["source", "mechanism", "between", "domain"])]
    batch: Option<BatchId>,

    #[command(flatten)]
    window: WindowFlags,

    /// Why; kept for ever.
    #[arg(long, value_name = "TEXT", value_parser = parse_reason)]
    reason: String,

    /// Who takes it back [default: the user who runs this].
    #[arg(long, value_name = "NAME")]
    recorded_by: Option<String>,

    /// Show whom it would free, and change nothing.
    #[arg(long)]
    dry_run: bool,

    /// Do not ask.
    #[arg(long)]
    yes: bool,

    /// Print JSON.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    store: StoreFlags,
}

fn parse_reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() { Err("a reason has words".to_owned()) } else { Ok(text.to_owned()) }
}

pub(crate) async fn run(args: Args) -> anyhow::Result<Exit> {
    let now = clock::now();
    let opened = args.store.open().await?;
    let mut replica = opened.replica(now).await?;
    let snapshot = replica.snapshot();
    let mut target = args.target(&opened, now)?;
    let mut hidden = Hidden::of(&target, &snapshot);
    let mut batches = Batches::default();
    journal::walk(&opened.store, |token, record| {
        if let (Some(hidden), Record::Signal(signal)) = (&mut hidden, &record) {
            hidden.note(signal)?;
        }
        batches.note(token, record);
        Ok(())
    })
    .await?;
    target.check(&batches, now)?;
    let bar = progress::bar("looking at the list", Unit::Count, Some(snapshot.len_identities()));
    let effect = Effect::of(&snapshot, &target.retraction(), &mut |read| bar.set_position(read))
        .context("could not read the list")?;
    bar.finish_and_clear();
    ensure!(effect.named > 0, "nothing that counts is named by {}; nothing was changed", target.name());
    let kept = hidden.map(Hidden::into_signals).unwrap_or_default();
    let preview = Preview { target: &target, effect: &effect, batches: &batches, kept: kept.len() };
    if !args.json {
        preview.print();
    }
    if args.dry_run || confirm("Take it back?", args.yes, args.json)? == Confirmed::No {
        if args.json {
            println!("{}", preview.to_json(None));
        }
        // Whoever did not ask for a preview has not got what they asked for.
        return Ok(if args.dry_run { Exit::Clean } else { Exit::Failed });
    }
    let mut writer = opened.writer().await?;
    writer.clock().observe(replica.clock());
    hidden::say_again(&kept, &mut writer, args.recorder(), clock::random()?, now).await?;
    let token = take_back(&args, &target, &mut writer, now).await?;
    remember(&args.store, &opened.store, std::slice::from_ref(writer.head()), now).await;
    let published = publish(&mut replica).await?;
    if args.json {
        println!("{}", preview.to_json(Some(&json!({ "token": token, "snapshot": published }))));
    } else {
        println!("Taken back, in force here and at {token}.");
        if let Some(number) = published {
            println!("Snapshot {number} was published.");
        }
    }
    Ok(Exit::Clean)
}

impl Args {
    fn target(&self, opened: &crate::store_flags::Opened, now: Time) -> anyhow::Result<Target> {
        match &self.batch {
            Some(batch) => Ok(Target::batch(batch.clone())),
            None => self.window.target(&opened.normaliser, &opened.keyring, now),
        }
    }

    fn recorder(&self) -> String {
        let user = || ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
        let named = self.recorded_by.clone().or_else(user).filter(|name| !name.trim().is_empty());
        named.unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()))
    }
}

async fn take_back(args: &Args, target: &Target, writer: &mut Writer, now: Time) -> anyhow::Result<String> {
    let record = RetractionRecord {
        what: target.retraction(),
        reason: args.reason.as_str().into(),
        recorded_by: args.recorder().into(),
        at: writer.clock().next(now),
    };
    let appended = writer.append(&[Record::Retraction(record)], now).await;
    let appended = appended.context("could not take it back; nothing counts differently")?;
    Ok(appended.token.to_string())
}

/// A list that was built under other retractions is built anew by every node that opens it, so what
/// stands under a snapshot gets the next one.
async fn publish(replica: &mut Replica) -> anyhow::Result<Option<u64>> {
    if replica.manifest().is_none() {
        replica.refresh(clock::now()).await?;
        return Ok(None);
    }
    let bar = progress::bar("publishing", Unit::Count, Some(replica.snapshot().len_identities()));
    let unique = clock::random_number()?;
    let compacted = replica.compact(clock::now(), unique, &mut |done| bar.set_position(done)).await;
    bar.finish_and_clear();
    match compacted.context("it was taken back, and is in force; but no snapshot could be published")? {
        Compacted::Written(manifest) => Ok(Some(manifest.number)),
        Compacted::Nothing | Compacted::Overtaken => Ok(None),
    }
}

/// A moment in RFC 3339, or a date, which is its first moment in UTC.
fn parse_moment(text: &str) -> anyhow::Result<Time> {
    let whole = if text.len() == "2026-11-22".len() { format!("{text}T00:00:00Z") } else { text.to_owned() };
    match Time::parse_rfc3339(&whole) {
        Some(time) => Ok(time),
        None => bail!("a time looks like 2026-11-22T10:00:00Z or 2026-11-22"),
    }
}
