//! Appending while others append, answers are lost and the store fails.

use std::sync::Arc;

use abide_journal::{
    Appended, CLOCK_OFF_MAX_US, ClockCheck, ErrorKind, JournalError, Record, Store, Writer, WriterConfig,
    local_directory, verify,
};
use abide_model::{Direction, Proof, Time};
use abide_testkit::{Faults, FaultyStore};
use object_store::{ObjectStore, ObjectStoreExt as _, memory::InMemory};

use crate::world::{NOW, in_memory, init, origin, records, signal, signals, writer, writer_config};

const APPENDS: u64 = 25;

/// Appends signals of people of its own, 1 to 3 at a time, and again while the store fails. Gives
/// back what was acknowledged, and how often it had to begin again.
async fn busy_writer(store: &Store, instance: u64) -> (Vec<(Vec<Record>, Appended)>, u32) {
    let mut failures = 0;
    let mut writer = loop {
        match Writer::open(store, origin("eu-1"), writer_config(instance)).await {
            Ok(writer) => break writer,
            Err(error) => assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}"),
        }
    };
    let mut acknowledged = Vec::new();
    for append in 0..APPENDS {
        let person = instance * 1000 + append * 10;
        let records = signals(person..person + 1 + append % 3);
        let appended = loop {
            match writer.append(&records, NOW).await {
                Ok(appended) => break appended,
                Err(error) => {
                    assert!(
                        matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Conflict),
                        "{error:?}"
                    );
                    failures += 1;
                }
            }
        };
        acknowledged.push((records, appended));
    }
    (acknowledged, failures)
}

/// Two writers of one origin: nothing acknowledged is lost, each token says where it stands, and
/// there is no gap; and no repeat either, unless an append had failed and was made again.
async fn check_rivals(store: Store) {
    let ((mut all, failed), (others, failed_too)) =
        tokio::join!(busy_writer(&store, 1), busy_writer(&store, 2));
    all.extend(others);
    let journal = eventually_records(&store).await;
    for (records, appended) in &all {
        let first = usize::try_from(appended.first).unwrap() - 1;
        assert_eq!(&journal[first..first + records.len()], records.as_slice());
        assert_eq!(appended.token.position, appended.first + records.len() as u64 - 1);
    }
    let expected: usize = all.iter().map(|(records, _)| records.len()).sum();
    if failed + failed_too == 0 {
        assert_eq!(journal.len(), expected);
    }
    assert!(journal.len() >= expected);
}

/// Reads once the store is well; tests with faults heal it before they come here.
async fn eventually_records(store: &Store) -> Vec<Record> {
    let report = verify(store, &[]).await.unwrap();
    assert!(report.is_sound(), "{:?}", report.damages);
    records(store).await
}

fn faulty(seed: u64, faults: Faults) -> (FaultyStore, Arc<InMemory>) {
    let inner = Arc::new(InMemory::new());
    (FaultyStore::new(inner.clone(), seed, faults), inner)
}

#[tokio::test]
async fn rivals_in_memory_lose_nothing() {
    for seed in 0..4 {
        let (objects, _) = faulty(seed, Faults { yields_max: 4, ..Faults::NONE });
        check_rivals(init(Arc::new(objects)).await.unwrap()).await;
    }
}

#[tokio::test]
async fn rivals_in_a_directory_lose_nothing() {
    let directory = tempfile::tempdir().unwrap();
    check_rivals(init(local_directory(directory.path(), false).unwrap()).await.unwrap()).await;
}

/// Every kind of fault at once. Reading back happens on the same objects without the faults.
#[tokio::test]
async fn rivals_on_a_failing_store_lose_nothing() {
    let mut injected = 0;
    for seed in 0..8 {
        let (objects, inner) = faulty(seed, Faults::NONE);
        let store = init(Arc::new(objects.clone())).await.unwrap();
        objects.set_faults(Faults::MANY);
        let (one, two) = tokio::join!(busy_writer(&store, 1), busy_writer(&store, 2));
        injected += objects.faults_injected();
        objects.heal();
        let well: Arc<dyn ObjectStore> = inner;
        let store =
            Store::open(well, &object_store::path::Path::default(), &crate::world::secret()).await.unwrap();
        let journal = eventually_records(&store).await;
        for (records, appended) in one.0.iter().chain(&two.0) {
            let first = usize::try_from(appended.first).unwrap() - 1;
            assert_eq!(&journal[first..first + records.len()], records.as_slice(), "seed {seed}");
        }
    }
    assert!(injected > 100, "the store failed {injected} times only");
}

