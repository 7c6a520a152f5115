//! Rulesets to compare: the default one and the examples, whole and with a text exchanged.

use std::{fs, path::Path};

use abide_rules::{Ruleset, RulesetSources};

/// The default ruleset and every example.
pub(crate) fn all() -> Vec<(String, RulesetSources)> {
    let mut all = vec![("default".to_owned(), RulesetSources::built_in())];
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/rulesets");
    let folders = fs::read_dir(examples).unwrap().map(|entry| entry.unwrap().path());
    for folder in folders.filter(|path| path.is_dir()) {
        let policies = fs::read_dir(folder.join("policies")).into_iter().flatten().map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(path).unwrap())
        });
        let sources = RulesetSources {
            toml: fs::read_to_string(folder.join("ruleset.toml")).unwrap(),
            policies: policies.collect(),
        };
        all.push((folder.file_name().unwrap().to_string_lossy().into_owned(), sources));
    }
    assert!(all.len() > 1, "there are examples");
    all
}

pub(crate) fn compiled(sources: &RulesetSources) -> Ruleset {
    Ruleset::from_sources(sources).unwrap_or_else(|error| panic!("{error}"))
}

/// The default ruleset with a text in it exchanged, which must be there.
pub(crate) fn default_with(old: &str, new: &str) -> Ruleset {
    let mut sources = RulesetSources::built_in();
    let texts = std::iter::once(&mut sources.toml).chain(sources.policies.iter_mut().map(|(_, text)| text));
    let mut changed = 0;
    for text in texts {
        changed += text.matches(old).count();
        *text = text.replacen(old, new, 1);
    }
    assert!(changed > 0, "{old:?} is not there");
    compiled(&sources)
}
