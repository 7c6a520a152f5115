//! Snapshots that are no longer needed go, and only they.

use std::{collections::BTreeSet, sync::Arc};

use abide_journal::{ErrorKind, Record, Store, Writer};
use abide_model::Time;
use abide_replica::{
    Compacted, Manifest, Obsolete, Replica, ReplicaConfig, SnapshotWait, delete_obsolete, obsolete,
};
use abide_testkit::{DatedStore, Faults, FaultyStore, Request, SimClock, Stall};
use futures::TryStreamExt;
use object_store::{ObjectStore, ObjectStoreExt, memory::InMemory, path::Path};

use crate::{
    model::Model,
    world::{NOW, Spelling, assert_is, init, open, opt_out, secret, writer},
};

const HOUR_US: i64 = 3_600_000_000;

struct World {
    clock: SimClock,
    objects: Arc<DatedStore>,
    store: Store,
    writer: Writer,
    compactor: Replica,
    model: Model,
    dir: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let clock = SimClock::new(NOW);
        let objects = Arc::new(DatedStore::new(Arc::new(InMemory::new()), clock.clone()));
        let store = init(objects.clone()).await;
        let writer = writer(&store, "eu-1").await;
        let dir = tempfile::tempdir().unwrap();
        let compactor = open(&store, &ReplicaConfig::new(&dir.path().join("cache"))).await.unwrap();
        Self { clock, objects, store, writer, compactor, model: Model::default(), dir }
    }

    async fn opt_out(&mut self, person: u64) {
        let record = Record::Signal(opt_out(person, Spelling::Raw(0), NOW));
        self.model.take(&record);
        self.writer.append(&[record], NOW).await.unwrap();
    }

    fn line(&self) -> FaultyStore {
        FaultyStore::new(self.objects.clone(), 1, Faults::NONE)
    }

    /// A compactor that is suspended where its line to the store says so.
    async fn slow_compactor(&self) -> (FaultyStore, Replica) {
        let line = self.line();
        let store = Store::open(Arc::new(line.clone()), &Path::default(), &secret()).await.unwrap();
        let config = ReplicaConfig::new(&self.dir.path().join("slow"));
        let slow = open(&store, &config).await.unwrap();
        (line, slow)
    }

    /// One more person opts out, and the next snapshot is written.
    async fn snapshot(&mut self, person: u64) -> Manifest {
        self.opt_out(person).await;
        match self.compactor.compact(self.clock.now(), person, &mut |_| ()).await.unwrap() {
            Compacted::Written(manifest) => manifest,
            other => panic!("there was something to write: {other:?}"),
        }
    }

    async fn found(&self) -> Obsolete {
        obsolete(&self.store, SnapshotWait::default(), self.clock.now()).await.unwrap()
    }

    async fn delete(&self) -> Vec<String> {
        let mut deleted = Vec::new();
        let mut tell = |object: &abide_replica::ObsoleteObject| deleted.push(object.name.clone());
        delete_obsolete(&self.store, SnapshotWait::default(), self.clock.now(), &mut tell).await.unwrap();
        deleted
    }

    async fn names(&self) -> BTreeSet<String> {
        let all: Vec<_> = self.objects.list(Some(&Path::from("snapshots"))).try_collect().await.unwrap();
        all.into_iter().map(|meta| meta.location.to_string()).collect()
    }

    /// Who starts with nothing is told everything.
    async fn assert_tells(&self, people: u64, what: &str) -> Replica {
        let config = ReplicaConfig::new(&self.dir.path().join(what));
        let replica = open(&self.store, &config).await.unwrap();
        assert_is(&replica.snapshot(), &self.model, people, what);
        replica
    }
}

fn names_of(manifest: &Manifest) -> [String; 3] {
    let name = Manifest::object_name(manifest.number);
    [name, manifest.index.name.clone(), manifest.states.name.clone()]
}

