//! Who keeps the store small: rolls up, and deletes what is no longer needed.

use abide_journal::{ErrorKind, JournalError, RollUpConfig, RolledWait, Store, StoreError, roll_up, sweep};
use abide_replica::{ReplicaError, SnapshotWait, delete_obsolete};
use futures::future::{FutureExt, LocalBoxFuture};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::{actors::Actor, auditor::Ledger};

pub(super) struct Keeper {
    store: Store,
    ledger: Ledger,
}

impl Keeper {
    pub(super) fn new(store: Store, ledger: Ledger) -> Self {
        Self { store, ledger }
    }

    /// All that there is to do, while nothing fails.
    pub(super) async fn tidy(&mut self) {
        self.roll_up(1).await.unwrap();
        self.delete().await.unwrap();
    }

    async fn roll_up(&self, instance: u64) -> Result<(), JournalError> {
        let config = RollUpConfig { objects_min: 3, ..RollUpConfig::new(instance) };
        let now = self.store.time("keeper").await?;
        for _ in roll_up(&self.store, &config, now).await? {
            self.ledger.count(|events| &mut events.rolled_up);
        }
        Ok(())
    }

    async fn delete(&self) -> Result<(), ReplicaError> {
        let now = self.store.time("keeper").await?;
        sweep(&self.store, RolledWait::default(), now, &mut |_| ()).await?;
        delete_obsolete(&self.store, SnapshotWait::default(), now, &mut |_| ()).await
    }

    async fn keep(&self, mut rng: ChaCha8Rng) {
        if let Err(StoreError::Moved { .. }) = self.store.refuse_moved().await {
            return self.ledger.turn_away();
        }
        let result = if rng.random_bool(0.5) {
            self.roll_up(rng.random()).await.map_err(ReplicaError::from)
        } else {
            self.delete().await
        };
        if let Err(error) = result {
            let kind = error.kind();
            assert_eq!(kind, ErrorKind::Unavailable, "faults that pass are taken for {kind:?}: {error:?}");
        }
    }
}

impl Actor for Keeper {
    fn act(&mut self, rng: ChaCha8Rng) -> LocalBoxFuture<'_, ()> {
        self.keep(rng).boxed_local()
    }

    fn killed(&mut self) {}
}
