//! What imports leave in a store, one after the other.

use abide_journal::Record;
use abide_model::{
    BatchId, Claimant, Direction,
    IdentifierKind::{Email, Phone},
    Proof, Signal, Time,
    signal::Statement,
};

use crate::world::{World, hints};

const PEOPLE: &str = "email,name\njane@example.com,Jane\nJ.O.E+news@gmail.com,Joe\nmax@example.com,Max\n";

#[tokio::test]
async fn the_same_file_twice_changes_nothing() {
    let world = World::new().await;
    let file = world.write("out.csv", PEOPLE);
    let hints = hints(&["mechanism email.unsubscribe"]);

    let first = world.import(&file, &hints).await.unwrap();
    assert_eq!((first.tally.rows, first.tally.taken, first.tally.in_force), (3, 3, 3));
    assert_eq!(world.facts(Email, "Jane@Example.com").await, ["out email.unsubscribe * person"]);
    assert_eq!(world.facts(Email, "joe@gmail.com").await, ["out email.unsubscribe * person"]);
    assert_eq!(world.facts(Email, "else@example.com").await, [""; 0]);

    let second = world.import(&file, &hints).await.unwrap();
    assert_eq!((second.tally.taken, second.tally.repeated, second.tally.signals), (0, 3, 0));
    // A batch alone: the source was heard.
    let records = world.records().await;
    assert_eq!(records.len(), 5);
    let Record::Batch(last) = &records[4] else { panic!("the last record ends the batch") };
    assert_eq!((last.rows_read, last.rows_repeated, last.signals), (3, 3, 0));
    assert_eq!(last.file.as_deref(), Some("out.csv"));
    assert!(last.file_sha256.is_some());

    // Another source's word is another claim; of the longer list only what is new is written.
    let other = world
        .import(&file, &crate::world::hints(&["mechanism email.unsubscribe", "source crm"]))
        .await
        .unwrap();
    assert_eq!(other.tally.taken, 3);
    let longer = world.write("out.csv", format!("{PEOPLE}ann@example.com,Ann\n"));
    let third = world.import(&longer, &hints).await.unwrap();
    assert_eq!((third.tally.taken, third.tally.repeated), (1, 3));
}

/// Dated statements: those that change nothing are repeated, a later one is news.
#[tokio::test]
async fn dated_statements() {
    let world = World::new().await;
    let hints = hints(&["mechanism email.unsubscribe", "at when"]);
    let file = world.write("out.csv", "email,when\njane@example.com,2026-03-01T00:00:00Z\n");
    assert_eq!(world.import(&file, &hints).await.unwrap().tally.taken, 1);
    assert_eq!(world.import(&file, &hints).await.unwrap().tally.repeated, 1);
    let earlier = world.write("out.csv", "email,when\njane@example.com,2026-02-01T00:00:00Z\n");
    assert_eq!(world.import(&earlier, &hints).await.unwrap().tally.repeated, 1);
    let later = world.write("out.csv", "email,when\njane@example.com,2026-04-01T00:00:00Z\n");
    assert_eq!(world.import(&later, &hints).await.unwrap().tally.taken, 1);
}

/// A dry run says what an import would, and writes nothing.
#[tokio::test]
async fn dry_run() {
    let world = World::new().await;
    let file = world.write("out.csv", PEOPLE);
    let hints = hints(&["mechanism email.unsubscribe"]);
    let dry = world.dry_run(&file, &hints).await.unwrap();
    assert_eq!(world.records().await, []);
    assert_eq!(dry.token, None);
    let wet = world.import(&file, &hints).await.unwrap();
    assert_eq!(dry.tally, wet.tally);
    assert_eq!(world.dry_run(&file, &hints).await.unwrap().tally.repeated, 3);
}

/// The person's own later opt-in is not undone by a list that says again what it said before, while
/// an opt-out that is new to the list is news.
#[tokio::test]
async fn opt_ins_and_repeated_lists() {
    let world = World::new().await;
    let file = world.write("out.csv", "email\njane@example.com\n");
    let of_crm = hints(&["mechanism email.unsubscribe", "source crm"]);
    world.import(&file, &of_crm).await.unwrap();

    let at = world.now();
    let opt_in = Statement {
        direction: Direction::In,
        proof: Some(Proof::DoubleOptIn),
        recorded_by: Some("form".into()),
        ..Statement::out("email.list".parse().unwrap(), Claimant::Person)
    };
    let jane = World::normaliser().raw(Email, "jane@example.com").unwrap();
    let keys = world.keyring().signal_keys(&jane);
    world.say(Record::Signal(Signal::new(keys, opt_in, BatchId::live(at), at, at).unwrap())).await;
    let consent = ["in email.list * person"];
    assert_eq!(world.facts(Email, "jane@example.com").await, consent);

    assert_eq!(world.import(&file, &of_crm).await.unwrap().tally.repeated, 1);
    assert_eq!(world.facts(Email, "jane@example.com").await, consent);

    // Dated before the opt-in: a fact, kept, and not in force.
    let old = world.write("old.csv", "email,when\njane@example.com,2025-01-01T00:00:00Z\n");
    let dated =
        world.import(&old, &hints(&["mechanism email.unsubscribe", "source shop", "at when"])).await.unwrap();
    assert_eq!((dated.tally.signals, dated.tally.in_force), (1, 0));

    // Undated and new: above every opt-in that was read.
    let shop = world.import(&file, &hints(&["mechanism profile.email", "source shop"])).await.unwrap();
    assert_eq!((shop.tally.signals, shop.tally.in_force), (1, 1));
}

