//! Rulesets and cases.

use abide_rules::{Case, Ruleset, RulesetSources};

/// What stands between the texts of a ruleset in one input.
const NEXT_FILE: &str = "\n%%%\n";

pub(crate) fn ruleset(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut texts = text.split(NEXT_FILE);
    let toml = texts.next().unwrap_or_default().to_owned();
    let policies = texts.enumerate().map(|(at, text)| (format!("{at}.cedar"), text.to_owned())).collect();
    match Ruleset::from_sources(&RulesetSources { toml, policies }) {
        Ok(ruleset) => assert!(ruleset.actions().all(|action| ruleset.action(&action.name).is_some())),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

pub(crate) fn case(data: &[u8]) {
    if let Err(error) = Case::parse(&String::from_utf8_lossy(data)) {
        assert!(!error.to_string().is_empty());
    }
}

pub(crate) fn ruleset_seeds() -> Vec<Vec<u8>> {
    let built_in = RulesetSources::built_in();
    let mut whole = built_in.toml.clone();
    for (_, policy) in &built_in.policies {
        whole += NEXT_FILE;
        whole += policy;
    }
    vec![whole.into_bytes(), built_in.toml.into_bytes()]
}

pub(crate) fn case_seeds() -> Vec<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../cases");
    let mut seeds = Vec::new();
    for kind in std::fs::read_dir(folder).unwrap() {
        for case in std::fs::read_dir(kind.unwrap().path()).unwrap() {
            seeds.push(std::fs::read(case.unwrap().path()).unwrap());
        }
    }
    seeds.sort();
    seeds
}
