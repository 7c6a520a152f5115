//! Lists that are all a source has to say.

use abide_model::IdentifierKind::{Email, Phone};

use crate::world::{World, chain, hints};

const FTC: [&str; 2] = ["mechanism phone.dnc.us", "source ftc"];

fn numbers(range: std::ops::Range<u32>) -> String {
    let numbers: String = range.map(|n| format!("+1303555{n:04}\n")).collect();
    format!("phone\n{numbers}")
}

/// Both where the list lies in memory and where it lies in an index.
#[tokio::test]
async fn vanished_rows_are_withdrawn() {
    for publish_from in [1, u64::MAX] {
        let mut world = World::new().await;
        world.publish_from = publish_from;
        let file = world.write("dnc.csv", numbers(0..100));
        let first = world.import_as(&[&file], &hints(&FTC), Some(5.0)).await.unwrap();
        assert_eq!((first.tally.taken, first.withdrawn), (100, 0));

        let file = world.write("dnc.csv", numbers(4..102));
        let second = world.import_as(&[&file], &hints(&FTC), Some(5.0)).await.unwrap();
        assert_eq!((second.tally.taken, second.tally.repeated, second.withdrawn), (2, 96, 4));
        assert_eq!(world.facts(Phone, "+13035550003").await, [""; 0]);
        assert_eq!(world.facts(Phone, "+13035550004").await, ["out phone.dnc.us * ftc"]);

        // Who comes back is out again.
        let file = world.write("dnc.csv", numbers(3..102));
        let third = world.import_as(&[&file], &hints(&FTC), Some(5.0)).await.unwrap();
        assert_eq!((third.tally.taken, third.tally.repeated, third.withdrawn), (1, 98, 0));
        assert_eq!(world.facts(Phone, "+13035550003").await, ["out phone.dnc.us * ftc"]);

        let again = world.import_as(&[&file], &hints(&FTC), Some(0.0)).await.unwrap();
        assert_eq!((again.tally.taken, again.withdrawn), (0, 0));
    }
}

#[tokio::test]
async fn too_many_vanished() {
    let world = World::new().await;
    let file = world.write("dnc.csv", numbers(0..100));
    world.import_as(&[&file], &hints(&FTC), Some(5.0)).await.unwrap();
    let written = world.records().await.len();

    let file = world.write("dnc.csv", numbers(6..100));
    let error = world.import_as(&[&file], &hints(&FTC), Some(5.0)).await.unwrap_err();
    assert!(chain(&error).contains("6 of the 100 that ftc has under phone.dnc.us"), "{}", chain(&error));
    assert_eq!(world.records().await.len(), written);
    assert_eq!(world.facts(Phone, "+13035550003").await, ["out phone.dnc.us * ftc"]);

    let allowed = world.import_as(&[&file], &hints(&FTC), Some(6.0)).await.unwrap();
    assert_eq!(allowed.withdrawn, 6);
}

/// A whole list says nothing of other sources, scopes and mechanisms, nor of other kinds.
#[tokio::test]
async fn others_claims_stay() {
    let world = World::new().await;
    let ten = world.write("ten.csv", numbers(0..10));
    let five = world.write("five.csv", numbers(0..5));
    world.import(&ten, &hints(&["mechanism phone.dnc.us", "source other"])).await.unwrap();
    world.import(&ten, &hints(&["mechanism phone.dnc.us", "source ftc", "scope brand:acme"])).await.unwrap();
    let mails = world.write("mails.csv", "email\njane@example.com\n");
    world.import(&mails, &hints(&["mechanism hold.internal", "source ftc"])).await.unwrap();
    let whole = world.import_as(&[&five], &hints(&FTC), Some(0.0)).await.unwrap();
    assert_eq!((whole.tally.taken, whole.withdrawn), (5, 0));
    let left = ["out phone.dnc.us * other", "out phone.dnc.us brand:acme ftc"];
    assert_eq!(world.facts(Phone, "+13035550007").await, left);
    assert_eq!(world.facts(Email, "jane@example.com").await, ["out hold.internal * ftc"]);
}

#[tokio::test]
async fn not_whole_lists() {
    let world = World::new().await;
    let file = world.write("out.csv", "email,phone\njane@example.com,+13035550116\n");
    for (said, expected) in [
        (&["mechanism email.unsubscribe", "source crm"][..], "does not end"),
        (&["mechanism law.drop"], "--source"),
        (&["mechanism hold.deceased", "source crm"], "does not end"),
        (&["flag email=email.bounce.hard", "id email=email", "source crm"], "several"),
    ] {
        let error = world.import_as(&[&file], &hints(said), Some(5.0)).await.unwrap_err();
        assert!(chain(&error).contains(expected), "{said:?}: {}", chain(&error));
    }
    assert_eq!(world.records().await, []);
}
