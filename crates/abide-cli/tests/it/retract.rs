//! What came in, as `imports` lists it, and taking it back.

use std::fs;

use serde_json::Value;

use crate::world::{PERSON, World};

const OTHER: &str = "loud.heron@example.com";
const BLOCKED: [&str; 2] = ["check", "--action"];

fn check<'a>(action: &'a str, email: &'a str) -> [&'a str; 5] {
    [BLOCKED[0], BLOCKED[1], action, "--email", email]
}

/// Takes `people.csv` in as the word of a source; gives the batch.
fn import(world: &World, file: &str, text: &str) -> (String, Value) {
    fs::write(world.path(file), text).unwrap();
    let line = [
        "import",
        file,
        "--id",
        "email=email",
        "--mechanism",
        "email.complaint",
        "--source",
        "ses",
        "--json",
    ];
    let report = world.must(0, &line).json();
    (report["batch"].as_str().unwrap().to_owned(), report)
}

fn batches(world: &World, flags: &[&str]) -> Vec<Value> {
    let line: Vec<&str> = ["imports", "--json"].into_iter().chain(flags.iter().copied()).collect();
    world.must(0, &line).json()["batches"].as_array().unwrap().clone()
}

/// The whole life of a wrong file, on a list in memory and on one under a snapshot.
#[test]
fn a_wrong_file_is_taken_back() {
    for compacted in [false, true] {
        let world = World::new();
        let (wrong, _) = import(&world, "wrong.csv", &format!("email\n{PERSON}\n{OTHER}\n"));
        let (later, report) = import(&world, "later.csv", &format!("email\n{OTHER}\n"));
        assert_eq!((&report["repeated"], &report["signals"]), (&1.into(), &0.into()));
        if compacted {
            world.must(0, &["compact"]);
        }
        world.must(1, &check("contact.email", OTHER));
        world.must(1, &["validate", "people.csv", "--action", "contact.email"]);

        // Without a terminal and without --yes: a preview, of which the script learns.
        let reason = ["retract", &wrong, "--reason", "wrong file", "--recorded-by", "jane"];
        let before = world.objects("");
        let preview = world.run(&[&reason[..], &["--json"]].concat());
        assert_eq!(preview.exit, Some(3), "{preview:?}");
        assert!(preview.stderr.contains("--yes"), "{preview:?}");
        // The person on it said so too, so taking it back frees only the other of marketing mails.
        let told = preview.json();
        assert_eq!(
            [&told["identifiers"], &told["actions"]["contact.email"]["freed"], &told["taken_back"]],
            [&Value::from(2), &Value::from(1), &Value::from(false)],
            "{told}"
        );
        assert_eq!(told["repeated_by"][0]["batch"], later.as_str(), "{told}");
        world.must(0, &[&reason[..], &["--dry-run"]].concat());
        assert_eq!(world.objects(""), before, "a preview changes nothing");

        let done = world.must(0, &[&reason[..], &["--yes", "--json"]].concat()).json();
        assert_eq!((&done["freed"], &done["taken_back"]), (&told["freed"], &true.into()), "{done}");
        assert_eq!(done["snapshot"].is_number(), compacted, "{done}");
        world.must(1, &check("contact.email", PERSON));
        world.must(0, &check("contact.email", OTHER));
        let scrub = ["scrub", "people.csv", "--action", "contact.email", "-o", "clean.csv", "--json"];
        assert_eq!(world.must(1, &scrub).json()["totals"][0]["tally"]["blocked"], 1);
        let history = world.must(0, &["history", "--email", OTHER, "--json"]).json();
        let told = &history["statements"][0];
        assert!(told["standing"].as_str().unwrap().ends_with("by jane: wrong file"), "{history}");
        assert_eq!(told["in_force"], false);

        let listed = batches(&world, &["--source", "ses"]);
        let states: Vec<_> =
            listed.iter().map(|line| (&line["batch"], &line["taken_back"]["reason"])).collect();
        assert_eq!(
            states,
            [(&later.clone().into(), &Value::Null), (&wrong.clone().into(), &"wrong file".into())]
        );
        let again = world.run(&[&reason[..], &["--yes"]].concat());
        assert_eq!(again.exit, Some(3), "{again:?}");
        assert!(again.stderr.contains("taken back already") && again.stderr.contains("jane"), "{again:?}");
        // What was right in it is said again, and counts.
        let (_, report) = import(&world, "later.csv", &format!("email\n{OTHER}\n"));
        assert_eq!(report["signals"], 1);
        world.must(1, &check("contact.email", OTHER));
        world.must(0, &["verify"]);
    }
}

