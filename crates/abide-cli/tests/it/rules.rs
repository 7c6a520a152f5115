//! `abide rules`, from a folder to a verdict: written out, tested, compared, stored, in force, and back again.

use std::fs;

use serde_json::Value;

use crate::{
    program::Ran,
    world::{PERSON, PRIVATE, World},
};

/// Lets mail of the brand `zeta` pass an unsubscribe.
pub(crate) const WEAKER: (&str, &str) = (
    "unless { context.message == Message::\"confirm_opt_in\" };",
    "unless { context.message == Message::\"confirm_opt_in\" || (context has brand && context.brand == \"zeta\") };",
);

/// One rule more, which no case speaks against.
pub(crate) const STRICTER: (&str, &str) = (
    "// Who is not to be contacted.",
    "@id(\"no-notices\") @reason(\"no notices to whoever wants no push messages\")\n\
     forbid (principal in Segment::\"do_not_contact.push\", action == Action::\"contact.push\", resource)\n\
     when { context.purpose == Purpose::\"legal\" && !(principal in Segment::\"deceased\") };\n// Who is not to be contacted.",
);

/// A store and a folder with the default ruleset.
pub(crate) fn world() -> World {
    let world = World::new();
    world.must(0, &["rules", "init", "rules"]);
    world
}

fn edit(world: &World, file: &str, (old, new): (&str, &str)) {
    let path = world.path("rules").join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(old), "{old:?} is not in {file}");
    fs::write(path, text.replacen(old, new, 1)).unwrap();
}

/// Pushes the folder with an edit that its cases do not contradict, and takes the edit back.
pub(crate) fn push(world: &World, change: (&str, &str), message: &str) {
    edit(world, "policies/contact.cedar", change);
    let untested = ["--min-coverage", "0"];
    world.must(0, &[&["rules", "push", "rules", "-m", message, "--by", "ann"][..], &untested].concat());
    edit(world, "policies/contact.cedar", (change.1, change.0));
}

pub(crate) fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}

pub(crate) fn mail(world: &World, exit: i32, brand: &str) -> Value {
    let brand = format!("brand={brand}");
    let ask = ["check", "--json", "--action", "contact.email", "--email", PERSON, "--context", &brand];
    json(&world.must(exit, &ask))
}

#[test]
fn the_default_written_out_passes_in_full_and_is_the_built_in_one() {
    let world = world();
    let ran = world.must(0, &["rules", "test", "rules", "--min-coverage", "100", "--json"]);
    let report = json(&ran);
    assert_eq!((&report["passed"], &report["coverage"]["percent"]), (&true.into(), &100.into()));
    assert_eq!(report["mutation"]["unnoticed"], Value::Array(Vec::new()));
    let same = world.must(0, &["rules", "diff", "rules"]);
    assert!(same.stdout.contains("they mean the same"), "{same:?}");
    let used = world.must(3, &["rules", "init", "rules"]);
    assert!(used.stderr.contains("is not empty; nothing was written"), "{used:?}");
}

#[test]
fn what_is_wrong_with_files_is_said_and_nothing_is_stored() {
    let world = world();
    edit(&world, "policies/contact.cedar", ("Segment::\"held\"", "Segment::\"hold\""));
    for command in [&["rules", "test", "rules"][..], &["rules", "push", "rules", "-m", "x"]] {
        let ran = world.must(3, command);
        assert!(ran.stderr.contains("policies/contact.cedar:"), "{ran:?}");
        assert!(ran.stderr.contains("there is no segment `hold`; the nearest is `held`"), "{ran:?}");
    }
    edit(&world, "policies/contact.cedar", ("Segment::\"hold\"", "Segment::\"held\""));
    // A rule changed is a case that fails: exit 1, and the file and check are named.
    edit(
        &world,
        "policies/contact.cedar",
        ("principal in Segment::\"deceased\"", "principal in Segment::\"held\""),
    );
    let ran = world.must(1, &["rules", "push", "rules", "-m", "x"]);
    assert!(ran.stdout.contains(": wanted Block") && ran.stdout.contains("Nothing was stored"), "{ran:?}");
    assert_eq!(json(&world.must(0, &["rules", "log", "--json"]))["versions"], Value::Array(Vec::new()));
    fs::write(world.path("rules/policies/latin.cedar"), b"// caf\xe9").unwrap();
    assert!(world.must(3, &["rules", "test", "rules"]).stderr.contains("it is not text"));
}

