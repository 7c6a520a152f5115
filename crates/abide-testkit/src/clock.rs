//! Time as a simulated world has it: one true time that the test moves, and nodes whose clocks are off from
//! it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use abide_model::Time;

/// The true time of a simulated world. Clones are the same clock; it moves only when told, or with the
/// runtime's paused clock.
#[derive(Clone, Debug)]
pub struct SimClock {
    now_us: Arc<AtomicI64>,
    since: Option<tokio::time::Instant>,
}

impl SimClock {
    pub fn new(now: Time) -> Self {
        Self { now_us: Arc::new(AtomicI64::new(now.as_micros())), since: None }
    }

    /// A clock that goes on as the runtime's does, which has to be paused: where everybody sleeps,
    /// time passes at once.
    pub fn of_runtime(now: Time) -> Self {
        Self { since: Some(tokio::time::Instant::now()), ..Self::new(now) }
    }

    pub fn now(&self) -> Time {
        let passed = self.since.map_or(0, |since| since.elapsed().as_micros());
        let set_us = self.now_us.load(Ordering::SeqCst);
        Time::from_micros(set_us.saturating_add(i64::try_from(passed).unwrap_or(i64::MAX)))
    }

    /// May go backwards: real clocks do.
    pub fn set(&self, now: Time) {
        self.now_us.store(now.as_micros(), Ordering::SeqCst);
    }

    pub fn advance(&self, by_us: i64) {
        self.now_us.fetch_add(by_us, Ordering::SeqCst);
    }

    /// The clock of one node, ahead of the true time by `skew_us` microseconds (behind, if negative).
    pub fn node(&self, skew_us: i64) -> NodeClock {
        NodeClock { world: self.clone(), skew_us: Arc::new(AtomicI64::new(skew_us)) }
    }
}

/// What one node reads off its own wall. Clones are the same clock.
#[derive(Clone, Debug)]
pub struct NodeClock {
    world: SimClock,
    skew_us: Arc<AtomicI64>,
}

impl NodeClock {
    pub fn now(&self) -> Time {
        let skew_us = self.skew_us.load(Ordering::SeqCst);
        Time::from_micros(self.world.now().as_micros().saturating_add(skew_us))
    }

    pub fn skew_us(&self) -> i64 {
        self.skew_us.load(Ordering::SeqCst)
    }

    /// A step of the node's clock, as by a time server or an operator.
    pub fn set_skew_us(&self, skew_us: i64) {
        self.skew_us.store(skew_us, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nodes differ by their skew alone, whatever happens to the true time and in whatever order.
    #[test]
    fn nodes_follow_the_true_time() {
        let world = SimClock::new(Time::from_seconds(1_000));
        let (early, late) = (world.node(-5), world.node(7).clone());
        world.advance(3);
        assert_eq!(early.now(), Time::from_micros(1_000_000_000 + 3 - 5));
        assert_eq!(late.now(), Time::from_micros(1_000_000_000 + 3 + 7));

        world.set(Time::from_seconds(1));
        late.set_skew_us(0);
        assert_eq!(early.now(), Time::from_micros(1_000_000 - 5));
        assert_eq!(late.now(), world.now());
    }
}
