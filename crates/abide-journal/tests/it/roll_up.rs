//! Rolling up and deleting: the journal stays what it was for whoever reads, writes or verifies it.

use std::{sync::Arc, time::Duration};

use abide_journal::{
    Damage, DamageKind, Head, JournalError, ObjectName, Reader, RollUpConfig, RolledWait, Store, Writer,
    roll_up, superseded, sweep, verify,
};
use abide_model::{Position, Positions, Time};
use abide_testkit::{DatedStore, Faults, FaultyStore, Request, S3Server, SimClock, Stall};
use bytes::Bytes;
use futures::TryStreamExt as _;
use object_store::{ObjectStore, ObjectStoreExt as _, memory::InMemory, path::Path};
use proptest::prelude::*;

use crate::world::{NOW, follow, init, origin, records, secret, signals, writer, writer_config};

const HOUR_US: i64 = 3_600_000_000;
const DAY_US: i64 = 24 * HOUR_US;
const CONFIG: RollUpConfig = RollUpConfig { objects_min: 4, age_min_us: HOUR_US, instance: 77 };

/// A store whose clock the test moves.
struct World {
    clock: SimClock,
    objects: Arc<DatedStore>,
    store: Store,
}

impl World {
    async fn new() -> Self {
        let clock = SimClock::new(NOW);
        let objects = Arc::new(DatedStore::new(Arc::new(InMemory::new()), clock.clone()));
        let store = init(objects.clone()).await.unwrap();
        Self { clock, objects, store }
    }

    fn now(&self) -> Time {
        self.clock.now()
    }

    async fn writer(&self, instance: u64) -> Writer {
        Writer::open(&self.store, origin("eu-1"), writer_config(instance)).await.unwrap()
    }

    /// Appends `objects` objects of two records each, of the people from `person` on.
    async fn append(&self, writer: &mut Writer, person: u64, objects: u64) {
        for pair in 0..objects {
            let person = person + 2 * pair;
            writer.append(&signals(person..person + 2), self.now()).await.unwrap();
        }
    }

    async fn roll_up(&self) -> Vec<String> {
        let names = roll_up(&self.store, &CONFIG, self.now()).await.unwrap();
        names.iter().map(ToString::to_string).collect()
    }

    async fn sweep(&self) -> usize {
        let mut deleted = 0;
        sweep(&self.store, RolledWait::default(), self.now(), &mut |_| deleted += 1).await.unwrap();
        deleted
    }

    async fn roll_up_and_delete(&self) {
        self.clock.advance(2 * HOUR_US);
        assert_ne!(self.roll_up().await, [""; 0]);
        self.clock.advance(8 * DAY_US);
        assert_ne!(self.sweep().await, 0);
    }

    async fn names(&self) -> Vec<String> {
        let all: Vec<_> = self.objects.list(Some(&Path::from("journal/eu-1"))).try_collect().await.unwrap();
        let mut names: Vec<_> = all.iter().map(|meta| meta.location.filename().unwrap().to_owned()).collect();
        names.sort();
        names
    }

    async fn get(&self, name: &ObjectName) -> Bytes {
        self.objects.get(&Path::from(name.to_string())).await.unwrap().bytes().await.unwrap()
    }

    async fn put(&self, name: &ObjectName, bytes: impl Into<Bytes>) {
        self.objects.put(&Path::from(name.to_string()), bytes.into().into()).await.unwrap();
    }

    /// Whoever reads, from wherever, and whoever verifies, finds the people up to `people`.
    async fn assert_tells(&self, people: u64, remembered: &[Head]) {
        assert_eq!(records(&self.store).await, signals(0..people));
        for from in (0..=people).step_by(11) {
            let positions: Positions = [(origin("eu-1"), from)].into_iter().collect();
            let seen: Vec<Position> =
                follow(&self.store, &positions).await.into_iter().map(|(_, position, _)| position).collect();
            assert_eq!(seen, (from + 1..=people).collect::<Vec<_>>(), "from {from}");
        }
        let reader = Reader::new(&self.store);
        let mut last = 0;
        for entry in reader.objects(&origin("eu-1")).await.unwrap() {
            assert_eq!(entry.after, last);
            last = reader.read(&entry.name).await.unwrap().unwrap().last();
        }
        assert_eq!(last, people);
        let report = verify(&self.store, remembered).await.unwrap();
        assert_eq!(report.damages, []);
        assert_eq!(report.strays, []);
        assert_eq!(report.origins[0].signals, people);
    }
}

