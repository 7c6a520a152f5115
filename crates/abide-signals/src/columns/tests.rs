use super::*;

fn us() -> PhoneRegion {
    "US".parse().unwrap()
}

fn guessed(header: Option<&[&str]>, rows: &[&[&str]]) -> Result<Columns, Ambiguous> {
    let rows: Vec<Vec<&str>> = rows.iter().map(|row| row.to_vec()).collect();
    guess(header, &rows, us())
}

/// `expected` as said to `--id`, column by column; `flag` and `time` for those, `-` for others.
#[track_caller]
fn check(header: Option<&[&str]>, rows: &[&[&str]], expected: &[&str]) {
    let columns = guessed(header, rows).unwrap();
    let roles: Vec<String> = columns
        .all()
        .iter()
        .map(|guess| match &guess.role {
            Role::Identifier(role) => role.to_string(),
            Role::Flag => "flag".to_owned(),
            Role::Time => "time".to_owned(),
            Role::Other => "-".to_owned(),
        })
        .collect();
    assert_eq!(roles, expected);
}

const MD5: &str = "9e107d9d372bb6826bd81d3542a419d6";
const SHA: &str = "KA18MT/ph6IHYjzT9zwETySDQyvSh87YuoSBpOQtkhE=";

#[test]
fn by_name_and_by_values() {
    check(
        Some(&["Customer ID", "E-mail", "Phone Number", "Signup Date", "Status", "City"]),
        &[&["17", "Ann@Example.com", "(415) 555-0100", "2025-01-02", "subscribed", "Reno"]],
        &["user_id", "email", "phone", "time", "flag", "-"],
    );
    check(
        None,
        &[&["ann@example.com", "415-555-0100", "94110"], &["bo@example.com", "415.555.0101", "94111"]],
        &["email", "phone", "-"],
    );
    check(
        Some(&["a", "b"]),
        &[&["ann@example.com", "4b61639e-47cc-4056-a16a-c8217e029462"]],
        &["email", "maid"],
    );
    check(Some(&["email"]), &[], &["email"]);
    // Not all rows are as wide as the header.
    check(
        Some(&["Email", "Notes"]),
        &[&["ann@example.com"], &["bo@example.com", "x", "y"]],
        &["email", "-", "-"],
    );
}

#[test]
fn digests() {
    check(Some(&["email_md5"]), &[&[MD5]], &["email:md5"]);
    check(Some(&["hashed_email"]), &[&[SHA]], &["email:sha256"]);
    check(Some(&["uid2_email_hash"]), &[&[SHA]], &["email:uid2"]);
    // A column called e-mail that holds digests of them.
    check(Some(&["email"]), &[&[MD5]], &["email:md5"]);
    // Ids may look like digests and yet be ids.
    check(Some(&["user_id"]), &[&[MD5]], &["user_id"]);
}

/// Bare digits may be anything; under the name of a phone they are numbers, also without a `+`.
#[test]
fn bare_digits() {
    check(Some(&["Email", "Order"]), &[&["ann@example.com", "4155550100"]], &["email", "-"]);
    check(Some(&["tel"]), &[&["4155550100"]], &["phone"]);
    let columns = guessed(Some(&["SMS"]), &[&["33611111111"], &["33622222222"]]).unwrap();
    assert_eq!(columns.ids().next().unwrap().role.prefix, "+");
}

#[test]
fn in_doubt_nothing_is_guessed() {
    let check = |header: Option<&[&str]>, rows: &[&[&str]], doubt: Doubt, said: &str| {
        let ambiguous = guessed(header, rows).unwrap_err();
        assert_eq!(ambiguous.doubt, doubt);
        assert_eq!(ambiguous.to_string(), said);
    };
    check(
        Some(&["Email", "Billing Email"]),
        &[&["ann@example.com", "pay@example.com"]],
        Doubt::Several(IdentifierKind::Email),
        "several columns hold e-mails: `Email`, `Billing Email`; say which to read: --id 'Email=email' or --id 'Billing Email=email'",
    );
    check(
        Some(&["Email", "Name"]),
        &[&["Ann", "ann@example.com"]],
        Doubt::Disagrees,
        "the name says one thing and the values another in `Email`; say which to read: --id 'Email=email'",
    );
    check(
        Some(&["Hash"]),
        &[&[SHA]],
        Doubt::UnknownDigests,
        "`Hash` holds digests, and it is not known of what; say which to read: --id 'Hash=email:sha256' or --id 'Hash=phone:sha256'",
    );
    check(
        Some(&["Ann", "ann@example.com"]),
        &[&["Bo", "bo@example.com"]],
        Doubt::HeaderIsData,
        "the first line holds an address where a column's name should stand: say that the file has no header, or put one in",
    );
    check(
        Some(&["Name"]),
        &[&["Ann"]],
        Doubt::NothingFound,
        "no column of identifiers was found; say which ones to read with --id COLUMN=KIND[:PROFILE]",
    );
}

#[test]
fn what_was_decided_is_said() {
    let columns = guessed(
        Some(&["Email Address", "optout", "created_at"]),
        &[
            &["ann@example.com", "yes", "2025-01-01"],
            &["not an address", "", ""],
            &["bo@example.com", "no", ""],
        ],
    )
    .unwrap();
    let said: Vec<String> = columns.all().iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "column `Email Address` holds e-mails (by its name; 2 of 3 sampled values parse)",
            "column `optout` looks like a flag (by its name; 2 of 2 sampled values parse) and is not read; say --flag 'optout=MECHANISM' to read it",
            "column `created_at` looks like a time (by its name; 1 of 1 sampled values parse); say --at 'created_at' to date by it",
        ]
    );
}
