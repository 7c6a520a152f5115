//! Keeps the list current: opens it, then looks at the journal again and again.

use std::{sync::Arc, time::Duration};

use abide_journal::{ErrorKind, Pulse, Store};
use abide_model::{Time, causes::chain};
use abide_replica::{Replica, ReplicaConfig, ReplicaError, Sighting};
use abide_rules::Ruleset;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use crate::{list::List, metrics::Metrics};

pub(crate) struct Follow {
    pub(crate) store: Store,
    pub(crate) built_in: Arc<Ruleset>,
    pub(crate) replica: ReplicaConfig,
    pub(crate) poll: Duration,
    pub(crate) pulse: Option<Pulse>,
    pub(crate) list: Arc<List>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) now: fn() -> Time,
}

/// After an error the next look comes later, up to so much.
const PAUSE_MAX: Duration = Duration::from_secs(5);

impl Follow {
    /// Ends when told to stop, or when somebody has to look at the store.
    pub(crate) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut replica = None;
        let mut pause = self.poll;
        while !*stop.borrow() {
            pause = match self.look(&mut replica).await {
                Ok(()) => self.poll,
                Err(error) if matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Bug) => {
                    self.list.break_off(format!("could not read the journal: {}", chain(&error)));
                    return;
                }
                // What was published last stands; it ages, and when it is too old nothing is judged by it.
                Err(error) => {
                    tracing::warn!(error = chain(&error), "could not read the journal; trying again");
                    (pause * 2).min(PAUSE_MAX)
                }
            };
            if let (Some(replica), Some(pulse)) = (&replica, &mut self.pulse)
                && let Err(error) = pulse.leave(&self.store, || replica.heads(), (self.now)()).await
            {
                tracing::warn!(error = chain(&error), "could not leave a heartbeat");
            }
            tokio::select! {
                () = sleep(pause) => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// Reads what there is and publishes it. The first time that is the whole list.
    async fn look(&self, held: &mut Option<Replica>) -> Result<(), ReplicaError> {
        // Before it looks: what becomes durable while it does may not be in what it finds.
        let (now, at) = ((self.now)(), Instant::now().into_std());
        let replica = match held {
            Some(replica) => {
                replica.refresh(now).await?;
                replica
            }
            None => {
                let opened =
                    Replica::open(&self.store, self.built_in.clone(), self.replica.clone(), now).await?;
                tracing::info!(identities = opened.snapshot().len_identities(), "the list is complete");
                held.insert(opened)
            }
        };
        // What was written before this process came says nothing about the way here.
        if let Some(before) = self.list.current() {
            for (origin, lag) in replica.lags(&before.snapshot.positions, (self.now)()) {
                self.metrics.propagated(origin, lag);
            }
        }
        self.list.publish(replica.snapshot(), Sighting { as_of: now, at }, replica.clock());
        Ok(())
    }
}