/// Every kind of batch has its line; filters leave out the others.
#[test]
fn what_came_in_is_listed() {
    let world = World::new();
    let (batch, _) = import(&world, "list.csv", &format!("email\n{OTHER}\nnobody\n"));
    let listed = batches(&world, &[]);
    assert_eq!(listed.len(), 2, "{listed:?}");
    let import = &batches(&world, &["--mechanism", "email.complaint"])[0];
    assert_eq!(import["batch"], batch.as_str());
    let rows = ["rows_read", "rows_taken", "rows_repeated", "signals", "withdrawn"].map(|name| &import[name]);
    assert_eq!(rows, [&2.into(), &1.into(), &0.into(), &1.into(), &Value::from(0)], "{import}");
    assert_eq!((&import["file"], &import["source"]), (&"list.csv".into(), &"ses".into()));
    let live = &batches(&world, &["--source", "person"])[0];
    assert_eq!((&live["state"], &live["signals"]), (&"live".into(), &1.into()));
    assert!(batches(&world, &["--source", "nobody"]).is_empty());
    let text = world.must(0, &["imports"]).stdout;
    assert!(text.contains(&batch) && text.contains("2 rows: 1 taken"), "{text}");
}

fn bounce(world: &World, email: &str, at: &str) {
    let bounce = ["opt-out", "--mechanism", "email.bounce.hard", "--source", "ses"];
    world.must(0, &[&bounce[..], &["--email", email, "--at", at]].concat());
}

/// An outage of one provider: its false bounces go, true ones of that day and of others stay.
#[test]
fn false_bounces_of_an_outage_are_taken_back() {
    let world = World::new();
    let (early, late) = ("twice@example.com", "once@example.com");
    bounce(&world, early, "2026-01-10T08:00:00Z");
    for email in [early, late, "elsewhere@example.net"] {
        bounce(&world, email, "2026-01-10T10:30:00Z");
    }
    let blocked = |email| world.run(&check("contact.email", email)).exit == Some(1);
    assert!(blocked(early) && blocked(late) && blocked("elsewhere@example.net"));

    let window =
        ["retract", "--source", "ses", "--mechanism", "email.bounce.hard", "--domain", "example.com"];
    let between = ["--between", "2026-01-10T10:00:00Z..2026-01-10T11:00:00Z", "--reason", "outage", "--yes"];
    let done = world.must(0, &[&window[..], &between, &["--json"]].concat()).json();
    assert_eq!([&done["identifiers"], &done["kept"]], [&2.into(), &Value::from(1)], "{done}");
    assert_eq!([blocked(early), blocked(late), blocked("elsewhere@example.net")], [true, false, true]);

    let history = world.must(0, &["history", "--email", early, "--json"]).json();
    let standing = |at: usize| history["statements"][at]["standing"].as_str().unwrap();
    assert!(
        history["statements"].as_array().unwrap().iter().any(|told| told["in_force"] == true),
        "{history}"
    );
    assert!(standing(2).starts_with("taken back at "), "{history}");
    let windows = world.must(0, &["imports", "--json"]).json()["windows_taken_back"].clone();
    assert_eq!((&windows[0]["reason"], &windows[0]["one_domain"]), (&"outage".into(), &true.into()));

    for (between, flags, says) in [
        ("2026-01-10T10:00:00Z..2026-01-10T11:00:00Z", &["--domain", "example.com"][..], "already"),
        ("2026-01-10..2026-01-10", &[], "before it begins"),
        ("2026-01-10..2999-01-01", &[], "in the future"),
        ("2025-01-10..2025-01-11", &[], "nothing that counts"),
    ] {
        let line = [&window[..5], flags, &["--between", between, "--reason", "outage", "--yes"]].concat();
        let ran = world.run(&line);
        assert_eq!(ran.exit, Some(3), "{ran:?}");
        assert!(ran.stderr.contains(says), "{says}: {ran:?}");
    }
    let live = batches(&world, &["--source", "person"])[0]["batch"].as_str().unwrap().to_owned();
    let today = world.run(&["retract", &live, "--reason", "test", "--yes"]);
    assert!(today.stderr.contains("is not over"), "{today:?}");
    let event = world.run(&["retract", "live-event-3fa9", "--reason", "test", "--yes"]);
    assert!(event.exit == Some(3) && event.stderr.contains("is never over"), "{event:?}");
    world.must(0, &["verify"]);
}
