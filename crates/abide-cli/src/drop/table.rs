//! DROP's files: small tables in CSV, told by their headers.

use std::{fs::File, io::BufReader, path::Path};

use anyhow::{Context as _, ensure};

pub(super) type Table = csv::Reader<BufReader<File>>;

/// Opens a table; `None` if its header is another one.
pub(super) fn open(path: &Path, header: &[&str]) -> anyhow::Result<Option<Table>> {
    let file = File::open(path).with_context(|| format!("could not open {}", path.display()))?;
    let mut table = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(BufReader::new(file));
    let found = table.headers().with_context(|| format!("could not read {}", path.display()))?;
    let same = found.len() == header.len()
        && found
            .iter()
            .zip(header)
            .all(|(found, ours)| found.trim_start_matches('\u{feff}').eq_ignore_ascii_case(ours));
    Ok(same.then_some(table))
}

/// What `open` gives, where another header is a mistake.
pub(super) fn open_as(path: &Path, header: &[&str], what: &str) -> anyhow::Result<Table> {
    let table = open(path, header)?;
    ensure!(table.is_some(), "{} is not {what}: its header is not `{}`", path.display(), header.join(","));
    Ok(table.expect("just looked"))
}

pub(super) fn name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}
