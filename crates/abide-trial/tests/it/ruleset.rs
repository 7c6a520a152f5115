//! Rulesets to try.

use std::sync::Arc;

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
