//! Whatever is cut, changed, missing or full: a clear error or the right answer, never another one.

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use abide_journal::{ErrorKind, Record, Store, StoreConfig, StoreId, Writer};
use abide_model::{Secret, Time};
use abide_replica::{Compacted, Manifest, Part, Replica, ReplicaConfig, ReplicaError, check_part, newest};
use abide_testkit::{DatedStore, SimClock};
use futures::TryStreamExt as _;
use object_store::{ObjectStore as _, ObjectStoreExt, memory::InMemory, path::Path as ObjectPath};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::{
    model::Model,
    world::{NOW, RULES, Spelling, assert_is, init, keys_of, open, opt_out, secret, writer},
};

const PEOPLE: u64 = 30;
const NEWEST: &str = "snapshots/00000000000000000002.json";

/// By the clock that all in these tests write by: what was committed long after it was written would be another matter.
fn dated() -> DatedStore {
    DatedStore::new(Arc::new(InMemory::new()), SimClock::new(NOW))
}

/// A store with a snapshot and a journal that goes on after it.
struct World {
    objects: Arc<DatedStore>,
    store: Store,
    writer: Writer,
    model: Model,
    manifest: Option<Manifest>,
    dir: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let objects = Arc::new(dated());
        let store = init(objects.clone()).await;
        let writer = writer(&store, "eu-1").await;
        let dir = tempfile::tempdir().unwrap();
        let mut replica = open(&store, &ReplicaConfig::new(&dir.path().join("cache"))).await.unwrap();
        let mut world = Self { objects, store, writer, model: Model::default(), manifest: None, dir };
        world.append(0..PEOPLE - 10).await;
        match replica.compact(NOW, 1, &mut |_| ()).await.unwrap() {
            Compacted::Written(manifest) => world.manifest = Some(manifest),
            other => panic!("there was something to write: {other:?}"),
        }
        world.append(PEOPLE - 10..PEOPLE - 5).await;
        world.append(PEOPLE - 5..PEOPLE).await;
        world
    }

    async fn append(&mut self, people: std::ops::Range<u64>) {
        let records: Vec<Record> =
            people.map(|person| Record::Signal(opt_out(person, Spelling::Raw(0), NOW))).collect();
        records.iter().for_each(|record| self.model.take(record));
        self.writer.append(&records, NOW).await.unwrap();
    }

    fn config(&self, name: &str) -> ReplicaConfig {
        ReplicaConfig::new(&self.dir.path().join(name))
    }

    fn part(&self) -> &Part {
        &self.manifest.as_ref().unwrap().index
    }

    fn cached(&self) -> PathBuf {
        self.dir.path().join("cache").join(format!("{}.index", self.part().sha256))
    }

    async fn is_part_of_newest(&self, name: &str) -> bool {
        let newest = newest(&self.store).await.unwrap().unwrap();
        name == newest.index.name || name == newest.states.name
    }

    async fn get(&self, name: &str) -> Vec<u8> {
        self.objects.get(&ObjectPath::from(name)).await.unwrap().bytes().await.unwrap().to_vec()
    }

    async fn put(&self, name: &str, bytes: Vec<u8>) {
        self.objects.put(&ObjectPath::from(name), bytes.into()).await.unwrap();
    }

    async fn delete(&self, name: &str) {
        self.objects.delete(&ObjectPath::from(name)).await.unwrap();
    }
}

#[derive(Clone, Copy, Debug)]
enum Damage {
    Missing,
    Cut,
    Flipped,
}
use Damage::{Cut, Flipped, Missing};

fn damaged(mut bytes: Vec<u8>, damage: Damage) -> Option<Vec<u8>> {
    let half = bytes.len() / 2;
    match damage {
        Missing => return None,
        Cut => bytes.truncate(half),
        Flipped => bytes[half] ^= 1,
    }
    Some(bytes)
}

