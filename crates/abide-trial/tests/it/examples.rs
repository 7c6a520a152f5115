//! The rulesets under `examples/rulesets` are what they say, so that whoever copies one starts from a tested one.

use std::{fs, path::Path, sync::Arc};

use abide_rules::{Case, Ruleset, RulesetSources};
use abide_trial::{CaseFile, Trial, TrialConfig};

#[test]
fn every_example_passes_in_full() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/rulesets");
    let folders = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    let mut tried = 0;
    for folder in folders {
        let sources = RulesetSources {
            toml: fs::read_to_string(folder.join("ruleset.toml")).unwrap(),
            policies: files(&folder.join("policies")),
        };
        let rules =
            Arc::new(Ruleset::from_sources(&sources).unwrap_or_else(|error| panic!("{folder:?}: {error}")));
        let read = |(name, text): (String, String)| CaseFile { name, case: Case::parse(&text).unwrap() };
        let cases: Vec<CaseFile> = files(&folder.join("cases")).into_iter().map(read).collect();
        let config = TrialConfig { seed: 1, coverage_min_percent: 100, threads: 2 };
        let trial = Trial::of(&rules, &cases, config);
        assert!(trial.is_passed(), "{folder:?}: {trial:#?}");
        tried += 1;
    }
    assert!(tried > 0);
}

fn files(folder: &Path) -> Vec<(String, String)> {
    let paths = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    let read = |path: std::path::PathBuf| {
        (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(&path).unwrap())
    };
    paths.map(read).collect()
}
