//! What is wrong with a ruleset is found when it is read, and named with its place.

use abide_model::{Context, Verdict, facts::Effective};
use abide_rules::{Ruleset, RulesetSources};

const SEGMENTS: &str = r#"name = "small"
[segments.unwanted]
description = "Everything."
mechanisms = ["web.*", "ads.*", "email.*", "sms.*", "phone.*", "push.*", "post.*", "profile.*", "privacy.*", "law.*", "hold.*", "list.*"]
"#;

const ACTION: &str = r#"
[actions.send]
channels = ["email"]
to = "email"
basis = "opt_out"
description = "Sending."
law = "None."
"#;

const PURPOSE: &str = r#"
[context.purpose]
values = ["marketing", "legal"]
default = "marketing"
description = "What for."
"#;

const RULE: &str = r#"@id("unwanted") @reason("unwanted")
forbid (principal in Segment::"unwanted", action, resource);
"#;

/// The TOML, the policies and the whole message.
fn refusals() -> Vec<(String, &'static str, &'static str)> {
    let base = || format!("{SEGMENTS}{ACTION}{PURPOSE}");
    let with = |more: &str| base() + more;
    vec![
        (
            base().replace("name = \"small\"", "name = \"Small\""),
            RULE,
            "ruleset.toml:1:8: `Small` is no name for a ruleset: write lower-case letters, digits and `_`, in words joined by `.`",
        ),
        (
            with("[segments.nobody]\ndescription = \"\"\nmechanisms = []\n"),
            RULE,
            "ruleset.toml:17:11: no mechanism puts anybody into the segment `nobody`: list some in `mechanisms`, or take it out",
        ),
        (
            with("[segments.typo]\ndescription = \"\"\nmechanisms = [\"email.unsubscribed\"]\n"),
            RULE,
            "ruleset.toml:19:15: there is no mechanism `email.unsubscribed`; the nearest is `email.unsubscribe`",
        ),
        (
            base().replace("\"law.*\", ", ""),
            RULE,
            "ruleset.toml:1:1: the mechanism `law.drop` makes no segment, so what people said that way would be ignored: list it \
             under a segment, or under `[segmentless]` with the reason",
        ),
        // One member of a family is not the family.
        (
            base().replace("\"phone.*\"", "\"phone.dnc.us\", \"phone.stop\", \"phone.reassigned\""),
            RULE,
            "ruleset.toml:1:1: the mechanism `phone.dnc.*` makes no segment, so what people said that way would be ignored: list \
             it under a segment, or under `[segmentless]` with the reason",
        ),
        (
            with("[segmentless]\n\"sms.stop\" = \"why not\"\n"),
            RULE,
            "ruleset.toml:18:1: `sms.stop` makes a segment and stands under `[segmentless]` too",
        ),
        (
            base().replace("to = \"email\"", "to = \"e-mail\""),
            RULE,
            "ruleset.toml:8:6: there is no kind of identifier `e-mail`; the nearest is `email`",
        ),
        (
            base().replace("channels = [\"email\"]", "channels = [\"mail\"]"),
            RULE,
            "ruleset.toml:7:13: there is no channel `mail`; the nearest is `email`",
        ),
        (
            base().replace("basis = \"opt_out\"", "basis = \"optout\""),
            RULE,
            "ruleset.toml:9:9: unknown variant `optout`, expected `opt_out` or `opt_in`",
        ),
        (
            with(
                "[groups.a]\ndescription = \"\"\nin = [\"b\"]\n[groups.b]\ndescription = \"\"\nin = [\"a\"]\n",
            ),
            RULE,
            "ruleset.toml:17:9: the groups `a`, `b` are in one another in a circle",
        ),
        (
            with("[groups.contact]\ndescription = \"\"\n").replace("to = ", "in = [\"contacts\"]\nto = "),
            RULE,
            "ruleset.toml:8:7: there is no group `contacts`; the nearest is `contact`",
        ),
        (
            with("[context.tier]\nvalues = [\"gold\"]\ndescription = \"\"\n"),
            RULE,
            "ruleset.toml:17:10: the context attribute `tier` has `values` but no `default`: give the one that is judged when none \
             is named",
        ),
        (
            with("[context.brand]\nvalues = [\"acme\"]\ndefault = \"acme\"\ndescription = \"\"\n"),
            RULE,
            "ruleset.toml:17:10: `brand` names a scope, so it takes any text: leave out `values` and `default`",
        ),
        (
            with(
                "[[sources]]\nmechanisms = [\"phone.dnc.*\"]\nmax_age_days = 31\nactions = [\"sned\"]\nlaw = \"\"\n",
            ),
            RULE,
            "ruleset.toml:20:12: there is no action `sned`; the nearest is `send`",
        ),
        (
            with(
                "[[sources]]\nmechanisms = [\"phone.dnc.*\"]\nmax_age_days = 0\nactions = [\"send\"]\nlaw = \"\"\n",
            ),
            RULE,
            "ruleset.toml:19:16: a `max_age_days` is at least 1",
        ),
        (
            with("colour = \"red\"\n"),
            RULE,
            "ruleset.toml:17:1: unknown field `colour`, expected one of `description`, `values`, `default`, `lenient_default`",
        ),
        (
            base(),
            "forbid (principal, action, resource);",
            "policies/rules.cedar:1:1: this policy has no name: put `@id(\"some-name\")` before it",
        ),
        // A semicolon in a string or a comment ends no policy.
        (
            base(),
            "// one; two\n@id(\"a\") @reason(\"b; c\") forbid (principal, action, resource);\n\npermit (principal, action, resource);",
            "policies/rules.cedar:4:1: this policy has no name: put `@id(\"some-name\")` before it",
        ),
        (
            base(),
            "@id(\"basis-opt-out\") permit (principal, action, resource);",
            "policies/rules.cedar:1:1: `basis-opt-out` is no id for a policy: write lower-case letters, digits and `-`, and no name \
             that the engine uses itself",
        ),
        (
            base(),
            "@id(\"mute\") forbid (principal, action, resource);",
            "policies/rules.cedar:1:1: the policy `mute` forbids something and does not say why: put `@reason(\"…\")` before it",
        ),
        (
            base(),
            "@id(\"a\") permit (principal, action, resource);\n@id(\"a\") permit (principal, action, resource);",
            "policies/rules.cedar:2:1: the policy `a` is declared twice",
        ),
        (
            base(),
            "@id(\"t\") permit (principal == ?principal, action, resource);",
            "policies/rules.cedar:1:1: the policy `t` is a template (it has a `?principal` or `?resource`); write it out",
        ),
        (
            base(),
            "@id(\"a\") @reason(\"b\")\nforbid (principal in Segment::\"unwnted\", action, resource);",
            "policies/rules.cedar:2:31: there is no segment `unwnted`; the nearest is `unwanted`",
        ),
        (
            base(),
            "@id(\"a\") @reason(\"b\")\nforbid (principal, action == Action::\"sent\", resource);",
            "policies/rules.cedar:2:38: there is no action `sent`; the nearest is `send`",
        ),
        (
            base(),
            "@id(\"a\") @reason(\"b\")\nforbid (principal, action, resource)\nwhen { context.purpose == Purpose::\"marketting\" };",
            "policies/rules.cedar:3:36: there is no value `marketting`; the nearest is `marketing`",
        ),
    ]
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    for (toml, policies, message) in refusals() {
        let refused = load(&toml, policies).err().map(|error| error.to_string());
        assert_eq!(refused.as_deref(), Some(message));
    }
}