#[derive(Clone, Copy, Debug)]
enum Cache {
    Empty,
    Good,
}
use Cache::{Empty, Good};

/// Objects of the store, each damaged in each way, and whoever opens it with and without a local copy.
#[tokio::test]
async fn of_objects() {
    const SNAPSHOT: &str = "snapshots/00000000000000000001.json";
    const BEFORE: &str = "journal/eu-1/00000000000000000001.parquet";
    const AFTER: &str = "journal/eu-1/00000000000000000021.parquet";
    const LAST: &str = "journal/eu-1/00000000000000000026.parquet";
    let cases = [
        ("part", Missing, Empty, Err(ErrorKind::Damaged)),
        ("part", Cut, Empty, Err(ErrorKind::Damaged)),
        ("part", Flipped, Empty, Err(ErrorKind::Damaged)),
        ("part", Missing, Good, Ok(())),
        ("part", Cut, Good, Ok(())),
        ("part", Flipped, Good, Ok(())),
        (SNAPSHOT, Cut, Good, Err(ErrorKind::Damaged)),
        (SNAPSHOT, Flipped, Good, Err(ErrorKind::Damaged)),
        // Nothing that the snapshot stands for is read at the start, not even to find its end.
        (BEFORE, Missing, Empty, Ok(())),
        (BEFORE, Flipped, Empty, Ok(())),
        // Without the snapshot it is only that all has to be replayed.
        (SNAPSHOT, Missing, Good, Ok(())),
        (AFTER, Missing, Good, Err(ErrorKind::Damaged)),
        (AFTER, Cut, Good, Err(ErrorKind::Damaged)),
        (AFTER, Flipped, Good, Err(ErrorKind::Damaged)),
        (LAST, Cut, Empty, Err(ErrorKind::Damaged)),
        (LAST, Flipped, Empty, Err(ErrorKind::Damaged)),
    ];
    for (object, damage, cache, expected) in cases {
        let world = World::new().await;
        let name = if object == "part" { world.part().name.clone() } else { object.to_owned() };
        match damaged(world.get(&name).await, damage) {
            Some(bytes) => world.put(&name, bytes).await,
            None => world.delete(&name).await,
        }
        let config = world.config(if matches!(cache, Good) { "cache" } else { "empty" });
        let what = format!("{object} {damage:?}, cache {cache:?}");
        match (open(&world.store, &config).await, expected) {
            (Ok(replica), Ok(())) => assert_is(&replica.snapshot(), &world.model, PEOPLE, &what),
            (Err(error), Err(kind)) => assert_eq!(error.kind(), kind, "{what}: {error:?}"),
            (found, _) => panic!("{what}: {found:?} instead of {expected:?}"),
        }
    }
}

/// How an object is damaged, in any region of it.
fn damages(sound: &[u8], rng: &mut ChaCha8Rng) -> Vec<(String, Option<Vec<u8>>)> {
    const REGIONS: usize = 12;
    let mut damages = vec![("missing".to_owned(), None)];
    let mut damage = |what: String, bytes: Vec<u8>| damages.push((what, Some(bytes)));
    for region in 0..REGIONS {
        let from = region * sound.len() / REGIONS;
        let at = rng.random_range(from..((region + 1) * sound.len() / REGIONS).max(from + 1));
        let bit = rng.random_range(0..8);
        let mut flipped = sound.to_vec();
        flipped[at] ^= 1 << bit;
        damage(format!("bit {bit} of byte {at} flipped"), flipped);
        if region % 3 == 0 {
            damage(format!("cut to {at}"), sound[..at].to_vec());
        }
        if region % 6 == 0 {
            let mut zeroed = sound.to_vec();
            let end = (at + 512).min(sound.len());
            zeroed[at..end].fill(0);
            damage(format!("bytes {at} to {end} zeroed"), zeroed);
        }
    }
    damage("longer".to_owned(), [sound, b"x"].concat());
    damage("that of another place".to_owned(), b"abide".repeat(sound.len() / 5));
    damages
}

