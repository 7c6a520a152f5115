//! What becomes of rows, and the counts of it.

use abide_model::IdentifierKind::{Email, Phone};
use base64::Engine as _;
use md5::Md5;
use sha2::{Digest, Sha256};

use crate::world::{World, hints};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What cannot be read is counted by its cause; the rest is taken.
#[tokio::test]
async fn unreadable_rows() {
    let world = World::new().await;
    let file = world.write(
        "out.csv",
        "name,email\nJane,jane@example.com\nMax,\nAnn,ann at example.com\nJoe,joe@example.com,extra\nSue,null\n",
    );
    let outcome =
        world.import(&file, &hints(&["id email=email", "mechanism email.unsubscribe"])).await.unwrap();
    let tally = outcome.tally;
    assert_eq!((tally.rows, tally.taken, tally.unreadable_rows()), (5, 1, 4));
    let causes: Vec<(&str, u64)> =
        tally.unreadable.iter().map(|(cause, rows)| (cause.as_str(), *rows)).collect();
    assert_eq!(causes[0], ("a number of fields other than the header's", 1));
    assert_eq!(causes[1], ("no identifier", 2));
    assert!(causes[2].0.starts_with("not a valid email: "), "{causes:?}");
    let shown = format!("{:?} {:?}", tally, outcome.sentences);
    assert!(!shown.contains("ann"), "no identifier appears: {shown}");
}

/// What a person says of themself is about all their identifiers; what concerns an address, about
/// those of its channel.
#[tokio::test]
async fn several_columns() {
    for (mechanism, of_email, of_phone) in [
        ("profile.all", true, true),
        ("privacy.objection", true, true),
        ("email.unsubscribe", true, false),
        ("sms.stop", false, true),
        ("phone.stop", false, true),
    ] {
        let world = World::new().await;
        let file = world.write("out.csv", "email,phone\njane@example.com,303-555-0116\n");
        world.import(&file, &hints(&[&format!("mechanism {mechanism}")])).await.unwrap();
        let said = |is_said: bool| if is_said { vec![format!("out {mechanism} * person")] } else { vec![] };
        assert_eq!(world.facts(Email, "jane@example.com").await, said(of_email), "{mechanism}");
        assert_eq!(world.facts(Phone, "+13035550116").await, said(of_phone), "{mechanism}");
    }
}

/// A row counts although one of its identifiers cannot be read, and that is said.
#[tokio::test]
async fn partly_readable() {
    let world = World::new().await;
    let file = world.write("out.csv", "email,phone\njane@example.com,12\n,303-555-0116\n");
    let tally = world
        .import(&file, &hints(&["id email=email", "id phone=phone", "mechanism profile.all"]))
        .await
        .unwrap()
        .tally;
    assert_eq!((tally.taken, tally.partly, tally.unreadable_rows()), (2, 1, 0));
}

/// An opt-out whose date cannot be read counts from now on, aloud.
#[tokio::test]
async fn dates_that_cannot_be_read() {
    let world = World::new().await;
    let file = world.write("out.csv", "email,when\njane@example.com,last week\nmax@example.com,2026-05-01\n");
    let tally = world.import(&file, &hints(&["mechanism email.unsubscribe", "at when"])).await.unwrap().tally;
    assert_eq!((tally.taken, tally.undated.values().sum::<u64>()), (2, 1));
    assert_eq!(world.facts(Email, "jane@example.com").await, ["out email.unsubscribe * person"]);
}

#[tokio::test]
async fn digests() {
    let world = World::new().await;
    let base64 = base64::engine::general_purpose::STANDARD.encode(Sha256::digest("b@example.com"));
    let sha256 =
        format!("email_sha256\n{}\n{base64}\n", hex(&Sha256::digest("a@example.com")).to_uppercase());
    let file = world.write("sha256.csv", sha256);
    let crm = "source crm";
    let tally = world.import(&file, &hints(&["mechanism email.unsubscribe", crm])).await.unwrap().tally;
    assert_eq!(tally.taken, 2);
    let file = world.write("md5.csv", format!("h\n{}\n", hex(&Md5::digest("c@example.com"))));
    world.import(&file, &hints(&["id h=email:md5", "mechanism email.unsubscribe", crm])).await.unwrap();
    for email in ["a@example.com", "B@Example.com", "c@example.com"] {
        assert_eq!(world.facts(Email, email).await, ["out email.unsubscribe * crm"], "{email}");
    }
    // DROP hashes the last ten digits.
    let drop = hex(&Sha256::digest("3035550116"));
    let file = world.write("20260312_4821_Phone.csv", format!("ID,Hash\n1,{drop}\n"));
    let outcome = world.import(&file, &hints(&[])).await.unwrap();
    assert!(outcome.sentences[0].contains("DROP"), "{:?}", outcome.sentences);
    assert_eq!(world.facts(Phone, "+13035550116").await, ["out law.drop * calprivacy"]);
}

/// Flags of a file that no vendor made: only rows that say out, each flag under its own mechanism.
#[tokio::test]
async fn flags() {
    let world = World::new().await;
    let file = world.write(
        "people.csv",
        "mail,phone,opted out,may_call\njane@example.com,303-555-0116,yes,no\nmax@example.com,303-555-0117,no,yes\n",
    );
    let said = [
        "id mail=email",
        "id phone=phone",
        "flag opted out=email.unsubscribe@brand:acme",
        "flag may_call=no:phone.stop",
    ];
    let tally = world.import(&file, &hints(&said)).await.unwrap().tally;
    assert_eq!((tally.rows, tally.taken, tally.silent, tally.signals), (2, 1, 1, 2));
    assert_eq!(world.facts(Email, "jane@example.com").await, ["out email.unsubscribe brand:acme person"]);
    assert_eq!(world.facts(Phone, "+13035550116").await, ["out phone.stop * person"]);
    assert_eq!(world.facts(Email, "max@example.com").await, [""; 0]);
}

/// In NDJSON only those may have a flag who opted out, and the first of them late in the file.
#[tokio::test]
async fn a_flag_that_appears_late() {
    let world = World::new().await;
    let mut lines: String =
        (0..3_000).map(|n| format!("{{\"EmailAddress\":\"p{n}@example.com\",\"x\":1}}\n")).collect();
    lines.push_str("{\"EmailAddress\":\"jane@example.com\",\"UnsubscribeAll\":true}\n");
    let file = world.write("contacts.ndjson", lines);
    let tally = world.import(&file, &hints(&[])).await.unwrap().tally;
    assert_eq!((tally.taken, tally.silent), (1, 3_000));
    assert_eq!(world.facts(Email, "jane@example.com").await, ["out email.unsubscribe * ses"]);
}

/// Rows that cannot be read can be had, byte for byte, to be mended and imported.
#[tokio::test]
async fn unreadable_rows_are_written_out() {
    let world = World::new().await;
    let file = world.write("out.csv", "email,n\r\njane@example.com,1\r\nann at,\"2\"\r\nragged\r\n");
    let hints = hints(&["id email=email", "mechanism email.unsubscribe"]);
    let mut reader = world.reader(&[&file], &hints).unwrap();
    let sink = std::fs::File::create(world.path("bad.csv")).unwrap();
    reader.keep_unreadable(Box::new(sink), abide_formats::Compression::None).unwrap();
    let outcome = world.import_read(reader).await.unwrap();
    assert_eq!((outcome.tally.taken, outcome.tally.unreadable_rows()), (1, 2));
    let written = std::fs::read_to_string(world.path("bad.csv")).unwrap();
    assert_eq!(written, "email,n\r\nann at,\"2\"\r\nragged\r\n");
}