/// What a writer of the first so many objects' past would write after them: the same past in another bucket, where
/// that continuation was written.
async fn stray_after(objects: u64) -> Bytes {
    let other = World::new().await;
    let mut before = other.writer(1).await;
    other.append(&mut before, 0, objects).await;
    let mut sleeper = other.writer(2).await;
    sleeper.append(&signals(100..103), other.now()).await.unwrap();
    other.get(&appended(2 * objects + 1)).await
}

fn appended(first: Position) -> ObjectName {
    ObjectName::appended(&origin("eu-1"), first)
}

fn rolled_up(first: Position, last: Position) -> ObjectName {
    ObjectName::rolled_up(&origin("eu-1"), first, last)
}

/// Gathered, deleted, gathered again with what came since: the same journal all the time, with the
/// same links, and fewer and fewer objects.
#[tokio::test]
async fn the_journal_stays_what_it_was() {
    let world = World::new().await;
    let mut writer = world.writer(1).await;
    world.append(&mut writer, 0, 10).await;
    assert_eq!(world.roll_up().await, [""; 0], "those who follow closely are still reading them");
    let heads = [writer.head().clone()];
    world.clock.advance(2 * HOUR_US);
    assert_eq!(world.roll_up().await, [rolled_up(1, 18).to_string()], "all but the newest");
    assert_eq!(world.roll_up().await, [""; 0]);
    world.assert_tells(20, &heads).await;

    world.clock.advance(7 * DAY_US - HOUR_US);
    assert_eq!(world.sweep().await, 0, "an hour early");
    let found = superseded(&world.store, RolledWait::default(), world.now()).await.unwrap();
    assert_eq!((found.due.len(), found.waiting.len()), (0, 9));
    assert_eq!(found.waiting[0].1, world.now().plus_micros(HOUR_US));
    world.clock.advance(HOUR_US);
    assert_eq!(world.sweep().await, 9);
    assert_eq!(
        world.names().await,
        ["00000000000000000018-00000000000000000001.parquet", "00000000000000000019.parquet"]
    );
    world.assert_tells(20, &heads).await;

    world.append(&mut writer, 20, 20).await;
    world.clock.advance(2 * HOUR_US);
    assert_eq!(world.roll_up().await, [rolled_up(1, 58).to_string()], "with the smaller one before it");
    world.assert_tells(60, &heads).await;
    world.append(&mut writer, 60, 24).await;
    world.clock.advance(2 * HOUR_US);
    assert_eq!(world.roll_up().await, [rolled_up(1, 106).to_string()], "before the first one is deleted");
    world.assert_tells(108, &heads).await;
    world.clock.advance(7 * DAY_US);
    assert_eq!(world.sweep().await, 46, "two roll-ups, and 20 and 24 objects that were appended since");
    assert_eq!(world.names().await.len(), 2);
    world.assert_tells(108, &heads).await;
    let opened = world.writer(2).await;
    assert_eq!(opened.head(), writer.head());
}

/// The same on a directory and on a real S3 server, whose clocks nobody moves: hence no deletion
/// before its time, and one by a clock that is ahead.
#[tokio::test]
async fn on_real_stores() {
    let (folder, bucket) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = S3Server::start(bucket.path());
    for objects in [abide_journal::local_directory(folder.path(), false).unwrap(), server.store()] {
        let store = init(objects).await.unwrap();
        let mut writer = writer(&store, "eu-1").await;
        for person in 0..8 {
            writer.append(&signals(person..person + 1), NOW).await.unwrap();
        }
        let store_now = store.time("test").await.unwrap();
        let later = store_now.plus_micros(2 * HOUR_US);
        assert_eq!(roll_up(&store, &CONFIG, later).await.unwrap(), [rolled_up(1, 7)]);
        let mut deleted = Vec::new();
        for at in [later, store_now.plus_micros(8 * DAY_US)] {
            sweep(&store, RolledWait::default(), at, &mut |entry| deleted.push(entry.name.first))
                .await
                .unwrap();
            assert_eq!(deleted.len(), if at == later { 0 } else { 7 });
        }
        assert_eq!(deleted, [1, 2, 3, 4, 5, 6, 7], "in their order");
        writer.append(&signals(8..9), NOW).await.unwrap();
        assert_eq!(records(&store).await, signals(0..9));
        assert!(verify(&store, &[writer.head().clone()]).await.unwrap().is_sound());
    }
}

