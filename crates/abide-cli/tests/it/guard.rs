//! Versions that are watched, raced for and gone back from: shadows, guards, compare and swap.

use std::fs;

use serde_json::Value;

use crate::{
    program::Ran,
    rules::{STRICTER, WEAKER, json, mail, push, world},
    world::{PERSON, PRIVATE, World},
};

/// Another version that means the same.
const ALIKE: (&str, &str) = ("// Who is not to be contacted.", "// Who is not to be contacted, as before.");

const ROWS: usize = 5_000;
const GUARD: &str = "block_rate change > 50% over 5m";

fn scrub<'a>(file: &'a str, brand: &'a str, output: &'a str) -> [&'a str; 9] {
    ["scrub", file, "--action", "contact.email", "--set", brand, "-o", output, "--json"]
}

/// v1 lets mail of `zeta` through to whoever has unsubscribed, v2 is the built-in one that it replaced; and a file of
/// those who have.
fn guarded(rows: usize) -> World {
    let world = world();
    fs::write(world.path("out.csv"), format!("email\n{}", format!("{PERSON}\n").repeat(rows))).unwrap();
    push(&world, WEAKER, "zeta may");
    let activate = ["rules", "activate", "v1", "--guard", GUARD, "--allow-weaker", "zeta has its own list"];
    let ran = world.must(0, &activate);
    assert!(ran.stdout.contains("Whoever sees `block_rate change > 50% over 5m` happen"), "{ran:?}");
    world
}

fn active(world: &World) -> Value {
    json(&world.must(0, &["rules", "active", "--json"]))
}

fn activations(world: &World) -> Vec<Value> {
    json(&world.must(0, &["rules", "log", "--json"]))["activations"].as_array().unwrap().clone()
}

#[test]
fn a_guard_that_trips_in_a_scrub_goes_back_and_leaves_no_output() {
    let world = guarded(ROWS);
    assert_eq!(active(&world)["guard"], GUARD);
    let files = world.entries();
    let ran = world.must(3, &scrub("out.csv", "brand=zeta", "clean.csv"));
    assert_eq!(world.entries(), files, "nothing is left");
    assert!(ran.stderr.contains("the guard of the ruleset has tripped"), "{ran:?}");
    assert!(ran.stderr.contains("v1 was rolled back to v2 at "), "{ran:?}");
    assert!(!ran.stderr.contains(PRIVATE) && !ran.stdout.contains(PRIVATE), "{ran:?}");

    let log = activations(&world);
    assert_eq!(log.len(), 2);
    let figures = "contact.email: block_rate 0.00 % of 5000 (100.00 % of 5000 before), guarded by block_rate change > 50% over 5m";
    assert_eq!(
        (&log[1]["reason"], &log[1]["rollback"], &log[1]["only_after"], &log[1]["void"]),
        (&figures.into(), &true.into(), &log[0]["place"], &false.into())
    );
    assert_eq!(active(&world)["version"], 2);
    // Those who were nearly written to are blocked again.
    let report = json(&world.must(1, &scrub("out.csv", "brand=zeta", "clean.csv")));
    assert_eq!(report["totals"][0]["tally"]["blocked"], ROWS);
    assert!(world.must(3, &["rules", "rollback"]).stderr.contains("name the version that you mean"));
    world.must(0, &["verify"]);
}

/// One after the other or at the same time: one step back, and no further.
#[test]
fn two_guards_at_once_go_back_once() {
    let world = guarded(20 * ROWS);
    let children: Vec<_> = ["eu", "us"]
        .map(|origin| {
            let output = format!("{origin}.csv");
            let mut command = world.command();
            command.args(scrub("out.csv", "brand=zeta", &output)).args(["--origin", origin]);
            command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
        })
        .into_iter()
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        // Who comes late judges by what the other has gone back to already.
        let code = output.status.code();
        assert!(
            code == Some(0) || (code == Some(3) && stderr.contains("the guard of the ruleset has tripped")),
            "{stderr}"
        );
        assert!(!stderr.contains(PRIVATE), "{stderr}");
    }
    assert_eq!(active(&world)["version"], 2);
    let log = activations(&world);
    let standing = log.iter().filter(|made| made["rollback"] == true && made["void"] == false).count();
    assert!(standing == 1 && (2..=3).contains(&log.len()), "{log:?}");
}

