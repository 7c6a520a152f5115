//! However signals are taken in, the list is the same.

use std::{path::Path, sync::Arc};

use abide_journal::{
    Appended, Record, RetractionRecord, RollUpConfig, RolledWait, Store, Writer, roll_up, sweep,
};
use abide_model::{Retraction, Signal};
use abide_replica::{Compacted, Ephemeral, Replica, ReplicaConfig};
use object_store::memory::InMemory;
use proptest::{collection::vec, prelude::*, sample::select};

use crate::{
    model::Model,
    world::{
        NOW, RULES, Spelling, any_signal, assert_is, commit, init, open, opt_out, without_snapshots, writer,
        writer_config,
    },
};

const PEOPLE: u64 = 3;
const IMPORTS: &[&str] = &["import-a", "import-b"];
const BATCHES: &[&str] = &["live-20260101", "live-20260102", "live-20260101", "import-a", "import-b"];

#[derive(Clone, Debug)]
enum Step {
    Append(Vec<Signal>),
    Commit(&'static str),
    Retract(&'static str),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let append = || vec(any_signal(BATCHES), 1..9).prop_map(Step::Append);
    let commit = select(IMPORTS).prop_map(Step::Commit);
    let retract = select(&["live-20260102", "import-a", "import-b"][..]).prop_map(Step::Retract);
    vec(prop_oneof![6 => append(), 2 => commit, 1 => retract], 1..9)
}

fn records(step: &Step) -> Vec<Record> {
    match step {
        Step::Append(signals) => signals.iter().cloned().map(Record::Signal).collect(),
        Step::Commit(batch) => vec![commit(batch)],
        Step::Retract(batch) => vec![Record::Retraction(RetractionRecord {
            what: Retraction::Batch(batch.parse().unwrap()),
            reason: "sent twice".into(),
            recorded_by: "test".into(),
            at: NOW,
        })],
    }
}

fn config(dir: &Path, overlay_max: usize, memory_max_bytes: usize) -> ReplicaConfig {
    ReplicaConfig { overlay_max, memory_max_bytes, ..ReplicaConfig::new(dir) }
}

struct World {
    objects: Arc<InMemory>,
    store: Store,
    writer: Writer,
    model: Model,
    dir: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let objects = Arc::new(InMemory::new());
        let store = init(objects.clone()).await;
        let writer = writer(&store, "eu-1").await;
        Self { objects, store, writer, model: Model::default(), dir: tempfile::tempdir().unwrap() }
    }

    async fn take(&mut self, step: &Step) {
        let records = records(step);
        records.iter().for_each(|record| self.model.take(record));
        self.writer.append(&records, NOW).await.unwrap();
    }

    /// Everything that can be is rolled up, as if it had stood for long.
    async fn roll_up(&self, deletes: bool) {
        let later = self.store.time("test").await.unwrap().plus_micros(8 * 86_400_000_000);
        let config = RollUpConfig { objects_min: 1, ..RollUpConfig::new(9) };
        roll_up(&self.store, &config, later).await.unwrap();
        if deletes {
            sweep(&self.store, RolledWait::default(), later, &mut |_| ()).await.unwrap();
        }
    }

    fn config(&self, name: &str, overlay_max: usize, memory_max_bytes: usize) -> ReplicaConfig {
        config(&self.dir.path().join(name), overlay_max, memory_max_bytes)
    }
}

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(test);
}