/// The newest two stay whatever their age; the others a day after the next one was written, and
/// then with their parts.
#[tokio::test]
async fn the_newest_two_stay() {
    let mut world = World::new().await;
    let first = world.snapshot(0).await;
    let second = world.snapshot(1).await;
    world.clock.advance(100 * 24 * HOUR_US);
    assert_eq!(world.delete().await, [""; 0]);
    let third = world.snapshot(2).await;
    assert_eq!(world.delete().await, names_of(&first), "the one after it has stood for long");
    let fourth = world.snapshot(3).await;
    world.clock.advance(24 * HOUR_US - 1);
    assert_eq!(world.delete().await, [""; 0], "a microsecond early");
    let waiting: Vec<(String, Time)> =
        world.found().await.waiting.into_iter().map(|(object, at)| (object.name, at)).collect();
    assert_eq!(waiting, [(Manifest::object_name(second.number), world.clock.now().plus_micros(1))]);
    world.clock.advance(1);
    assert_eq!(world.delete().await, names_of(&second));
    let left: BTreeSet<String> = [&third, &fourth].into_iter().flat_map(names_of).collect();
    assert_eq!(world.names().await, left);
    world.assert_tells(4, "in the end").await;
}

/// Parts of a compactor that was killed go when nobody can be about to commit them; what has another
/// name than compactors give is left alone.
#[tokio::test]
async fn orphans_go_and_strangers_stay() {
    let mut world = World::new().await;
    world.snapshot(0).await;
    let orphan = "snapshots/parts/1795000000000000-00000000000000ff.index";
    for name in [orphan, "snapshots/parts/notes.index", "snapshots/README.md"] {
        world.objects.put(&Path::from(name), "hello".into()).await.unwrap();
    }
    world.clock.advance(24 * HOUR_US - 1);
    assert_eq!(world.delete().await, [""; 0]);
    world.clock.advance(1);
    assert_eq!(world.delete().await, [orphan]);
    assert_eq!(world.delete().await, [""; 0]);
}

/// A manifest that cannot be read keeps everything: it may refer to any part.
#[tokio::test]
async fn a_damaged_manifest_stops_it() {
    let mut world = World::new().await;
    for person in 0..4 {
        world.snapshot(person).await;
    }
    world.objects.put(&Path::from(Manifest::object_name(1)), "{}".into()).await.unwrap();
    world.clock.advance(48 * HOUR_US);
    let before = world.names().await;
    let refused =
        delete_obsolete(&world.store, SnapshotWait::default(), world.clock.now(), &mut |_| ()).await;
    assert!(refused.is_err());
    assert_eq!(world.names().await, before);
}

/// The newest snapshot's parts are gone, as of a compactor that slept for a day between writing and
/// committing them and was killed: the one before and the journal say the same, and the next is
/// written although nothing came in.
#[tokio::test]
async fn the_one_before_says_the_same() {
    let mut world = World::new().await;
    world.snapshot(0).await;
    let newest = world.snapshot(1).await;
    for part in [&newest.index, &newest.states] {
        world.objects.delete(&Path::from(part.name.as_str())).await.unwrap();
    }
    let mut replica = world.assert_tells(2, "from the one before").await;
    assert_eq!(replica.manifest().unwrap().number, 1);
    let compacted = replica.compact(NOW, 99, &mut |_| ()).await.unwrap();
    assert!(matches!(&compacted, Compacted::Written(manifest) if manifest.number == 3), "{compacted:?}");
    let replica = world.assert_tells(2, "mended").await;
    assert_eq!(replica.manifest().unwrap().number, 3);
}

/// Who starts is suspended where it has found the parts of the newest snapshot gone and turns to those of the one before;
/// meanwhile both are superseded and deleted. It starts from what is the newest then.
#[tokio::test(start_paused = true)]
async fn who_comes_when_both_are_gone_looks_again() {
    let mut world = World::new().await;
    let first = world.snapshot(0).await;
    let second = world.snapshot(1).await;
    for part in [&second.index, &second.states] {
        world.objects.delete(&Path::from(part.name.as_str())).await.unwrap();
    }
    let (line, config) = (world.line(), ReplicaConfig::new(&world.dir.path().join("late")));
    let store = Store::open(Arc::new(line.clone()), &Path::default(), &secret()).await.unwrap();
    line.stall_next(Stall { on: Request::Read, under: first.index.name.clone(), before_s: 600, after_s: 0 });
    let (late, newest) = tokio::join!(open(&store, &config), async {
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        world.snapshot(2).await;
        let newest = world.snapshot(3).await;
        world.clock.advance(24 * HOUR_US);
        assert!(world.delete().await.contains(&first.index.name));
        newest
    });
    let late = late.unwrap();
    assert_eq!(late.manifest(), Some(&newest));
    assert_is(&late.snapshot(), &world.model, 4, "late");
}

