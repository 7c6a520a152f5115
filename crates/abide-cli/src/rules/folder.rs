//! A ruleset in a folder: `ruleset.toml`, `policies/*.cedar`, `cases/*.toml`.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use abide_rules::{Case, Ruleset, RulesetSources, sources::SIZE_MAX_BYTES};
use abide_trial::{CaseFile, unreadable};
use anyhow::{Context as _, bail, ensure};

/// A version is stored with its cases, in one object.
const CASES_MAX_BYTES: usize = 16 << 20;

/// What a folder holds, read and checked.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) sources: RulesetSources,
    pub(crate) rules: Arc<Ruleset>,
    /// Each case's text, by its name below `cases`.
    pub(crate) case_texts: Vec<(String, String)>,
    pub(crate) cases: Vec<CaseFile>,
}

impl Folder {
    pub(crate) fn read(folder: &Path) -> anyhow::Result<Self> {
        let toml = folder.join("ruleset.toml");
        let bytes = read(&toml).with_context(|| {
            format!("`{}` is no folder of a ruleset; `abide rules init` makes one", folder.display())
        })?;
        let policies = files(&folder.join("policies"), "cedar")?;
        let policies = policies.into_iter().map(|(name, path)| Ok((name, read(&path)?)));
        let policies = policies.collect::<anyhow::Result<_>>()?;
        let sources = RulesetSources::from_files(bytes, policies)?;
        let rules = Arc::new(Ruleset::from_sources(&sources)?);
        let mut case_texts = Vec::new();
        let mut size = 0;
        for (name, path) in files(&folder.join("cases"), "toml")? {
            let bytes = read(&path)?;
            size += bytes.len();
            ensure!(size <= CASES_MAX_BYTES, "the cases have more than {CASES_MAX_BYTES} bytes together");
            let text = String::from_utf8(bytes);
            case_texts.push((name.clone(), text.with_context(|| format!("cases/{name} is no UTF-8 text"))?));
        }
        let cases = parse_cases(&case_texts)?;
        Ok(Self { sources, rules, case_texts, cases })
    }
}

/// Reads cases, which have to be about somebody.
pub(crate) fn parse_cases(texts: &[(String, String)]) -> anyhow::Result<Vec<CaseFile>> {
    let parse = |(name, text): &(String, String)| {
        let case = Case::parse(text).with_context(|| format!("cases/{name}"))?;
        if let Some(signal) = unreadable(&case) {
            bail!("cases/{name}: {signal} has an identifier that cannot be read");
        }
        Ok(CaseFile { name: name.clone(), case })
    };
    texts.iter().map(parse).collect()
}

/// The files of an ending in a folder and in those below it, by name. A folder that is not there has none.
fn files(folder: &Path, ending: &str) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(below) = folders.pop() {
        let entries = match fs::read_dir(&below) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error).with_context(|| format!("could not list `{}`", below.display())),
        };
        for entry in entries {
            let path = entry.with_context(|| format!("could not list `{}`", below.display()))?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == ending) {
                let name = path.strip_prefix(folder).expect("it was found there").display().to_string();
                found.push((name, path));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// No file of a ruleset is larger than a whole ruleset may be, so a wrong one is not read into memory.
fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let size = fs::metadata(path).with_context(|| format!("could not read `{}`", path.display()))?.len();
    ensure!(
        size <= SIZE_MAX_BYTES as u64,
        "`{}` has {size} bytes; a ruleset has at most {SIZE_MAX_BYTES}",
        path.display()
    );
    fs::read(path).with_context(|| format!("could not read `{}`", path.display()))
}