/// Two who roll up at once, one of whom sees more: overlapping roll-ups say the same, and the
/// shorter one goes with what it was made of.
#[tokio::test]
async fn rivals_do_no_harm() {
    let world = World::new().await;
    let mut writer = world.writer(1).await;
    world.append(&mut writer, 0, 6).await;
    world.clock.advance(2 * HOUR_US);
    world.roll_up().await;
    let first = world.get(&rolled_up(1, 10)).await;
    world.objects.delete(&Path::from(rolled_up(1, 10).to_string())).await.unwrap();
    world.append(&mut writer, 12, 6).await;
    world.clock.advance(2 * HOUR_US);
    assert_eq!(world.roll_up().await, [rolled_up(1, 22).to_string()]);
    world.put(&rolled_up(1, 10), first).await;
    world.assert_tells(24, &[writer.head().clone()]).await;
    let (one, two) = tokio::join!(world.roll_up(), world.roll_up());
    assert_eq!((one.len(), two.len()), (0, 0));
    world.clock.advance(7 * DAY_US);
    assert_eq!(world.sweep().await, 12);
    world.assert_tells(24, &[writer.head().clone()]).await;
}

/// A writer that slept while its next place was used, rolled up and deleted, and whose clock says
/// that no time has passed (a machine restored from an old image), appends at the end.
#[tokio::test]
async fn a_writer_that_slept_is_not_believed() {
    for slept_at in [0, 4] {
        let world = World::new().await;
        let mut writer = world.writer(1).await;
        world.append(&mut writer, 0, slept_at / 2).await;
        let mut sleeper = world.writer(2).await;
        let asleep = world.now();
        world.append(&mut writer, slept_at, 10 - slept_at / 2).await;
        world.roll_up_and_delete().await;
        let appended = sleeper.append(&signals(20..21), asleep).await.unwrap();
        assert_eq!((appended.first, appended.token.position), (21, 21));
        world.assert_tells(21, &[writer.head().clone(), sleeper.head().clone()]).await;
        assert_eq!(sleeper.append(&signals(21..22), asleep).await.unwrap().first, 22);
        world.assert_tells(22, &[]).await;
    }
}

/// What a writer wrote that slept and was killed before it found out: a follower that has just
/// reached that place, a verification, a rival writer and whoever rolls up take no notice.
#[tokio::test]
async fn a_stray_object_is_nobodys() {
    let world = World::new().await;
    let mut writer = world.writer(1).await;
    world.append(&mut writer, 0, 4).await;
    let at_8: Positions = [(origin("eu-1"), 8)].into_iter().collect();
    let reader = Reader::new(&world.store);
    let mut slow = reader.follow(&at_8).await.unwrap();
    assert!(slow.next().await.unwrap().is_none());
    let mut rival = world.writer(3).await;
    let asleep = world.now();

    let stray = stray_after(4).await;
    world.append(&mut writer, 8, 8).await;
    world.roll_up_and_delete().await;
    world.put(&appended(9), stray).await;

    let read = slow.next().await.unwrap().unwrap();
    assert_eq!(read.object.last(), 11, "the follower cannot know");
    let overtaken = slow.next_or_confirmed().await.unwrap_err();
    assert!(matches!(&overtaken, JournalError::Overtaken { after: 8, .. }), "{overtaken:?}");
    assert_eq!(follow(&world.store, &at_8).await.len(), 16, "one that begins finds the roll-up");

    let report = verify(&world.store, &[writer.head().clone()]).await.unwrap();
    assert_eq!((report.damages, report.strays), (vec![], vec![appended(9)]));
    assert_eq!(rival.append(&signals(24..25), asleep).await.unwrap().first, 25, "not after the stray");
    world.append(&mut writer, 25, 6).await;
    world.clock.advance(2 * HOUR_US);
    world.roll_up().await;
    world.sweep().await;
    world.assert_tells(37, &[]).await;
}

/// Suspended between listing and reading, while the place was used, rolled up, deleted and used again by a sleeper:
/// who looks for a position, and who looks for the end, goes by the roll-up.
#[tokio::test(start_paused = true)]
async fn what_is_read_late_is_held_to_the_roll_ups() {
    for looks_for_end in [false, true] {
        let world = World::new().await;
        let mut writer = world.writer(1).await;
        world.append(&mut writer, 0, if looks_for_end { 5 } else { 4 }).await;
        let line = FaultyStore::new(world.objects.clone(), 1, Faults::NONE);
        let store = Store::open(Arc::new(line.clone()), &Path::default(), &secret()).await.unwrap();
        line.stall_next(Stall {
            on: Request::Read,
            under: appended(9).to_string(),
            before_s: 3_600,
            after_s: 0,
        });
        let looked = async {
            if looks_for_end {
                Writer::open(&store, origin("eu-1"), writer_config(2)).await.unwrap().head().clone()
            } else {
                Reader::new(&store).holding(&origin("eu-1"), 9).await.unwrap().unwrap().head()
            }
        };
        let (found, ()) = tokio::join!(looked, async {
            tokio::time::sleep(Duration::from_secs(60)).await;
            world.append(&mut writer, 10, 8).await;
            world.roll_up_and_delete().await;
            world.put(&appended(9), stray_after(4).await).await;
        });
        let roll_up = Reader::new(&world.store).read(&rolled_up(1, 22)).await.unwrap();
        let true_head = if looks_for_end { writer.head().clone() } else { roll_up.unwrap().head() };
        assert_eq!(found, true_head, "the end: {looks_for_end}");
    }
}

