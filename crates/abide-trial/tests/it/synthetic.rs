//! Each law that a ruleset can break is found broken where it is, with an example that a person can follow.

use std::sync::Arc;

use abide_rules::{Case, Ruleset, RulesetSources};
use abide_trial::{Finding, synthetic, unreadable};

use crate::ruleset::default_with;

const SMALL: &str = r#"name = "small"
[segments.unwanted]
description = "Wants no mail."
mechanisms = ["web.*", "ads.*", "email.*", "sms.*", "phone.*", "push.*", "post.*", "profile.*", "privacy.*", "law.*", "hold.*", "list.*"]
blocks = ["send"]
[actions.send]
channels = ["email"]
to = "email"
basis = "opt_out"
description = "Sending."
law = "None."
"#;

fn small(toml: &str) -> Arc<Ruleset> {
    Arc::new(Ruleset::from_sources(&RulesetSources { toml: toml.to_owned(), policies: Vec::new() }).unwrap())
}

#[track_caller]
fn breaks(rules: &Arc<Ruleset>, law: &str, words: &[&str]) {
    let findings = synthetic(rules, 7, 2).findings;
    let found = findings.iter().find(|finding| finding.law == law);
    let Some(Finding { example, .. }) = found else { panic!("{law} holds: {findings:?}") };
    assert!(words.iter().all(|word| example.contains(word)), "{example}");
}

#[test]
fn a_table_without_policies_keeps_every_law() {
    let tried = synthetic(&small(SMALL), 7, 2);
    assert_eq!(tried.findings, []);
    assert!(tried.blocked_tried > 0);
}

#[test]
fn equal_seeds_find_equal_things() {
    let rules = default_with(
        "when { context.purpose == Purpose::\"marketing\" };\n\n// A registry",
        "when { context.purpose == Purpose::\"marketing\" }\nunless { principal in Segment::\"do_not_track\" };\n\n// A registry",
    );
    assert_eq!(synthetic(&rules, 3, 1), synthetic(&rules, 3, 4));
}

#[test]
fn a_segment_that_blocks_nothing_is_found() {
    let idle = SMALL.replace(
        "[actions.send]",
        "[segments.idle]\ndescription = \"x\"\nmechanisms = [\"sms.stop\"]\n[actions.send]",
    );
    breaks(&small(&idle), "segments-block", &["`idle`"]);
}

#[test]
fn an_action_that_nothing_blocks_is_found() {
    let free = format!(
        "{SMALL}[actions.other]\nchannels = [\"sms\"]\nto = \"phone\"\nbasis = \"opt_out\"\ndescription = \"\"\nlaw = \"\"\n"
    );
    breaks(&small(&free), "actions-can-be-blocked", &["`other`"]);
}

#[test]
fn a_default_that_is_lenient_is_found() {
    let rules = default_with("default = \"marketing\"", "default = \"legal\"");
    breaks(&rules, "unsaid-is-strictest", &["purpose=marketing"]);
}

#[test]
fn an_opt_out_that_lifts_another_is_found_small() {
    let lifting = SMALL
        .replace("blocks = [\"send\"]", "blocks = [\"send\"]\nunless = 'principal in Segment::\"angry\"'")
        .replace(
            "[actions.send]",
            "[segments.angry]\ndescription = \"x\"\nmechanisms = [\"email.complaint\"]\n[actions.send]",
        );
    breaks(
        &small(&lifting),
        "more-opt-outs-never-allow-more",
        &["somebody with `", "`email.complaint` besides"],
    );
}

/// Who acts has to be said for it to be blocked: silence would be the way around.
#[test]
fn a_rule_that_asks_who_acts_is_found() {
    let asking = SMALL.replace("blocks = [\"send\"]", "blocks = [\"send\"]\nwhen = 'context has brand'");
    breaks(&small(&asking), "unnamed-scope-is-strictest", &["`send`", "where nobody says who acts"]);
}

#[test]
fn a_basis_that_the_policies_do_not_keep_is_found() {
    let mut sources = RulesetSources { toml: SMALL.to_owned(), policies: Vec::new() };
    let policy = "@id(\"all\") @reason(\"all\") forbid (principal, action, resource);";
    sources.policies.push(("all.cedar".to_owned(), policy.to_owned()));
    let rules = Arc::new(Ruleset::from_sources(&sources).unwrap());
    breaks(&rules, "basis", &["`send`", "blocked"]);
}

/// A segment of one member of a family blocks those who are in it.
#[test]
fn a_segment_of_one_member_of_a_family_is_tried() {
    let rules = default_with(
        "[segments.do_not_track]",
        "[segments.framework]\ndescription = \"One framework.\"\nmechanisms = [\"web.tcf.4\"]\nblocks = [\"contact.email\"]\n\n[segments.do_not_track]",
    );
    assert!(!synthetic(&rules, 1, 2).findings.iter().any(|finding| finding.law == "segments-block"));
}

/// A case that names no domain is no reason to panic.
#[test]
fn a_retraction_of_no_domain_is_unreadable() {
    let case = |domain: &str| {
        let text = format!(
            "[[retract]]\nsource = \"ftc\"\nmechanism = \"phone.dnc.us\"\nfrom = \"2026-01-01T00:00:00Z\"\n\
             until = \"2026-01-02T00:00:00Z\"\ndomain = \"{domain}\"\n\
             [[check]]\nemail = \"jane@example.com\"\naction = \"contact.email\"\nverdict = \"allow\"\n"
        );
        unreadable(&Case::parse(&text).unwrap())
    };
    assert_eq!(case("example.com"), None);
    assert_eq!(case("not a domain"), Some("retract 1".to_owned()));
}
