//! Labels: verdicts for several actions, and the segments, in every row.

use abide_formats::Format;
use abide_model::{Action, IdentifierKind};
use abide_scrub::{Job, Report, Task, Threshold};

use crate::world::{NOW, World, job, raw, scrub};

fn segment(actions: &[&str]) -> Job {
    let actions = actions.iter().map(|action| action.parse::<Action>().unwrap()).collect();
    Job {
        people: vec![raw("email", IdentifierKind::Email), raw("phone", IdentifierKind::Phone)],
        ..job(Task::Segment { actions })
    }
}

const PEOPLE: &[u8] = b"email,phone\n\
    fine@example.com,+12015550199\n\
    out@example.com,+12015550123\n\
    erased@example.com,\n\
    nobody,+12015550199\n\
    ragged\n";

const LABELLED: &str = "email,phone,verdict_contact_email,verdict_contact_sms,segments\n\
    fine@example.com,+12015550199,allow,allow,\n\
    out@example.com,+12015550123,block,block,do_not_contact.email do_not_contact.registry\n";

#[test]
fn every_row_gets_its_verdicts_and_segments() {
    let world = World::new();
    let report = world.run(PEOPLE, Format::CSV, &segment(&["contact.email", "contact.sms"])).unwrap();
    let labelled = world.read("kept");
    assert!(labelled.starts_with(LABELLED), "{labelled}");
    let lines: Vec<&str> = labelled.lines().collect();
    assert!(lines[3].starts_with("erased@example.com,,block,"), "{}", lines[3]);
    assert!(lines[3].contains("do_not_collect"), "{}", lines[3]);
    assert_eq!(lines[4], "nobody,+12015550199,cannot_tell,allow,");
    assert_eq!(lines[5], "ragged", "a row with a fault has no place for more");
    assert_eq!(lines.len(), 6);
    let tallies: Vec<_> =
        report.judged.iter().map(|judged| (judged.tally.allowed, judged.tally.blocked)).collect();
    assert_eq!(tallies, [(1, 2), (2, 2)]);
    assert_eq!(report.segments["do_not_contact.email"], 2);
    assert_eq!(report.segments["do_not_contact.registry"], 1);
}

#[test]
fn a_column_that_is_there_already_is_not_written_twice() {
    let world = World::new();
    let error = world.run(b"email,phone,segments\n", Format::CSV, &segment(&["contact.email"])).unwrap_err();
    assert!(error.to_string().contains("already has a column `segments`"), "{error}");
    assert_eq!(world.files(), ["in"]);
}

/// The document that a run leaves behind, over two files of which one could not be done.
#[test]
fn a_report_adds_files_up() {
    let world = World::new();
    let job = scrub("contact.email");
    let mut report = Report::new("abide 0", &job, &world.snapshot, "a-store", NOW);
    assert_eq!(report.threshold(), Threshold::Clean);
    let files: [(&[u8], Threshold); 3] = [
        (b"email\nfine@example.com\n", Threshold::Clean),
        (b"email\nnobody\n", Threshold::CannotTell),
        (b"email\nboth@example.com\nout@example.com\nfine@example.com\n", Threshold::Found),
    ];
    for (file, threshold) in files {
        report.add(world.run(file, Format::CSV, &job).unwrap());
        assert_eq!(report.threshold(), threshold);
    }
    report.add_failure("stopped.csv", "row 1 cannot be judged".to_owned(), true);
    assert_eq!(report.threshold(), Threshold::CannotTell, "a file is not done");
    report.add_failure("missing.csv", "could not open `missing.csv`".to_owned(), false);
    assert_eq!(report.threshold(), Threshold::Failed);
    report.finish(NOW, &world.snapshot.rules);
    let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
    let asked = &json["decisions"];
    assert!(asked["calls"].as_u64().unwrap() > 0 && asked["calls"] == asked["questions"], "{asked}");
    let total = &json["totals"][0];
    assert_eq!(total["tally"]["seen"], 5);
    assert_eq!(total["tally"]["blocked"], 2);
    assert_eq!(total["by_mechanism"]["email.unsubscribe"], 2, "each row once under each name");
    assert_eq!(total["by_mechanism"]["email.bounce.hard"], 1);
    assert_eq!(total["by_source"]["mailer"], 1);
    assert_eq!(total["by_segment"]["undeliverable.email"], 1);
    assert_eq!(total["cannot_tell_by_cause"]["destination_unreadable"], 1);
    assert_eq!(json["list"]["position"], "main:8");
    assert_eq!(json["ruleset"]["name"], "default");
    assert_eq!(json["finished_at"], NOW.to_string());
}
