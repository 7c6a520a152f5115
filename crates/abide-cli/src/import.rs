//! `abide import`: an outside opt-out list into the store.

mod files;
mod report;

use std::{
    io::BufWriter,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use abide_formats::{Compression, Limits, WholeFile};
use abide_import::{Hints, ImportConfig, ImportError, ListReader, Progress, ReaderConfig, Step, WholeList};
use abide_model::{Claimant, Mechanism, Scope};
use abide_signals::{ColumnRef, DateOrder, FlagArg, IdArg};
use anyhow::{Context as _, ensure};

use crate::{
    clock,
    exit::Exit,
    progress::{self, Unit},
    store_flags::{Opened, StoreFlags, remember},
};
pub(crate) use files::list_files;

/// Take an opt-out list in: CSV, TSV, NDJSON, Parquet, Arrow or one identifier a line; .gz and .zst.
///
/// Exports of known systems (HubSpot, Salesforce, Mailchimp, Brevo, Braze, Klaviyo, Marketo,
/// SendGrid, the do-not-call registry, DROP) are recognised: only rows whose flags say out are
/// taken, each under what its flag means. Of other files every row is an opt-out under --mechanism,
/// or those are that --flag says.
///
/// Nothing is guessed in silence: what was decided is said, and in doubt nothing is imported.
/// Importing the same file twice changes nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  abide import dnc.csv --mechanism phone.dnc.us --source ftc
  abide import 'exports/unsubscribed_*.csv'
  abide import people.csv --id 'Contact=email' --flag 'opted_out=email.unsubscribe@brand:acme' --at since
  abide import hashes.csv.gz --id 'h=email:md5' --mechanism email.unsubscribe --source partner
  abide import registry-full.csv --mechanism phone.dnc.us --source ftc --snapshot
  zcat list.gz | abide import - --mechanism profile.all --dry-run")]
pub(crate) struct Args {
    /// Files, globs in quotes, or - for standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,

    /// How every row was opted out, e.g. phone.dnc.us (`abide mechanisms` lists them).
    #[arg(long)]
    mechanism: Option<Mechanism>,

    /// For whom it was said: `*`, brand:NAME, list:NAME or sender:NUMBER.
    #[arg(long)]
    scope: Option<Scope>,

    /// Whose word it is, e.g. ftc [default: the vendor of a known export, else the people themselves].
    #[arg(long, value_name = "NAME")]
    source: Option<Claimant>,

    /// The files are the whole list of that source: who is not in them any more is withdrawn.
    #[arg(long)]
    snapshot: bool,

    /// With --snapshot: refuse if more than this share of the list would vanish.
    #[arg(long, value_name = "PERCENT", default_value_t = 5.0, requires = "snapshot")]
    allow_vanish: f64,

    /// Who imports it.
    #[arg(long, value_name = "NAME")]
    recorded_by: Option<String>,

    /// Kept with the import.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,

    /// Write the rows that cannot be read to this file, as they are.
    #[arg(long, value_name = "FILE")]
    unreadable: Option<PathBuf>,

    /// Write nothing to the store, and say what would be taken.
    #[arg(long)]
    dry_run: bool,

    /// Print JSON.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    list: ListFlags,

    #[command(flatten)]
    store: StoreFlags,
}

impl Args {
    /// One file that tells itself what it is.
    pub(crate) fn of_file(file: String, store: StoreFlags) -> Self {
        Self {
            files: vec![file],
            mechanism: None,
            scope: None,
            source: None,
            snapshot: false,
            allow_vanish: 5.0,
            recorded_by: None,
            note: None,
            unreadable: None,
            dry_run: false,
            json: false,
            list: ListFlags::default(),
            store,
        }
    }
}

/// How a list is to be read: for `import`, and for what `scrub --against` names.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Reading the list")]
pub(crate) struct ListFlags {
    /// A column of identifiers: its name, path or #number, and what it holds, e.g. 'mail=email',
    /// 'h=email:md5', 'Hash=phone:drop'. May be given several times.
    #[arg(long = "id", value_name = "COLUMN=KIND[:PROFILE|FORM]")]
    ids: Vec<IdArg>,

    /// Take only rows where this column says out (with no: before the mechanism, where it says no).
    #[arg(long = "flag", value_name = "COLUMN=MECHANISM[@SCOPE]")]
    flags: Vec<FlagArg>,

    /// The column with the time of each choice.
    #[arg(long, value_name = "COLUMN")]
    at: Option<ColumnRef>,

    /// How to read dates like 03/04/2026: day-first or month-first.
    #[arg(long, value_name = "ORDER")]
    dates: Option<DateOrder>,

    /// Take every row although columns look like flags.
    #[arg(long)]
    all_rows: bool,

    /// The first line names no columns.
    #[arg(long)]
    no_header: bool,
}

impl ListFlags {
    pub(crate) fn hints(&self) -> Hints {
        Hints {
            ids: self.ids.clone(),
            flags: self.flags.clone(),
            at: self.at.clone(),
            dates: self.dates,
            all_rows: self.all_rows,
            has_header: self.no_header.then_some(false),
            ..Hints::default()
        }
    }
}

/// From so many new signals on, they go into a snapshot rather than into every node's memory.
const PUBLISH_FROM: u64 = 100_000;

pub(crate) async fn run(args: Args) -> anyhow::Result<Exit> {
    ensure!((0.0..=100.0).contains(&args.allow_vanish), "--allow-vanish is a share from 0 to 100 percent");
    let now = clock::now();
    let opened = args.store.open().await?;
    let mut replica = opened.replica(now).await?;
    let scratch = args.store.cache_dir()?;
    let hints = Hints {
        mechanism: args.mechanism.clone(),
        scope: args.scope.clone(),
        source: args.source.clone(),
        ..args.list.hints()
    };
    let files = list_files(&args.files, &scratch)?;
    let mut writer = if args.dry_run { None } else { Some(opened.writer().await?) };
    let config = ImportConfig {
        batch: abide_import::batch_id(now, u32::from_le_bytes(clock::random()?)),
        whole_list: args.snapshot.then_some(WholeList { vanish_percent_max: args.allow_vanish }),
        recorded_by: args.recorded_by.as_deref().map(Into::into),
        note: args.note.as_deref().map(Into::into),
        publish_from: PUBLISH_FROM,
        unique: clock::random_number()?,
    };
    let store = opened.store.clone();
    let mut reader = ListReader::open(files, &hints, reader_config(opened, now))?;
    let unreadable =
        args.unreadable.as_deref().map(|path| UnreadableRows::begin(path, &mut reader)).transpose()?;
    if !args.json {
        report::say(reader.sentences());
    }
    let said = reader.sentences().len();
    let mut bar = Bar::default();
    let outcome =
        abide_import::import(reader, &mut replica, writer.as_mut(), config, &clock::now, &mut |at| {
            bar.show(at);
        })
        .await;
    bar.end();
    // Also when nothing was imported: they show why.
    if let Some(unreadable) = unreadable {
        unreadable.end()?;
    }
    // What counts is not to be lost unseen, also where it is not in force here yet.
    let counts = matches!(outcome, Ok(_) | Err(ImportError::Taken { .. }));
    if let (Some(writer), true) = (&writer, counts) {
        let read = if outcome.is_ok() { replica.heads() } else { Vec::new() };
        let heads = [read, vec![writer.head().clone()]].concat();
        remember(&args.store, &store, &heads, clock::now()).await;
    }
    let outcome = outcome?;
    let micros = clock::now().micros_since(now);
    let taking = Duration::from_micros(u64::try_from(micros).unwrap_or(0));
    if args.json {
        report::json(&outcome, taking, store.location());
    } else {
        report::say(&outcome.sentences[said..]);
        report::text(&outcome, taking);
    }
    Ok(Exit::Clean)
}

/// The file of `--unreadable`, which appears when it is complete.
#[derive(Debug)]
struct UnreadableRows {
    file: WholeFile,
}

impl UnreadableRows {
    fn begin(path: &Path, reader: &mut ListReader) -> anyhow::Result<Self> {
        let failed = || format!("could not write beside `{}`", path.display());
        let file = WholeFile::create_private(path).with_context(failed)?;
        let compression = Compression::of_name(&path.to_string_lossy());
        reader.keep_unreadable(
            Box::new(BufWriter::new(file.file().try_clone().with_context(failed)?)),
            compression,
        )?;
        Ok(Self { file })
    }

    fn end(self) -> anyhow::Result<()> {
        let name = self.file.path().display().to_string();
        self.file.appear().with_context(|| format!("could not write `{name}`"))
    }
}

fn reader_config(opened: Opened, now: abide_model::Time) -> ReaderConfig {
    ReaderConfig {
        region: opened.normaliser.region(),
        keyring: Arc::new(opened.keyring),
        threads: threads(),
        limits: Limits::default(),
        now,
    }
}

pub(crate) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// One bar for each step of a long import.
#[derive(Debug, Default)]
pub(crate) struct Bar {
    shown: Option<(Step, indicatif::ProgressBar)>,
}

impl Bar {
    pub(crate) fn show(&mut self, at: Progress) {
        if self.shown.as_ref().is_none_or(|(step, _)| *step != at.step) {
            self.end();
            let (what, unit) = match at.step {
                Step::Checking => ("looking through", Unit::Bytes),
                Step::Taking => ("taking in", Unit::Bytes),
                Step::Publishing => ("publishing", Unit::Count),
            };
            let total = (at.bytes > 0).then_some(at.bytes_total);
            self.shown = Some((at.step, progress::bar(what, unit, total)));
        }
        if let Some((_, bar)) = &self.shown {
            bar.set_position(if at.bytes > 0 { at.bytes } else { at.rows });
        }
    }

    pub(crate) fn end(&mut self) {
        if let Some((_, bar)) = self.shown.take() {
            bar.finish_and_clear();
        }
    }
}
