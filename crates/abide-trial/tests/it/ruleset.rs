//! Rulesets to try.

use std::{fs, path::Path, sync::Arc};

use abide_rules::{Case, Ruleset, RulesetSources, sources::BUILT_IN_CASES};
use abide_trial::CaseFile;

/// The cases of the default ruleset.
pub(crate) fn cases() -> Vec<CaseFile> {
    let read =
        |(name, text): &(&str, &str)| CaseFile { name: (*name).to_owned(), case: Case::parse(text).unwrap() };
    BUILT_IN_CASES.iter().map(read).collect()
}

/// The default ruleset with a text in it exchanged, which must be there.
pub(crate) fn default_with(old: &str, new: &str) -> Arc<Ruleset> {
    let mut sources = RulesetSources::built_in();
    let texts = std::iter::once(&mut sources.toml).chain(sources.policies.iter_mut().map(|(_, text)| text));
    let mut changed = 0;
    for text in texts {
        changed += text.matches(old).count();
        *text = text.replacen(old, new, 1);
    }
    assert!(changed > 0, "{old:?} is not there");
    Arc::new(Ruleset::from_sources(&sources).unwrap())
}

/// The rulesets under `examples/rulesets`, by name, with their cases.
pub(crate) fn examples() -> Vec<(String, Arc<Ruleset>, Vec<CaseFile>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/rulesets");
    let folders = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    let read = |folder: std::path::PathBuf| {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let toml = fs::read_to_string(folder.join("ruleset.toml")).unwrap();
        let sources = RulesetSources { toml, policies: files(&folder.join("policies")) };
        let rules = Ruleset::from_sources(&sources).unwrap_or_else(|error| panic!("{name}: {error}"));
        let case = |(name, text): (String, String)| CaseFile { name, case: Case::parse(&text).unwrap() };
        let cases = files(&folder.join("cases")).into_iter().map(case).collect();
        (name, Arc::new(rules), cases)
    };
    folders.map(read).collect()
}

fn files(folder: &Path) -> Vec<(String, String)> {
    let paths = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    let read = |path: std::path::PathBuf| {
        (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(&path).unwrap())
    };
    paths.map(read).collect()
}