/// A write that landed and whose answer was lost is found again, not made again.
#[tokio::test]
async fn a_lost_answer_makes_no_repeat() {
    for seed in 0..4 {
        let (objects, _) = faulty(seed, Faults::NONE);
        let store = init(Arc::new(objects.clone())).await.unwrap();
        objects.set_faults(Faults { answer_lost: 0.5, ..Faults::NONE });
        let (appended, failures) = busy_writer(&store, 1).await;
        assert_eq!(failures, 0);
        objects.heal();
        let expected: Vec<Record> = appended.into_iter().flat_map(|(records, _)| records).collect();
        assert_eq!(eventually_records(&store).await, expected);
    }
}

/// A store that takes nothing gets no acknowledgement out of the writer, and no hole into the
/// journal once it is back.
#[tokio::test]
async fn nothing_is_acknowledged_that_is_not_stored() {
    let (objects, _) = faulty(1, Faults::NONE);
    let store = init(Arc::new(objects.clone())).await.unwrap();
    let mut writer = writer(&store, "eu-1").await;
    objects.set_faults(Faults { write_refused: 1.0, ..Faults::NONE });
    let refused = writer.append(&signals(0..1), NOW).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    assert_eq!(writer.head().position, 0);
    objects.heal();
    writer.append(&signals(1..2), NOW).await.unwrap();
    assert_eq!(records(&store).await, signals(1..2));
}

/// A writer that slept for a day looks where the journal ends before it appends, and one whose
/// journal is gone stops.
#[tokio::test]
async fn a_writer_that_slept_confirms_the_head() {
    let (objects, store) = in_memory().await;
    let (mut sleeper, mut other) = (writer(&store, "eu-1").await, writer(&store, "eu-1").await);
    sleeper.append(&signals(0..1), NOW).await.unwrap();
    other.append(&signals(1..3), NOW).await.unwrap();
    let tomorrow = NOW.plus_micros(24 * 3_600_000_000);
    assert_eq!(sleeper.append(&signals(3..4), tomorrow).await.unwrap().first, 4);
    assert_eq!(records(&store).await, signals(0..4));

    for first in [1, 2, 4] {
        let name = format!("journal/eu-1/{first:020}.parquet");
        objects.delete(&name.as_str().into()).await.unwrap();
    }
    let later = tomorrow.plus_micros(24 * 3_600_000_000);
    let error = sleeper.append(&signals(4..5), later).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged, "{error:?}");
}

/// Whoever's clock is off may say "do not", and not "do again".
#[tokio::test]
async fn a_clock_that_is_off_takes_opt_outs_only() {
    let opt_in = |at: Time| {
        let mut signal = signal(1);
        (signal.direction, signal.proof) = (Direction::In, Some(Proof::Login));
        (signal.received_at, signal.at) = (at, at);
        vec![Record::Signal(signal)]
    };
    // The in-memory store dates what is written by the clock of the machine that runs this.
    let (_, store) = in_memory().await;
    let probe = object_store::ObjectStoreExt::head(&**store.objects(), &"abide.json".into()).await.unwrap();
    let true_now = Time::from_micros(probe.last_modified.timestamp_micros());
    let off = CLOCK_OFF_MAX_US + 60_000_000;
    for (check, skew_us, taken) in [
        (ClockCheck::Store, 0, true),
        (ClockCheck::Store, off, false),
        (ClockCheck::Store, -off, false),
        (ClockCheck::Records, 0, true),
        (ClockCheck::Records, off, true),
        (ClockCheck::Records, -off, false),
    ] {
        let (_, store) = in_memory().await;
        let mut mine = writer(&store, "eu-1").await;
        let mut earlier = signal(7);
        earlier.at = true_now;
        mine.append(&[Record::Signal(earlier)], true_now).await.unwrap();

        let config = WriterConfig { clock_check: check, ..writer_config(2) };
        let now = true_now.plus_micros(skew_us);
        let mut skewed = Writer::open(&store, origin("eu-1"), config).await.unwrap();
        let answer = skewed.append(&opt_in(now), now).await;
        match &answer {
            Ok(_) => assert!(taken, "{check:?} {skew_us}"),
            Err(error) => {
                assert!(
                    !taken && matches!(error, JournalError::ClockOff { .. }),
                    "{check:?} {skew_us}: {error:?}"
                );
            }
        }
        skewed.append(&signals(0..1), now).await.unwrap();
        assert_eq!(records(&store).await.len(), 2 + usize::from(taken));
    }
}
