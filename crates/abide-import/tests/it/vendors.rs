//! Exports of real systems from end to end: `examples/` and the samples of `abide-signals`.

use std::path::Path;

use abide_import::against;
use abide_model::IdentifierKind::{Email, Phone};
use serde_json::Value;

use crate::world::{World, chain, hints};

fn example(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name)
}

fn samples() -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../abide-signals/tests/vectors/csv_samples.json");
    let samples: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    samples["samples"].as_array().unwrap().clone()
}

/// A sample as the file that it was.
fn content(id: &str) -> String {
    let samples = samples();
    let sample = samples.iter().find(|sample| sample["id"] == id).unwrap();
    let rows = sample["rows"].as_array().unwrap().iter().map(|row| row.as_str().unwrap());
    let lines: Vec<&str> = std::iter::once(sample["header"].as_str().unwrap()).chain(rows).collect();
    lines.join("\r\n")
}

#[tokio::test]
async fn samples_of_vendors() {
    for (id, name, taken) in [
        ("csv-04", "contacts.csv", Ok(1)),
        ("csv-10", "removals.csv", Ok(1)),
        ("csv-12", "20260312_4821_Email.csv", Ok(1)),
        ("csv-01", "subscribed_members_export_8a.csv", Err("who are subscribed")),
        ("csv-01", "cleaned_members_export_8a.csv", Ok(1)),
        ("csv-11", "audit.csv", Err("own user ids")),
        // Contacts without flags: nothing says that anybody is out.
        ("csv-07", "contacts.csv", Err("--mechanism")),
    ] {
        let world = World::new().await;
        let file = world.write(name, content(id));
        match (world.import(&file, &hints(&[])).await, taken) {
            (Ok(outcome), Ok(taken)) => assert_eq!(outcome.tally.taken, taken, "{id} {:?}", outcome.tally),
            (Err(error), Err(expected)) => {
                assert!(chain(&error).contains(expected), "{id}: {}", chain(&error));
            }
            (found, _) => panic!("{id} {name}: {found:?}"),
        }
    }
}

/// Flags of several columns in one row, each under its mechanism and scope; false flags say nothing.
#[tokio::test]
async fn hubspot() {
    let world = World::new().await;
    let outcome = world.import(&example("hubspot-export.csv"), &hints(&[])).await.unwrap();
    let tally = &outcome.tally;
    assert_eq!(tally.rows, 80);
    assert!(tally.taken > 0 && tally.silent > 0 && tally.signals > tally.taken, "{tally:?}");
    assert_eq!(
        world.facts(Email, "amir.adler@mail.test").await,
        [
            "out email.list list:marketing-information hubspot",
            "out email.list list:weekly-news hubspot",
            "out email.unsubscribe * hubspot",
        ]
    );
    assert_eq!(world.facts(Email, "lena.novak@example.net").await, [""; 0]);
    assert_eq!(world.import(&example("hubspot-export.csv"), &hints(&[])).await.unwrap().tally.signals, 0);
}

#[tokio::test]
async fn brevo_and_the_registry() {
    let world = World::new().await;
    world.import(&example("brevo-export.csv"), &hints(&["scope brand:acme"])).await.unwrap();
    assert_eq!(world.facts(Email, "quentin106@mail.test").await, ["out profile.email brand:acme brevo"]);
    assert_eq!(world.facts(Phone, "+14155550191").await, ["out profile.sms brand:acme brevo"]);

    let registry = world.import(&example("dnc.csv"), &hints(&[])).await.unwrap();
    assert_eq!(registry.tally.taken, registry.tally.rows);
    assert_eq!(world.facts(Phone, "(206) 555-0110").await, ["out phone.dnc.us * ftc"]);
    // Said by hand, it is the same list.
    let said = hints(&["mechanism phone.dnc.us", "source ftc"]);
    assert_eq!(world.import(&example("dnc.csv"), &said).await.unwrap().tally.taken, 0);
}

/// The files of one export, each by its name.
#[tokio::test]
async fn files_of_one_export() {
    let world = World::new().await;
    let header = "Email Address,UNSUB_TIME,CLEAN_TIME,LEID,EUID\n";
    let out = world.write(
        "unsubscribed_members_export_1.csv",
        format!("{header}jane@example.com,2026-01-02 03:04:05,,1,a\n"),
    );
    let cleaned = world
        .write("cleaned_members_export_1.csv", format!("{header}max@example.com,,2026-01-02 03:04:05,2,b\n"));
    let outcome = world.import_as(&[&cleaned, &out], &hints(&[]), None).await.unwrap();
    assert_eq!(outcome.tally.taken, 2);
    assert_eq!(world.facts(Email, "jane@example.com").await, ["out email.unsubscribe * mailchimp"]);
    assert_eq!(world.facts(Email, "max@example.com").await, ["out email.bounce.hard * mailchimp"]);
}

/// `--against`: a plain list blocks everything, an export says what its flags mean.
#[tokio::test]
async fn lists_to_check_against() {
    let world = World::new().await;
    let flagged = world.write("flagged.csv", "email,dead\njane@example.com,yes\nmax@example.com,no\n");
    for (file, said, email, expected) in [
        (example("unsubscribed.csv"), &[][..], "fhaddad@shop.test", "list.against against"),
        (example("hubspot-export.csv"), &[], "amir.adler@mail.test", "email.unsubscribe hubspot"),
        (
            flagged,
            &["id email=email", "flag dead=email.bounce.hard"],
            "jane@example.com",
            "email.bounce.hard against",
        ),
    ] {
        let reader = world.reader(&[&file], &hints(said).against()).unwrap();
        let list = against(reader, world.rules(), &world.path(""), 64 << 20, &mut |_| ()).await.unwrap();
        assert!(list.tally.signals > 0);
        let keys = world.keyring().signal_keys(&World::normaliser().raw(Email, email).unwrap());
        let facts = list.snapshot.find(&keys.primary.key).unwrap().unwrap();
        let facts: Vec<String> =
            facts.iter().map(|fact| format!("{} {}", fact.mechanism, fact.claimant)).collect();
        assert!(facts.contains(&expected.to_owned()), "{said:?}: {facts:?}");
        let nobody =
            world.keyring().signal_keys(&World::normaliser().raw(Email, "nobody@example.com").unwrap());
        assert!(list.snapshot.find(&nobody.primary.key).unwrap().is_none());
    }
}
