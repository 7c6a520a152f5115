//! Rulesets that are wrong, end to end: a clear error with the place, exit code 3 (1 where something was found by trying),
//! and a store in which every byte is as before.

use std::{collections::BTreeMap, fs, path::PathBuf};

use crate::{
    rules::{STRICTER, json, push, world},
    world::World,
};

/// Every object of the store.
fn contents(world: &World) -> BTreeMap<PathBuf, Vec<u8>> {
    let read = |file: PathBuf| {
        let bytes = fs::read(&file).unwrap();
        (file, bytes)
    };
    world.objects("").into_iter().map(read).collect()
}

/// What is done to the folder.
enum Fault {
    /// A file with these bytes, in place of what was there.
    File(&'static str, Vec<u8>),
    /// A text in a file, and what is there instead.
    Edit(&'static str, &'static str, String),
}

use Fault::{Edit, File};

impl Fault {
    fn make(&self, world: &World) {
        let folder = world.path("rules");
        match self {
            File(name, bytes) => fs::write(folder.join(name), bytes).unwrap(),
            Edit(name, old, new) => {
                let text = fs::read_to_string(folder.join(name)).unwrap();
                assert!(text.contains(old), "{old:?} is not in {name}");
                fs::write(folder.join(name), text.replacen(old, new, 1)).unwrap();
            }
        }
    }
}

const TOML: &str = "ruleset.toml";
const CONTACT: &str = "policies/contact.cedar";

fn faults() -> Vec<(Fault, &'static [&'static str])> {
    let toml = |old, new: &str| Edit(TOML, old, new.to_owned());
    let cedar = |old, new: &str| Edit(CONTACT, old, new.to_owned());
    let new = |text: &str| File("policies/new.cedar", text.as_bytes().to_vec());
    let many = |count: usize, line: &str| line.repeat(count).into_bytes();
    let segment =
        |text: &str| format!("[segments.odd]\ndescription = \"Odd.\"\n{text}\n[segments.do_not_track]");
    vec![
        // Huge files: one of them, all together, one that nests, and cases.
        (File(TOML, many(200_000, "# filler\n")), &["ruleset.toml` has 1800000 bytes", "at most 1048576"]),
        (
            File("policies/a.cedar", many(104_000, "// filler\n")),
            &["the ruleset has 10", "the most is 1048576"],
        ),
        (File("policies/b.cedar", many(200_000, "// filler\n")), &["b.cedar` has 2000000 bytes"]),
        (File("cases/huge.toml", many(200_000, "# filler\n")), &["huge.toml` has 1800000 bytes"]),
        (
            new(&format!(
                "@id(\"deep\") @reason(\"d\") forbid (principal, action, resource) when {{ {}true{} }};",
                "(".repeat(5_000),
                ")".repeat(5_000)
            )),
            &["policies/new.cedar:1:", "nests deeper than 100"],
        ),
        // No text.
        (File(TOML, b"name = \"caf\xe9\"".to_vec()), &["ruleset.toml:1:12: it is not text: byte 11"]),
        (
            File("policies/new.cedar", b"// caf\xe9".to_vec()),
            &["policies/new.cedar:1:7: it is not text: byte 6"],
        ),
        (File("cases/new.toml", b"# caf\xe9".to_vec()), &["cases/new.toml is no UTF-8 text"]),
        // Names that nothing declares.
        (
            cedar("Segment::\"held\"", "Segment::\"hold\""),
            &["contact.cedar:", "no segment `hold`", "nearest is `held`"],
        ),
        (
            cedar("Action::\"contact.phone\"", "Action::\"contact.fone\""),
            &["contact.cedar:", "no action `contact.fone`", "nearest is `contact.phone`"],
        ),
        (
            cedar("Purpose::\"marketing\"", "Purpose::\"marketting\""),
            &["contact.cedar:", "no value `marketting`", "nearest is `marketing`"],
        ),
        (cedar("context.purpose", "context.porpoise"), &["contact.cedar:", "porpoise", "purpose"]),
        (
            toml("\"web.dnt\"", "\"web.dmt\""),
            &["ruleset.toml:", "no mechanism `web.dmt`", "nearest is `web.dnt`"],
        ),
        (
            toml("in = [\"contact\"]", "in = [\"contract\"]"),
            &["ruleset.toml:", "no group `contract`", "`contact`"],
        ),
        (
            toml("[segments.do_not_track]", &segment("mechanisms = [\"web.dnt\"]\nblock = [\"sell\"]")),
            &["`block`"],
        ),
        (
            toml("[segments.do_not_track]", &segment("mechanisms = [\"web.dnt\"]\nblocks = [\"cell\"]")),
            &["no action or group `cell`", "`sell`"],
        ),
        // Circles.
        (
            toml(
                "[groups.contact]",
                "[groups.a]\ndescription = \"a\"\nin = [\"b\"]\n[groups.b]\ndescription = \"b\"\nin = [\"a\"]\n[groups.contact]",
            ),
            &["the groups `a`, `b` are in one another in a circle"],
        ),
        // Tables that contradict one another.
        (
            toml(
                "[segments.do_not_track]",
                &segment("mechanisms = [\"web.dnt\"]\nunless = 'context.purpose == \"legal\"'"),
            ),
            &["the segment `odd` has `unless` but no `blocks`"],
        ),
        (
            toml("[segments.do_not_track]", &segment("mechanisms = [\"web.dnt\"]\nblocks = []")),
            &["the segment `odd` has an empty `blocks`"],
        ),
        (
            toml(
                "[segments.do_not_track]",
                &segment("mechanisms = [\"web.dnt\"]\nblocks = [\"contact\", \"contact.email\"]"),
            ),
            &["`contact.email` is blocked twice"],
        ),
        (
            toml("[segments.do_not_track]", &segment("mechanisms = []")),
            &["no mechanism puts anybody into the segment `odd`"],
        ),
        (
            toml("[segmentless]", "[segmentless]\n\"web.dnt\" = \"nobody heeds it\""),
            &["`web.dnt` makes a segment and stands under `[segmentless]` too"],
        ),
        (
            toml("[segments.do_not_track]", "[segments.do_not_track]\n[segments.do_not_track]"),
            &["ruleset.toml:", "duplicate"],
        ),
        (toml("max_age_days = 31", "max_age_days = 0"), &["a `max_age_days` is at least 1"]),
        (
            new(
                "@id(\"held\") @reason(\"again\") forbid (principal in Segment::\"held\", action, resource);",
            ),
            &["policies/new.cedar:1:", "the policy `held` is declared twice"],
        ),
        (new("forbid (principal, action, resource);"), &["policies/new.cedar:1:1: this policy has no name"]),
        (new("@id(\"x\") forbid (principal, action"), &["policies/new.cedar:1:"]),
        // A policy that can apply to nobody is somebody's choice that nobody keeps.
        (
            new(
                "@id(\"never\") @reason(\"n\") forbid (principal, action == Action::\"sell\", resource) when { 1 == \"a\" };",
            ),
            &["policies/new.cedar:1:"],
        ),
        (
            File("cases/new.toml", b"[[check]]\nemail = \"a@example.com\"\naction = \"sell\"".to_vec()),
            &["cases/new.toml"],
        ),
    ]
}