#[test]
fn a_stricter_version_is_activated_and_rolled_back_with_a_reason() {
    let world = world();
    push(&world, STRICTER, "no notices");
    mail(&world, 1, "zeta");
    world.must(0, &["rules", "activate", "v1", "--by", "ann"]);
    let verdict = mail(&world, 1, "zeta");
    let active = json(&world.must(0, &["rules", "active", "--json"]));
    assert_eq!((&active["version"], &active["ruleset"]), (&1.into(), &verdict["ruleset"]));

    // Back to the built-in one, which was kept for that; it is weaker, so somebody has to say why.
    let refused = world.must(1, &["rules", "rollback"]);
    assert!(
        refused.stdout.contains("`contact.push` with purpose=legal")
            && refused.stdout.contains("--allow-weaker"),
        "{refused:?}"
    );
    world.must(0, &["rules", "rollback", "--if-active", "v1", "--allow-weaker", "notices were ordered"]);
    // Two who see the same do it once.
    let late = world.must(3, &["rules", "rollback", "v2", "--if-active", "v1", "--allow-weaker", "late"]);
    assert!(late.stderr.contains("v1 is not in force, v2 is"), "{late:?}");
    // Without a name it would now go forward again.
    assert!(world.must(3, &["rules", "rollback"]).stderr.contains("name the version that you mean"));
    let log = json(&world.must(0, &["rules", "log", "--json"]));
    assert_eq!(log["activations"].as_array().unwrap().len(), 2);
    assert_eq!(log["activations"][1]["reason"], "notices were ordered");
    mail(&world, 1, "zeta");
    world.must(0, &["verify"]);
}

#[test]
fn a_weaker_version_needs_a_reason_and_then_lets_through() {
    let world = world();
    push(&world, WEAKER, "zeta may");
    let refused = world.must(1, &["rules", "activate", "v1"]);
    assert!(
        refused.stdout.contains("brand=zeta") && refused.stdout.contains("Nothing was changed"),
        "{refused:?}"
    );
    mail(&world, 1, "zeta");
    world.must(0, &["rules", "activate", "v1", "--allow-weaker", "zeta has its own list"]);
    mail(&world, 0, "zeta");
    mail(&world, 1, "other");
}

/// A candidate judges along in what is done anyway, and changes nothing of it.
#[test]
fn a_shadow_counts_disagreements_and_answers_nothing() {
    let world = world();
    push(&world, WEAKER, "zeta may");
    world.must(0, &["rules", "activate", "v1", "--shadow"]);
    mail(&world, 1, "zeta");
    let scrub = [
        "scrub",
        "people.csv",
        "--action",
        "contact.email",
        "--set",
        "brand=zeta",
        "-o",
        "kept.csv",
        "--json",
    ];
    let report = json(&world.must(1, &scrub));
    assert_eq!(report["totals"][0]["tally"]["blocked"], 1);
    assert_eq!(report["files"][0]["judged"][0]["beside"]["newly_allowed"]["first"], serde_json::json!([1]));
    assert_ne!(report["beside"]["sha256"], report["ruleset"]["sha256"]);
    world.must(0, &["rules", "activate", "v1", "--allow-weaker", "seen enough"]);
    assert_eq!(json(&world.must(0, &["rules", "active", "--json"]))["shadow"], Value::Null);
}

#[test]
fn impact_counts_rows_and_names_nobody() {
    let world = world();
    edit(&world, "policies/contact.cedar", WEAKER);
    let ask = [
        "rules",
        "impact",
        "rules",
        "--data",
        "people.csv",
        "--action",
        "contact.email",
        "--set",
        "brand=zeta",
    ];
    let ran = world.must(1, &ask);
    assert!(ran.stdout.contains("1 would newly get through"), "{ran:?}");
    assert!(ran.stdout.contains("`people.csv`: newly get through: row 1"), "{ran:?}");
    assert!(!ran.stdout.contains(PRIVATE) && !ran.stderr.contains(PRIVATE), "{ran:?}");
    let alike =
        ["rules", "impact", "rules", "people.csv", "--action", "contact.email", "--set", "brand=other"];
    assert!(world.must(0, &alike).stdout.contains("0 would newly get through"));
}

