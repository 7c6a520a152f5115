//! Keeps the list current: opens it, then looks at the journal again and again, and whenever another node tells that
//! there is more.

use std::{sync::Arc, time::Duration};

use abide_journal::{ErrorKind, Pulse, Store};
use abide_model::{Time, causes::chain};
use abide_replica::{Replica, ReplicaConfig, ReplicaError, Sighting};
use abide_rules::Ruleset;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use crate::{
    list::List,
    metrics::Metrics,
    peers::{AllTold, Told},
    push::Board,
};

pub(crate) struct Follow {
    pub(crate) store: Store,
    pub(crate) built_in: Arc<Ruleset>,
    pub(crate) replica: ReplicaConfig,
    pub(crate) poll: Duration,
    pub(crate) pulse: Option<Pulse>,
    /// How old what the relay tells may be before this node looks at the bucket itself; `None` without a relay.
    pub(crate) relay_patience: Option<Duration>,
    pub(crate) list: Arc<List>,
    pub(crate) board: Arc<Board>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) now: fn() -> Time,
}

/// After an error the next look comes later, up to so much.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// What following is at.
struct Course {
    replica: Option<Replica>,
    look_at: Instant,
    /// Between the last look and the next.
    pause: Duration,
    pulse: Option<Pulse>,
    /// When it was last made sure that there was nothing that is not held, by this node or by its relay.
    sighting: Option<Sighting>,
    /// When the relay made sure of that.
    relayed_at: Option<Instant>,
    /// What another node told could not be followed by name.
    is_lost: bool,
}

impl Follow {
    /// Ends when told to stop.
    pub(crate) async fn run(mut self, mut told: watch::Receiver<AllTold>, mut stop: watch::Receiver<bool>) {
        let mut course = Course {
            replica: None,
            look_at: Instant::now(),
            pause: self.poll,
            pulse: self.pulse.take(),
            sighting: None,
            relayed_at: None,
            is_lost: false,
        };
        let mut has_peers = !told.borrow().is_empty();
        while !*stop.borrow() {
            tokio::select! {
                _ = stop.changed() => {}
                changed = told.changed(), if has_peers => match changed {
                    Ok(()) => {
                        let all: Vec<Told> = told.borrow_and_update().iter().flatten().cloned().collect();
                        self.hear(&mut course, &all).await;
                    }
                    // Nobody is listened to any more.
                    Err(_) => has_peers = false,
                },
                () = sleep_until(course.look_at) => {
                    let pause = self.look_if_need_be(&mut course).await;
                    course.look_at = Instant::now() + pause;
                }
            }
            self.leave_heartbeat(&mut course).await;
        }
    }

    /// When to look again.
    async fn look_if_need_be(&self, course: &mut Course) -> Duration {
        let is_relayed = self.relay_patience.is_some_and(|patience| {
            course.relayed_at.is_some_and(|at| at.elapsed() < patience) && !course.is_lost
        });
        if is_relayed {
            return self.poll;
        }
        course.pause = match self.look(course).await {
            Ok(()) => self.poll,
            Err(error) => {
                self.say(&error);
                (course.pause * 2).min(PAUSE_MAX)
            }
        };
        course.pause
    }

    /// Reads what there is and publishes it. The first time that is the whole list.
    async fn look(&self, course: &mut Course) -> Result<(), ReplicaError> {
        let (now, began) = ((self.now)(), Instant::now());
        let replica = match &mut course.replica {
            Some(replica) => {
                replica.refresh(now).await?;
                replica
            }
            None => {
                let opening =
                    Replica::open(&self.store, self.built_in.clone(), self.replica.clone(), now).await?;
                tracing::info!(identities = opening.snapshot().len_identities(), "the list is complete");
                course.replica.insert(opening)
            }
        };
        let sighting = Sighting { as_of: now, at: began.into_std() };
        course.sighting = Some(sighting);
        self.publish(replica, sighting)?;
        self.board.confirmed(&replica.heads(), began);
        course.is_lost = false;
        self.metrics.followed();
        Ok(())
    }

    /// Takes up what others have told, where that is news. What cannot be had so is looked for at the next look.
    async fn hear(&self, course: &mut Course, all: &[Told]) {
        let Some(replica) = &mut course.replica else { return };
        for told in all {
            let held = replica.heads();
            let is_held = |head: &abide_journal::Head| {
                held.iter().any(|held| held.origin == head.origin && held.position >= head.position)
            };
            let is_news = !told.heads.iter().all(is_held);
            let makes_sure = told.is_relay && told.as_of > course.relayed_at;
            if !is_news && !makes_sure {
                continue;
            }
            let told_at = told.as_of.map(|at| Sighting { as_of: self.wall_clock(at), at: at.into_std() });
            let newer = told_at.filter(|told| course.sighting.is_none_or(|held| told.at > held.at));
            let Some(sighting) = newer.or(course.sighting) else { continue };
            let outcome = match replica.hear(&told.heads, newer.map(|it| it.as_of)).await.and_then(|taken| {
                if taken { self.publish(replica, sighting).map(|()| true) } else { Ok(false) }
            }) {
                Ok(true) => {
                    course.sighting = Some(sighting);
                    match told.as_of {
                        Some(at) => self.board.confirmed(&replica.heads(), at),
                        None => self.board.appended(&replica.heads()),
                    }
                    if told.is_relay {
                        course.relayed_at = course.relayed_at.max(told.as_of);
                    }
                    "taken"
                }
                Ok(false) => {
                    course.is_lost = true;
                    "lost"
                }
                Err(error) => {
                    self.say(&error);
                    course.is_lost = true;
                    "failed"
                }
            };
            if is_news {
                self.metrics.told(outcome);
            }
        }
    }

    fn publish(&self, replica: &Replica, sighting: Sighting) -> Result<(), ReplicaError> {
        let now = (self.now)();
        // What was written before this node came says nothing about the way here.
        let before = self.list.current();
        let lags: Vec<_> =
            before.iter().flat_map(|before| replica.lags(&before.snapshot.positions, now)).collect();
        let snapshot = replica.snapshot();
        self.list.publish(&snapshot, sighting, &lags, replica.clock(), now).map_err(ReplicaError::List)?;
        for (origin, lag) in lags {
            self.metrics.propagated(origin, lag);
        }
        Ok(())
    }

    /// What this machine's clock said at a moment.
    fn wall_clock(&self, at: Instant) -> Time {
        let ago = i64::try_from(at.elapsed().as_micros()).unwrap_or(i64::MAX);
        (self.now)().plus_micros(-ago)
    }

    /// What was published last stands; it ages, and verdicts say so.
    fn say(&self, error: &ReplicaError) {
        self.metrics.follow_failed();
        let causes = chain(error);
        match error.kind() {
            ErrorKind::Unavailable | ErrorKind::Conflict => {
                tracing::warn!(error = causes, "could not read the journal; trying again");
            }
            _ => tracing::error!(error = causes, "could not read the journal; this needs somebody"),
        }
    }

    async fn leave_heartbeat(&self, course: &mut Course) {
        if let (Some(replica), Some(pulse)) = (&course.replica, &mut course.pulse)
            && let Err(error) = pulse.leave(&self.store, || replica.heads(), (self.now)()).await
        {
            tracing::warn!(error = chain(&error), "could not leave a heartbeat");
        }
    }
}
