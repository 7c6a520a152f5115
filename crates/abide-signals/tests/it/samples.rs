//! `vectors/csv_samples.json`: headers and rows of real exports, with what their sources expect.
//!
//! Not run: `tag_lists` (tags hold no opt-outs and are not read).

use abide_model::{IdentifierKind, Normaliser, Time};
use abide_signals::{DateFault, DateOrder, DateReader, Export, columns, words, words::Word};
use serde_json::Value;

fn samples() -> Value {
    serde_json::from_str(include_str!("../vectors/csv_samples.json")).unwrap()
}

fn sample(id: &str) -> Value {
    let samples = samples();
    let of_id = |sample: &&Value| sample["id"] == id;
    samples["samples"].as_array().unwrap().iter().find(of_id).unwrap().clone()
}

fn now() -> Time {
    Time::parse_rfc3339("2026-11-22T00:00:00Z").unwrap()
}

/// The header and the rows of a sample.
fn table(sample: &Value) -> (Vec<String>, Vec<Vec<String>>) {
    let delimiter = sample["delimiter"].as_str().unwrap_or(",").as_bytes()[0];
    let record = |text: &str| -> Vec<String> {
        let mut reader =
            csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).from_reader(text.as_bytes());
        reader.records().next().unwrap().unwrap().iter().map(str::to_owned).collect()
    };
    let rows = sample["rows"].as_array().unwrap().iter().map(|row| record(row.as_str().unwrap()));
    (record(sample["header"].as_str().unwrap()), rows.collect())
}

/// Recognises a sample and reads all its rows: `mechanism kind stated_at`, one line each; an error
/// in place of an export that gives none.
#[track_caller]
fn check(id: &str, file_name: &str, expected: &[&str]) {
    let (header, rows) = table(&sample(id));
    check_table(file_name, &header, &rows, expected);
}

#[track_caller]
fn check_table(file_name: &str, header: &[String], rows: &[Vec<String>], expected: &[&str]) {
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let export = match Export::recognise(file_name, Some(&header), &[]) {
        Ok(Some(export)) => export,
        Ok(None) => panic!("{file_name} was not recognised"),
        Err(unimportable) => return assert_eq!([unimportable.what], expected),
    };
    let statements = rows
        .iter()
        .flat_map(|row| export.read_row(&|column| row.get(column).map(String::as_str), now()).unwrap());
    let said: Vec<String> = statements
        .map(|it| {
            let kind = it.on.map_or("all", IdentifierKind::as_str);
            let at = it.statement.stated_at.map_or("-".to_owned(), |at| at.to_string());
            format!("{} {kind} {at}", it.statement.mechanism)
        })
        .collect();
    assert_eq!(said, expected);
}

#[test]
fn mailchimp() {
    check("csv-01", "subscribed_members_export_8a.csv", &["Mailchimp's list of those who are subscribed"]);
    check("csv-01", "export.csv", &["an audience export of Mailchimp"]);
    check("csv-01", "cleaned_members_export_8a.csv", &["email.bounce.hard email -"]);

    let columns = sample("csv-02");
    let mut header = vec!["Email Address".to_owned()];
    header.extend(
        columns["columns_seen"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()),
    );
    let row = |unsub_time: &str| -> Vec<String> {
        let cell = |name: &String| if name == "UNSUB_TIME" { unsub_time } else { "" }.to_owned();
        header.iter().map(cell).collect()
    };
    let rows = [row("2025-03-16 14:40:47"), row("")];
    let dated = "email.unsubscribe email 2025-03-16T14:40:47.000Z";
    // The file's name says it of every row; the column only of those that have a time.
    check_table("unsubscribed_members_export_8a.csv", &header, &rows, &[dated, "email.unsubscribe email -"]);
    check_table("export.csv", &header, &rows, &[dated]);
}

#[test]
fn brevo() {
    check("csv-04", "contacts.csv", &["profile.email email -"]);
    let (header, rows) = table(&sample("csv-04"));
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let export = Export::recognise("contacts.csv", Some(&header), &[]).unwrap().unwrap();
    let expected = &sample("csv-04")["expected"][0];

    let normaliser = Normaliser::new("US".parse().unwrap());
    let phone = export.ids.iter().find(|id| id.role.kind == IdentifierKind::Phone).unwrap();
    let text = phone.text(&|column| rows[0].get(column).map(String::as_str));
    let digits = expected["phone_digits"].as_str().unwrap();
    assert_eq!(
        phone.role.identify(&normaliser, &text),
        normaliser.raw(IdentifierKind::Phone, &format!("+{digits}"))
    );

    let added = header.iter().position(|name| *name == "ADDED_TIME").unwrap();
    let at = export.flags.dates.read(&rows[0][added], now()).unwrap().unwrap();
    assert_eq!(at.to_string(), expected["created_at"].as_str().unwrap());
}

