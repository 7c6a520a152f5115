//! A weakening is found wherever it is, and what only looks different is not one.

use abide_rules::{Mutant, Ruleset, RulesetSources};
use abide_trial::compare;

use crate::ruleset::default_with;

fn default() -> Ruleset {
    Ruleset::built_in().unwrap()
}

/// Every mechanism of every segment, one at a time. Some are blocked by another rule all the same; then nothing is
/// weaker, and trying everybody says so.
#[test]
fn a_mechanism_taken_out_of_a_segment_is_found() {
    let rules = default();
    let forgetful = |mutant: &&Mutant| mutant.rule.is_none();
    let (mut weaker, mut same) = (0, 0);
    for mutant in rules.mutants().iter().filter(forgetful) {
        let comparison = compare(&rules, &rules.mutated(mutant));
        assert_eq!(comparison.gap, None, "{}", mutant.what);
        let is_lost = comparison.newly_allowed.is_empty();
        *(if is_lost { &mut same } else { &mut weaker }) += 1;
        // A hold and an erasure have rules of their own, a complaint too.
        let is_covered = ["hold.", "law.erasure", "email.complaint", "sms.stop", "privacy."];
        assert!(!is_lost || is_covered.iter().any(|path| mutant.what.contains(path)), "{}", mutant.what);
    }
    assert!(weaker > 30, "{weaker} weaker, {same} the same");
}

#[test]
fn an_exception_is_found_with_its_example() {
    let weaker = default_with(
        "    action == Action::\"contact.phone\",\n    resource\n)\nwhen { context.purpose == Purpose::\"marketing\" };",
        "    action == Action::\"contact.phone\",\n    resource\n)\nwhen { context.purpose == Purpose::\"marketing\" }\nunless { context has brand && context.brand == \"acme\" };",
    );
    let comparison = compare(&default(), &weaker);
    assert_eq!(comparison.gap, None);
    let sentences: Vec<_> =
        comparison.newly_allowed.iter().map(|example| example.sentence.as_str()).collect();
    assert!(
        sentences.iter().any(|said| said.contains("`phone.stop`") && said.contains("brand=acme")),
        "{sentences:?}"
    );
    assert!(comparison.newly_allowed.iter().all(|example| example.action.as_str() == "contact.phone"));
    // The other way round the same people are blocked anew.
    let back = compare(&weaker, &default());
    assert!(back.is_no_weaker() && !back.newly_blocked.is_empty(), "{back:?}");
}

/// Nobody is let through by layout, order or remarks.
#[test]
fn a_ruleset_written_differently_is_the_same() {
    let mut sources = RulesetSources::built_in();
    sources.toml = sources.toml.replace("\"web.gpc\", \"web.gpp.*\"", "\"web.gpp.*\",   \"web.gpc\"");
    for (file, text) in &mut sources.policies {
        *file = format!("z-{file}");
        *text = format!("// a remark\n{}", text.replace("\n    ", " "));
    }
    let other = Ruleset::from_sources(&sources).unwrap();
    assert_ne!(other.version(), default().version());
    let comparison = compare(&default(), &other);
    assert!(comparison.is_no_weaker() && comparison.newly_blocked.is_empty(), "{comparison:?}");
    assert!(default().difference(&other).is_empty(), "{:?}", default().difference(&other));
}

/// A condition that is not monotone takes more than small sets: two opt-outs that lift each other.
#[test]
fn opt_outs_that_lift_one_another_are_not_taken_for_proven() {
    let odd = default_with(
        "when { context.purpose == Purpose::\"marketing\" };\n\n// A registry",
        "when { context.purpose == Purpose::\"marketing\" }\nunless { principal in Segment::\"do_not_track\" };\n\n// A registry",
    );
    assert!(!odd.shape().is_monotone);
    assert!(!compare(&default(), &odd).is_no_weaker());
}

/// An old list may not be relied on for longer without anybody noticing.
#[test]
fn a_source_that_may_be_older_is_found() {
    let weaker = default_with("max_age_days = 31", "max_age_days = 90");
    let comparison = compare(&default(), &weaker);
    let sentence = &comparison.newly_allowed[0].sentence;
    assert!(sentence.contains("90 days") && sentence.contains("31 days"), "{sentence}");
}