/// The store cannot be reached just then: that passes, and is no damage.
#[tokio::test(start_paused = true)]
async fn who_cannot_read_the_one_before_may_try_again() {
    let mut world = World::new().await;
    let first = world.snapshot(0).await;
    let second = world.snapshot(1).await;
    world.objects.delete(&Path::from(second.index.name.as_str())).await.unwrap();
    let (line, config) = (world.line(), ReplicaConfig::new(&world.dir.path().join("late")));
    let store = Store::open(Arc::new(line.clone()), &Path::default(), &secret()).await.unwrap();
    line.stall_next(Stall { on: Request::Read, under: first.index.name.clone(), before_s: 600, after_s: 0 });
    let (refused, ()) = tokio::join!(open(&store, &config), async {
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        line.set_faults(Faults { read_failed: 1.0, ..Faults::NONE });
    });
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Unavailable);
    line.heal();
    assert_is(&open(&store, &config).await.unwrap().snapshot(), &world.model, 2, "the second time");
}

/// Two compactors in a row lost their parts before they committed: nobody can start from their snapshots, so those before stay
/// for as long as it is so, and are started from, whatever numbers were taken back.
#[tokio::test]
async fn those_without_parts_supersede_none() {
    let mut world = World::new().await;
    let mut written = Vec::new();
    for person in 0..5 {
        written.push(world.snapshot(person).await);
    }
    for without in &written[3..] {
        for part in [&without.index, &without.states] {
            world.objects.delete(&Path::from(part.name.as_str())).await.unwrap();
        }
    }
    world.clock.advance(100 * 24 * HOUR_US);
    assert_eq!(world.delete().await, names_of(&written[0]), "there are two after it that have their parts");
    world.objects.delete(&Path::from(Manifest::object_name(4))).await.unwrap();
    let replica = world.assert_tells(5, "from the last one that has them").await;
    assert_eq!(replica.manifest(), Some(&written[2]));
}

/// A compactor was suspended before it committed the first snapshot of all, until its parts were deleted as nobody's, and was
/// killed once it had: whoever starts reads the journal alone, and the next snapshot is written.
#[tokio::test(start_paused = true)]
async fn a_first_one_without_parts_is_none() {
    let mut world = World::new().await;
    world.opt_out(0).await;
    let (line, mut slow) = world.slow_compactor().await;
    let under = "snapshots/0".to_owned();
    line.stall_next(Stall { on: Request::Write, under, before_s: 600, after_s: 600 });
    let mut progress = |_| ();
    let killed = tokio::time::timeout(
        std::time::Duration::from_secs(900),
        slow.compact(world.clock.now(), 7, &mut progress),
    );
    let (killed, ()) = tokio::join!(killed, async {
        tokio::time::sleep(std::time::Duration::from_secs(300)).await;
        world.clock.advance(24 * HOUR_US);
        assert_eq!(world.delete().await.len(), 2, "index and states that belong to none yet");
    });
    assert!(killed.is_err() && world.names().await.contains(&Manifest::object_name(1)));
    let mut replica = world.assert_tells(1, "from the journal").await;
    assert!(replica.manifest().is_none());
    let compacted = replica.compact(world.clock.now(), 8, &mut |_| ()).await.unwrap();
    assert!(matches!(&compacted, Compacted::Written(manifest) if manifest.number == 2), "{compacted:?}");
    assert_eq!(world.assert_tells(1, "mended").await.manifest().unwrap().number, 2);
}

#[test]
fn a_wait_is_long_enough() {
    for (hours, taken) in [(0, false), (23, false), (24, true), (72, true)] {
        assert_eq!(SnapshotWait::from_hours(hours).is_ok(), taken, "{hours}");
    }
    assert!(SnapshotWait::from_hours(1).unwrap_err().to_string().contains("at least 24 hours"));
}