/// What `abide verify` looks at.
async fn is_found(world: &World) -> bool {
    let Ok(newest) = newest(&world.store).await else { return true };
    let heads = newest.as_ref().map(|manifest| manifest.heads.clone()).unwrap_or_default();
    let journal = abide_journal::verify(&world.store, &heads).await;
    let mut found = !journal.is_ok_and(|report| report.is_sound());
    for part in newest.iter().flat_map(|manifest| [&manifest.index, &manifest.states]) {
        found |= !matches!(check_part(&world.store, part).await, Ok(Ok(())));
    }
    found
}

/// Every object of a store in every region, with and without a local copy of the list: the right answer or an error that
/// calls a human, and never another answer; whatever an answer depends on is found by verifying, and once it is
/// restored all is as it was.
#[tokio::test]
async fn of_any_region_of_any_object() {
    const SEED: u64 = 7;
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut world = World::new().await;
    // A snapshot that is not the newest, and a journal that goes on.
    let mut replica = open(&world.store, &world.config("cache")).await.unwrap();
    assert!(matches!(replica.compact(NOW, 2, &mut |_| ()).await.unwrap(), Compacted::Written(_)));
    world.append(PEOPLE..PEOPLE + 3).await;
    let people = PEOPLE + 3;
    let objects: Vec<_> = world.objects.list(None).try_collect().await.unwrap();
    assert_eq!(objects.len(), 1 + 4 + 2 * 3, "the description, the journal, two snapshots: {objects:?}");
    let (mut right, mut refused) = (0, 0);
    for object in objects {
        let name = object.location.as_ref();
        let sound = world.get(name).await;
        let is_last = name.ends_with("31.parquet");
        for (damage, bytes) in damages(&sound, &mut rng) {
            let what = format!("seed {SEED}: {name}: {damage}");
            let is_missing = bytes.is_none();
            match bytes {
                Some(bytes) => world.put(name, bytes).await,
                None => world.delete(name).await,
            }
            if name == "abide.json" {
                let opened = Store::open(world.objects.clone(), &ObjectPath::default(), &secret()).await;
                assert!(opened.is_err(), "{what}");
                continue;
            }
            // An end of the journal that nobody remembers is missed by nobody; a snapshot that is missing altogether is
            // the journal's to replay.
            if is_missing && (is_last || name == NEWEST) {
                continue;
            }
            for cache in ["cache", "empty"] {
                fs::remove_dir_all(world.dir.path().join("empty")).ok();
                match open(&world.store, &world.config(cache)).await {
                    Ok(replica) => {
                        assert_is(&replica.snapshot(), &world.model, people, &what);
                        right += 1;
                    }
                    Err(error) => {
                        let kind = error.kind();
                        // A digit of the format may become a greater one.
                        let newer = kind == ErrorKind::Invalid && chain(&error).contains("upgrade abide");
                        assert!(kind == ErrorKind::Damaged || newer, "{what}: {error:?}");
                        assert!(is_found(&world).await, "{what}: refused, and not found");
                        refused += 1;
                    }
                }
            }
            let matters =
                name.starts_with("journal/") || name == NEWEST || world.is_part_of_newest(name).await;
            assert_eq!(is_found(&world).await, matters, "{what}: found by verifying");
        }
        world.put(name, sound).await;
        let replica = open(&world.store, &world.config("empty")).await.unwrap();
        assert_is(&replica.snapshot(), &world.model, people, &format!("{name} restored"));
    }
    assert!(right > 50 && refused > 50, "{right} right, {refused} refused");
}

fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect()
}

