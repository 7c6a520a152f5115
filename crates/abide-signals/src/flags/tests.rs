use abide_model::identifier::IdentifierKind::{Email, Phone};

use super::*;

const NOW: Time = Time::from_seconds(1_800_000_000);

fn reader(args: &[&str], header: &[&str]) -> FlagReader {
    let flags =
        args.iter().map(|arg| arg.parse::<FlagArg>().unwrap().bind(Some(header), header.len()).unwrap());
    FlagReader::new(flags.collect(), "crm".parse().unwrap())
}

fn read(reader: &FlagReader, row: &[&str]) -> Result<Vec<String>, RowFault> {
    let statements = reader.read_row(&|column| row.get(column).copied(), NOW)?;
    Ok(statements.iter().map(|it| format!("{}@{}", it.statement.mechanism, it.statement.scope)).collect())
}

#[test]
fn words_say_out_by_the_column_they_stand_in() {
    let reader = reader(
        &["optout=email.unsubscribe@brand:acme", "may_call=no:phone.stop", "sale=privacy.no_sale"],
        &["optout", "may_call", "sale"],
    );
    for (row, expected) in [
        (&["yes", "yes", "no"][..], &["email.unsubscribe@brand:acme"][..]),
        (&["no", "no", ""], &["phone.stop@*"]),
        (
            &["Désinscrit", "unsubscribed", "TRUE"],
            &["email.unsubscribe@brand:acme", "phone.stop@*", "privacy.no_sale@*"],
        ),
        (&["subscribed", "subscribed", "0"], &[]),
        (&["pending", "", "NULL"], &[]),
        (&[], &[]),
        // Facts of their own, in a column of states.
        (&["Bounced", "", ""], &["email.bounce.hard@brand:acme"]),
        (&["spam complaint", "", ""], &["email.complaint@brand:acme"]),
    ] {
        assert_eq!(read(&reader, row).unwrap(), expected, "{row:?}");
    }
}

#[test]
fn unknown_words_are_counted_by_column_and_shown() {
    let reader = reader(&["a=email.unsubscribe", "b=phone.stop"], &["a", "b"]);
    let mut all = UnknownWords::default();
    for row in
        [["maybe", "later"], ["maybe", "bounced"], ["yes", "jane@example.com"], ["yes", "+14155550100"]]
    {
        let Err(RowFault::UnknownWords(unknown)) = read(&reader, &row) else { panic!("{row:?} was read") };
        all.merge(&unknown);
    }
    assert_eq!(all.total(), 6);
    assert_eq!(
        all.to_string(),
        "`a`: `maybe` (2 rows); `b`: `bounced` (1 row), `later` (1 row), other texts (2 rows)"
    );
}

#[test]
fn statements_know_what_they_are_about_and_when() {
    let mut reader = reader(&["a=email.unsubscribe", "b=sms.stop", "c=hold.minor"], &["a", "b", "c", "at"]);
    reader.at = Some(3);
    let row = ["y", "y", "y", "2025-01-02T03:04:05Z"];
    let statements = reader.read_row(&|column| row.get(column).copied(), NOW).unwrap();
    assert_eq!(statements.iter().map(|it| it.on).collect::<Vec<_>>(), [Some(Email), Some(Phone), None]);
    assert!(statements.iter().all(|it| it.statement.stated_at == Time::parse_rfc3339(row[3])));
    assert!(
        statements
            .iter()
            .all(|it| it.statement.claimant.as_str() == "crm" && it.statement.validate().is_ok())
    );
}

/// An opt-out with a date that cannot be read is neither lost nor dated now.
#[test]
fn a_bad_date_keeps_the_opt_out() {
    let mut reader = reader(&["a=email.unsubscribe"], &["a", "at"]);
    reader.at = Some(1);
    let of = |row: &'static [&'static str]| reader.read_row(&|column| row.get(column).copied(), NOW);
    let Err(RowFault::Date { fault, undated }) = of(&["yes", "2999-01-01"]) else {
        panic!("the future was read")
    };
    assert_eq!((fault, undated.len(), undated[0].statement.stated_at), (crate::DateFault::Future, 1, None));
    // Who says nothing needs no date.
    assert_eq!(of(&["no", "2999-01-01"]), Ok(Vec::new()));
}

#[test]
fn arguments_that_are_none() {
    for (text, error) in [
        ("optout", "a flag is COLUMN=MECHANISM"),
        ("=email.unsubscribe", "a flag is COLUMN=MECHANISM"),
        ("a=email.unsub", "no such mechanism; the nearest is `email.unsubscribe`"),
        ("a=email.list@weekly", "a scope is"),
    ] {
        assert!(text.parse::<FlagArg>().unwrap_err().to_string().starts_with(error), "{text}");
    }
}
