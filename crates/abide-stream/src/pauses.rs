//! How long a member pauses before it begins anew.
//!
//! Two of one name end each other's work whenever they begin, so each lets the other work for longer every time.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

/// The first one, and the one after the broker could not be reached.
const PAUSE: Duration = Duration::from_secs(1);

/// A member that has to begin anew again and again does so this much later at the most.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// One that worked for so long has no quarrel with another.
const WELL_MICROS: i64 = 300_000_000;

/// How often somebody who pauses looks whether to stop.
const LOOK: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(crate) struct Pauses {
    last: Duration,
}

impl Pauses {
    pub(crate) const NONE: Self = Self { last: Duration::ZERO };
    pub(crate) const SHORT: Self = Self { last: PAUSE };

    /// After a member that lasted so long.
    pub(crate) fn after(&mut self, lasted_micros: i64) {
        self.last = if lasted_micros > WELL_MICROS { PAUSE } else { (self.last * 2).clamp(PAUSE, PAUSE_MAX) };
    }

    pub(crate) fn tell(&self, why: &str, is_fenced: bool) {
        let pause_s = self.last.as_secs();
        if is_fenced {
            tracing::error!(
                error = why,
                pause_s,
                "another runs under this member's name (the same group and origin), or a transaction took longer than \
                 `transaction.timeout.ms`; it begins anew"
            );
        } else {
            tracing::error!(error = why, pause_s, "this member begins anew");
        }
    }

    /// Ends early when it is told to stop.
    pub(crate) fn sleep(&self, stop: &AtomicBool) {
        let mut slept = Duration::ZERO;
        while slept < self.last && !stop.load(Ordering::Acquire) {
            thread::sleep(LOOK);
            slept += LOOK;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_while_it_does_not_go_well() {
        let mut pauses = Pauses::NONE;
        let mut after = |lasted_s: i64| {
            pauses.after(lasted_s * 1_000_000);
            pauses.last.as_secs()
        };
        assert_eq!([1, 1, 30, 30, 30, 30, 30].map(&mut after), [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!([301, 0].map(after), [1, 2]);
    }
}