#[test]
fn a_ruleset_that_cannot_be_read_is_refused_with_its_place_and_nothing_is_stored() {
    let world = world();
    let (before, folder) = (contents(&world), world.path("rules"));
    let mut wrong = Vec::new();
    for (fault, words) in faults() {
        fs::remove_dir_all(&folder).unwrap();
        world.must(0, &["rules", "init", "rules"]);
        fault.make(&world);
        for command in [
            &["rules", "test", "rules"][..],
            &["rules", "push", "rules", "-m", "bad"],
            &["rules", "prove", "rules"],
        ] {
            let ran = world.run(command);
            let is_said = ran.exit == Some(3)
                && ran.stdout.is_empty()
                && words.iter().all(|word| ran.stderr.contains(word))
                && !ran.stderr.contains("panicked");
            if !is_said {
                wrong.push(format!("{words:?}: {command:?}: {ran:?}"));
            }
        }
        assert!(contents(&world) == before, "{words:?}: the store was changed");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Files without end: there is nothing of them in memory before they are refused.
#[test]
fn more_cases_than_anybody_reads_are_refused() {
    let world = world();
    let before = contents(&world);
    for nth in 0..20 {
        fs::write(world.path(&format!("rules/cases/filler-{nth}.toml")), "# filler\n".repeat(110_000))
            .unwrap();
    }
    let ran = world.must(3, &["rules", "push", "rules", "-m", "bad"]);
    assert!(ran.stderr.contains("the cases have more than 16777216 bytes"), "{ran:?}");
    assert!(contents(&world) == before);
}

/// What contradicts its own cases or a law is found by trying, and is as little stored.
#[test]
fn a_ruleset_that_fails_its_trial_is_not_stored() {
    let world = world();
    let before = contents(&world);
    for (old, new, words) in [
        ("Segment::\"deceased\"", "Segment::\"held\"", &[": wanted Block"][..]),
        (
            "// Who is not to be contacted.",
            "@id(\"fails\") @reason(\"f\") forbid (principal, action == Action::\"query\", resource)\n\
             when { 9223372036854775807 + 1 == 0 };\n// Who is not to be contacted.",
            &[
                "basis: `query` is of basis opt_out, and is blocked for somebody who has said nothing",
                "fails",
            ],
        ),
    ] {
        Edit(CONTACT, old, new.to_owned()).make(&world);
        let ran = world.must(1, &["rules", "push", "rules", "-m", "bad", "--min-coverage", "0"]);
        assert!(words.iter().all(|word| ran.stdout.contains(word)), "{ran:?}");
        assert!(ran.stdout.contains("Nothing was stored"), "{ran:?}");
        assert!(contents(&world) == before);
        Edit(CONTACT, new, old.to_owned()).make(&world);
    }
}

/// One that fails for few is as good as any until it does: then it blocks, and is counted and named.
#[test]
fn a_policy_that_fails_at_run_time_blocks_and_is_counted_and_named() {
    let world = world();
    world.must(0, &["opt-out", "--user-id", "u-1", "--mechanism", "push.off"]);
    let (place, rule) = STRICTER;
    let failing = rule.replace("deceased\") };", "deceased\") && 9223372036854775807 + 1 == 0 };");
    push(&world, (place, &failing), "fails");
    let told = world.must(0, &["rules", "activate", "v1"]);
    assert!(told.stdout.contains("v1 is in force"), "{told:?}");
    let legal = ["--action", "contact.push", "--context", "purpose=legal"];
    let ask =
        |exit, who: &str| world.must(exit, &[&["check", "--json", "--user-id", who][..], &legal].concat());
    let verdict = json(&ask(1, "u-1"));
    let reason = &verdict["reasons"][0];
    assert_eq!(reason["rule"], "no-notices", "{verdict}");
    assert!(reason["text"].as_str().unwrap().contains("the rule failed, which blocks: "), "{verdict}");
    // Where it is not reached it does not fail.
    ask(0, "u-2");
    let scrub = ["scrub", "people.csv", "--id", "id=user_id", "-o", "kept.csv", "--json"];
    let report = json(&world.must(1, &[&scrub[..], &legal].concat()));
    assert_eq!(report["totals"][0]["tally"]["blocked"], 1, "{report}");
    assert_eq!(report["totals"][0]["by_rule"]["no-notices"], 1, "{report}");
    assert!(!fs::read_to_string(world.path("kept.csv")).unwrap().contains("u-1"));
}