async fn compact(replica: &mut Replica, unique: u64) -> Compacted {
    replica.compact(NOW, unique, &mut |_| ()).await.unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(48), ..ProptestConfig::default() })]

    /// What a process gathered of its own import while it wrote it is what others read of it: whoever writes between its
    /// objects, whether it builds on a snapshot or not, and also when the journal is rolled up before it is read.
    #[test]
    fn an_own_import_need_not_be_read_back(
        before in steps(),
        parts in vec(vec(any_signal(&["import-own"]), 1..6), 1..4),
        between in vec(vec(any_signal(BATCHES), 0..3), 4),
        (is_compacted, compacts, is_rolled_up) in any::<(bool, bool, bool)>(),
        overlay_max in 1_usize..9,
    ) {
        run(async {
            let mut world = World::new().await;
            for step in &before {
                world.take(step).await;
            }
            let mut replica = open(&world.store, &world.config("own", overlay_max, 2_000)).await.unwrap();
            if is_compacted {
                compact(&mut replica, 1).await;
            }
            let mut gathered = replica.gather("import-own".parse().unwrap());
            let origin = world.writer.origin().clone();
            let mut own = Writer::open(&world.store, origin, writer_config(2)).await.unwrap();
            let mut appended: Option<Appended> = None;
            for (number, (part, rival)) in parts.iter().zip(&between).enumerate() {
                if !rival.is_empty() {
                    world.take(&Step::Append(rival.clone())).await;
                }
                let mut said = records(&Step::Append(part.clone()));
                said.extend((number + 1 == parts.len()).then(|| commit("import-own")));
                part.iter().for_each(|signal| gathered.add(signal).unwrap());
                said.iter().for_each(|record| world.model.take(record));
                let some = own.append(&said, NOW).await.unwrap();
                match &mut appended {
                    None => appended = Some(some),
                    Some(all) => {
                        all.objects.extend(some.objects);
                        all.heads.extend(some.heads);
                    }
                }
            }
            if is_rolled_up {
                world.roll_up(false).await;
            }
            replica.take_over(gathered, &appended.unwrap());
            if compacts {
                compact(&mut replica, 2).await;
            } else {
                replica.refresh(NOW).await.unwrap();
            }
            assert_is(&replica.snapshot(), &world.model, PEOPLE, "taken over");
            let read = open(&without_snapshots(&*world.objects).await, &world.config("read", 9, 1 << 20)).await;
            assert_is(&read.unwrap().snapshot(), &world.model, PEOPLE, "read");
        });
    }

    /// Through the overlay alone, through spills, through merges in next to no memory, while the journal
    /// is rolled up and what was rolled up is deleted or not, compacted every few steps, started from a snapshot or replayed whole: the list is what the model says after
    /// every step, and an import that was not committed or was taken back might as well not have been.
    #[test]
    fn every_way_of_taking_in_is_the_same(
        steps in steps(),
        compact_every in 1_usize..4,
        deletes in any::<bool>(),
    ) {
        run(async {
            let mut world = World::new().await;
            let mut follower = open(&world.store, &world.config("overlay", usize::MAX, 1 << 20)).await.unwrap();
            let mut spilling = open(&world.store, &world.config("spilling", 1, 1 << 20)).await.unwrap();
            let mut cramped = open(&world.store, &world.config("cramped", 2, 300)).await.unwrap();
            let mut compactor = open(&world.store, &world.config("compactor", 3, 1 << 20)).await.unwrap();
            for (at, step) in steps.iter().enumerate() {
                world.take(step).await;
                for (name, replica) in
                    [("overlay", &mut follower), ("spilling", &mut spilling), ("cramped", &mut cramped)]
                {
                    replica.refresh(NOW).await.unwrap();
                    assert_is(&replica.snapshot(), &world.model, PEOPLE, name);
                }
                if at % 2 == 1 {
                    world.roll_up(deletes).await;
                }
                if at % compact_every == 0 {
                    let compacted = compact(&mut compactor, at as u64).await;
                    assert!(matches!(compacted, Compacted::Written(_)), "{compacted:?}");
                    assert_is(&compactor.snapshot(), &world.model, PEOPLE, "compacted");
                    let started = open(&world.store, &world.config("started", 2, 1 << 20)).await.unwrap();
                    assert_is(&started.snapshot(), &world.model, PEOPLE, "started from a snapshot");
                }
            }
            compactor.refresh(NOW).await.unwrap();
            assert_is(&compactor.snapshot(), &world.model, PEOPLE, "compactor, refreshed");
            let started = open(&world.store, &world.config("anew", 1, 300)).await.unwrap();
            assert_is(&started.snapshot(), &world.model, PEOPLE, "snapshot and the rest");
            let whole = without_snapshots(&*world.objects).await;
            let replayed = open(&whole, &world.config("replayed", 2, 300)).await.unwrap();
            assert_is(&replayed.snapshot(), &world.model, PEOPLE, "replayed whole");
            assert_eq!(started.snapshot().positions, replayed.snapshot().positions);
            assert_eq!(started.clock(), replayed.clock());
            assert_eq!(started.snapshot().sources, replayed.snapshot().sources);
        });
    }

    /// A list that was never in a store is the same list, whatever memory it had.
    #[test]
    fn a_list_without_a_store_is_the_same(
        signals in vec(any_signal(&["against"]), 0..30),
        memory_max_bytes in prop_oneof![Just(200_usize), Just(1 << 20)],
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut list = Ephemeral::new(dir.path(), memory_max_bytes).unwrap();
        signals.iter().for_each(|signal| list.add(signal).unwrap());
        let snapshot = list.finish(RULES.clone(), NOW).unwrap();
        let mut model = Model::default();
        model.signals = signals;
        assert_is(&snapshot, &model, PEOPLE, "without a store");
    }
}

