//! `abide drop report`: the answer to DROP, a status for each request.

use std::{
    collections::HashMap,
    fs::File,
    io::{BufReader, Write as _},
    path::{Path, PathBuf},
};

use abide_formats::WholeFile;
use abide_model::{Digest, Form, IdentifierKind, Normaliser, PhoneRegion};
use abide_signals::{
    columns::{self, IdColumn},
    drop::{DropFile, Holds, LIST_HEADER, REPORT_HEADER, Status},
};
use anyhow::{Context as _, bail, ensure};

use super::table;
use crate::exit::Exit;

/// Look for the people of DROP's lists in your own data, and write what DROP wants to hear: `Id,Status`.
///
/// A request whose identifier no record has is 5 (not found); one record: 3 (deleted); several records, that is
/// several people: 4 (opted out). Delete and suppress before you upload it: the report says that it was done.
/// With --exempt those found are 2 (exempted). Of lists that Abide has no identifier for, nothing is written.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  abide drop report 20260312_4821_Email.csv 20260312_4821_Phone.csv --data customers.csv --out upload.csv")]
pub(crate) struct Args {
    /// Lists of DROP: Email, Phone, MAID.
    #[arg(required = true, value_name = "LIST")]
    lists: Vec<PathBuf>,

    /// Your own data in CSV, with a header; one record a person.
    #[arg(long, required = true, value_name = "FILE")]
    data: Vec<PathBuf>,

    /// Where the report goes. It appears when it is complete.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,

    /// Everybody found is exempted, such as those whose data came from themselves.
    #[arg(long)]
    exempt: bool,

    /// For numbers without a country code.
    #[arg(long, value_name = "REGION", default_value = "US")]
    region: PhoneRegion,
}

/// A request: its id, and how many records have its identifier.
struct Request {
    id: String,
    records: u64,
}

/// The requests of all lists, by kind and digest. Two requests may be about one identifier.
#[derive(Default)]
struct Requests {
    all: Vec<Request>,
    by_digest: HashMap<(IdentifierKind, Digest), Vec<usize>>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let normaliser = Normaliser::new(args.region);
    let mut requests = Requests::default();
    let mut unread = 0;
    for path in &args.lists {
        unread += requests.add(path, &normaliser)?;
    }
    for path in &args.data {
        requests.look_through(path, args.region)?;
    }
    let mut counts = HashMap::new();
    write(args, &requests, &mut counts)?;
    for status in Status::ALL {
        let count = counts.get(&status.code()).copied().unwrap_or(0_u64);
        println!("{count:>10}  {} ({})", status.code(), status.what());
    }
    if unread > 0 {
        println!("{unread:>10}  requests whose digest cannot be read: not in the report");
        return Ok(Exit::CannotTell);
    }
    Ok(Exit::Clean)
}

fn write(args: &Args, requests: &Requests, counts: &mut HashMap<u8, u64>) -> anyhow::Result<()> {
    let failed = || format!("could not write {}", args.out.display());
    let mut text = format!("{}\n", REPORT_HEADER.join(","));
    for request in &requests.all {
        let status = match Status::of_matches(request.records) {
            Status::Deleted | Status::OptedOut if args.exempt => Status::Exempted,
            status => status,
        };
        *counts.entry(status.code()).or_default() += 1;
        text.extend([request.id.as_str(), ",", &status.code().to_string(), "\n"]);
    }
    let whole = WholeFile::create(&args.out).with_context(failed)?;
    whole.file().write_all(text.as_bytes()).with_context(failed)?;
    whole.appear().with_context(failed)
}

impl Requests {
    /// Adds a list; gives how many of its rows cannot be read.
    fn add(&mut self, path: &Path, normaliser: &Normaliser) -> anyhow::Result<u64> {
        let file = DropFile::of_name(&table::name(path))
            .with_context(|| format!("{}: give it back its name", path.display()))?;
        let Holds::List(list) = file.holds else {
            bail!("{} is not answered: its requests were withdrawn", path.display());
        };
        let Some(kind) = list.kind() else {
            bail!(
                "{}: Abide has no identifier for what it names; answer it where names, births and vehicles are kept",
                path.display()
            );
        };
        let mut unread = 0;
        for row in table::open_as(path, &LIST_HEADER, "a deletion list")?.records() {
            let row = row.with_context(|| format!("could not read {}", path.display()))?;
            let (id, hash) = (row.get(0).unwrap_or(""), row.get(1).unwrap_or(""));
            let plain = !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric());
            match list.identify(normaliser, hash) {
                Some(Ok(identifier)) if plain => {
                    self.by_digest.entry((kind, identifier.primary())).or_default().push(self.all.len());
                    self.all.push(Request { id: id.to_owned(), records: 0 });
                }
                _ => unread += 1,
            }
        }
        Ok(unread)
    }

    /// Counts the records that have the identifier of a request.
    fn look_through(&mut self, path: &Path, region: PhoneRegion) -> anyhow::Result<()> {
        let failed = || format!("could not read {}", path.display());
        let ids = id_columns(path, region)?;
        let normaliser = Normaliser::new(region);
        let mut table = csv::ReaderBuilder::new()
            .flexible(true)
            .from_reader(BufReader::new(File::open(path).with_context(failed)?));
        for row in table.records() {
            let row = row.with_context(failed)?;
            let cell = |column: usize| row.get(column);
            let mut found: Vec<usize> = Vec::new();
            for id in &ids {
                let Ok(identifier) = id.role.identify(&normaliser, &id.text(&cell)) else { continue };
                let form = match identifier.kind() {
                    IdentifierKind::Phone => Form::Last10Sha256,
                    _ => Form::Sha256,
                };
                for digest in identifier.digests(form) {
                    found.extend(self.by_digest.get(&(identifier.kind(), digest)).into_iter().flatten());
                }
            }
            // One record counts once, however many of its columns match.
            found.sort_unstable();
            found.dedup();
            for at in found {
                self.all[at].records += 1;
            }
        }
        Ok(())
    }
}

/// The columns that hold e-mail addresses, numbers and advertising ids, found as an import finds them.
fn id_columns(path: &Path, region: PhoneRegion) -> anyhow::Result<Vec<IdColumn>> {
    const SAMPLE_ROWS: usize = 200;
    let failed = || format!("could not read {}", path.display());
    let file = BufReader::new(File::open(path).with_context(failed)?);
    let mut table = csv::ReaderBuilder::new().flexible(true).from_reader(file);
    let header = table.headers().with_context(failed)?.clone();
    let rows: Vec<csv::StringRecord> =
        table.records().take(SAMPLE_ROWS).collect::<Result<_, _>>().with_context(failed)?;
    let header: Vec<&str> = header.iter().collect();
    let rows: Vec<Vec<&str>> = rows.iter().map(|row| row.iter().collect()).collect();
    let found = columns::guess(Some(&header), &rows, region).with_context(|| path.display().to_string())?;
    let ids: Vec<IdColumn> = found.ids().collect();
    ensure!(
        !ids.is_empty(),
        "{} has no column of e-mail addresses, numbers or advertising ids",
        path.display()
    );
    for id in &ids {
        println!("{}: column `{}` holds {}", path.display(), id.name, columns::described(id.role));
    }
    Ok(ids)
}
