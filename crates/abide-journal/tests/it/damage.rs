//! What is not what was written is found, whatever was done to it, and named.

use std::sync::Arc;

use abide_journal::{Damage, DamageKind, Head, JournalError, Reader, Store, verify};
use abide_model::Positions;
use bytes::Bytes;
use object_store::{ObjectStoreExt as _, memory::InMemory, path::Path};

use crate::world::{NOW, in_memory, init, origin, signals, writer};

fn name(first: u64) -> Path {
    format!("journal/eu-1/{first:020}.parquet").as_str().into()
}

/// Five objects of two records each, beginning at 1, 3, 5, 7, 9.
async fn journal_of_five() -> (Arc<InMemory>, Store, Head) {
    let (objects, store) = in_memory().await;
    let mut writer = writer(&store, "eu-1").await;
    for pair in 0..5 {
        writer.append(&signals(2 * pair..2 * pair + 2), NOW).await.unwrap();
    }
    let head = writer.head().clone();
    (objects, store, head)
}

async fn read(objects: &InMemory, first: u64) -> Bytes {
    objects.get(&name(first)).await.unwrap().bytes().await.unwrap()
}

async fn write(objects: &InMemory, first: u64, bytes: impl Into<Bytes>) {
    objects.put(&name(first), bytes.into().into()).await.unwrap();
}

async fn damages(store: &Store, remembered: &[Head]) -> Vec<(u64, DamageKind)> {
    let report = verify(store, remembered).await.unwrap();
    report.damages.iter().map(|damage| (damage.object.first, damage.what)).collect()
}

/// Every single byte of an object: records, page headers, statistics, metadata, the seal itself.
#[tokio::test]
async fn any_changed_byte_is_found() {
    let (objects, store, _) = journal_of_five().await;
    let whole = read(&objects, 5).await;
    let reader = Reader::new(&store);
    let middle = abide_journal::ObjectName::appended(&origin("eu-1"), 5);
    for at in 0..whole.len() {
        let mut changed = whole.to_vec();
        changed[at] ^= 1 << (at % 8);
        write(&objects, 5, changed).await;
        let error = reader.read(&middle).await.unwrap_err();
        let expected = Damage { object: middle.clone(), position: None, what: DamageKind::Changed };
        assert!(matches!(&error, JournalError::Damaged(found) if *found == expected), "byte {at}: {error:?}");
    }
    assert_eq!(damages(&store, &[]).await, [(5, DamageKind::Changed)]);
    write(&objects, 5, whole).await;
    assert_eq!(damages(&store, &[]).await, []);
}

#[tokio::test]
async fn any_cut_is_found() {
    let (objects, store, _) = journal_of_five().await;
    let whole = read(&objects, 5).await;
    for length in (0..whole.len()).step_by(37) {
        write(&objects, 5, whole.slice(..length)).await;
        assert_eq!(damages(&store, &[]).await, [(5, DamageKind::Changed)], "cut to {length}");
    }
}

#[tokio::test]
async fn what_is_missing_or_in_another_place_is_found() {
    use DamageKind::{BehindMemory, Changed, Misplaced, Missing, Unchained};

    let (objects, store, head) = journal_of_five().await;
    objects.delete(&name(5)).await.unwrap();
    assert_eq!(damages(&store, &[]).await, [(5, Missing)]);

    let (objects, store, _) = journal_of_five().await;
    objects.delete(&name(1)).await.unwrap();
    assert_eq!(damages(&store, &[]).await, [(1, Missing)]);

    // A tail that was cut is sound in itself; somebody has to remember that it was longer.
    let (objects, store, _) = journal_of_five().await;
    objects.delete(&name(9)).await.unwrap();
    assert_eq!(damages(&store, &[]).await, []);
    assert_eq!(damages(&store, std::slice::from_ref(&head)).await, [(9, BehindMemory)]);

    // So is a whole journal that is gone.
    let (_, empty) = in_memory().await;
    assert_eq!(damages(&empty, std::slice::from_ref(&head)).await, [(1, BehindMemory)]);

    let (objects, store, _) = journal_of_five().await;
    let (third, fifth) = (read(&objects, 3).await, read(&objects, 5).await);
    write(&objects, 3, fifth).await;
    write(&objects, 5, third).await;
    assert_eq!(damages(&store, &[]).await, [(3, Misplaced), (5, Misplaced)]);

    // Another past: the same writer's own objects of the same places, after other records.
    let (objects, store, head) = journal_of_five().await;
    let (other_objects, other) = in_memory().await;
    let mut other_writer = writer(&other, "eu-1").await;
    for pair in 10..15 {
        other_writer.append(&signals(2 * pair..2 * pair + 2), NOW).await.unwrap();
    }
    write(&objects, 5, read(&other_objects, 5).await).await;
    assert_eq!(damages(&store, &[]).await, [(5, Unchained), (7, Unchained)]);
    for first in [1, 3, 5, 7, 9] {
        write(&objects, first, read(&other_objects, first).await).await;
    }
    assert_eq!(damages(&store, &[]).await, []);
    assert_eq!(damages(&store, std::slice::from_ref(&head)).await, [(11, BehindMemory)]);

    // An object that overlaps those that are there.
    let (objects, store, _) = journal_of_five().await;
    write(&objects, 4, read(&objects, 3).await).await;
    assert_eq!(damages(&store, &[]).await, [(4, Unchained)]);

    // Whoever does not have the secret cannot write into the journal.
    let (objects, store, _) = journal_of_five().await;
    let foreign_objects = Arc::new(InMemory::new());
    let foreign_secret = abide_model::Secret::from_bytes([9; 32]);
    let foreign = Store::init(
        foreign_objects.clone(),
        &Path::default(),
        crate::world::store_config(),
        &foreign_secret,
        NOW,
    )
    .await;
    writer(&foreign.unwrap(), "eu-1").await.append(&signals(0..2), NOW).await.unwrap();
    write(&objects, 1, read(&foreign_objects, 1).await).await;
    assert_eq!(damages(&store, &[]).await, [(1, Changed)]);

    // What is none of the journal's is shown, and no damage.
    let (objects, store, _) = journal_of_five().await;
    for foreign in ["journal/eu-1/notes.txt", "journal/README", "journal/Not An Origin/1.parquet"] {
        objects.put(&foreign.into(), "hello".into()).await.unwrap();
    }
    let report = verify(&store, &[]).await.unwrap();
    assert!(report.is_sound());
    assert_eq!(report.foreign, ["journal/README", "journal/Not An Origin", "journal/eu-1/notes.txt"]);
}

