//! Plain tables: rules for authors who write no policy.

use abide_model::{Claimant, Context, Direction, Fact, Scope, Verdict, facts::Effective};
use abide_rules::{Ruleset, RulesetError, RulesetSources};

const TOML: &str = r#"name = "plain"
owner = "privacy@example.com"

[segments.unwanted]
description = "Wants no mail."
law = "CAN-SPAM"
mechanisms = ["web.*", "ads.*", "email.*", "sms.*", "phone.*", "push.*", "post.*", "profile.*", "privacy.*", "law.*", "hold.*", "list.*"]
blocks = ["contact"]
unless = 'context.purpose == "transactional" || principal.consented'

[groups.contact]
description = "All channels."

[actions."contact.email"]
in = ["contact"]
channels = ["email"]
to = "email"
basis = "opt_out"
description = "Mail."
law = "CAN-SPAM"

[actions.sell]
channels = ["ads"]
basis = "opt_out"
description = "Selling."
law = "CCPA"

[context.purpose]
values = ["marketing", "transactional"]
default = "marketing"
description = "What for."

[context.region]
description = "Where they live."
"#;

#[test]
fn a_table_blocks_what_it_says_unless_it_says() {
    let rules = load(TOML).unwrap();
    let decide = |action: &str, purpose: &str| {
        let context: Context = [("purpose", purpose)].into_iter().collect();
        let outs = vec![Fact {
            direction: Direction::Out,
            mechanism: "email.list".parse().unwrap(),
            scope: Scope::Everyone,
            claimant: Claimant::Person,
        }];
        rules.decide(&Effective { outs, consents: Vec::new() }, &action.parse().unwrap(), &context)
    };
    let Verdict::Block { reasons } = decide("contact.email", "marketing") else { panic!("let through") };
    assert_eq!((&*reasons[0].rule, &*reasons[0].text), ("unwanted", "Wants no mail."));
    assert_eq!(decide("contact.email", "transactional"), Verdict::Allow);
    assert_eq!(decide("sell", "marketing"), Verdict::Allow);
    assert_eq!(rules.manifest().owner.as_deref(), Some("privacy@example.com"));
    assert_eq!(rules.segments().next().unwrap().law.as_deref(), Some("CAN-SPAM"));
}

#[test]
fn words_in_sets_and_free_texts_are_compared_as_they_are() {
    for unless in [
        r#"["transactional"].contains(context.purpose)"#,
        r#"context.purpose != "marketing""#,
        r#"context has region && context.region == "US-CA""#,
        r#"context.purpose in [Purpose::"transactional"]"#,
    ] {
        load(&with_unless(unless)).unwrap_or_else(|error| panic!("{unless}: {error}"));
    }
}

#[test]
fn what_is_wrong_with_a_table_is_named_with_its_place() {
    for (toml, message) in [
        (
            TOML.replace("blocks = [\"contact\"]", "blocks = [\"contacts\"]"),
            "ruleset.toml:8:11: there is no action or group `contacts`; the nearest is `contact`",
        ),
        (
            TOML.replace("blocks = [\"contact\"]\n", ""),
            "ruleset.toml:4:11: the segment `unwanted` has `unless` but no `blocks`: say which actions it blocks",
        ),
        (
            TOML.replace("blocks = [\"contact\"]", "blocks = []"),
            "ruleset.toml:4:11: the segment `unwanted` has an empty `blocks`: name actions or groups, or take it out",
        ),
        (
            TOML.replace("blocks = [\"contact\"]", "blocks = [\"contact\", \"contact.email\"]"),
            "ruleset.toml:8:22: `contact.email` is blocked twice by this table: the group `contact` has it already",
        ),
        (
            with_unless(r#"context.purpose == "transactionnal""#),
            "ruleset.toml:9:10: there is no value `transactionnal`; the nearest is `transactional`",
        ),
        (
            with_unless(r#"context.porpoise == "transactional""#),
            "ruleset.toml:9:10: there is no context attribute `porpoise`; the nearest is `purpose`",
        ),
        (with_unless("true } when { true"), "ruleset.toml:9:10: it is one condition, without braces"),
    ] {
        assert_eq!(load(&toml).err().map(|error| error.to_string()).as_deref(), Some(message));
    }
    // The words are Cedar's, the place is ours.
    for unless in ["context.purpose ==", "true", "principal.age > 3"] {
        let error = load(&with_unless(unless)).expect_err(unless).to_string();
        assert!(error.starts_with("ruleset.toml:9:10: "), "{error}");
    }
}

/// Two rules of one name could not be told apart in a report.
#[test]
fn a_policy_of_the_tables_name_is_refused() {
    let policy = "@id(\"unwanted\") @reason(\"x\") forbid (principal, action == Action::\"sell\", resource);";
    let sources =
        RulesetSources { toml: TOML.to_owned(), policies: vec![("p.cedar".to_owned(), policy.to_owned())] };
    let error = Ruleset::from_sources(&sources).unwrap_err().to_string();
    assert_eq!(error, "policies/p.cedar:1:1: the policy `unwanted` is declared twice");
}

/// Bytes that are no text, and texts that nobody could review, are refused before they are read.
#[test]
fn bytes_that_cannot_be_a_ruleset_are_refused() {
    let error = RulesetSources::from_files(b"name = \"a\"\n# \xff".to_vec(), Vec::new()).unwrap_err();
    assert_eq!(error.to_string(), "ruleset.toml:2:3: it is not text: byte 13 is no UTF-8");
    let huge = vec![(String::from("huge.cedar"), vec![b' '; 1 << 20])];
    let error = RulesetSources::from_files(b"name".to_vec(), huge).unwrap_err();
    assert_eq!(error.to_string(), "ruleset.toml:1:1: the ruleset has 1048580 bytes; the most is 1048576");
}

fn with_unless(condition: &str) -> String {
    TOML.replace("context.purpose == \"transactional\" || principal.consented", condition)
}

fn load(toml: &str) -> Result<Ruleset, RulesetError> {
    Ruleset::from_sources(&RulesetSources { toml: toml.to_owned(), policies: Vec::new() })
}
