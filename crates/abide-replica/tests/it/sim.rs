//! A small world in which everything fails: real journal and replicas over a store with faults, one
//! clock, one seed. An auditor looks on all the time.
//!
//! `ABIDE_SIM_SEED` replays a seed or a range of them (`100..200`), `ABIDE_SIM_SEEDS` sets how many are run.

mod actors;
mod administrator;
mod auditor;
mod crash;
mod keeper;
mod region;
mod ruler;
mod rulings;
mod sleepers;

use std::{cell::RefCell, collections::BTreeMap, ops::Range, sync::Arc, time::Duration};

use abide_journal::Store;
use abide_model::Time;
use abide_replica::ReplicaConfig;
use abide_testkit::{DatedStore, Faults, FaultyStore, SimClock};
use futures::{
    FutureExt, TryStreamExt,
    future::{LocalBoxFuture, join_all},
};
use object_store::{ObjectStore, ObjectStoreExt, memory::InMemory, path::Path as ObjectPath};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use self::{
    actors::{Actor, Follower, Writing},
    administrator::{Administrator, assert_moved, new_secret},
    auditor::{Auditor, Ledger},
    keeper::Keeper,
    region::Region,
    ruler::Ruler,
    sleepers::Sleepers,
};
use crate::world::{NOW, init, secret};

const DAY_US: i64 = 24 * 3_600_000_000;
const DAYS: i64 = 30;
/// In one of so many worlds the store is rekeyed in the last days. Nobody spools in these: what lies on
/// a node's disk is under the old secret.
const REKEYED: u64 = 3;
const REKEY_DAYS: i64 = 6;
/// After the faults have stopped, everyone has caught up within so many tries.
const TRIES_MAX: u32 = 3;
const SEEDS: u64 = 4;

/// Everything fails now and then, and whoever asks for something may be suspended for up to twelve
/// days in the middle of it: longer than anything waits.
const WEATHER: Faults = Faults {
    write_refused: 0.05,
    answer_lost: 0.1,
    read_failed: 0.01,
    list_failed: 0.02,
    stalled: 0.001,
    stall_max_s: 12 * 86_400,
    ..Faults::MANY
};

/// What a run comes to: the names and digests of everything in the store, and what happened.
#[derive(Debug, PartialEq, Eq)]
struct End {
    objects: BTreeMap<String, Vec<u8>>,
    events: auditor::Events,
}

fn run(seed: u64) -> End {
    // Where everybody sleeps, time passes at once.
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(live(seed))
}

