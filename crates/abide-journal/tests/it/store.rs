//! The root: what is made once, and what is refused.

use std::sync::Arc;

use abide_journal::{Created, ErrorKind, Retry, Store, StoreError, local_directory};
use abide_model::Secret;
use object_store::{ObjectStore, ObjectStoreExt as _, memory::InMemory, path::Path};

use crate::world::{NOW, in_memory, init, records, secret, signals, store_config, writer};

async fn open(objects: Arc<dyn ObjectStore>) -> Result<Store, StoreError> {
    Store::open(objects, &Path::default(), &secret()).await
}

/// The bytes of `abide.json`, which every later version has to read.
#[tokio::test]
async fn the_description_is_this_text() {
    let (objects, _) = in_memory().await;
    let text = objects.get(&"abide.json".into()).await.unwrap().bytes().await.unwrap();
    let unsealed = r#"{
  "format": 1,
  "store": "03030303030303030303030303030303",
  "normalisers": [
    1
  ],
  "phone_region": "US",
  "forms": [
    "md5"
  ],
  "secrets": [
    {
      "epoch": 1,
      "check": "CHECK",
      "since_us": 1795000000000000
    }
  ]"#
    .replace("CHECK", &hex::encode(secret().check_value()));
    let key = blake3::derive_key("abide 2026 store seal", &*secret().chain_key());
    let seal = blake3::keyed_hash(&key, unsealed.as_bytes()).to_hex();
    assert_eq!(std::str::from_utf8(&text).unwrap(), format!("{unsealed},\n  \"seal\": \"{seal}\"\n}}\n"));
    assert_eq!(open(objects).await.unwrap().config(), &store_config());
}

#[tokio::test]
async fn a_store_is_made_once() {
    let (objects, _) = in_memory().await;
    let again = init(objects.clone()).await.unwrap_err();
    assert!(matches!(again, StoreError::AlreadyAStore { .. }), "{again:?}");
    assert_eq!(again.kind(), ErrorKind::Conflict);
    open(objects).await.unwrap();
}

#[tokio::test]
async fn a_store_in_a_folder_of_a_bucket_is_by_itself() {
    let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let mut stores = Vec::new();
    for folder in ["one", "two/three"] {
        let store =
            Store::init(objects.clone(), &Path::from(folder), store_config(), &secret(), NOW).await.unwrap();
        writer(&store, "eu-1").await.append(&signals(0..2), NOW).await.unwrap();
        stores.push(store);
    }
    for store in &stores {
        assert_eq!(records(store).await, signals(0..2));
    }
    objects.head(&"two/three/journal/eu-1/00000000000000000001.parquet".into()).await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_opened_says_why() {
    let description = |from: &str, to: &str| {
        let text = r#"{"format":1,"store":"03030303030303030303030303030303","normalisers":[1],"phone_region":"US","forms":[],"secrets":[{"epoch":1,"check":"CHECK","since_us":0}]}"#;
        let check = secret().check_value().map(|byte| format!("{byte:02x}")).concat();
        Some(text.replace("CHECK", &check).replace(from, to))
    };
    let wrong_secret =
        description(&secret().check_value().map(|byte| format!("{byte:02x}")).concat(), &"ab".repeat(16));
    for (text, kind, says) in [
        (None, ErrorKind::Invalid, "abide init"),
        (wrong_secret, ErrorKind::Invalid, "not the secret"),
        (
            description("\"format\":1", "\"format\":2,\"new\":1"),
            ErrorKind::Invalid,
            "format 2, and this version of abide knows up to 1",
        ),
        (description("[1]", "[1,9]"), ErrorKind::Invalid, "normaliser version 9"),
        (description("{", ""), ErrorKind::Damaged, "abide.json is damaged"),
        (description("\"US\"", "\"XX\""), ErrorKind::Damaged, "phone region"),
        (description("", ""), ErrorKind::Damaged, "its seal does not hold"),
        (description("\"forms\"", "\"form\""), ErrorKind::Damaged, "abide.json is damaged"),
        (description("[1]", "[]"), ErrorKind::Damaged, "abide.json is damaged"),
    ] {
        let objects = Arc::new(InMemory::new());
        if let Some(text) = &text {
            objects.put(&"abide.json".into(), text.clone().into()).await.unwrap();
        }
        let error = open(objects).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{text:?}: {error:?}");
        assert!(error.to_string().contains(says), "{error}");
    }
    let (objects, _) = in_memory().await;
    let other = Secret::from_bytes([8; 32]);
    let error = Store::open(objects, &Path::default(), &other).await.unwrap_err();
    assert!(matches!(error, StoreError::WrongSecret { .. }), "{error:?}");
}

/// Another region or another form would be look-ups that miss.
#[tokio::test]
async fn any_changed_byte_of_the_description_is_found() {
    let (objects, _) = in_memory().await;
    let whole = objects.get(&"abide.json".into()).await.unwrap().bytes().await.unwrap();
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut changed = whole.to_vec();
            changed[at] ^= 1 << bit;
            objects.put(&"abide.json".into(), changed.into()).await.unwrap();
            open(objects.clone()).await.unwrap_err();
        }
    }
    objects.put(&"abide.json".into(), whole.into()).await.unwrap();
    open(objects).await.unwrap();
}

/// A journal whose `abide.json` was lost is not made into a new store, with other keys.
#[tokio::test]
async fn a_journal_without_a_description_is_left_alone() {
    let (objects, store) = in_memory().await;
    writer(&store, "eu-1").await.append(&signals(0..1), NOW).await.unwrap();
    objects.delete(&"abide.json".into()).await.unwrap();
    let error = init(objects).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged, "{error:?}");
}

#[test]
fn a_directory_that_is_not_there_is_no_store() {
    let parent = tempfile::tempdir().unwrap();
    let missing = parent.path().join("missing");
    let error = local_directory(&missing, false).unwrap_err();
    assert!(matches!(error, StoreError::NotAStore { .. }), "{error:?}");
    local_directory(&missing, true).unwrap();
    assert!(missing.is_dir());
}

#[tokio::test]
async fn creating_never_overwrites() {
    let (_, store) = in_memory().await;
    let create = |text: &'static str| store.create("snapshots/1", text.into(), Retry::default());
    assert_eq!(create("one").await.unwrap(), Created::Done);
    assert_eq!(create("one").await.unwrap(), Created::Done);
    assert_eq!(create("two").await.unwrap(), Created::Another("one".into()));
    assert_eq!(store.get("snapshots/1").await.unwrap(), Some("one".into()));
    assert_eq!(store.get("snapshots/2").await.unwrap(), None);
}
