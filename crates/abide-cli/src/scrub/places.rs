//! Where outputs go: one file, standard output, or a directory where they keep their names.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use abide_scrub::{Outputs, Target};
use anyhow::{Context as _, bail, ensure};

use super::inputs::{Inputs, Named};

#[derive(Debug)]
pub(crate) struct Places {
    kept: Option<Place>,
    blocked: Option<Place>,
    unjudged: Option<Place>,
}

#[derive(Debug)]
enum Place {
    Stdout,
    File(PathBuf),
    Directory(PathBuf),
}

impl Places {
    pub(crate) fn nowhere() -> Self {
        Self { kept: None, blocked: None, unjudged: None }
    }

    pub(crate) fn new(
        kept: Option<&str>,
        blocked: Option<&str>,
        unjudged: Option<&str>,
        inputs: &Inputs,
    ) -> anyhow::Result<Self> {
        let place = |named: Option<&str>| named.map(|named| Place::new(named, inputs)).transpose();
        let places = Self { kept: place(kept)?, blocked: place(blocked)?, unjudged: place(unjudged)? };
        let all = [&places.kept, &places.blocked, &places.unjudged];
        let stdout = all.into_iter().flatten().filter(|place| matches!(place, Place::Stdout)).count();
        ensure!(stdout <= 1, "only one output can go to standard output");
        Ok(places)
    }

    pub(crate) fn takes_stdout(&self) -> bool {
        let all = [&self.kept, &self.blocked, &self.unjudged];
        all.into_iter().flatten().any(|place| matches!(place, Place::Stdout))
    }

    pub(crate) fn outputs(&self, input: &Named) -> Outputs {
        let target = |place: &Option<Place>| place.as_ref().map(|place| place.target(input));
        Outputs { kept: target(&self.kept), blocked: target(&self.blocked), unjudged: target(&self.unjudged) }
    }
}

impl Place {
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