/// An append whose answer was lost, and whose writer then slept, is found in the roll-up and not
/// made again.
#[tokio::test]
async fn an_answer_that_comes_late_is_none_the_less_true() {
    let world = World::new().await;
    let mut writer = world.writer(1).await;
    world.append(&mut writer, 0, 2).await;
    let mut sleeper = world.writer(2).await;
    let asleep = world.now();
    // The same writer once more: its twin's object is what its own would be.
    let mut twin = world.writer(2).await;
    world.append(&mut twin, 4, 1).await;
    world.append(&mut writer, 6, 8).await;
    world.roll_up_and_delete().await;
    let appended = sleeper.append(&signals(4..6), asleep).await.unwrap();
    assert_eq!((appended.first, appended.token.position), (5, 6));
    world.assert_tells(22, &[]).await;
    assert_eq!(sleeper.append(&signals(22..23), asleep).await.unwrap().first, 23);
    world.assert_tells(23, &[]).await;
}

/// A roll-up that is damaged, missing or another's is found; as long as its parts stand, nothing is
/// lost and nothing of them is deleted.
#[tokio::test]
async fn damage_is_found_and_spreads_no_further() {
    let rolled = rolled_up(1, 18);
    let world = World::new().await;
    let mut writer = world.writer(1).await;
    world.append(&mut writer, 0, 10).await;
    world.clock.advance(2 * HOUR_US);
    world.roll_up().await;
    let whole = world.get(&rolled).await;
    world.clock.advance(8 * DAY_US);

    let mut flipped = whole.to_vec();
    flipped[100] ^= 1;
    world.put(&rolled, flipped).await;
    let expected = Damage { object: rolled.clone(), position: None, what: DamageKind::Changed };
    assert_eq!(verify(&world.store, &[]).await.unwrap().damages, [expected]);
    world.clock.advance(8 * DAY_US);
    let refused = sweep(&world.store, RolledWait::default(), world.now(), &mut |_| ()).await.unwrap_err();
    assert!(matches!(refused, JournalError::Damaged(_)), "{refused:?}");
    assert_eq!(world.names().await.len(), 11, "nothing was deleted");

    world.put(&rolled, world.get(&appended(1)).await).await;
    let found = verify(&world.store, &[]).await.unwrap().damages;
    assert_eq!(found.iter().map(|damage| damage.what).collect::<Vec<_>>(), [DamageKind::Misplaced]);

    world.put(&rolled, whole).await;
    world.clock.advance(8 * DAY_US);
    assert_eq!(world.sweep().await, 9);
    world.objects.delete(&Path::from(rolled.to_string())).await.unwrap();
    let found = verify(&world.store, &[]).await.unwrap().damages;
    assert_eq!(found, [Damage { object: appended(1), position: Some(1), what: DamageKind::Missing }]);
    assert!(Reader::new(&world.store).follow(&Positions::default()).await.is_err());
}

#[test]
fn a_wait_is_long_enough() {
    for (days, taken) in [(0, false), (1, false), (2, true), (7, true), (400, true)] {
        assert_eq!(RolledWait::from_days(days).is_ok(), taken, "{days}");
    }
    assert!(RolledWait::from_days(1).unwrap_err().to_string().contains("at least 2 days"));
    assert_eq!(RolledWait::from_days(7), Ok(RolledWait::default()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// However much is appended between one roll-up and the next, and whether or not anything is
    /// deleted: every record, once, where it was.
    #[test]
    fn roll_ups_change_nothing(steps in prop::collection::vec((1_u64..9, any::<bool>()), 1..6)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let world = World::new().await;
            let mut writer = world.writer(1).await;
            let mut people = 0;
            let mut heads = Vec::new();
            for (objects, deletes) in steps {
                world.append(&mut writer, people, objects).await;
                people += 2 * objects;
                heads.push(writer.head().clone());
                world.clock.advance(2 * HOUR_US);
                world.roll_up().await;
                if deletes {
                    world.clock.advance(7 * DAY_US);
                    world.sweep().await;
                }
                world.assert_tells(people, &heads).await;
            }
        });
    }
}
