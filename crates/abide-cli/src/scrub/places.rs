//! Where outputs go: one file, standard output, or a directory where they keep their names.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use abide_scrub::{Durability, Outputs, Report, Role, Sheet, Target};
use anyhow::{Context as _, bail, ensure};

use super::inputs::{Inputs, Named};

#[derive(Debug)]
pub(crate) struct Places {
    kept: Option<Place>,
    blocked: Option<Place>,
    unjudged: Option<Place>,
    durability: Durability,
}

#[derive(Debug)]
enum Place {
    Stdout,
    File(PathBuf),
    Directory(PathBuf),
    /// One table for the rows of many files, or of one in another format.
    Sheet(Sheet),
}

impl Places {
    pub(crate) fn nowhere() -> Self {
        Self { kept: None, blocked: None, unjudged: None, durability: Durability::Visible }
    }

    pub(crate) fn new(
        kept: Option<&str>,
        blocked: Option<&str>,
        unjudged: Option<&str>,
        durability: Durability,
        inputs: &Inputs,
    ) -> anyhow::Result<Self> {
        let place = |named: Option<&str>| named.map(|named| Place::new(named, inputs)).transpose();
        let side = |named: Option<&str>| named.map(|named| Place::aside(named, inputs)).transpose();
        let places =
            Self { kept: place(kept)?, blocked: side(blocked)?, unjudged: side(unjudged)?, durability };
        let all = [&places.kept, &places.blocked, &places.unjudged];
        let stdout = all.into_iter().flatten().filter(|place| matches!(place, Place::Stdout)).count();
        ensure!(stdout <= 1, "only one output can go to standard output");
        Ok(places)
    }

    pub(crate) fn takes_stdout(&self) -> bool {
        let all = [&self.kept, &self.blocked, &self.unjudged];
        all.into_iter().flatten().any(|place| matches!(place, Place::Stdout))
    }

    /// Puts the tables in their places, unless there was nothing to put into them.
    pub(crate) fn save_sheets(&self, report: &mut Report, digests: bool) -> anyhow::Result<()> {
        if report.files.is_empty() {
            return Ok(());
        }
        for (place, role) in [(&self.blocked, Role::Blocked), (&self.unjudged, Role::Unjudged)] {
            if let Some(Place::Sheet(sheet)) = place {
                report.add_sheet(sheet.save(role, digests)?);
            }
        }
        Ok(())
    }

    pub(crate) fn outputs(&self, input: &Named) -> Outputs {
        let target = |place: &Option<Place>| place.as_ref().map(|place| place.target(input));
        Outputs {
            kept: target(&self.kept),
            blocked: target(&self.blocked),
            unjudged: target(&self.unjudged),
            durability: self.durability,
        }
    }
}

impl Place {
    /// Side outputs have the format of their input, but for a CSV file that takes the rows of several files, or of one
    /// that is no CSV.
    fn aside(named: &str, inputs: &Inputs) -> anyhow::Result<Self> {
        let ending =
            |name: &str, endings: &[&str]| endings.iter().any(|ending| name.to_lowercase().ends_with(ending));
        let several = inputs.0.len() > 1;
        let no_csv = inputs.0.iter().any(|input| {
            ending(
                &input.name(),
                &[".parquet", ".pq", ".arrow", ".arrows", ".feather", ".ndjson", ".jsonl", ".json"],
            )
        });
        if ending(named, &[".csv"]) && (several || no_csv) && !Path::new(named).is_dir() {
            return Ok(Self::Sheet(Sheet::create(Path::new(named))?));
        }
        Self::new(named, inputs)
    }

    fn new(named: &str, inputs: &Inputs) -> anyhow::Result<Self> {
        let several = inputs.0.len() > 1;
        if named == "-" {
            ensure!(!several, "several files cannot go to standard output together; name a directory");
            return Ok(Self::Stdout);
        }
        let path = Path::new(named);
        if !named.ends_with('/') && !path.is_dir() {
            ensure!(!several, "several files go into a directory; write `{named}/` if that is one");
            return Ok(Self::File(path.to_owned()));
        }
        refuse_collisions(named, inputs)?;
        std::fs::create_dir_all(path).with_context(|| format!("could not make the directory `{named}`"))?;
        Ok(Self::Directory(path.to_owned()))
    }

    fn target(&self, input: &Named) -> Target {
        match (self, input) {
            (Self::Stdout, _) => {
                Target::Stream { name: "standard output".to_owned(), stream: Box::new(std::io::stdout()) }
            }
            (Self::File(path), _) => Target::File(path.clone()),
            (Self::Sheet(sheet), _) => Target::Sheet(sheet.clone()),
            (Self::Directory(directory), Named::File(input)) => {
                Target::File(directory.join(input.file_name().unwrap_or_default()))
            }
            (Self::Directory(directory), Named::Stdin) => Target::File(directory.join("stdin")),
        }
    }
}

/// Two files of one name would become one.
fn refuse_collisions(directory: &str, inputs: &Inputs) -> anyhow::Result<()> {
    let mut taken: BTreeMap<&std::ffi::OsStr, &Path> = BTreeMap::new();
    for input in &inputs.0 {
        let Named::File(path) = input else { continue };
        let Some(name) = path.file_name() else { continue };
        if let Some(other) = taken.insert(name, path) {
            bail!(
                "`{}` and `{}` would both become `{}` in `{directory}`; scrub them into different directories",
                other.display(),
                path.display(),
                name.display()
            );
        }
    }
    Ok(())
}