async fn live(seed: u64) -> End {
    let clock = SimClock::of_runtime(NOW);
    let objects = Arc::new(DatedStore::new(Arc::new(InMemory::new()), clock.clone()));
    let well = init(objects.clone()).await;
    let faulty = FaultyStore::new(objects.clone(), seed, WEATHER);
    let store = open_store(&faulty).await;
    let scratch = tempfile::tempdir().unwrap();
    let ledger = Ledger::default();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let until = clock.now().plus_micros(DAYS * DAY_US);

    let mut lines = vec![faulty.clone()];
    let mut writers = Vec::new();
    for (number, (origin, skew_us)) in
        [("eu-1", 0), ("us-1", 30_000_000), ("eu-1", -2_000_000), ("eu-1", 0)].into_iter().enumerate()
    {
        let line = FaultyStore::new(objects.clone(), rng.random(), WEATHER);
        lines.push(line.clone());
        writers.push(Writing::new(number, origin, line, clock.node(skew_us), ledger.clone()).await);
    }
    let mut followers: Vec<Follower> =
        [(2, 1 << 20, false), (usize::MAX, 1 << 20, false), (3, 400, true), (8, 1 << 20, true)]
            .into_iter()
            .enumerate()
            .map(|(number, (overlay_max, memory_max_bytes, compacts))| {
                let dir = scratch.path().join(number.to_string());
                let config = ReplicaConfig { overlay_max, memory_max_bytes, ..ReplicaConfig::new(&dir) };
                let (line, store) = (faulty.clone(), store.clone());
                Follower::new(config, compacts, line, store, clock.clone(), ledger.clone())
            })
            .collect();
    let mut keepers =
        [Keeper::new(store.clone(), ledger.clone()), Keeper::new(store.clone(), ledger.clone())];
    let line = FaultyStore::new(objects.clone(), rng.random(), WEATHER);
    lines.push(line.clone());
    let mut region = Region::new(line, clock.node(5_000_000), ledger.clone()).await;
    let asleep = [(); 2].map(|()| FaultyStore::new(objects.clone(), rng.random(), WEATHER));
    lines.extend(asleep.clone());
    let dir = scratch.path().join("asleep");
    let mut sleepers = Sleepers::new(asleep, &dir, clock.node(0), ledger.clone()).await;
    let mut rulers = Vec::new();
    for (number, origin, skew_us) in [(0, "eu-1", 0), (1, "us-1", 10_000_000), (2, "us-1", -1_000_000)] {
        let line = FaultyStore::new(objects.clone(), rng.random(), WEATHER);
        lines.push(line.clone());
        let dir = scratch.path().join(format!("ruler-{number}"));
        rulers.push(Ruler::new(number, origin, &line, &dir, clock.node(skew_us), ledger.clone()).await);
    }
    let moved = Arc::new(DatedStore::new(Arc::new(InMemory::new()), clock.clone()));
    let line = FaultyStore::new(moved.clone(), rng.random(), WEATHER);
    lines.push(line.clone());
    let begins_at = until.plus_micros(-REKEY_DAYS * DAY_US);
    let mut administrator = Administrator::new(store, line, clock.clone(), begins_at, ledger.clone());
    let rekeyed = seed % REKEYED == 1;
    let auditor = RefCell::new(Auditor::new(ledger.clone()));

    let actors = writers.iter_mut().map(|writer| writer as &mut dyn Actor);
    let actors = actors.chain(followers.iter_mut().map(|follower| follower as &mut dyn Actor));
    let actors = actors.chain(keepers.iter_mut().map(|keeper| keeper as &mut dyn Actor));
    let actors = actors.chain(rulers.iter_mut().map(|ruler| ruler as &mut dyn Actor));
    let actors = actors.chain(std::iter::once(&mut sleepers as &mut dyn Actor));
    let either: &mut dyn Actor = if rekeyed { &mut administrator } else { &mut region };
    let actors = actors.chain(std::iter::once(either));
    let mut lives: Vec<LocalBoxFuture<'_, ()>> = Vec::new();
    for actor in actors {
        let rng = ChaCha8Rng::seed_from_u64(rng.random());
        lives.push(life(actor, rng, &clock, until, &auditor).boxed_local());
    }
    lives.push(watch(&lines, &objects, &well, &clock, until, &auditor).boxed_local());
    join_all(lives).await;

    lines.iter().for_each(FaultyStore::heal);
    assert!(faulty.faults_injected() > 0, "a world without faults shows nothing");
    if rekeyed {
        administrator.finish().await;
    } else {
        region.upload_all().await;
        for follower in &mut followers {
            follower.catch_up(TRIES_MAX).await;
            follower.show(&mut auditor.borrow_mut());
        }
    }
    auditor.into_inner().conclude(&*objects, &well, &followers).await;
    if rekeyed {
        let new = Store::open(moved.clone(), &ObjectPath::default(), &new_secret()).await.unwrap();
        assert_moved(&well, &new, &ledger, scratch.path()).await;
        let mut both = contents(&*objects).await;
        both.extend(
            contents(&*moved).await.into_iter().map(|(name, bytes)| (format!("moved: {name}"), bytes)),
        );
        return End { objects: both, events: ledger.events() };
    }
    // When all has been rolled up and deleted that can be, it is still the same journal.
    let before = auditor::journal(&well).await;
    tokio::time::sleep(Duration::from_secs(2 * 3_600)).await;
    keepers[0].tidy().await;
    tokio::time::sleep(Duration::from_secs(8 * 86_400)).await;
    keepers[0].tidy().await;
    assert_eq!(auditor::journal(&well).await, before, "after the last roll-up");
    auditor::assert_sound(&well).await;
    ledger.count_strays(objects.written_again("journal/"));
    End { objects: contents(&*objects).await, events: ledger.events() }
}

