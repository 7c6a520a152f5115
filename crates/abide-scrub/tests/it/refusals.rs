//! What is refused before a row is looked at, and what the user is told.

use abide_enforce::Uncovered;
use abide_formats::{Column, Format};
use abide_model::{Form, IdentifierKind, Normaliser};
use abide_scrub::{Job, PersonColumn};
use abide_signals::IdRole;

use crate::world::{World, from_column, raw, scrub};

const FILE: &[u8] = b"email,other,phone\nfine@example.com,out@example.com,\n";

fn hashed(column: &str, form: Form) -> PersonColumn {
    let role = IdRole::hashed(IdentifierKind::Email, None, form);
    PersonColumn { column: Column::from(column), role, to: false }
}

#[test]
fn a_job_that_makes_no_sense_is_refused_with_what_to_do() {
    let email = || raw("email", IdentifierKind::Email);
    let other = || raw("other", IdentifierKind::Email);
    let cases: [(&str, Job, &str); 9] = [
        ("no columns", Job { people: Vec::new(), ..scrub("contact.email") }, "--id COLUMN=KIND"),
        (
            "no destination",
            Job { people: vec![raw("phone", IdentifierKind::Phone)], ..scrub("contact.email") },
            "--id COLUMN=email",
        ),
        (
            "two destinations",
            Job { people: vec![email(), other()], ..scrub("contact.email") },
            "`email`, `other`; name the one with --to",
        ),
        ("an unknown action", scrub("contact.pigeon"), "`contact.email`"),
        (
            "an unknown column",
            Job { people: vec![raw("e-mail", IdentifierKind::Email)], ..scrub("contact.email") },
            "no column `e-mail`",
        ),
        (
            "an unknown attribute",
            Job { context: [("purpse", "marketing")].into_iter().collect(), ..scrub("contact.email") },
            "purpose",
        ),
        (
            "an unknown attribute of a column",
            Job { context_columns: vec![from_column("brnd", "other")], ..scrub("contact.email") },
            "brand",
        ),
        (
            "an attribute given twice",
            Job {
                context: [("brand", "acme")].into_iter().collect(),
                context_columns: vec![from_column("brand", "other")],
                ..scrub("contact.email")
            },
            "given twice",
        ),
        (
            "digests that cannot be matched with all statements",
            Job { people: vec![hashed("email", Form::Md5)], ..scrub("contact.email") },
            "--uncovered accept",
        ),
    ];
    for (about, job, says) in cases {
        let world = World::new();
        let error = world.run(FILE, Format::CSV, &job).expect_err(about);
        assert!(error.to_string().contains(says), "{about}: {error}");
        assert_eq!(world.files(), ["in"], "{about}");
    }
}

#[test]
fn the_column_named_by_to_decides_and_the_other_does_not() {
    let with_to = |to: &str| {
        let person = |column| PersonColumn { to: column == to, ..raw(column, IdentifierKind::Email) };
        Job { people: vec![person("email"), person("other")], ..scrub("contact.email") }
    };
    for (to, blocked) in [("email", 0), ("other", 1)] {
        let report = World::new().run(FILE, Format::CSV, &with_to(to)).unwrap();
        assert_eq!(report.judged[0].tally.blocked, blocked, "--to {to}");
    }
}

/// A digest cannot be judged by its domain, and the list knows somebody by the domain.
#[test]
fn what_digests_cannot_reach_is_accepted_or_doubted_as_said_and_stands_in_the_report() {
    let world = World::new();
    let digest = |address: &str| {
        use sha2::Digest as _;
        sha2::Sha256::digest(address).iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    assert!(Normaliser::hashed(IdentifierKind::Email, Some(Form::Sha256), &digest("a")).is_ok());
    let file = format!("email\n{}\n{}\n", digest("out@example.com"), digest("fine@example.com"));
    for (uncovered, allowed, cannot_tell) in [(Uncovered::Accept, 1, 0), (Uncovered::CannotTell, 0, 1)] {
        let people = vec![hashed("email", Form::Sha256)];
        let job = Job { people, uncovered: Some(uncovered), ..scrub("contact.email") };
        let report = world.run(file.as_bytes(), Format::CSV, &job).unwrap();
        let tally = report.judged[0].tally;
        assert_eq!(
            (tally.blocked, tally.allowed, tally.cannot_tell),
            (1, allowed, cannot_tell),
            "{uncovered:?}"
        );
        let not_covered: Vec<_> =
            report.not_covered.iter().map(|column| (&*column.column, column.statements)).collect();
        assert_eq!(not_covered, [("email", 1)], "{uncovered:?}");
    }
}
