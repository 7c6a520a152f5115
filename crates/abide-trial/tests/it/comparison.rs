//! A weakening is found wherever it is, and what only looks different is not one.

use abide_model::Action;
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

/// However a policy asks for a segment.
#[test]
fn a_lifting_segment_is_seen_in_every_expression() {
    for lifts in [
        "principal is Person in Segment::\"do_not_track\"",
        "(if context.purpose == Purpose::\"marketing\" then principal else principal) in Segment::\"do_not_track\"",
    ] {
        let odd = default_with(
            "when { context.purpose == Purpose::\"marketing\" };\n\n// A registry",
            &format!(
                "when {{ context.purpose == Purpose::\"marketing\" }}\nunless {{ {lifts} }};\n\n// A registry"
            ),
        );
        assert!(!odd.shape().is_monotone, "{lifts}");
        assert!(!compare(&default(), &odd).is_no_weaker(), "{lifts}");
    }
}

/// Only who is in all of them is blocked.
#[test]
fn a_condition_turned_round_takes_as_many_segments() {
    let in_all = "principal in Segment::\"do_not_track\" && principal in Segment::\"do_not_profile\"";
    let one_of_three = "principal in Segment::\"do_not_share\" || principal in Segment::\"do_not_track\"";
    let with = |rest: &str| {
        let rule = format!(
            "// Who is not to be contacted.\n@id(\"odd\") @reason(\"odd\")\nforbid (principal, action, resource) {rest};\n"
        );
        default_with("// Who is not to be contacted. Transactional, security and legal messages pass a marketing opt-out.", &rule).shape()
    };
    for rest in [
        format!("when {{ {in_all} }}"),
        format!("when {{ !(!({in_all})) }}"),
        format!("unless {{ !({in_all}) }}"),
        "unless { !(principal in Segment::\"do_not_track\") || !(principal in Segment::\"do_not_profile\") }"
            .to_owned(),
        format!("when {{ ({in_all}) || ({one_of_three}) }}"),
    ] {
        let shape = with(&rest);
        assert!(shape.is_monotone, "{rest}");
        assert_eq!(shape.depth, 2, "{rest}");
    }
    assert_eq!(with(&format!("when {{ ({in_all}) && ({one_of_three}) }}")).depth, 3);
}

/// One segment takes one permit away, and whoever is in both is blocked.
#[test]
fn permits_have_to_fail_all() {
    let permits = ["do_not_track", "do_not_profile", "do_not_share"].map(|segment| {
        format!("@id(\"permit-{}\") @reason(\"odd\")\npermit (principal, action, resource) unless {{ principal in Segment::\"{segment}\" }};\n", segment.replace('_', "-"))
    });
    let mut sources = RulesetSources::built_in();
    let all = sources.policies.iter_mut().map(|(_, text)| text);
    for text in all {
        *text = text.replace("permit (principal, action, resource);", "");
    }
    sources.policies.push(("permits.cedar".to_owned(), permits.concat()));
    let shape = Ruleset::from_sources(&sources).unwrap().shape();
    assert!(shape.is_monotone);
    assert_eq!(shape.depth, 3);
}

/// A limit on one member of a family is a limit.
#[test]
fn a_named_list_that_may_be_older_is_found() {
    let with = |days: u32| {
        default_with(
            "mechanisms = [\"phone.dnc.*\"]\nmax_age_days = 31",
            &format!("mechanisms = [\"phone.dnc.us\"]\nmax_age_days = {days}"),
        )
    };
    let comparison = compare(&with(31), &with(90));
    assert!(comparison.newly_allowed.iter().any(|example| example.sentence.contains("`phone.dnc.us`")));
    assert!(compare(&with(31), &with(31)).is_no_weaker());
    // What is named is one thing, what nobody names another.
    assert!(!compare(&default(), &with(31)).is_no_weaker());
}

/// White space in a text is part of it.
#[test]
fn a_literal_with_another_space_is_a_change() {
    let with = |brand: &str| {
        default_with(
            "unless { context.message == Message::\"confirm_opt_in\" };",
            &format!("unless {{ context has brand && context.brand == \"{brand}\" }};"),
        )
    };
    let (one, two) = (with("a \\\" b"), with("a \\\"  b"));
    assert_eq!(one.difference(&two).len(), 2, "{:?}", one.difference(&two));
    assert!(one.difference(&with("a \\\" b")).is_empty());
}

/// Rulesets that judge nothing alike prove nothing of one another.
#[test]
fn rulesets_without_an_action_in_common_are_not_proven() {
    let small = |action: &str| {
        let toml = format!(
            "name = \"small\"\n[segments.unwanted]\ndescription = \"Wants none.\"\nmechanisms = [\"web.*\", \"ads.*\", \"email.*\", \
             \"sms.*\", \"phone.*\", \"push.*\", \"post.*\", \"profile.*\", \"privacy.*\", \"law.*\", \"hold.*\", \"list.*\"]\n\
             blocks = [\"{action}\"]\n[actions.{action}]\nchannels = [\"email\"]\nto = \"email\"\nbasis = \"opt_out\"\n\
             description = \"Sending.\"\nlaw = \"None.\"\n"
        );
        Ruleset::from_sources(&RulesetSources { toml, policies: Vec::new() }).unwrap()
    };
    let comparison = compare(&small("send"), &small("post"));
    assert!(!comparison.is_no_weaker());
    let names = |actions: &[Action]| actions.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        (names(&comparison.gone), names(&comparison.added)),
        (vec!["send".into()], vec!["post".into()])
    );
    assert!(compare(&small("send"), &small("send")).is_no_weaker());
}
