//! A journal that lost its end is whole in itself; who has seen more of it knows.

use std::sync::Arc;

use abide_journal::{
    DamageKind, Head, Heartbeat, JournalError, Reader, RollUpConfig, RolledWait, Store, heartbeats, roll_up,
    sweep, verify,
};
use abide_model::Positions;
use bytes::Bytes;
use object_store::{ObjectStoreExt as _, memory::InMemory, path::Path};

use crate::world::{NOW, in_memory, init, origin, signals, writer};

/// Three objects of two records each, and the heads after each.
async fn journal() -> (Arc<InMemory>, Store, Vec<Head>) {
    let (objects, store) = in_memory().await;
    let mut writer = writer(&store, "eu-1").await;
    let mut heads = Vec::new();
    for pair in 0..3 {
        writer.append(&signals(2 * pair..2 * pair + 2), NOW).await.unwrap();
        heads.push(writer.head().clone());
    }
    (objects, store, heads)
}

async fn lose(objects: &InMemory, first: u64) {
    objects.delete(&Path::from(format!("journal/eu-1/{first:020}.parquet"))).await.unwrap();
}

fn heartbeat(head: &Head) -> Heartbeat {
    let mut heartbeat = Heartbeat::new(origin("eu-1"), NOW);
    assert!(heartbeat.see(std::slice::from_ref(head)));
    heartbeat
}

async fn follow(store: &Store, from: &[Head], seen: &[Head]) -> Result<Positions, JournalError> {
    let mut follower = Reader::new(store).follow_heads(from).await?;
    follower.expect(seen)?;
    while follower.next_or_confirmed().await?.is_some() {}
    Ok(follower.positions())
}

#[track_caller]
fn is_behind(result: Result<impl std::fmt::Debug, JournalError>, position: u64) {
    match result {
        Err(JournalError::Damaged(damage)) => {
            assert_eq!((damage.what, damage.position), (DamageKind::BehindMemory, Some(position)));
        }
        other => panic!("a journal with another past than was seen: {other:?}"),
    }
}

/// Who verifies, follows or writes misses what a node has seen; without its memory nobody would.
#[tokio::test]
async fn the_newest_object_is_missed() {
    let (objects, store, heads) = journal().await;
    heartbeat(&heads[2]).send(&store).await.unwrap();
    let found = heartbeats(&store).await.unwrap();
    assert_eq!(found.sound[0].heads(), &heads[2..]);
    let seen: Vec<Head> = found.sound.iter().flat_map(Heartbeat::heads).cloned().collect();
    for from in [&[], &heads[..1], &heads[2..]] {
        assert_eq!(follow(&store, from, &seen).await.unwrap().of(&origin("eu-1")), 6);
    }
    assert!(verify(&store, &seen).await.unwrap().is_sound());

    lose(&objects, 5).await;
    assert!(verify(&store, &[]).await.unwrap().is_sound());
    let damages = verify(&store, &seen).await.unwrap().damages;
    assert_eq!(damages.iter().map(|damage| damage.what).collect::<Vec<_>>(), [DamageKind::BehindMemory]);
    is_behind(follow(&store, &[], &seen).await, 6);
    is_behind(follow(&store, &heads[..1], &seen).await, 6);
    is_behind(writer(&store, "eu-1").await.expect(&seen).await, 6);
    // The whole journal of an origin.
    lose(&objects, 1).await;
    lose(&objects, 3).await;
    is_behind(follow(&store, &[], &seen).await, 6);
}

/// A tail that was written again after it was lost is another one.
#[tokio::test]
async fn another_past_is_refused() {
    let (objects, store, heads) = journal().await;
    lose(&objects, 5).await;
    let mut forgetful = writer(&store, "eu-1").await;
    forgetful.append(&signals(20..22), NOW).await.unwrap();
    is_behind(follow(&store, &heads[..1], &heads[2..]).await, 6);
    is_behind(follow(&store, &[forgetful.head().clone()], &heads[2..]).await, 6);
    is_behind(forgetful.expect(&heads[2..]).await, 6);
    forgetful.append(&signals(30..32), NOW).await.unwrap();
    is_behind(follow(&store, &heads[..1], &heads[2..]).await, 6);
}

/// What was seen within an object that stands in a roll-up by now is passed there.
#[tokio::test]
async fn a_roll_up_keeps_what_was_seen() {
    let (_, store, heads) = journal().await;
    let config = RollUpConfig { objects_min: 2, age_min_us: 0, instance: 7 };
    let later = store.time("test").await.unwrap().plus_micros(3_600_000_000);
    assert_eq!(roll_up(&store, &config, later).await.unwrap().len(), 1);
    sweep(&store, RolledWait::default(), later.plus_micros(8 * 86_400_000_000), &mut |_| ()).await.unwrap();
    for head in &heads {
        assert_eq!(follow(&store, &[], std::slice::from_ref(head)).await.unwrap().of(&origin("eu-1")), 6);
    }
    let mut other = heads[0].clone();
    other.link.0[0] ^= 1;
    is_behind(follow(&store, &[], &[other]).await, 2);
}

/// It only ever leads farther, and another store's or a changed one is none.
#[tokio::test]
async fn what_a_node_left() {
    let (objects, store, heads) = journal().await;
    heartbeat(&heads[2]).send(&store).await.unwrap();
    // An older process of the same node comes later.
    heartbeat(&heads[0]).send(&store).await.unwrap();
    assert_eq!(heartbeats(&store).await.unwrap().sound[0].heads(), &heads[2..]);

    let text = heartbeat(&heads[1]).to_json(&store);
    assert_eq!(Heartbeat::from_json(&text, &store).unwrap(), heartbeat(&heads[1]));
    for at in 0..text.len() {
        let mut changed = text.clone();
        changed[at] ^= 1;
        assert!(Heartbeat::from_json(&changed, &store).is_none(), "byte {at}");
    }
    let mut another = crate::world::store_config();
    another.id = abide_journal::StoreId([9; 16]);
    let secret = crate::world::secret();
    let objects_of_other = Arc::new(InMemory::new());
    let other = Store::init(objects_of_other, &Path::default(), another, &secret, NOW).await.unwrap();
    assert!(Heartbeat::from_json(&text, &other).is_none(), "of another store");

    let name = Path::from("nodes/us-1.json");
    objects.put(&name, Bytes::from_static(b"{}").into()).await.unwrap();
    assert_eq!(heartbeats(&store).await.unwrap().damaged, ["nodes/us-1.json"]);
}

/// A first start, and a store whose journal nobody has written to yet.
#[tokio::test]
async fn who_has_seen_nothing_misses_nothing() {
    let store = init(Arc::new(InMemory::new())).await.unwrap();
    assert!(!Heartbeat::new(origin("eu-1"), NOW).see(&[]));
    assert_eq!(follow(&store, &[], &[]).await.unwrap(), Positions::default());
    writer(&store, "eu-1").await.expect(&[]).await.unwrap();
}