/// Where the words are Cedar's, only the place and the gist are ours to keep.
#[test]
fn what_cedar_refuses_is_named_with_its_place() {
    let toml = format!("{SEGMENTS}{ACTION}{PURPOSE}");
    for (policies, begins, gist) in [
        (
            "@id(\"a\")\nforbid (principal, action, resource",
            "policies/rules.cedar:2:",
            "unexpected end of input",
        ),
        (
            "@id(\"a\") @reason(\"b\")\nforbid (principal, action, resource)\nwhen { context.porpoise == 1 };",
            "policies/rules.cedar:3:",
            "purpose",
        ),
        (
            "@id(\"a\") @reason(\"b\")\nforbid (principal, action, resource)\nwhen { context.purpose == \"legal\" };",
            "policies/rules.cedar:3:",
            "Purpose",
        ),
        (
            "@id(\"a\") @reason(\"b\")\nforbid (principal, action, resource)\nwhen { false };",
            "policies/rules.cedar:1:",
            "impossible",
        ),
    ] {
        let message = load(&toml, policies).expect_err(policies).to_string();
        assert!(message.starts_with(begins) && message.contains(gist), "{message}");
    }
}

/// Cedar itself would leave such a policy out of account.
#[test]
fn a_policy_that_fails_blocks_and_is_named() {
    let toml = format!("{SEGMENTS}{ACTION}{PURPOSE}");
    let fails = "@id(\"overflow\") @reason(\"b\") forbid (principal, action, resource) when { 9223372036854775807 + 1 == 0 };";
    let fails_to_permit =
        "@id(\"overflow\") permit (principal, action, resource) when { 9223372036854775807 + 1 == 0 };";
    for policies in [fails, fails_to_permit] {
        let ruleset = load(&toml, policies).unwrap();
        let verdict = ruleset.decide(&Effective::default(), &"send".parse().unwrap(), &Context::default());
        let Verdict::Block { reasons } = verdict else { panic!("{verdict:?}") };
        assert_eq!(&*reasons[0].rule, "overflow");
        assert!(reasons[0].text.contains("overflow"), "{}", reasons[0].text);
    }
}

