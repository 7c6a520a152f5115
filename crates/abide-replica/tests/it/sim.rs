//! A small world in which everything fails: real journal and replicas over a store with faults, one
//! clock, one seed. An auditor looks on all the time.
//!
//! `ABIDE_SIM_SEED` replays a seed, `ABIDE_SIM_SEEDS` sets how many are run.

mod actors;
mod auditor;
mod crash;

use std::{collections::BTreeMap, sync::Arc};

use abide_journal::Store;
use abide_testkit::{Faults, FaultyStore, SimClock};
use futures::{TryStreamExt, future::join_all};
use object_store::{ObjectStore, ObjectStoreExt, memory::InMemory, path::Path as ObjectPath};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use self::{
    actors::{Actor, Follower, Writing},
    auditor::{Auditor, Ledger},
};
use crate::world::{NOW, init, secret};

const ROUNDS: u32 = 60;
/// After the faults have stopped, everyone has caught up within so many tries.
const TRIES_MAX: u32 = 3;
const SEEDS: u64 = 12;

/// What a run comes to: the names and digests of everything in the store, and what happened.
#[derive(Debug, PartialEq, Eq)]
struct End {
    objects: BTreeMap<String, Vec<u8>>,
    events: auditor::Events,
}

fn run(seed: u64) -> End {
    // Pauses between retries pass at once, in the order in which they end.
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(live(seed))
}

async fn live(seed: u64) -> End {
    let objects = Arc::new(InMemory::new());
    init(objects.clone()).await;
    let faulty = FaultyStore::new(objects.clone(), seed, Faults::MANY);
    let store = open_store(&faulty).await;
    let clock = SimClock::new(NOW);
    let scratch = tempfile::tempdir().unwrap();
    let ledger = Ledger::default();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);

    let mut writers: Vec<Writing> = [("eu-1", 0), ("us-1", 30_000_000), ("eu-1", -2_000_000)]
        .into_iter()
        .enumerate()
        .map(|(number, (origin, skew))| {
            Writing::new(number, origin, store.clone(), clock.node(skew), ledger.clone())
        })
        .collect();
    let mut followers: Vec<Follower> =
        [(2, 1 << 20, false), (usize::MAX, 1 << 20, false), (3, 400, true), (8, 1 << 20, true)]
            .into_iter()
            .enumerate()
            .map(|(number, (overlay_max, memory_max_bytes, compacts))| {
                let dir = scratch.path().join(number.to_string());
                Follower::new(dir, overlay_max, memory_max_bytes, compacts, store.clone(), clock.clone())
            })
            .collect();
    let mut auditor = Auditor::new(ledger.clone());

    for _ in 0..ROUNDS {
        clock.advance(rng.random_range(1_000..20_000_000));
        let mut acts = Vec::new();
        let actors = writers.iter_mut().map(|writer| writer as &mut dyn Actor);
        for actor in actors.chain(followers.iter_mut().map(|follower| follower as &mut dyn Actor)) {
            if rng.random_bool(0.6) {
                let seed = rng.random();
                // One in eight is killed at some moment of what it is doing.
                let polls = if rng.random_bool(0.125) { rng.random_range(0..60) } else { u32::MAX };
                acts.push(crash::within(polls, actor, ChaCha8Rng::seed_from_u64(seed)));
            }
        }
        join_all(acts).await;
        followers.iter().for_each(|follower| auditor.look_at(follower));
    }

    faulty.heal();
    assert!(faulty.faults_injected() > 0, "a world without faults shows nothing");
    for follower in &mut followers {
        follower.catch_up(TRIES_MAX).await;
        auditor.look_at(follower);
    }
    auditor.conclude(&*objects, &store, &followers).await;
    End { objects: contents(&*objects).await, events: ledger.events() }
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

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

#[test]
#[expect(clippy::print_stderr, reason = "the seed comes first, so that whatever follows can be replayed")]
fn nothing_is_lost_and_nobody_is_wrong() {
    let seeds = match number("ABIDE_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("ABIDE_SIM_SEEDS").unwrap_or(SEEDS),
    };
    let mut all = auditor::Events::default();
    for seed in seeds {
        eprintln!("ABIDE_SIM_SEED={seed}");
        all.add(&run(seed).events);
    }
    eprintln!("{all:?}");
    all.assert_something_happened();
}

/// Else a seed could not be replayed.
#[test]
fn a_seed_is_a_world() {
    for seed in [1, 2] {
        let (once, again) = (run(seed), run(seed));
        assert_eq!(once.events, again.events, "seed {seed}");
        assert_eq!(
            once.objects.keys().collect::<Vec<_>>(),
            again.objects.keys().collect::<Vec<_>>(),
            "seed {seed}"
        );
        for (name, bytes) in &once.objects {
            assert!(again.objects[name] == *bytes, "seed {seed}: {name} differs");
        }
    }
}