#[test]
fn prove_finds_who_gets_through_and_proves_what_is_alike() {
    let world = world();
    assert!(world.must(0, &["rules", "prove", "rules"]).stdout.contains("Proven"));
    edit(&world, "policies/contact.cedar", WEAKER);
    let found = world.must(1, &["rules", "prove", "rules", "--against", "built-in"]);
    assert!(found.stdout.contains("`contact.email` with brand=zeta"), "{found:?}");
    // Nobody can count up what a pattern fits; the solver need not.
    edit(&world, "policies/contact.cedar", ("context.brand == \"zeta\"", "context.brand like \"zeta*\""));
    let ran = json(&world.must(1, &["rules", "prove", "rules", "--json"]));
    assert_eq!((&ran["by"], &ran["newly_allowed"][0]["action"]), (&"solver".into(), &"contact.email".into()));
    let brand = ran["newly_allowed"][0]["context"]["brand"].as_str().unwrap();
    assert!(brand.starts_with("zeta"), "{ran}");
}

/// Without a solver everybody is tried, it is said so, and what cannot be tried is not proven. What answers for a solver
/// and is none is no solver.
#[test]
fn without_a_solver_nothing_is_taken_for_proven() {
    let world = world();
    // Simple enough that everybody can be tried.
    let simple = STRICTER.1.replace(" && !(principal in Segment::\"deceased\")", "");
    edit(&world, "policies/contact.cedar", (STRICTER.0, &simple));
    let prove = |solver: &str, exit: i32, arguments: &[&str]| {
        let mut command = world.command();
        let ran = Ran::of(command.env("CVC5", solver).args(["rules", "prove", "rules"]).args(arguments));
        assert_eq!(ran.exit, Some(exit), "{ran:?}");
        ran.stdout
    };
    let tried = prove("/not/there/cvc5", 0, &[]);
    assert!(
        tried.contains("Not proven by the solver: solver not found: there is no `/not/there/cvc5`")
            && tried.contains("Proven by trying all "),
        "{tried}"
    );
    for impostor in ["false", "true", "cat"] {
        let tried = prove(impostor, 0, &[]);
        assert!(tried.contains("Not proven by the solver: ") && tried.contains("by trying all"), "{tried}");
    }
    let like = (
        "when { context.purpose == Purpose::\"legal\" };",
        "when { context has brand && context.brand like \"z*\" };",
    );
    edit(&world, "policies/contact.cedar", like);
    let gap = prove("/not/there/cvc5", 2, &[]);
    assert!(gap.contains("Not proven: solver not found") && gap.contains("`like`"), "{gap}");
    let proven = world.must(0, &["rules", "prove", "rules"]);
    assert!(proven.stdout.contains("Proven by the solver (13 actions, "), "{proven:?}");
}

/// By default a rule that no case speaks for is not stored.
#[test]
fn what_no_case_speaks_for_is_untested() {
    let world = world();
    edit(&world, "policies/contact.cedar", STRICTER);
    let ran = world.must(1, &["rules", "push", "rules", "-m", "no notices"]);
    assert!(
        ran.stdout.contains("the rule `no-notices` left out")
            && ran.stdout.contains("untested: cases have to take 100 %")
            && ran.stdout.contains("Nothing was stored"),
        "{ran:?}"
    );
    assert_eq!(json(&world.must(0, &["rules", "log", "--json"]))["versions"], Value::Array(Vec::new()));
    world.must(0, &["rules", "push", "rules", "-m", "no notices", "--min-coverage", "0"]);
}

/// No node answers by another ruleset than the one that the store says.
#[test]
fn a_ruleset_that_is_gone_is_an_error_and_no_verdict() {
    let world = world();
    push(&world, STRICTER, "no notices");
    world.must(0, &["rules", "activate", "v1"]);
    let folder = world.path("store/rulesets");
    fs::rename(&folder, world.path("aside")).unwrap();
    let ran = world.must(3, &["check", "--action", "contact.email", "--email", PERSON]);
    assert!(ran.stdout.is_empty() && ran.stderr.contains("is not in the store"), "{ran:?}");
    fs::rename(world.path("aside"), folder).unwrap();
    mail(&world, 1, "zeta");
}