/// No export with flags: their columns are found by name.
#[test]
fn exports_without_flags() {
    for (id, region, expected) in [
        ("csv-07", "FR", &["Email=email", "Phone number=phone"]),
        ("csv-08", "FR", &["E-mail=email", "Téléphone=phone"]),
    ] {
        let (header, rows) = table(&sample(id));
        let header: Vec<&str> = header.iter().map(String::as_str).collect();
        let rows: Vec<Vec<&str>> = rows.iter().map(|row| row.iter().map(String::as_str).collect()).collect();
        assert!(Export::recognise("contacts.csv", Some(&header), &rows).unwrap().is_none(), "{id}");
        let columns = columns::guess(Some(&header), &rows, region.parse().unwrap()).unwrap();
        let found: Vec<String> = columns.ids().map(|id| format!("{}={}", id.name, id.role)).collect();
        assert_eq!(found, expected, "{id}");
        assert!(
            columns
                .all()
                .iter()
                .filter(|guess| guess.id().is_some())
                .all(|guess| guess.read == guess.sampled)
        );
    }
}

#[test]
fn promio() {
    check("csv-10", "removals.csv", &["email.unsubscribe email 2012-07-07T05:33:13.000Z"]);
    let (header, mut rows) = table(&sample("csv-10"));
    for (source, expected) in
        [("11", "email.complaint"), ("9", "email.bounce.hard"), ("17", "email.unsubscribe")]
    {
        source.clone_into(&mut rows[0][4]);
        check_table("removals.csv", &header, &rows, &[&format!("{expected} email 2012-07-07T05:33:13.000Z")]);
    }
    check("csv-11", "audit.csv", &["a newsletter audit of promio.connect"]);
}

#[test]
fn california_drop() {
    check("csv-12", "20260312_4821_Email.csv", &["law.drop email 2026-03-12T00:00:00.000Z"]);
    let (header, rows) = table(&sample("csv-12"));
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let export = Export::recognise("20260312_4821_Email.csv", Some(&header), &[]).unwrap().unwrap();
    let text = export.ids[0].text(&|column| rows[0].get(column).map(String::as_str));
    // The published example is of this address.
    let normaliser = Normaliser::new("US".parse().unwrap());
    let person = normaliser.raw(IdentifierKind::Email, "Anna.Smith@Domain.com");
    assert_eq!(export.ids[0].role.identify(&normaliser, &text), person);
}

#[test]
fn do_not_call_registry() {
    assert_eq!(sample("csv-14")["rows"].as_array().map(Vec::len), Some(0), "rows were published: run them");
    let export = Export::recognise("full.txt", None, &[vec!["415", "5550100"]]).unwrap().unwrap();
    assert_eq!(export.vendor.source(), "ftc");
}

#[test]
fn every_sample_is_run() {
    const RUN: [&str; 9] =
        ["csv-01", "csv-02", "csv-04", "csv-07", "csv-08", "csv-10", "csv-11", "csv-12", "csv-14"];
    let samples = samples();
    let ids: Vec<&str> =
        samples["samples"].as_array().unwrap().iter().map(|sample| sample["id"].as_str().unwrap()).collect();
    assert_eq!(ids, RUN);
}

#[test]
fn status_words() {
    for row in samples()["status_words"].as_array().unwrap() {
        let expected = match row["expected"].as_str().unwrap() {
            "unsubscribed" => Word::Out,
            "bounced" => Word::Bounced,
            "pending" => Word::Pending,
            other => panic!("a new state: {other}"),
        };
        assert_eq!(words::read(row["input"].as_str().unwrap()), Some(expected), "{row}");
    }
}

#[test]
fn dates() {
    for row in samples()["dates"].as_array().unwrap() {
        let read = DateReader::new(Some(DateOrder::DayFirst)).read(row["input"].as_str().unwrap(), now());
        match row["expected"].as_str() {
            Some(expected) => assert_eq!(read.unwrap().unwrap().to_string(), expected, "{row}"),
            None => assert!(matches!(read, Err(DateFault::Future | DateFault::Unreadable)), "{row}"),
        }
    }
}