/// A number that is off by one is as bad as garbage, so every single byte counts.
#[tokio::test]
async fn of_any_byte_of_a_manifest() {
    let world = World::new().await;
    let sound = world.get("snapshots/00000000000000000001.json").await;
    assert!(Manifest::from_json(&sound, &world.store).is_ok());
    for at in 0..sound.len() {
        for bit in [1, 4, 16] {
            let mut bytes = sound.clone();
            bytes[at] ^= bit;
            assert!(Manifest::from_json(&bytes, &world.store).is_err(), "byte {at}, bit {bit}");
        }
        assert!(Manifest::from_json(&sound[..at], &world.store).is_err(), "cut at {at}");
    }
    let text = String::from_utf8(sound).unwrap();
    world
        .put("snapshots/00000000000000000001.json", text.replace("\"format\": 2", "\"format\": 3").into())
        .await;
    let error = open(&world.store, &world.config("cache")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("upgrade abide"), "{error:?}");
    world.put("snapshots/00000000000000000001.json", text.clone().into()).await;
    world.put("snapshots/00000000000000000002.json", text.into()).await;
    let error = open(&world.store, &world.config("cache")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged, "a manifest under another's name: {error:?}");
}

/// Whoever can write to the bucket and has no secret, or the secret and another store, makes no
/// manifest that is taken for this store's.
#[tokio::test]
async fn a_forged_manifest_is_refused() {
    let world = World::new().await;
    let config = || world.store.config().clone();
    let other_store = StoreConfig { id: StoreId([4; 16]), ..config() };
    for (forger, config, secret) in [
        ("without the secret", config(), Secret::from_bytes([8; 32])),
        ("of another store", other_store, secret()),
    ] {
        let objects = Arc::new(dated());
        let store = Store::init(objects, &ObjectPath::default(), config, &secret, NOW).await.unwrap();
        let forged = Manifest { number: 2, ..world.manifest.clone().unwrap() }.to_json(&store);
        world.put("snapshots/00000000000000000002.json", forged).await;
        let error = open(&world.store, &world.config("cache")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged, "{forger}: {error:?}");
    }
    let own = Manifest { number: 2, ..world.manifest.clone().unwrap() }.to_json(&world.store);
    world.put("snapshots/00000000000000000002.json", own).await;
    open(&world.store, &world.config("cache")).await.unwrap();
}

/// The local copy, cut anywhere or with a bit flipped anywhere: it is fetched again, or each look-up
/// gives the right answer or an error.
#[tokio::test]
async fn of_the_local_copy() {
    let world = World::new().await;
    let sound = fs::read(world.cached()).unwrap();
    for cut in [0, 1, 200, sound.len() / 2, sound.len() - 1] {
        fs::write(world.cached(), &sound[..cut]).unwrap();
        let replica = open(&world.store, &world.config("cache")).await.unwrap();
        assert_is(&replica.snapshot(), &world.model, PEOPLE, "cut and fetched again");
        assert_eq!(fs::read(world.cached()).unwrap(), sound);
    }
    let mut errors = 0;
    for at in (0..sound.len()).step_by(61) {
        // A new file: one that is mapped is never written to.
        fs::remove_file(world.cached()).ok();
        let mut bytes = sound.clone();
        bytes[at] ^= 4;
        fs::write(world.cached(), &bytes).unwrap();
        let replica = open(&world.store, &world.config("cache")).await.unwrap();
        let snapshot = replica.snapshot();
        for key in (0..PEOPLE).flat_map(keys_of) {
            match snapshot.find(&key) {
                Ok(facts) => {
                    let facts = facts.map(|facts| (**facts).clone()).unwrap_or_default();
                    assert_eq!(facts, world.model.facts(&key), "byte {at}");
                }
                Err(_) => errors += 1,
            }
            if let Ok(state) = snapshot.state(&key) {
                assert_eq!(state, world.model.state(&key), "byte {at}");
            }
        }
    }
    assert!(errors > 0, "some byte matters");
}