/// Between reading the journal and looking for the newest snapshot a compactor is suspended; another one
/// reads farther meanwhile and loses what it has uploaded. What does not cover that one is not written.
#[tokio::test(start_paused = true)]
async fn who_knows_less_than_the_newest_writes_none() {
    let mut world = World::new().await;
    world.snapshot(0).await;
    let (line, mut slow) = world.slow_compactor().await;
    line.stall_next(Stall { on: Request::Read, under: "snapshots/0".into(), before_s: 3_600, after_s: 0 });
    let mut progress = |_| ();
    let (compacted, newest) = tokio::join!(slow.compact(NOW, 7, &mut progress), async {
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        let newest = world.snapshot(1).await;
        world.objects.delete(&Path::from(newest.index.name.as_str())).await.unwrap();
        newest
    });
    assert!(matches!(compacted.unwrap(), Compacted::Overtaken));
    assert_eq!(abide_replica::newest(&world.store).await.unwrap(), Some(newest));
    // Once it has read that far, it puts right what is missing.
    let Compacted::Written(mended) = slow.compact(NOW, 8, &mut |_| ()).await.unwrap() else {
        panic!("there is something to put right")
    };
    assert_eq!(mended.number, 3);
    world.assert_tells(2, "mended").await;
}

/// A compactor is suspended before it uploads its parts, or before it commits them, until its number was used and
/// deleted: the name is free, and yet the store does not go back to what that compactor knew.
#[tokio::test(start_paused = true)]
async fn who_comes_when_its_number_is_gone_writes_none() {
    for stalled_at in ["snapshots/parts", "snapshots/0"] {
        let mut world = World::new().await;
        world.snapshot(0).await;
        let (line, mut slow) = world.slow_compactor().await;
        world.opt_out(1).await;
        line.stall_next(Stall { on: Request::Write, under: stalled_at.into(), before_s: 90_000, after_s: 0 });
        let mut progress = |_| ();
        let (compacted, newest) = tokio::join!(slow.compact(NOW, 7, &mut progress), async {
            tokio::time::sleep(std::time::Duration::from_secs(60)).await;
            let mut newest = world.snapshot(2).await;
            assert_eq!(newest.number, 2, "the number that the other one has in mind");
            for person in 3..6 {
                newest = world.snapshot(person).await;
            }
            world.clock.advance(24 * HOUR_US);
            assert!(world.delete().await.contains(&Manifest::object_name(2)));
            newest
        });
        assert!(matches!(compacted.unwrap(), Compacted::Overtaken), "{stalled_at}");
        assert!(!world.names().await.contains(&Manifest::object_name(2)), "{stalled_at}");
        assert_eq!(abide_replica::newest(&world.store).await.unwrap(), Some(newest), "{stalled_at}");
        world.assert_tells(6, stalled_at.trim_start_matches("snapshots/")).await;
    }
}

/// A compactor is suspended before it commits its parts, until they were deleted as nobody's, and once more before it
/// learns that it has committed; meanwhile another one finds a snapshot without parts and writes the next.
#[tokio::test(start_paused = true)]
async fn who_comes_when_its_parts_are_gone_writes_none() {
    let mut world = World::new().await;
    world.snapshot(0).await;
    let (line, mut slow) = world.slow_compactor().await;
    world.opt_out(1).await;
    let under = "snapshots/0".to_owned();
    line.stall_next(Stall { on: Request::Write, under, before_s: 600, after_s: 600 });
    let mut progress = |_| ();
    let (compacted, newest) = tokio::join!(slow.compact(NOW, 7, &mut progress), async {
        tokio::time::sleep(std::time::Duration::from_secs(300)).await;
        world.clock.advance(24 * HOUR_US);
        assert_eq!(world.delete().await.len(), 2, "index and states that belong to none yet");
        tokio::time::sleep(std::time::Duration::from_secs(600)).await;
        assert!(world.names().await.contains(&Manifest::object_name(2)), "it is committed by now");
        world.snapshot(2).await
    });
    assert_eq!(newest.number, 3);
    assert!(matches!(compacted.unwrap(), Compacted::Overtaken));
    assert!(!world.names().await.contains(&Manifest::object_name(2)));
    assert_eq!(abide_replica::newest(&world.store).await.unwrap(), Some(newest));
    world.assert_tells(3, "in the end").await;
}
