//! A store under another secret: the same records at the same positions, whatever cuts it off.

use std::sync::Arc;

use abide_journal::{
    JournalError, Record, Rekey, RekeyConfig, RetractionRecord, Retry, RollUpConfig, RolledWait, Store,
    StoreError, StoreId, Writer, roll_up, sweep, verify,
};
use abide_model::{Form, Key, Keyring, Positions, Retraction, Secret, Signal, Time, TypedKey};
use abide_testkit::S3Server;
use object_store::{ObjectStoreExt as _, memory::InMemory, path::Path};

use crate::world::{
    NOW, follow, in_memory, origin, secret, signal, signals, store_config, writer, writer_config,
};

fn new_secret() -> Secret {
    Secret::from_bytes([8; 32])
}

/// What a rekey does, in order; it may end after each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Begun,
    Copied,
    Fenced,
    Completed,
}

const STEPS: [Step; 4] = [Step::Begun, Step::Copied, Step::Fenced, Step::Completed];

async fn rekey(old: &Store, new: &Arc<InMemory>, id: u8, last: Step) -> Result<(), JournalError> {
    let retry = Retry { attempts: 20, first_pause_ms: 0 };
    let (old_secret, new_secret) = (secret(), new_secret());
    let config = RekeyConfig {
        id: StoreId([id; 16]),
        old_secret: &old_secret,
        new_secret: &new_secret,
        retry,
        instance: u64::from(id) + 100,
    };
    let rekey = Rekey::begin(old, new.clone(), &Path::default(), config, NOW).await?;
    if last > Step::Begun {
        rekey.copy(&mut |_| ()).await?;
    }
    if last > Step::Copied {
        let fenced = rekey.fence("over there", NOW).await?;
        if last > Step::Fenced {
            fenced.complete().await?;
        }
    }
    Ok(())
}

async fn open(objects: &Arc<InMemory>, secret: &Secret) -> Result<Store, StoreError> {
    Store::open(objects.clone(), &Path::default(), secret).await
}

/// With every place in which a key can stand.
fn with_all_keys(person: u64) -> Vec<Record> {
    let mut full: Signal = signal(person);
    let alias = |byte, form| TypedKey { key: Key([byte; 16]), form, version: 1 };
    full.keys.aliases = vec![alias(0x21, Form::Sha256), alias(0x22, Form::Md5)];
    full.keys.domain = Some(Key([0x23; 16]));
    let what = Retraction::Window {
        source: "ses".parse().unwrap(),
        mechanism: "email.bounce.hard".parse().unwrap(),
        from: Time::from_seconds(1),
        until: Time::from_seconds(2),
        domain: Some(Key([0x23; 16])),
    };
    let retraction = RetractionRecord { what, reason: "outage".into(), recorded_by: "jane".into(), at: NOW };
    vec![Record::Signal(full), Record::Retraction(retraction)]
}

/// A store with two origins, one of them of several objects.
async fn filled() -> (Arc<InMemory>, Store) {
    let (objects, old) = in_memory().await;
    let mut eu = writer(&old, "eu-1").await;
    eu.append(&signals(0..5), NOW).await.unwrap();
    eu.append(&with_all_keys(5), NOW).await.unwrap();
    eu.append(&signals(6..9), NOW).await.unwrap();
    writer(&old, "us-1").await.append(&signals(20..23), NOW).await.unwrap();
    (objects, old)
}

fn in_text(records: &[impl std::fmt::Debug]) -> Vec<String> {
    let mut texts: Vec<String> = records.iter().map(|record| format!("{record:?}")).collect();
    texts.sort();
    texts
}

/// Everything in the new store, each key as it was under the old secret.
async fn back(new: &Store) -> Vec<String> {
    let forms = store_config().forms;
    let (from, to) = (Keyring::new(&new_secret(), forms), Keyring::new(&secret(), forms));
    let mut seen = follow(new, &Positions::default()).await;
    for (_, _, record) in &mut seen {
        match record {
            Record::Signal(signal) => {
                let keys = &mut signal.keys;
                let aliases = keys.aliases.iter_mut().map(|alias| &mut alias.key);
                for key in aliases.chain([&mut keys.primary.key]).chain(&mut keys.domain) {
                    *key = from.transfer(*key, &to);
                }
            }
            Record::Retraction(RetractionRecord {
                what: Retraction::Window { domain: Some(key), .. },
                ..
            }) => {
                *key = from.transfer(*key, &to);
            }
            _ => {}
        }
    }
    in_text(&seen)
}