/// Acts now and then: a few times in a minute, or not for a day.
async fn life(
    actor: &mut dyn Actor,
    mut rng: ChaCha8Rng,
    clock: &SimClock,
    until: Time,
    auditor: &RefCell<Auditor>,
) {
    loop {
        let pause_s = match rng.random_range(0..10) {
            0..3 => rng.random_range(0..60),
            3..6 => rng.random_range(60..3_600),
            _ => rng.random_range(3_600..36 * 3_600),
        };
        tokio::time::sleep(Duration::from_secs(pause_s)).await;
        if clock.now() >= until {
            return;
        }
        let seed = rng.random();
        // One in eight is killed at some moment of what it is doing.
        let polls = if rng.random_bool(0.125) { rng.random_range(0..120) } else { u32::MAX };
        crash::within(polls, actor, ChaCha8Rng::seed_from_u64(seed)).await;
        actor.show(&mut auditor.borrow_mut());
    }
}

/// Looks every two hours at what was deleted; and after half an hour, lists show everything.
async fn watch(
    lines: &[FaultyStore],
    objects: &DatedStore,
    well: &Store,
    clock: &SimClock,
    until: Time,
    auditor: &RefCell<Auditor>,
) {
    for half_hour in 0.. {
        tokio::time::sleep(Duration::from_secs(1_800)).await;
        lines.iter().for_each(FaultyStore::show_all);
        if clock.now() >= until {
            return;
        }
        if half_hour % 4 > 0 {
            continue;
        }
        let names: BTreeMap<String, Time> = contents_dated(objects).await;
        let newest = abide_replica::newest(well).await.unwrap();
        let before = match newest.as_ref().and_then(|newest| newest.number.checked_sub(1)) {
            Some(number) => abide_replica::read(well, number).await.unwrap(),
            None => None,
        };
        auditor.borrow_mut().look_at_store(names, newest, before, clock.now());
    }
}

async fn contents_dated(objects: &DatedStore) -> BTreeMap<String, Time> {
    let listed: Vec<_> = objects.list(None).try_collect().await.unwrap();
    listed
        .into_iter()
        .map(|meta| {
            let at = Time::from_micros(meta.last_modified.timestamp_micros());
            (meta.location.to_string(), at)
        })
        .collect()
}

/// A store that fails may fail at once.
async fn open_store(faulty: &FaultyStore) -> Store {
    for _ in 0..100 {
        if let Ok(store) = Store::open(Arc::new(faulty.clone()), &ObjectPath::default(), &secret()).await {
            return store;
        }
    }
    panic!("a store that fails one time in ten failed a hundred times in a row");
}

async fn contents(objects: &dyn ObjectStore) -> BTreeMap<String, Vec<u8>> {
    let mut contents = BTreeMap::new();
    for object in objects.list(None).try_collect::<Vec<_>>().await.unwrap() {
        let bytes = objects.get(&object.location).await.unwrap().bytes().await.unwrap();
        contents.insert(object.location.to_string(), bytes.to_vec());
    }
    contents
}

fn number(text: &str) -> u64 {
    text.parse().expect("a number")
}

/// `7` or `100..200`.
fn seeds() -> Range<u64> {
    match (std::env::var("ABIDE_SIM_SEED"), std::env::var("ABIDE_SIM_SEEDS")) {
        (Ok(seed), _) => match seed.split_once("..") {
            Some((first, end)) => number(first)..number(end),
            None => number(&seed)..number(&seed) + 1,
        },
        (_, Ok(count)) => 0..number(&count),
        _ => 0..SEEDS,
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "the seed comes first, so that whatever follows can be replayed")]
fn nothing_is_lost_and_nobody_is_wrong() {
    let seeds = seeds();
    let mut all = auditor::Events::default();
    let mut failed = Vec::new();
    for seed in seeds.clone() {
        eprintln!("ABIDE_SIM_SEED={seed}");
        match std::panic::catch_unwind(|| run(seed)) {
            Ok(end) => all.add(&end.events),
            Err(_) => failed.push(seed),
        }
    }
    eprintln!("{all:?}");
    assert!(failed.is_empty(), "these seeds failed, see above: {failed:?}");
    if seeds.end - seeds.start >= SEEDS {
        all.assert_something_happened();
    }
}

/// Else a seed could not be replayed.
#[test]
fn a_seed_is_a_world() {
    let (once, again) = (run(1), run(1));
    assert_eq!(once.events, again.events);
    assert_eq!(once.objects.keys().collect::<Vec<_>>(), again.objects.keys().collect::<Vec<_>>());
    for (name, bytes) in &once.objects {
        assert!(again.objects[name] == *bytes, "{name} differs");
    }
}
