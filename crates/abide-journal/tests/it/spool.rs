//! A node that is cut off keeps what it takes in on its own disk, through crashes, and in order.

use std::{future::poll_fn, pin::Pin, sync::Arc, task::Poll};

use abide_journal::{
    Durable, ErrorKind, JournalError, Reader, Record, Spool, Store, Writer, local_directory, verify,
};
use abide_model::{Direction, Proof};
use abide_testkit::{Faults, FaultyStore};
use object_store::{ObjectStore, memory::InMemory};

use crate::world::{NOW, init, origin, records, signal, signals, writer, writer_config};

/// Nothing reaches the bucket, and nothing comes back from it.
const CUT_OFF: Faults = Faults { write_refused: 1.0, read_failed: 1.0, list_failed: 1.0, ..Faults::NONE };

struct Node {
    bucket: FaultyStore,
    store: Store,
    writer: Writer,
    disk: Arc<dyn ObjectStore>,
}

impl Node {
    async fn new(disk: Arc<dyn ObjectStore>) -> Self {
        let bucket = FaultyStore::new(Arc::new(InMemory::new()), 1, Faults::NONE);
        let store = init(Arc::new(bucket.clone())).await.unwrap();
        let writer = writer(&store, "eu-1").await;
        Self { bucket, store, writer, disk }
    }

    async fn spool(&self) -> Spool {
        Spool::open(&self.store, self.disk.clone(), origin("eu-1"), writer_config(5)).await.unwrap()
    }
}

#[tokio::test]
async fn what_was_spooled_is_uploaded_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::new(local_directory(folder.path(), false).unwrap()).await;
    let mut spool = node.spool().await;
    let stored = spool.append_through(&mut node.writer, &signals(0..2), NOW).await.unwrap();
    assert!(matches!(stored, Durable::Store(_)), "{stored:?}");
    node.bucket.set_faults(CUT_OFF);
    for person in 2..6 {
        let kept = spool.append_through(&mut node.writer, &signals(person..person + 1), NOW).await.unwrap();
        assert_eq!(kept, Durable::Node);
    }
    // The process is killed, and started while the node is still cut off.
    drop(spool);
    let mut spool = node.spool().await;
    assert_eq!(spool.waiting(), 4);
    assert_eq!(spool.records().await.unwrap(), signals(2..6));
    let mut opt_in = signal(9);
    (opt_in.direction, opt_in.proof) = (Direction::In, Some(Proof::Login));
    let refused = spool.append_through(&mut node.writer, &[Record::Signal(opt_in)], NOW).await.unwrap_err();
    assert!(matches!(refused, JournalError::OptInWhileCutOff), "{refused:?}");
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    node.bucket.heal();
    let stored = spool.append_through(&mut node.writer, &signals(6..7), NOW).await.unwrap();
    assert!(matches!(stored, Durable::Store(_)), "{stored:?}");
    assert_eq!((spool.waiting(), node.spool().await.waiting()), (0, 0));
    assert_eq!(records(&node.store).await, signals(0..7));
    // What waited in four objects is one.
    assert_eq!(Reader::new(&node.store).objects(&origin("eu-1")).await.unwrap().len(), 3);

    // What was uploaded is cleared away, but for the object that the spool goes on after.
    let left = std::fs::read_dir(folder.path().join("journal/eu-1")).unwrap().count();
    assert_eq!(left, 1);
    node.bucket.set_faults(CUT_OFF);
    let kept = spool.append_through(&mut node.writer, &signals(7..8), NOW).await.unwrap();
    assert_eq!(kept, Durable::Node);
    node.bucket.heal();
    spool.upload(&mut node.writer, NOW).await.unwrap();
    assert_eq!(records(&node.store).await, signals(0..8));
    assert!(verify(&node.store, &[]).await.unwrap().is_sound());
}

/// Killed at each moment of spooling or uploading: what was acknowledged is in the store in the end,
/// in its order, perhaps with something repeated.
#[tokio::test]
async fn no_crash_loses_what_was_spooled() {
    for polls in 0..60 {
        let mut node = Node::new(Arc::new(InMemory::new())).await;
        let steps = Faults { yields_max: 2, ..Faults::NONE };
        let disk = FaultyStore::new(node.disk.clone(), polls, steps.clone());
        node.disk = Arc::new(disk);
        let mut acknowledged = Vec::new();
        let mut spool = node.spool().await;
        for person in 0..4 {
            let cut_off = person < 3;
            node.bucket.set_faults(if cut_off { CUT_OFF } else { steps.clone() });
            let signals = signals(person..person + 1);
            let append = Box::pin(spool.append_through(&mut node.writer, &signals, NOW));
            let appended = within(polls, append).await;
            if matches!(appended, Some(Ok(_))) {
                acknowledged.extend(signals);
            }
            if appended.is_none() {
                spool = node.spool().await;
            }
        }
        node.bucket.heal();
        // The writer was dropped with the process.
        node.writer = writer(&node.store, "eu-1").await;
        spool.upload(&mut node.writer, NOW).await.unwrap();
        let mut stored = records(&node.store).await.into_iter();
        for record in acknowledged {
            assert!(stored.any(|other| other == record), "after {polls} polls");
        }
    }
}

/// What comes of it within so many polls; `None` if it is killed then.
async fn within<T>(mut polls: u64, mut act: impl Future<Output = T> + Unpin) -> Option<T> {
    poll_fn(|context| match polls.checked_sub(1) {
        None => Poll::Ready(None),
        Some(left) => {
            polls = left;
            Pin::new(&mut act).poll(context).map(Some)
        }
    })
    .await
}
