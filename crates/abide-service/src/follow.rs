//! Keeps the list current: opens it, then looks at the journal again and again.

use std::{sync::Arc, time::Duration};

use abide_journal::{ErrorKind, Store};
use abide_model::{Origin, Time};
use abide_replica::{Replica, ReplicaConfig, ReplicaError};
use abide_rules::Ruleset;
use tokio::{sync::watch, time::sleep};

use crate::{list::List, metrics::Metrics};

pub(crate) struct Follow {
    pub(crate) store: Store,
    pub(crate) built_in: Arc<Ruleset>,
    pub(crate) replica: ReplicaConfig,
    pub(crate) poll: Duration,
    pub(crate) heartbeat: Option<(Origin, Duration)>,
    pub(crate) list: Arc<List>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) now: fn() -> Time,
}

/// After an error the next look comes later, up to so much.
const PAUSE_MAX: Duration = Duration::from_secs(5);

impl Follow {
    /// Ends when told to stop.
    pub(crate) async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut replica = None;
        let mut pause = self.poll;
        let mut told_at = Time::MIN;
        while !*stop.borrow() {
            pause = match self.look(&mut replica).await {
                Ok(()) => self.poll,
                Err(error) => {
                    self.say(&error);
                    (pause * 2).min(PAUSE_MAX)
                }
            };
            if let (Some(replica), Some((node, every))) = (&replica, &self.heartbeat)
                && u128::try_from((self.now)().micros_since(told_at))
                    .is_ok_and(|past| past >= every.as_micros())
            {
                told_at = (self.now)();
                self.tell(replica, node, told_at).await;
            }
            tokio::select! {
                () = sleep(pause) => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// Reads what there is and publishes it. The first time that is the whole list.
    async fn look(&self, held: &mut Option<Replica>) -> Result<(), ReplicaError> {
        let now = (self.now)();
        let replica = match held {
            Some(replica) => {
                replica.refresh(now).await?;
                replica
            }
            None => {
                let opening =
                    Replica::open(&self.store, self.built_in.clone(), self.replica.clone(), now).await?;
                tracing::info!(identities = opening.snapshot().len_identities(), "the list is complete");
                held.insert(opening)
            }
        };
        let snapshot = replica.snapshot();
        let published = self.list.publish(&snapshot, replica.clock(), (self.now)());
        published.map_err(ReplicaError::List)?;
        self.metrics.followed();
        Ok(())
    }

    /// What was published last stands; it ages, and verdicts say so.
    fn say(&self, error: &ReplicaError) {
        self.metrics.follow_failed();
        let causes = crate::problem::chain(error);
        match error.kind() {
            ErrorKind::Unavailable | ErrorKind::Conflict => {
                tracing::warn!(error = causes, "could not read the journal; trying again");
            }
            _ => tracing::error!(error = causes, "could not read the journal; this needs somebody"),
        }
    }

    async fn tell(&self, replica: &Replica, node: &Origin, now: Time) {
        let mut heartbeat = abide_journal::Heartbeat::new(node.clone(), now);
        heartbeat.see(&replica.heads());
        if let Err(error) = heartbeat.send(&self.store).await {
            tracing::warn!(error = crate::problem::chain(&error), "could not leave a heartbeat");
        }
    }
}