/// A local copy that is found damaged is not used again, not even by the next process.
#[tokio::test]
async fn is_not_inherited() {
    let mut world = World::new().await;
    let sound = fs::read(world.cached()).unwrap();
    fs::remove_file(world.cached()).unwrap();
    let mut bytes = sound.clone();
    // In the first record.
    bytes[300] ^= 1;
    fs::write(world.cached(), bytes).unwrap();
    world.append(0..PEOPLE).await;
    let mut replica = open(&world.store, &world.config("cache")).await.unwrap();
    assert_is(&replica.snapshot(), &world.model, PEOPLE, "fetched again");
    assert_eq!(fs::read(world.cached()).unwrap(), sound);

    // With the part gone too there is nothing to go back to.
    let mut bytes = sound.clone();
    let last = sound.len() - 200;
    bytes[300..last].iter_mut().for_each(|byte| *byte ^= 1);
    fs::remove_file(world.cached()).unwrap();
    fs::write(world.cached(), &bytes).unwrap();
    world.delete(&world.part().name).await;
    match open(&world.store, &world.config("cache")).await {
        Ok(_) => panic!("neither the copy nor the part can be used"),
        Err(error) => assert_eq!(error.kind(), ErrorKind::Damaged, "{error:?}"),
    }
    world.put(&world.part().name, sound).await;
    replica.refresh(NOW).await.unwrap();
    assert_is(&replica.snapshot(), &world.model, PEOPLE, "the old mapping stands");
}

#[tokio::test]
async fn of_the_cache_folder() {
    let world = World::new().await;
    let file = world.dir.path().join("file");
    fs::write(&file, "").unwrap();
    let error = open(&world.store, &ReplicaConfig::new(&file)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}");
    let error = open(&world.store, &ReplicaConfig::new(&file.join("below"))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}");
}

fn spilling(world: &World, scratch: &Path) -> ReplicaConfig {
    let config = world.config("spilling");
    ReplicaConfig { overlay_max: 1, scratch_dir: scratch.to_owned(), ..config }
}

/// What was read and could not be merged is not forgotten: the old answer stands until the new one is
/// there.
#[tokio::test]
async fn a_failed_merge_loses_nothing() {
    let mut world = World::new().await;
    let scratch = world.dir.path().join("scratch");
    fs::create_dir(&scratch).unwrap();
    let mut replica = open(&world.store, &spilling(&world, &scratch)).await.unwrap();
    let before = world.model.clone();
    for people in [PEOPLE..PEOPLE + 3, PEOPLE + 3..PEOPLE + 6] {
        world.append(people).await;
        fs::remove_dir_all(&scratch).unwrap();
        for _ in 0..2 {
            replica.refresh(NOW).await.unwrap_err();
            assert_is(&replica.snapshot(), &before, PEOPLE + 6, "the old answer");
            replica.compact(NOW, 7, &mut |_| ()).await.unwrap_err();
        }
        fs::create_dir(&scratch).unwrap();
        if world.model.signals.len() as u64 == PEOPLE + 6 {
            replica.refresh(NOW).await.unwrap();
            assert_is(&replica.snapshot(), &world.model, PEOPLE + 6, "the new one");
        }
    }
    let compacted = replica.compact(NOW, 8, &mut |_| ()).await.unwrap();
    assert!(matches!(compacted, Compacted::Written(_)), "{compacted:?}");
}

const NO_ROOM: &str = "ABIDE_TEST_NO_ROOM";