/// The moment in which one needs to go back: what is in force is damaged, or gone, or of a newer program.
#[test]
fn a_rollback_from_a_ruleset_that_cannot_be_read_is_possible() {
    type Damage = fn(&str) -> Option<String>;
    let damages: [(Damage, &str); 3] = [
        (|_| None, "is not in the store; restore that object from a backup"),
        (
            |text| Some(text.replace("Who is not to be contacted", "Whoever")),
            "is damaged; restore that object from a backup",
        ),
        (|text| Some(text.replacen("\"format\": 1", "\"format\": 99", 1)), "is in format 99; upgrade abide"),
    ];
    for (damage, words) in damages {
        let world = world();
        push(&world, WEAKER, "zeta may");
        world.must(0, &["rules", "activate", "v1", "--allow-weaker", "zeta has its own list"]);
        push(&world, STRICTER, "no notices");
        world.must(0, &["rules", "activate", "v3"]);
        let log = json(&world.must(0, &["rules", "log", "--json"]));
        let digest =
            log["versions"].as_array().unwrap().last().unwrap()["digest"].as_str().unwrap().to_owned();
        let object = world.path(&format!("store/rulesets/{digest}.json"));
        match damage(&fs::read_to_string(&object).unwrap()) {
            None => fs::remove_file(&object).unwrap(),
            Some(text) => fs::write(&object, text).unwrap(),
        }
        // Nobody is judged, and it is said why.
        for command in [
            &["check", "--action", "contact.email", "--email", PERSON][..],
            &["scrub", "people.csv", "--action", "contact.email", "-o", "kept.csv"],
            &["rules", "active"],
            &["rules", "diff", "rules"],
            &["rules", "prove", "rules"],
            &["rules", "show"],
        ] {
            let ran = world.must(3, command);
            assert!(ran.stdout.is_empty() && ran.stderr.contains(words), "{command:?}: {ran:?}");
        }
        assert!(!world.path("kept.csv").exists());
        world.must(0, &["rules", "log"]);
        // It may have blocked anybody, so somebody says that it is meant.
        let refused = world.must(1, &["rules", "rollback"]);
        assert!(
            refused.stdout.contains("Going back to v1")
                && refused.stdout.contains(words)
                && refused.stdout.contains("It cannot be shown that v1 is no weaker than the ruleset"),
            "{refused:?}"
        );
        let back = ["rules", "rollback", "--if-active", &digest[..8], "--allow-weaker", "v3 is damaged"];
        let ran = world.must(0, &back);
        assert!(ran.stdout.contains("v1 is in force"), "{ran:?}");
        mail(&world, 0, "zeta");
        let log = json(&world.must(0, &["rules", "log", "--json"]));
        assert_eq!(log["activations"][2]["reason"], "v3 is damaged", "{log}");
        // It is done once.
        world.must(3, &back);
        world.must(0, &["verify"]);
    }
}

/// A record that takes the place of none would be an activation on no terms.
#[test]
fn where_nothing_was_activated_nothing_is_taken_the_place_of() {
    let world = world();
    // The built-in ruleset, stored: it is what answers, and still nobody activated it.
    world.must(0, &["rules", "push", "rules", "-m", "as it comes"]);
    push(&world, STRICTER, "no notices");
    for command in ["activate", "rollback"] {
        let ran = world.must(3, &["rules", command, "v2", "--if-active", "v1"]);
        assert!(ran.stderr.contains("nothing was ever activated"), "{ran:?}");
    }
    let log = json(&world.must(0, &["rules", "log", "--json"]));
    assert_eq!(log["activations"], Value::Array(Vec::new()));
    world.must(0, &["rules", "activate", "v1"]);
    world.must(0, &["rules", "activate", "v2", "--if-active", "v1"]);
}

/// Only where there is no store the built-in ruleset stands for the active one.
#[test]
fn a_store_that_cannot_be_reached_is_not_taken_for_none() {
    let world = world();
    world.must(0, &["rules", "diff", "rules", "--store", "not-there"]);
    world.must(3, &["rules", "diff", "rules", "--store", "ftp://example.com/store"]);
    world.must(3, &["rules", "prove", "rules", "--store", "ftp://example.com/store"]);
}

#[test]
fn nothing_tried_is_said_to_be_nothing() {
    let world = world();
    let same = world.must(0, &["rules", "prove", "rules"]);
    assert!(same.stdout.contains("Proven by the same policies for each of 13 actions"), "{same:?}");
    fs::remove_dir_all(world.path("rules/cases")).unwrap();
    let ran = world.must(1, &["rules", "test", "rules"]);
    assert!(ran.stdout.contains("no cases were found in `"), "{ran:?}");
}

#[test]
fn the_terms_of_an_activation_are_kept() {
    let world = world();
    push(&world, STRICTER, "no notices");
    let late = world.must(3, &["rules", "activate", "v1", "--shadow", "--if-active", "v1"]);
    assert!(late.stderr.contains("v1 is not in force"), "{late:?}");
    // A reason for what is not weaker is none for the log.
    world.must(0, &["rules", "activate", "v1", "--allow-weaker", "to be sure"]);
    let log = json(&world.must(0, &["rules", "log", "--json"]));
    assert_eq!(log["activations"].as_array().unwrap().len(), 1);
    assert_eq!(log["activations"][0]["reason"], Value::Null);
}
