//! What stops an import before anything is written.

use crate::world::{World, chain, hints};

/// The file, what the user said, and what the message has to tell.
async fn check(name: &str, content: &str, said: &[&str], expected: &[&str]) {
    let world = World::new().await;
    let file = world.write(name, content);
    let error = match world.import(&file, &hints(said)).await {
        Ok(outcome) => panic!("{name} {said:?} was imported: {outcome:?}"),
        Err(error) => chain(&error),
    };
    for expected in expected {
        assert!(error.contains(expected), "{name} {said:?}: {error}");
    }
    assert!(!error.contains("jane"), "no identifier appears: {error}");
    assert_eq!(world.records().await, [], "{name}");
}

const UNSUBSCRIBE: &str = "mechanism email.unsubscribe";

#[tokio::test]
async fn what_rows_mean() {
    check("a.csv", "email\njane@example.com\n", &[], &["--mechanism", "--flag"]).await;
    check(
        "a.csv",
        "email\njane@example.com\n",
        &["mechanism email.bounce.hard"],
        &["email.bounce.hard", "--source"],
    )
    .await;
    check("a.csv", "phone\n+13035550116\n", &[UNSUBSCRIBE], &["no such column", "--id COLUMN=email"]).await;
    let mixed = "email,unsubscribed\njane@example.com,no\n";
    check("a.csv", mixed, &[UNSUBSCRIBE], &["--flag 'unsubscribed'=MECHANISM", "--all-rows"]).await;
    let hubspot = "Email,Unsubscribed from all email\njane@example.com,true\n";
    check("a.csv", hubspot, &[UNSUBSCRIBE], &["HubSpot", "leave --mechanism away"]).await;
}

#[tokio::test]
async fn which_columns() {
    let two = "email,backup_email\njane@example.com,jane2@example.com\n";
    check("a.csv", two, &[UNSUBSCRIBE], &["--id 'email=email'", "--id 'backup_email=email'"]).await;
    check("a.csv", "x,y\n1,2\n", &[UNSUBSCRIBE], &["no column of identifiers", "--id"]).await;
    check(
        "a.csv",
        "email\njane@example.com\n",
        &["id mail=email", UNSUBSCRIBE],
        &["no column `mail`", "`email`"],
    )
    .await;
    let digests = "h\n5f4dcc3b5aa765d61d8327deb882cf99\n";
    check("a.csv", digests, &[UNSUBSCRIBE], &["digests", "email:md5"]).await;
    // The right name and the wrong column: nothing that can be read.
    let wrong = "email,name\njane@example.com,Jane\n";
    check("a.csv", wrong, &["id name=email", UNSUBSCRIBE], &["none of the 1 rows", "not a valid email"])
        .await;
    check("a.ndjson", "{\"email\":\"jane@example.com\"}\n", &["id #1=email", UNSUBSCRIBE], &["path"]).await;
}

/// All unknown words of the whole file, with their counts, before anything is taken.
#[tokio::test]
async fn unknown_words() {
    let mut rows: String = (0..3_000).map(|n| format!("p{n}@example.com,No\n")).collect();
    rows.push_str("jane@example.com,Maybe\nmax@example.com,later\nann@example.com,later\n");
    let file = format!("Email,HasOptedOutOfEmail\n{rows}");
    check("a.csv", &file, &[], &["`HasOptedOutOfEmail`", "`Maybe` (1 row)", "`later` (2 rows)"]).await;
}

#[tokio::test]
async fn dates_with_two_readings() {
    let file = "email,when\njane@example.com,03/04/2026\nmax@example.com,05/06/2026\n";
    check(
        "a.csv",
        file,
        &[UNSUBSCRIBE, "at when"],
        &["2 dates", "--dates day-first or --dates month-first", "`when`"],
    )
    .await;
    let both = "email,when\njane@example.com,13/04/2026\nmax@example.com,05/16/2026\n";
    check(
        "a.csv",
        both,
        &[UNSUBSCRIBE, "at when"],
        &["only with the day first", "only with the month first"],
    )
    .await;
}

/// One date that is possible only one way decides for its column, and the user's word decides always.
#[tokio::test]
async fn dates_that_are_told() {
    for (dates, said, expected) in [
        ("03/04/2026 00:00\n05/16/2026 00:00", &[UNSUBSCRIBE, "at when"][..], "2026-03-04T00:00:00.000Z"),
        ("03/04/2026 00:00\n16/05/2026 00:00", &[UNSUBSCRIBE, "at when"], "2026-04-03T00:00:00.000Z"),
        (
            "03/04/2026 00:00\n05/06/2026 00:00",
            &[UNSUBSCRIBE, "at when", "dates day-first"],
            "2026-04-03T00:00:00.000Z",
        ),
    ] {
        let world = World::new().await;
        let rows: String =
            dates.lines().enumerate().map(|(n, date)| format!("p{n}@example.com,{date}\n")).collect();
        let file = world.write("a.csv", format!("email,when\n{rows}"));
        world.import(&file, &hints(said)).await.unwrap();
        let records = world.records().await;
        assert_eq!(records[0].at().to_string(), expected, "{said:?}");
    }
}

/// Known files that hold no opt-outs.
#[tokio::test]
async fn files_that_are_no_lists() {
    let subscribed = "Email Address,LEID,EUID\njane@example.com,1,a\n";
    check("subscribed_members_export_1.csv", subscribed, &[], &["who are subscribed"]).await;
    check("contacts.csv", "ID,Hash\n1,aa\n", &[], &["DROP", "give it back its name"]).await;
    check("Email_Removed.csv", "ID,Hash,List Type\n1,aa,EMAIL\n", &[], &["withdrawn requests"]).await;
}

#[tokio::test]
async fn two_sources() {
    let world = World::new().await;
    let one = world.write("dnc.csv", "206,5550110\n206,5550111\n");
    let two = world.write("20260312_4821_Email.csv", format!("ID,Hash\n1,{}\n", "ab".repeat(32)));
    let error = world.import_as(&[&one, &two], &hints(&[]), None).await.unwrap_err();
    assert!(chain(&error).contains("`ftc` and `calprivacy`"), "{}", chain(&error));
}