/// As many cases as `PROPTEST_CASES` says, else `default`.
fn cases(default: u32) -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Nothing new, nothing written; and what another has written already is not written again.
#[tokio::test]
async fn a_snapshot_adds_something() {
    let mut world = World::new().await;
    let mut first = open(&world.store, &world.config("first", 10, 1 << 20)).await.unwrap();
    let mut second = open(&world.store, &world.config("second", 10, 1 << 20)).await.unwrap();
    assert!(matches!(compact(&mut first, 1).await, Compacted::Nothing), "of an empty store");
    world.take(&Step::Commit("import-a")).await;
    assert!(matches!(compact(&mut first, 2).await, Compacted::Written(manifest) if manifest.number == 1));
    assert!(matches!(compact(&mut first, 3).await, Compacted::Nothing));
    assert!(matches!(compact(&mut second, 4).await, Compacted::Nothing), "the other's covers it");
    world.take(&Step::Commit("import-b")).await;
    assert!(matches!(compact(&mut second, 5).await, Compacted::Written(manifest) if manifest.number == 2));
}

/// A roll-up may hold what was said of a batch after its commit together with what was said before: whoever reads
/// it for the commit counts what stood before alone.
#[tokio::test]
async fn a_commit_counts_what_stood_before_it() {
    let mut world = World::new().await;
    let of_import = |mechanism: &str| {
        let batch = "import-a".parse().unwrap();
        let mechanism = mechanism.parse().unwrap();
        Step::Append(vec![Signal { batch, mechanism, ..opt_out(0, Spelling::Raw(0), NOW) }])
    };
    world.take(&of_import("email.unsubscribe")).await;
    let mut compactor = open(&world.store, &world.config("compactor", 3, 1 << 20)).await.unwrap();
    assert!(matches!(compact(&mut compactor, 1).await, Compacted::Written(_)));
    world.take(&Step::Commit("import-a")).await;
    world.take(&of_import("email.list")).await;
    // The newest object is never rolled up.
    world.take(&Step::Commit("import-b")).await;
    world.roll_up(true).await;
    compactor.refresh(NOW).await.unwrap();
    assert_is(&compactor.snapshot(), &world.model, PEOPLE, "read on");
    let started = open(&world.store, &world.config("started", 3, 1 << 20)).await.unwrap();
    assert_is(&started.snapshot(), &world.model, PEOPLE, "started from the snapshot");
}