/// However often it is cut off after whatever step, by a new process each time, in the end all is
/// there once, and at every moment one store at most takes what is said.
#[tokio::test]
async fn it_can_be_cut_off_after_each_step() {
    for cuts in STEPS.iter().flat_map(|first| STEPS.iter().map(move |second| [*first, *second])) {
        let (_, old) = filled().await;
        let mut stale_writer = writer(&old, "eu-1").await;
        let new = Arc::new(InMemory::new());
        let mut said = 100;
        let mut acknowledged = in_text(&follow(&old, &Positions::default()).await);
        for (id, cut) in (50..).zip(cuts.into_iter().chain([Step::Completed])) {
            let done = open(&new, &new_secret()).await.is_ok();
            let ran = rekey(&old, &new, id, cut).await;
            assert_eq!(ran.is_err(), done, "{cuts:?}: {ran:?}");
            // Somebody opts out all the while, from a process that knows nothing of it.
            let appended = stale_writer.append(&signals(said..said + 1), NOW).await;
            said += 1;
            let old_takes = appended.is_ok();
            if old_takes {
                acknowledged = in_text(&follow(&old, &Positions::default()).await);
            }
            if let Err(error) = appended {
                assert!(matches!(error, JournalError::Store(StoreError::Moved { .. })), "{error:?}");
            }
            let new_takes = open(&new, &new_secret()).await;
            assert!(!(old_takes && new_takes.is_ok()), "{cuts:?}: both take opt-outs");
            if let Err(error) = new_takes {
                assert!(matches!(error, StoreError::UnfinishedRekey { .. }), "{cuts:?}: {error:?}");
            }
        }
        let store = open(&new, &new_secret()).await.unwrap();
        assert!(verify(&store, &[]).await.unwrap().is_sound());
        // All that was acknowledged, where it was. What was not may be there too, if it was in time.
        let (old, new) = (in_text(&follow(&old, &Positions::default()).await), back(&store).await);
        assert!(acknowledged.iter().all(|record| new.contains(record)), "{cuts:?}: something is lost");
        assert!(new.iter().all(|record| old.contains(record)), "{cuts:?}: something was never said");
        let mut once = new.clone();
        once.dedup();
        assert_eq!(once.len(), new.len(), "{cuts:?}: something is there twice");
        assert_eq!(store.epochs().iter().map(|epoch| epoch.number).collect::<Vec<_>>(), [1, 2]);
    }
}

/// An origin that nobody had heard of when the fence was set is fenced like the others.
#[tokio::test]
async fn a_new_origin_is_fenced_too() {
    let (_, old) = filled().await;
    let mut late = writer(&old, "ap-1").await;
    let new = Arc::new(InMemory::new());
    rekey(&old, &new, 50, Step::Completed).await.unwrap();
    let refused = late.append(&signals(70..71), NOW).await.unwrap_err();
    assert!(matches!(refused, JournalError::Store(StoreError::Moved { .. })), "{refused:?}");
    let again = writer_or_error(&old).await.unwrap_err();
    assert!(matches!(again, JournalError::Store(StoreError::Moved { .. })), "{again:?}");
}

#[tokio::test]
async fn only_one_rekey_of_a_store_wins() {
    let (_, old) = filled().await;
    let (first, second) = (Arc::new(InMemory::new()), Arc::new(InMemory::new()));
    rekey(&old, &second, 51, Step::Copied).await.unwrap();
    rekey(&old, &first, 50, Step::Fenced).await.unwrap();
    let lost = rekey(&old, &second, 51, Step::Completed).await.unwrap_err();
    assert!(matches!(lost, JournalError::Store(StoreError::Moved { .. })), "{lost:?}");
    assert!(matches!(open(&second, &new_secret()).await, Err(StoreError::UnfinishedRekey { .. })));
    rekey(&old, &first, 52, Step::Completed).await.unwrap();
    open(&first, &new_secret()).await.unwrap();
}

