//! What stands in a store: journal objects, manifests, the description. Raw, so that the seal refuses almost everything,
//! and sealed, as if a holder of the secret had written it.

use std::sync::{Arc, LazyLock};

use abide_journal::{
    ClockCheck, ObjectName, Reader, Record, Retry, Store, StoreConfig, StoreId, Writer, WriterConfig, verify,
};
use abide_model::{
    BatchId, Claimant, Form, Forms, IdentifierKind, Key, Secret, Signal, SignalKeys, Time, TypedKey,
    signal::Statement,
};
use abide_replica::Manifest;
use memchr::memmem;
use object_store::{ObjectStoreExt as _, memory::InMemory, path::Path};

const NOW: Time = Time::from_seconds(1_795_000_000);
const OBJECT: &str = "journal/eu-1/00000000000000000001.parquet";

/// A store in memory, and the means to ask it.
struct World {
    runtime: tokio::runtime::Runtime,
    objects: Arc<InMemory>,
    store: Store,
}

static WORLD: LazyLock<World> = LazyLock::new(World::new);

fn secret() -> Secret {
    Secret::from_bytes([7; 32])
}

impl World {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let objects = Arc::new(InMemory::new());
        let config = StoreConfig {
            id: StoreId([3; 16]),
            phone_region: "US".parse().unwrap(),
            forms: Forms { md5: true, sha1: false },
        };
        let (root, secret) = (Path::default(), secret());
        let store = Store::init(objects.clone(), &root, config, &secret, NOW);
        let store = runtime.block_on(store).unwrap();
        Self { runtime, objects, store }
    }

    fn put(&self, name: &str, bytes: Vec<u8>) {
        self.runtime.block_on(self.objects.put(&name.into(), bytes.into())).unwrap();
    }

    fn get(&self, name: &str) -> Vec<u8> {
        let bytes = async { self.objects.get(&name.into()).await.unwrap().bytes().await.unwrap() };
        self.runtime.block_on(bytes).to_vec()
    }
}

pub(crate) fn journal(data: &[u8]) {
    let world = World::new();
    world.put(OBJECT, data.to_vec());
    let name = ObjectName::appended(&"eu-1".parse().unwrap(), 1);
    let object = world.runtime.block_on(Reader::new(&world.store).read(&name));
    if let Ok(Some(object)) = object {
        let read = object.records().take_while(Result::is_ok).count() as u64;
        assert!(read <= object.last(), "more records than it says");
    }
    let _ = world.runtime.block_on(verify(&world.store, &[]));
}

pub(crate) fn journal_sealed(data: &[u8]) {
    let mut bytes = data.to_vec();
    seal_object(&mut bytes);
    journal(&bytes);
}

/// The seal as `docs/formats/journal.md` has it.
fn seal_object(bytes: &mut [u8]) {
    const BEFORE: &[u8] = b"abide.seal\x18\x40";
    let Some(place) = memmem::rfind(bytes, BEFORE).map(|at| at + BEFORE.len()) else { return };
    let Some(digits) = bytes.get_mut(place..place + 64) else { return };
    digits.fill(b'0');
    let key = blake3::derive_key("abide 2026 journal seal", &*secret().chain_key());
    let seal = hex::encode(blake3::keyed_hash(&key, bytes).as_bytes());
    bytes[place..place + 64].copy_from_slice(seal.as_bytes());
}

pub(crate) fn manifest(data: &[u8]) {
    if let Ok(manifest) = Manifest::from_json(data, &WORLD.store) {
        assert_eq!(Manifest::from_json(&manifest.to_json(&WORLD.store), &WORLD.store).unwrap(), manifest);
    }
}

pub(crate) fn manifest_sealed(data: &[u8]) {
    let end = memmem::rfind(data, b",\n  \"seal\": \"").unwrap_or(data.len());
    manifest(&WORLD.store.seal_manifest([&data[..end], b"\n}"].concat()));
}

pub(crate) fn description(data: &[u8]) {
    let objects = Arc::new(InMemory::new());
    let opened = async {
        objects.put(&"abide.json".into(), data.to_vec().into()).await.unwrap();
        let id = Store::id_of(objects.clone(), &Path::default()).await;
        (id, Store::open(objects, &Path::default(), &secret()).await)
    };
    if let (id, Ok(store)) = WORLD.runtime.block_on(opened) {
        assert_eq!(id.unwrap(), store.id());
    }
}

fn signal(person: u8) -> Record {
    let typed = |number: u8, form| TypedKey { key: Key([number; 16]), form, version: 1 };
    let keys = SignalKeys {
        kind: IdentifierKind::Email,
        primary: typed(person, Form::Sha256),
        aliases: vec![typed(person + 100, Form::Md5)],
        domain: None,
    };
    let statement = Statement::out("email.unsubscribe".parse().unwrap(), Claimant::Person);
    Record::Signal(Signal::new(keys, statement, BatchId::live(NOW), NOW, NOW).unwrap())
}

pub(crate) fn journal_seeds() -> Vec<Vec<u8>> {
    [1, 20]
        .map(|people| {
            let world = World::new();
            let retry = Retry { attempts: 1, first_pause_ms: 0 };
            let config = WriterConfig { instance: 1, retry, clock_check: ClockCheck::Records };
            let records: Vec<Record> = (0..people).map(signal).collect();
            world.runtime.block_on(async {
                let mut writer = Writer::open(&world.store, "eu-1".parse().unwrap(), config).await.unwrap();
                writer.append(&records, NOW).await.unwrap();
            });
            world.get(OBJECT)
        })
        .into()
}

pub(crate) fn manifest_seeds() -> Vec<Vec<u8>> {
    const WHOLE: &str = include_str!("../seeds/manifest.json");
    let sealed = WORLD.store.seal_manifest(WHOLE.trim_end().as_bytes().to_vec());
    assert!(Manifest::from_json(&sealed, &WORLD.store).is_ok(), "the seed is a manifest");
    vec![sealed]
}

pub(crate) fn description_seeds() -> Vec<Vec<u8>> {
    vec![WORLD.get("abide.json")]
}
