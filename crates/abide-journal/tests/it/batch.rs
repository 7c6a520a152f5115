//! Batches: many objects, one end.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use abide_journal::{BatchRecord, JournalError, OBJECT_BYTES_MAX, Reader, Record, counts_at_once, verify};
use abide_model::{BatchId, Claimant, Signal};

use crate::world::{NOW, in_memory, key, origin, records, signal, writer};

fn import() -> BatchId {
    "import-1".parse().unwrap()
}

fn imported(person: u64) -> Signal {
    Signal { batch: import(), ..signal(person) }
}

fn end() -> BatchRecord {
    BatchRecord {
        id: import(),
        claimant: Claimant::Source("hubspot".into()),
        mechanisms: vec!["email.unsubscribe".parse().unwrap()],
        opened_at: NOW,
        committed_at: NOW,
        file: Some("unsubscribed.csv".into()),
        file_sha256: None,
        rows_read: 3,
        rows_taken: 3,
        rows_repeated: 0,
        rows_unreadable: BTreeMap::new(),
        signals: 0,
        snapshot: false,
        withdrawn: 0,
        recorded_by: None,
        note: None,
    }
}

/// `length` of some millions of letters and digits that do not compress to less than three
/// quarters; other letters for each `part`.
fn noise(part: usize, length: usize) -> Arc<str> {
    static NOISE: LazyLock<String> = LazyLock::new(|| {
        let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut bytes = vec![0; 46_000_000];
        blake3::Hasher::new().finalize_xof().fill(&mut bytes);
        bytes.iter().map(|byte| char::from(letters[usize::from(byte % 64)])).collect()
    });
    NOISE[part * length..(part + 1) * length].into()
}

/// A batch larger than an object ends with its record, counts its signals, and is one chain.
#[tokio::test]
async fn a_large_batch_is_several_objects_and_one_end() {
    let (_, store) = in_memory().await;
    let mut writer = writer(&store, "eu-1").await;
    let mut batch = writer.batch(import());
    for person in 0..220 {
        let signal = Signal { recorded_by: Some(noise(person, 200_000)), ..imported(person as u64) };
        batch.push(&signal, NOW).await.unwrap();
    }
    let appended = batch.commit(end(), NOW).await.unwrap();
    assert_eq!((appended.first, appended.token.position), (1, 221));
    assert!(appended.objects.len() > 1);

    let listed = Reader::new(&store).objects(&origin("eu-1")).await.unwrap();
    assert_eq!(listed.iter().map(|object| object.name.clone()).collect::<Vec<_>>(), appended.objects);
    assert!(listed.iter().all(|object| object.bytes <= OBJECT_BYTES_MAX as u64));
    let all = records(&store).await;
    assert_eq!(all.last(), Some(&Record::Batch(BatchRecord { signals: 220, ..end() })));
    assert!(verify(&store, &[]).await.unwrap().is_sound());
}

/// What does not fit is cut in two, as often as it takes; what cannot be cut is refused.
#[tokio::test]
async fn an_append_that_does_not_fit_is_cut() {
    let (_, store) = in_memory().await;
    let mut writer = writer(&store, "eu-1").await;
    let signal = |part, bytes| {
        Record::Signal(Signal { recorded_by: Some(noise(part, bytes)), ..imported(part as u64) })
    };
    let all: Vec<_> = (0..3).map(|part| signal(part, 15_300_000)).collect();
    let appended = writer.append(&all, NOW).await.unwrap();
    assert!(appended.objects.len() > 1);
    assert_eq!(appended.first, 1);
    assert!(records(&store).await == all, "what was cut is read back whole");

    let error = writer.append(&[signal(0, 46_000_000)], NOW).await.unwrap_err();
    assert!(matches!(error, JournalError::TooLarge { .. }), "{error:?}");
}

/// A batch that was cut off leaves its signals without an end; the next batch is whole.
#[tokio::test]
async fn a_batch_without_its_end_stays_without() {
    let (_, store) = in_memory().await;
    let mut writer = writer(&store, "eu-1").await;
    let mut batch = writer.batch(import());
    for person in 0..220 {
        let signal = Signal { recorded_by: Some(noise(person, 200_000)), ..imported(person as u64) };
        batch.push(&signal, NOW).await.unwrap();
    }
    drop(batch);
    let left = records(&store).await;
    assert!(!left.is_empty() && left.iter().all(|record| matches!(record, Record::Signal(_))));
}

/// Rows that differ in keys and times only may be pushed as such, and read the same.
#[tokio::test]
async fn rows_like_the_last_read_the_same() {
    let (_, store) = in_memory().await;
    let mut writer = writer(&store, "eu-1").await;
    let mut batch = writer.batch(import());
    let like = |person: u64| Signal { received_at: NOW, ..imported(person) };
    let first = like(0);
    assert!(!batch.push_like_last(&first.keys, None, first.at), "there is no last one yet");
    batch.push(&first, NOW).await.unwrap();
    for person in 1..3 {
        let mut next = like(person);
        next.keys.aliases.push(abide_model::TypedKey { key: key(person + 100), ..next.keys.primary });
        assert!(batch.push_like_last(&next.keys, None, next.at));
    }
    batch.commit(end(), NOW).await.unwrap();
    let all = records(&store).await;
    for (person, record) in (0..3).zip(&all) {
        let mut expected = like(person);
        if person > 0 {
            expected
                .keys
                .aliases
                .push(abide_model::TypedKey { key: key(person + 100), ..expected.keys.primary });
        }
        assert_eq!(record, &Record::Signal(expected));
    }
}

#[tokio::test]
async fn a_batch_takes_its_own_signals_only() {
    let (_, store) = in_memory().await;
    let mut writer = writer(&store, "eu-1").await;
    let mut batch = writer.batch(import());
    assert!(matches!(batch.push(&signal(1), NOW).await, Err(JournalError::ForeignBatch { .. })));
    let other = BatchRecord { id: "import-2".parse().unwrap(), ..end() };
    assert!(matches!(batch.commit(other, NOW).await, Err(JournalError::ForeignBatch { .. })));
    assert!(records(&store).await.is_empty());
}

#[test]
fn live_batches_count_at_once() {
    for (id, live) in [
        (BatchId::live(NOW).as_str(), true),
        ("live-20261122", true),
        (BatchId::of_event([9; 16]).as_str(), true),
        ("live-event-0a9", false),
        ("live-event-00ag", false),
        ("live-2026112", false),
        ("live-2026112x", false),
        ("import-20261122", false),
        ("alive-20261122", false),
    ] {
        assert_eq!(counts_at_once(&id.parse().unwrap()), live, "{id}");
    }
}
