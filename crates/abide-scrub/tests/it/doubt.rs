//! Rows that cannot be judged: each kind of them under each choice of what is then to happen.

use abide_formats::Format;
use abide_model::{IdentifierKind, OnCannotTell};
use abide_scrub::{Job, ScrubError};

use crate::world::{World, from_column, raw, scrub};

struct Case {
    about: &'static str,
    format: Format,
    header: &'static str,
    /// Cannot be judged. Before it stands a row that may stay, after it one that is blocked.
    row: &'static [u8],
    job: fn() -> Job,
    cause: &'static str,
    /// What an error says of it.
    says: &'static str,
}

fn by_email() -> Job {
    scrub("contact.email")
}

fn by_email_and_phone_strictly() -> Job {
    let mut job = scrub("contact.email");
    job.people.push(raw("brand", IdentifierKind::Phone));
    job.options.strict = true;
    job
}

fn by_email_for_purpose() -> Job {
    Job { context_columns: vec![from_column("purpose", "brand")], ..scrub("contact.email") }
}

const CSV: Format = Format::CSV;
const CSV_HEADER: &str = "email,brand\n";

const CASES: [Case; 12] = [
    Case {
        about: "a field too many",
        format: CSV,
        header: CSV_HEADER,
        row: b"jane@example.com,x,y\n",
        job: by_email,
        cause: "undecodable.ragged",
        says: "3 fields rather than 2",
    },
    Case {
        about: "a field too few",
        format: CSV,
        header: CSV_HEADER,
        row: b"jane@example.com\n",
        job: by_email,
        cause: "undecodable.ragged",
        says: "1 fields rather than 2",
    },
    Case {
        about: "no address",
        format: CSV,
        header: CSV_HEADER,
        row: b",\n",
        job: by_email,
        cause: "destination_missing",
        says: "there is no email",
    },
    Case {
        about: "a stand-in for none",
        format: CSV,
        header: CSV_HEADER,
        row: b"NULL,\n",
        job: by_email,
        cause: "destination_missing",
        says: "there is no email",
    },
    Case {
        about: "something that is no address",
        format: CSV,
        header: CSV_HEADER,
        row: b"secret-person,\n",
        job: by_email,
        cause: "destination_unreadable",
        says: "the email cannot be read",
    },
    Case {
        about: "an address that is not UTF-8",
        format: CSV,
        header: CSV_HEADER,
        row: b"j\xe4ne@example.com,\n",
        job: by_email,
        cause: "destination_unreadable",
        says: "the email cannot be read",
    },
    Case {
        about: "letters after a closing quote",
        format: CSV,
        header: CSV_HEADER,
        row: b"\"jane\"@example.com,\n",
        job: by_email,
        cause: "destination_unreadable",
        says: "the email cannot be read",
    },
    Case {
        about: "another identifier that cannot be read, strictly",
        format: CSV,
        header: CSV_HEADER,
        row: b"jane@example.com,123\n",
        job: by_email_and_phone_strictly,
        cause: "partly_unreadable",
        says: "another identifier, of kind phone",
    },
    Case {
        about: "a context that the ruleset does not know",
        format: CSV,
        header: CSV_HEADER,
        row: b"jane@example.com,secret-purpose\n",
        job: by_email_for_purpose,
        cause: "undecodable.context",
        says: "its context has a value that the ruleset does not know",
    },
    Case {
        about: "a line that is not JSON",
        format: Format::Ndjson,
        header: "",
        row: b"{\"email\": \"jane@example.com\"\n",
        job: by_email,
        cause: "undecodable.not_json",
        says: "it is not JSON",
    },
    Case {
        about: "JSON that is no object",
        format: Format::Ndjson,
        header: "",
        row: b"\"jane@example.com\"\n",
        job: by_email,
        cause: "undecodable.not_an_object",
        says: "it is JSON but not an object",
    },
    Case {
        about: "a line of JSON that is not UTF-8",
        format: Format::Ndjson,
        header: "",
        row: b"{\"email\": \"j\xe4ne@example.com\"}\n",
        job: by_email,
        cause: "undecodable.not_utf8",
        says: "it is not UTF-8",
    },
];