#[tokio::test]
async fn other_secrets_and_places_are_refused() {
    let (objects, old) = filled().await;
    let new = Arc::new(InMemory::new());
    rekey(&old, &new, 50, Step::Completed).await.unwrap();
    assert!(matches!(open(&new, &secret()).await, Err(StoreError::FormerSecret { .. })));
    let stranger = Secret::from_bytes([9; 32]);
    assert!(matches!(open(&new, &stranger).await, Err(StoreError::WrongSecret { .. })));
    assert!(matches!(open(&objects, &new_secret()).await, Err(StoreError::WrongSecret { .. })));
    // What happened can still be looked at with the old one.
    assert!(verify(&open(&objects, &secret()).await.unwrap(), &[]).await.unwrap().is_sound());
    // And it can be rekeyed on, but not into a place that is taken.
    let store = open(&new, &new_secret()).await.unwrap();
    let taken = rekey(&store, &objects, 60, Step::Begun).await.unwrap_err();
    assert!(matches!(taken, JournalError::Store(StoreError::AlreadyAStore { .. })), "{taken:?}");
    let begun = Arc::new(InMemory::new());
    let (_, other) = filled().await;
    rekey(&store, &begun, 61, Step::Begun).await.unwrap();
    let another = rekey(&other, &begun, 62, Step::Begun).await.unwrap_err();
    assert!(matches!(another, JournalError::Store(StoreError::RekeyOfAnother { .. })), "{another:?}");
}

/// What was changed about where a store went is not believed.
#[tokio::test]
async fn a_changed_moved_json_is_damage() {
    let (objects, old) = filled().await;
    objects.put(&"moved.json".into(), "{}".into()).await.unwrap();
    let refused = writer_or_error(&old).await.unwrap_err();
    assert!(matches!(refused, JournalError::Store(StoreError::DamagedMoved)), "{refused:?}");
}

async fn writer_or_error(store: &Store) -> Result<Writer, JournalError> {
    Writer::open(store, origin("eu-1"), writer_config(4)).await
}

/// From one folder of a bucket to another, of a journal most of which was rolled up and deleted: every
/// record once, at its place, and an old writer is turned away.
#[tokio::test]
async fn a_bucket_whose_journal_was_rolled_up() {
    let root = tempfile::tempdir().unwrap();
    let server = S3Server::start(root.path());
    let (bucket, old_place, new_place) = (server.store(), Path::from("list"), Path::from("list-2"));
    let old = Store::init(bucket.clone(), &old_place, store_config(), &secret(), NOW).await.unwrap();
    let mut writer = writer(&old, "eu-1").await;
    for person in 0..6 {
        writer.append(&signals(person..person + 1), NOW).await.unwrap();
    }
    writer.append(&with_all_keys(6), NOW).await.unwrap();
    let later = old.time("test").await.unwrap().plus_micros(1);
    let config = RollUpConfig { objects_min: 3, age_min_us: 0, instance: 9 };
    assert_eq!(roll_up(&old, &config, later).await.unwrap().len(), 1);
    let week = later.plus_micros(8 * 86_400_000_000);
    let mut deleted = 0;
    sweep(&old, RolledWait::default(), week, &mut |_| deleted += 1).await.unwrap();
    assert_eq!(deleted, 6, "all but the newest");
    writer.append(&signals(10..12), NOW).await.unwrap();

    let before = in_text(&follow(&old, &Positions::default()).await);
    let (old_secret, new_secret) = (secret(), new_secret());
    let config = |instance| RekeyConfig {
        id: StoreId([4; 16]),
        old_secret: &old_secret,
        new_secret: &new_secret,
        retry: Retry::default(),
        instance,
    };
    // Cut off once, and begun again.
    let rekey = Rekey::begin(&old, bucket.clone(), &new_place, config(1), NOW).await.unwrap();
    rekey.copy(&mut |_| ()).await.unwrap();
    drop(rekey);
    let rekey = Rekey::begin(&old, bucket.clone(), &new_place, config(2), NOW).await.unwrap();
    assert_eq!(rekey.copy(&mut |_| ()).await.unwrap(), 0, "all of it was there");
    let new = rekey.fence("s3://over/there", NOW).await.unwrap().complete().await.unwrap();

    let error = writer.append(&signals(20..21), NOW).await.unwrap_err();
    assert!(matches!(error, JournalError::Store(StoreError::Moved { .. })), "{error:?}");
    assert_eq!(back(&new).await, before);
    assert!(verify(&new, &[]).await.unwrap().is_sound());
    let mut writer = Writer::open(&new, origin("eu-1"), writer_config(3)).await.unwrap();
    assert_eq!(writer.append(&signals(30..31), NOW).await.unwrap().first, 11);
}