/// A follower stops at a hole, at a cut tail and at another past, and never answers from beyond.
#[tokio::test]
async fn a_follower_stops_at_damage() {
    let at = |position: u64| -> Positions { [(origin("eu-1"), position)].into_iter().collect() };
    let damage = |error: JournalError| match error {
        JournalError::Damaged(damage) => (damage.object.first, damage.what),
        other => panic!("{other:?}"),
    };

    let (objects, store, _) = journal_of_five().await;
    let reader = Reader::new(&store);
    let mut begun = reader.follow(&Positions::default()).await.unwrap();
    for _ in 0..2 {
        begun.next().await.unwrap().unwrap();
    }
    objects.delete(&name(5)).await.unwrap();
    assert!(begun.next().await.unwrap().is_none(), "it is not there, and that alone means nothing");
    assert_eq!(damage(begun.confirm().await.unwrap_err()), (5, DamageKind::Missing));
    assert_eq!(damage(reader.follow(&at(4)).await.unwrap_err()), (5, DamageKind::Missing));
    assert_eq!(damage(reader.follow(&at(5)).await.unwrap_err()), (5, DamageKind::Missing));
    assert!(reader.follow(&at(6)).await.is_ok());
    assert_eq!(damage(reader.follow(&at(11)).await.unwrap_err()), (11, DamageKind::BehindMemory));

    let (objects, store, _) = journal_of_five().await;
    let mut begun = Reader::new(&store).follow(&Positions::default()).await.unwrap();
    begun.next().await.unwrap().unwrap();
    let other = Arc::new(InMemory::new());
    let other_store = init(other.clone()).await.unwrap();
    let mut other_writer = writer(&other_store, "eu-1").await;
    for pair in 10..12 {
        other_writer.append(&signals(2 * pair..2 * pair + 2), NOW).await.unwrap();
    }
    write(&objects, 3, read(&other, 3).await).await;
    assert_eq!(damage(begun.next().await.unwrap_err()), (3, DamageKind::Unchained));
}

/// A follower that begins in the middle of an object gets the rest of it; a new origin is found by
/// confirming.
#[tokio::test]
async fn a_follower_begins_anywhere() {
    let (_, store, _) = journal_of_five().await;
    for position in 0..=10 {
        let from: Positions = [(origin("eu-1"), position)].into_iter().collect();
        let seen = crate::world::follow(&store, &from).await;
        let expected: Vec<u64> = (position + 1..=10).collect();
        assert_eq!(seen.iter().map(|(_, position, _)| *position).collect::<Vec<_>>(), expected);
    }

    let reader = Reader::new(&store);
    let mut follower = reader.follow(&Positions::default()).await.unwrap();
    while follower.next().await.unwrap().is_some() {}
    writer(&store, "us-1").await.append(&signals(0..3), NOW).await.unwrap();
    assert!(follower.next().await.unwrap().is_none());
    follower.confirm().await.unwrap();
    assert_eq!(follower.next().await.unwrap().unwrap().object.head().position, 3);
    assert_eq!(follower.positions().to_string(), "eu-1:10 us-1:3");
    assert_eq!(reader.origins().await.unwrap(), [origin("eu-1"), origin("us-1")]);
}