/// A digest says less than an address: the raw list that follows adds the other spellings.
#[tokio::test]
async fn raw_after_hashed() {
    use sha2::{Digest as _, Sha256};

    let world = World::new().await;
    let hex: String = Sha256::digest("+13035550116").iter().map(|byte| format!("{byte:02x}")).collect();
    let hashed = world.write("hashed.csv", format!("phone_sha256\n{hex}\n"));
    let of_source = ["mechanism phone.dnc.us", "source ftc"];
    assert_eq!(world.import(&hashed, &hints(&of_source)).await.unwrap().tally.taken, 1);
    assert_eq!(world.facts(Phone, "(303) 555-0116").await, ["out phone.dnc.us * ftc"]);

    let raw = world.write("raw.csv", "phone\n303-555-0116\n");
    assert_eq!(world.import(&raw, &hints(&of_source)).await.unwrap().tally.taken, 1);
    assert_eq!(world.import(&raw, &hints(&of_source)).await.unwrap().tally.repeated, 1);
    assert_eq!(world.import(&hashed, &hints(&of_source)).await.unwrap().tally.repeated, 1);
}

/// Many signals go into a snapshot, and what came in is found there and repeated just the same.
#[tokio::test]
async fn large_imports_publish_a_snapshot() {
    let mut world = World::new().await;
    world.publish_from = 1_000;
    let numbers: String = (0..5_000).map(|n| format!("+1303555{n:04}\n")).collect();
    let file = world.write("numbers.txt", format!("phone\n{numbers}"));
    let hints = hints(&["mechanism phone.dnc.us", "source ftc"]);
    let first = world.import(&file, &hints).await.unwrap();
    assert_eq!((first.tally.taken, first.published), (5_000, Some(1)));
    let snapshot = world.replica().await.snapshot();
    assert_eq!(snapshot.base.as_ref().map(|base| base.len_identities()), Some(5_000));
    assert!(snapshot.overlay.is_empty());
    let second = world.import(&file, &hints).await.unwrap();
    assert_eq!((second.tally.repeated, second.published), (5_000, None));
}

/// A file that is damaged half-way was read and written in part, and none of it counts.
#[tokio::test]
async fn what_breaks_off_has_no_effect() {
    use std::io::Write as _;

    let world = World::new().await;
    let numbers: String = (0..20_000).map(|n| format!("+1{}\n", 2_025_550_000_u64 + n)).collect();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(format!("phone\n{numbers}").as_bytes()).unwrap();
    let gz = gz.finish().unwrap();
    let file = world.write("numbers.csv.gz", &gz[..gz.len() - 100]);
    let hints = hints(&["mechanism phone.dnc.us", "source ftc"]);
    let error = world.import(&file, &hints).await.unwrap_err();
    assert!(error.to_string().contains("ends in the middle"), "{error}");
    assert_eq!(world.facts(Phone, "+12025550000").await, [""; 0]);
    let file = world.write("numbers.csv.gz", &gz);
    assert_eq!(world.import(&file, &hints).await.unwrap().tally.taken, 20_000);
}

/// Every signal of a batch carries its name, and undated ones one time above all that was read.
#[tokio::test]
async fn signals_of_a_batch() {
    let world = World::new().await;
    let file = world.write("out.csv", PEOPLE);
    let outcome = world.import(&file, &hints(&["mechanism email.list", "scope list:weekly"])).await.unwrap();
    let signals: Vec<Signal> = world
        .records()
        .await
        .into_iter()
        .filter_map(|record| match record {
            Record::Signal(signal) => Some(signal),
            _ => None,
        })
        .collect();
    assert_eq!(signals.len(), 3);
    assert!(signals.iter().all(|signal| signal.batch == outcome.batch && signal.stated_at.is_none()));
    assert!(signals.iter().all(|signal| signal.at == signals[0].at && signal.at > Time::PLAUSIBLE_MIN));
    assert_eq!(world.facts(Email, "max@example.com").await, ["out email.list list:weekly person"]);
}
