//! The hybrid logical clock: it dates what the source did not, so that what one origin says later
//! is dated later, whatever the wall clock does.

use abide_model::Time;

/// How far a node's clock may be from the store's, in microseconds, before it refuses opt-ins:
/// five minutes, what other protocols that compare clocks allow, and far more than a machine with
/// time synchronisation is ever off.
pub const CLOCK_OFF_MAX_US: i64 = 5 * 60 * 1_000_000;

/// How a writer finds out that its clock is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ClockCheck {
    /// Before taking an opt-in, at most once an hour: writes a small object and compares the time
    /// that the store gave it.
    #[default]
    Store,
    /// From the journal's own records only, which shows a clock that is behind, not one that is
    /// ahead; for stores whose own clock means nothing, such as a simulated one.
    Records,
}

/// Greater than everything it has given or seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    last: Time,
}

impl Default for Clock {
    fn default() -> Self {
        Self { last: Time::MIN }
    }
}

impl Clock {
    /// `now` if that is later than everything before, else the next microsecond.
    pub fn next(&mut self, now: Time) -> Time {
        self.last = now.max(self.last.successor());
        self.last
    }

    /// Moves past a time that was read.
    pub fn observe(&mut self, at: Time) {
        self.last = self.last.max(at);
    }

    pub fn last(&self) -> Time {
        self.last
    }
}