#[test]
fn a_guard_does_not_trip_on_few_rows_or_on_other_people() {
    // Not enough to say anything.
    let world = guarded(999);
    let report = json(&world.must(0, &scrub("out.csv", "brand=zeta", "clean.csv")));
    assert_eq!(report["totals"][0]["tally"]["allowed"], 999);
    // Nobody is blocked, and nobody was by the ruleset before: the people are others, not the rules.
    let strangers: String = (0..ROWS).map(|row| format!("p{row}@example.com\n")).collect();
    fs::write(world.path("strangers.csv"), format!("email\n{strangers}")).unwrap();
    world.must(0, &scrub("strangers.csv", "brand=zeta", "clean.csv"));
    // Looking only changes nothing.
    fs::write(world.path("out.csv"), format!("email\n{}", format!("{PERSON}\n").repeat(ROWS))).unwrap();
    world.must(0, &["validate", "out.csv", "--action", "contact.email", "--set", "brand=zeta"]);
    assert_eq!((active(&world)["version"].clone(), activations(&world).len()), (1.into(), 1));
}

#[test]
fn a_guard_that_is_none_is_refused_before_anything_is_done() {
    let world = world();
    push(&world, STRICTER, "no notices");
    let ran = world.must(3, &["rules", "activate", "v1", "--guard", "blocked > 5"]);
    assert!(
        ran.stderr.contains("a guard begins with block_rate or cannot_tell_rate, not `blocked`"),
        "{ran:?}"
    );
    // Where going back would let somebody through, that is said now and not when it happens.
    let ran = world.must(1, &["rules", "activate", "v1", "--guard", GUARD]);
    assert!(
        ran.stdout.contains("The guard may go back to") && ran.stdout.contains("contact.push"),
        "{ran:?}"
    );
    assert_eq!(activations(&world), Vec::<Value>::new());
}

/// A record that was made while v1 was in force takes the place of nothing else.
#[test]
fn only_the_version_that_was_named_is_replaced() {
    let world = world();
    push(&world, STRICTER, "no notices");
    push(&world, ALIKE, "alike");
    world.must(0, &["rules", "activate", "v1"]);
    world.must(0, &["rules", "activate", "v2", "--if-active", "v1", "--allow-weaker", "tried"]);
    let log = activations(&world);
    assert_eq!((&log[1]["only_after"], &log[1]["number"]), (&log[0]["place"], &1.into()));
    // Over that, a plain one outranks both.
    world.must(0, &["rules", "activate", "v1"]);
    assert_eq!(activations(&world)[2]["number"], 2);
    assert_eq!(active(&world)["version"], 1);
}

/// Whoever was told that the stricter one is in force was told the truth: the weaker one was compared with it, or put
/// back, or came first and the stricter one was told to try again.
#[test]
fn a_weaker_version_never_slips_in_at_the_same_moment() {
    let world = world();
    push(&world, STRICTER, "no notices");
    push(&world, ALIKE, "alike");
    // The origin that comes last in the order makes the weaker one.
    let children = [("v1", "aa"), ("v2", "zz")].map(|(version, origin)| {
        let mut command = world.command();
        command.args(["rules", "activate", version, "--origin", origin]);
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
    });
    let said: Vec<Ran> = children.map(|child| Ran::from(child.wait_with_output().unwrap())).into();
    let stands = active(&world)["version"] == 1;
    assert!(stands || said[0].exit != Some(0), "{said:?}");
    assert!(said.iter().any(|ran| ran.exit == Some(0)) || stands, "{said:?}");
}

#[test]
fn a_shadow_shows_in_a_check_and_is_ended_by_itself() {
    let world = world();
    push(&world, WEAKER, "zeta may");
    assert!(world.must(0, &["rules", "shadow"]).stdout.contains("Nothing judges along"));
    world.must(0, &["rules", "activate", "v1", "--shadow"]);
    assert!(world.must(0, &["rules", "shadow"]).stdout.contains("v1 judges along since "));
    let verdict = mail(&world, 1, "zeta");
    assert_eq!(verdict["beside"]["verdict"], "allow");
    assert!(!verdict.to_string().contains(PRIVATE), "{verdict}");
    // Where both agree there is nothing to say.
    assert_eq!(mail(&world, 1, "other")["beside"], Value::Null);
    world.must(0, &["rules", "shadow", "--end"]);
    assert_eq!(
        (mail(&world, 1, "zeta")["beside"].clone(), active(&world)["shadow"].clone()),
        (Value::Null, Value::Null)
    );
    assert_eq!(activations(&world)[1]["ends_shadow"], true);
    // It may begin again.
    world.must(0, &["rules", "activate", "v1", "--shadow"]);
    assert_eq!(mail(&world, 1, "zeta")["beside"]["verdict"], "allow");
}

#[test]
fn a_damaged_version_is_said_and_stops_only_who_asks_for_it() {
    let world = world();
    push(&world, STRICTER, "no notices");
    let [file] = world.objects("rulesets").try_into().unwrap();
    push(&world, ALIKE, "alike");
    fs::write(file, "{}").unwrap();
    let ran = world.must(0, &["rules", "log"]);
    assert!(ran.stderr.contains("is damaged") && ran.stdout.contains("v2 "), "{ran:?}");
    world.must(3, &["rules", "activate", "v1"]);
    world.must(0, &["rules", "activate", "v2"]);
}