#[test]
fn what_cannot_be_judged_goes_where_the_caller_says_and_is_counted_by_cause() {
    for case in &CASES {
        for choice in [OnCannotTell::Block, OnCannotTell::Allow, OnCannotTell::Fail] {
            check(case, choice);
        }
    }
}

fn check(case: &Case, choice: OnCannotTell) {
    let about = format!("{}, {choice}", case.about);
    let (stays, blocked): (&[u8], &[u8]) = match case.format {
        Format::Ndjson => (b"{\"email\":\"fine@example.com\"}\n", b"{\"email\":\"Out@Example.com\"}\n"),
        _ => (b"fine@example.com,\n", b"Out@Example.com,\n"),
    };
    let header = case.header.as_bytes();
    let world = World::new();
    let job = Job { on_cannot_tell: choice, ..(case.job)() };
    let ran = world.run(&[header, stays, case.row, blocked].concat(), case.format, &job);
    let read = |name: &str| std::fs::read(world.path(name)).unwrap();

    if choice == OnCannotTell::Fail {
        let error = ran.expect_err(&about);
        assert!(matches!(error, ScrubError::CannotTell { row: 2, .. }), "{about}: {error}");
        let message = error.to_string();
        assert!(message.contains(case.says), "{about}: {message}");
        assert!(
            !message.contains("jane") && !message.contains("secret"),
            "{about}: shows the row: {message}"
        );
        assert_eq!(world.files(), ["in"], "{about}: something was written");
        return;
    }

    let report = ran.unwrap_or_else(|error| panic!("{about}: {error}"));
    let judged = &report.judged[0];
    let tally = judged.tally;
    assert_eq!((tally.seen, tally.allowed, tally.blocked, tally.cannot_tell), (3, 1, 1, 1), "{about}");
    let causes: Vec<_> =
        judged.cannot_tell_by_cause.iter().map(|(cause, rows)| (cause.as_str(), *rows)).collect();
    assert_eq!(causes, [(case.cause, 1)], "{about}");

    let kept = if choice == OnCannotTell::Allow {
        [header, stays, case.row].concat()
    } else {
        [header, stays].concat()
    };
    assert_eq!(read("kept"), kept, "{about}");
    assert_eq!(read("blocked"), [header, blocked].concat(), "{about}");
    assert_eq!(read("unjudged"), [header, case.row].concat(), "{about}");
}

/// A quote that is never closed swallows the rest of the file, which is then one row.
#[test]
fn the_rest_of_a_file_after_an_open_quote_cannot_be_judged() {
    let world = World::new();
    let input = b"email,brand\nfine@example.com,\n\"jane@example.com,\nout@example.com,\n";
    let report = world.run(input, CSV, &scrub("contact.email")).unwrap();
    assert_eq!(report.judged[0].cannot_tell_by_cause["undecodable.unclosed_quote"], 1);
    assert_eq!(world.read("kept"), "email,brand\nfine@example.com,\n");
    assert_eq!(world.read("unjudged"), "email,brand\n\"jane@example.com,\nout@example.com,\n");
}

/// The verdict rests on the address alone, and the report says for how many rows.
#[test]
fn another_identifier_that_cannot_be_read_is_counted_as_partly_judged() {
    let world = World::new();
    let job = Job {
        people: vec![raw("email", IdentifierKind::Email), raw("brand", IdentifierKind::Phone)],
        ..scrub("contact.email")
    };
    let input = b"email,brand\nfine@example.com,123\nfine@example.com,+12015550199\nfine@example.com,\n";
    let report = world.run(input, CSV, &job).unwrap();
    assert_eq!((report.judged[0].tally.allowed, report.judged[0].partly_judged), (3, 1));
}
