//! Flags of the commands that read whole files.

use std::{io::Write as _, num::NonZeroUsize, path::PathBuf};

use abide_enforce::Uncovered;
use abide_formats::{Format, WholeFile};
use abide_scrub::{Durability, Report};
use abide_signals::{ColumnRef, IdArg};
use anyhow::{Context as _, ensure};

#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Reading the files")]
pub(crate) struct FileFlags {
    /// Files, globs in quotes, or - for standard input: CSV, TSV, NDJSON, Parquet, Arrow or one
    /// identifier a line; .gz and .zst.
    #[arg(value_name = "FILE", help_heading = None)]
    pub(crate) files: Vec<String>,

    /// A column of identifiers, and no others but those named: its name, path or #number, and what
    /// it holds, e.g. 'mail=email', 'user.phone=phone', 'h=email:md5'. May be given several times.
    #[arg(long = "id", value_name = "COLUMN=KIND[:PROFILE|FORM]")]
    pub(crate) ids: Vec<IdArg>,

    /// The column that the action goes to, where several hold its kind of identifier.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) to: Option<ColumnRef>,

    /// csv, tsv, psv, ndjson, lines, parquet, arrow or arrow-stream [default: as the file looks].
    #[arg(long, value_parser = parse_format)]
    pub(crate) format: Option<Format>,

    /// What stands between the fields of a text file, e.g. ';'.
    #[arg(long, value_name = "CHARACTER", value_parser = parse_delimiter, conflicts_with = "format")]
    pub(crate) delimiter: Option<u8>,

    /// The first line names the columns, however it looks.
    #[arg(long, conflicts_with = "no_header")]
    pub(crate) header: bool,

    /// The first line names no columns.
    #[arg(long)]
    pub(crate) no_header: bool,
}

impl FileFlags {
    pub(crate) fn format(&self) -> Option<Format> {
        self.format.or(self.delimiter.map(|delimiter| Format::Delimited { delimiter }))
    }

    pub(crate) fn has_header(&self) -> Option<bool> {
        if self.header { Some(true) } else { self.no_header.then_some(false) }
    }
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct OutputFlags {
    /// Where the rows go: a file, - for standard output, or for several files a directory, in which
    /// they keep their names.
    #[arg(short, long, value_name = "PATH")]
    pub(crate) output: String,

    /// Have the outputs on the disk before saying that they are there, so that not even a failure of
    /// the power takes anything from them.
    #[arg(long)]
    sync: bool,
}

impl OutputFlags {
    pub(crate) fn durability(&self) -> Durability {
        if self.sync { Durability::Synced } else { Durability::Visible }
    }
}

#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Judging")]
pub(crate) struct JudgeFlags {
    /// The circumstances. brand=BRAND_ID takes each row's from its column BRAND_ID, where there is
    /// such a column; purpose=transactional is the same for all rows, where there is none and the
    /// ruleset knows that word; brand:=acme is the same for all rows whatever columns there are.
    #[arg(long, value_name = "NAME=COLUMN|NAME:=VALUE")]
    pub(crate) context: Vec<String>,

    /// The same as --context NAME:=VALUE.
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,

    /// A row with any identifier that cannot be read cannot be judged, even if another can be.
    #[arg(long)]
    pub(crate) strict: bool,

    /// What to do where hashed columns cannot be matched with every statement of the list: accept
    /// it, or take rows that it might concern for ones that cannot be judged [default: refuse].
    #[arg(long, value_parser = ["accept", "cannot-tell"])]
    uncovered: Option<String>,

    /// Judge nobody by a list that was last refreshed longer ago, e.g. 15m, 24h, 7d.
    #[arg(long, value_name = "AGE", value_parser = parse_age)]
    pub(crate) max_list_age: Option<i64>,

    /// How many threads judge [default: as many as there are cores].
    #[arg(long, value_name = "NUMBER")]
    threads: Option<NonZeroUsize>,
}

impl JudgeFlags {
    pub(crate) fn uncovered(&self) -> Option<Uncovered> {
        self.uncovered.as_deref().map(|choice| match choice {
            "accept" => Uncovered::Accept,
            _ => Uncovered::CannotTell,
        })
    }

    pub(crate) fn threads(&self) -> NonZeroUsize {
        self.threads.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN)
    }
}

#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Report")]
pub(crate) struct ReportFlags {
    /// Write what was done, with the digests of all files, as JSON.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,

    /// Print the same to standard output rather than a summary.
    #[arg(long)]
    json: bool,
}

impl ReportFlags {
    pub(crate) fn check(&self, stdout_is_taken: bool) -> anyhow::Result<()> {
        ensure!(
            !(self.json && stdout_is_taken),
            "the rows go to standard output, so the report cannot; write it with --report FILE"
        );
        Ok(())
    }

    /// Whether anybody will see digests: they are not in the summary.
    pub(crate) fn says_digests(&self) -> bool {
        self.json || self.report.is_some()
    }

    /// Gives the report to whoever wants it; `summary` is for people, on standard error.
    pub(crate) fn give(&self, report: &Report, summary: impl Fn(&Report) -> String) -> anyhow::Result<()> {
        if let Some(path) = &self.report {
            write_whole(path, report.to_json().as_bytes())
                .with_context(|| format!("could not write the report to `{}`", path.display()))?;
        }
        if self.json {
            print!("{}", report.to_json());
            std::io::stdout().flush()?;
        } else if !report.files.is_empty() {
            eprint!("{}", summary(report));
        }
        Ok(())
    }
}

/// A report is there whole or not at all.
fn write_whole(path: &std::path::Path, bytes: &[u8]) -> std::io::Result<()> {
    if path.exists() && !path.is_file() {
        return std::fs::write(path, bytes);
    }
    let mut file = WholeFile::create(path)?;
    file.write_all(bytes)?;
    file.appear()
}

fn parse_format(name: &str) -> Result<Format, String> {
    Ok(match name {
        "csv" => Format::CSV,
        "tsv" => Format::TSV,
        "psv" => Format::Delimited { delimiter: b'|' },
        "ndjson" => Format::Ndjson,
        "lines" => Format::Lines,
        "parquet" => Format::Parquet,
        "arrow" => Format::ArrowFile,
        "arrow-stream" => Format::ArrowStream,
        _ => return Err("one of csv, tsv, psv, ndjson, lines, parquet, arrow, arrow-stream".to_owned()),
    })
}

fn parse_delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [byte] => Ok(*byte),
        b"\\t" | b"tab" => Ok(b'\t'),
        _ => Err("it is one character, or `tab`".to_owned()),
    }
}

/// In microseconds.
fn parse_age(text: &str) -> Result<i64, String> {
    let wrong = || "it is a number and s, m, h or d, e.g. 24h".to_owned();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds: i64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let number: u32 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    Ok(i64::from(number) * seconds * 1_000_000)
}