/// Of a disk without room: this test runs itself in a process that may not write a byte to any file,
/// until it is allowed to.
#[test]
fn of_a_full_disk() {
    if env::var_os(NO_ROOM).is_none() {
        // The signal that comes with the limit is ignored, so that writes fail as on a full disk.
        let run = r#"trap "" XFSZ; ulimit -S -f 0; exec "$0" --exact damage::of_a_full_disk --nocapture"#;
        let mut child = Command::new("sh");
        let child = child.args(["-c", run]).arg(env::current_exe().unwrap()).env(NO_ROOM, "1");
        let child = child.output().unwrap();
        assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(without_room());
}

fn make_room() {
    let this = std::process::id().to_string();
    assert!(Command::new("prlimit").args(["--fsize=unlimited:", "--pid", &this]).status().unwrap().success());
}

async fn without_room() {
    let objects = Arc::new(dated());
    let store = init(objects.clone()).await;
    let mut writer = writer(&store, "eu-1").await;
    let dir = tempfile::tempdir().unwrap();
    let config = ReplicaConfig { overlay_max: 2, ..ReplicaConfig::new(dir.path()) };
    let mut replica = open(&store, &config).await.unwrap();
    let records: Vec<Record> =
        (0..6).map(|person| Record::Signal(opt_out(person, Spelling::Raw(0), NOW))).collect();

    // In memory there is room; only a snapshot needs the disk.
    writer.append(&records[..1], NOW).await.unwrap();
    let few = Model::of(&records[..1]);
    replica.refresh(NOW).await.unwrap();
    let no_room = |result: Result<(), ReplicaError>| {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    };
    no_room(replica.compact(NOW, 1, &mut |_| ()).await.map(|_| ()));
    assert_is(&replica.snapshot(), &few, 6, "no snapshot");

    // What does not fit in memory was read and cannot be merged: the old answer stands, and nothing
    // is forgotten.
    writer.append(&records[1..], NOW).await.unwrap();
    for unique in [2, 3] {
        no_room(replica.refresh(NOW).await);
        no_room(replica.compact(NOW, unique, &mut |_| ()).await.map(|_| ()));
        assert_is(&replica.snapshot(), &few, 6, "no room for more");
        assert!(fs::read_dir(dir.path()).unwrap().next().is_none(), "nothing half-written is left");
    }
    make_room();
    replica.refresh(NOW).await.unwrap();
    assert_is(&replica.snapshot(), &Model::of(&records), 6, "room again");
    let compacted = replica.compact(NOW, 4, &mut |_| ()).await.unwrap();
    assert!(matches!(compacted, Compacted::Written(_)), "{compacted:?}");
}

/// What a process that was killed left behind goes after a day; what is not ours stays.
#[tokio::test]
async fn leftovers_go() {
    let world = World::new().await;
    let cache = world.dir.path().join("cache");
    let old = format!("{}.index", "ab".repeat(32));
    let ours = [".abide-index-x1.partial", ".abide-fetch-y2", ".abide-merge-z3", &old];
    let others = ["notes.txt", "mine.index", ".abide-index"];
    fs::create_dir(cache.join(".abide-merge-z3")).unwrap();
    fs::write(cache.join(".abide-merge-z3/list.index"), "half").unwrap();
    for name in ours.iter().chain(&others).filter(|name| !name.contains("merge")) {
        fs::write(cache.join(name), "half").unwrap();
    }
    let current = world.cached();
    for path in ours.iter().chain(&others).map(|name| cache.join(name)).chain([current.clone()]) {
        let written = UNIX_EPOCH + Duration::from_micros(NOW.as_micros().unsigned_abs());
        File::open(path).unwrap().set_modified(written).unwrap();
    }
    let exist = |names: &[&str]| names.iter().map(|name| cache.join(name).exists()).collect::<Vec<_>>();
    let open_at = |now: Time| Replica::open(&world.store, RULES.clone(), world.config("cache"), now);
    const HOUR_MICROS: i64 = 3_600_000_000;
    open_at(NOW.plus_micros(23 * HOUR_MICROS)).await.unwrap();
    assert_eq!(exist(&ours), [true; 4], "another process may be at it");
    open_at(NOW.plus_micros(25 * HOUR_MICROS)).await.unwrap();
    assert_eq!(exist(&ours), [false; 4]);
    assert_eq!(exist(&others), [true; 3]);
    assert!(current.exists());
}