/// Without a policy of its own an action of basis `opt_in` waits for a consent.
#[test]
fn basis_opt_in_blocks_until_there_is_a_consent() {
    let toml = format!("{SEGMENTS}{ACTION}{PURPOSE}").replace("basis = \"opt_out\"", "basis = \"opt_in\"");
    let ruleset = load(&toml, RULE).unwrap();
    let decide = |effective| ruleset.decide(&effective, &"send".parse().unwrap(), &Context::default());
    let Verdict::Block { reasons } = decide(Effective::default()) else {
        panic!("allowed without a consent")
    };
    assert_eq!(&*reasons[0].rule, "no-consent");
    let consent = abide_model::Fact {
        direction: abide_model::Direction::In,
        mechanism: "email.list".parse().unwrap(),
        scope: abide_model::Scope::Everyone,
        claimant: abide_model::Claimant::Person,
    };
    assert_eq!(decide(Effective { outs: Vec::new(), consents: vec![consent] }), Verdict::Allow);
}

fn load(toml: &str, policies: &str) -> Result<Ruleset, abide_rules::RulesetError> {
    Ruleset::from_sources(&RulesetSources {
        toml: toml.to_owned(),
        policies: vec![("rules.cedar".to_owned(), policies.to_owned())],
    })
}

/// A condition that only a very deep stack could hold is refused before anything descends into it: written by hand or
/// in a table, by brackets, chains or branches.
#[test]
fn a_very_deep_condition_is_refused() {
    let n = 10_000;
    for condition in [
        vec!["principal.consented"; n].join(" || "),
        format!("{}principal.consented{}", "!(".repeat(n), ")".repeat(n)),
        format!("{}principal.consented{}", "(".repeat(n), ")".repeat(n)),
        format!("{}true", "if principal.consented then true else ".repeat(n)),
        format!("{}1{} == []", "[".repeat(n), "]".repeat(n)),
    ] {
        let rule = RULE.replace(';', &format!(" unless {{ {condition} }};"));
        let table = SEGMENTS.to_owned() + &format!("blocks = [\"send\"]\nunless = '{condition}'\n");
        for (toml, rule) in [
            (format!("{SEGMENTS}{ACTION}{PURPOSE}"), rule.as_str()),
            (format!("{table}{ACTION}{PURPOSE}"), ""),
        ] {
            let policies = vec![("rules.cedar".to_owned(), rule.to_owned())];
            let error = Ruleset::from_sources(&RulesetSources { toml, policies }).unwrap_err().to_string();
            assert!(error.contains("nests deeper than 100 brackets and operators"), "{error}");
        }
    }
    // As deep as is allowed is read, and looked at from all sides, on an ordinary stack.
    let most = vec!["principal.consented"; 95].join(" || ");
    let rule = RULE.replace(';', &format!(" unless {{ {most} }};"));
    let sources = RulesetSources {
        toml: format!("{SEGMENTS}{ACTION}{PURPOSE}"),
        policies: vec![("rules.cedar".to_owned(), rule)],
    };
    let rules = Ruleset::from_sources(&sources).unwrap();
    assert!(!rules.mutants().is_empty() && rules.shape().is_monotone);
}
