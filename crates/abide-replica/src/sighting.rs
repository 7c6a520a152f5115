//! How old a list is, whatever becomes of the clock.

use std::time::Instant;

use abide_model::Time;

/// When it was made sure that a list holds all that there is, by two clocks. The wall clock may be set back, and a list would
/// count as new for so much longer; nobody sets the steady one, but it stands still while a machine sleeps.
#[derive(Clone, Copy, Debug)]
pub struct Sighting {
    pub as_of: Time,
    pub at: Instant,
}

impl Sighting {
    /// Microseconds since, by the clock that says more.
    pub fn age_micros(&self, wall: Time, steady: Instant) -> i64 {
        let steady = steady.saturating_duration_since(self.at).as_micros();
        wall.micros_since(self.as_of).max(i64::try_from(steady).unwrap_or(i64::MAX))
    }

    /// The time to judge by: no earlier than the list's age says.
    pub fn now(&self, wall: Time, steady: Instant) -> Time {
        self.as_of.plus_micros(self.age_micros(wall, steady))
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "any moment will do")]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_clock_that_is_set_back_makes_no_list_younger() {
        let sighting = Sighting { as_of: Time::from_seconds(1_000), at: Instant::now() };
        let after = |s: u64| sighting.at + Duration::from_secs(s);
        for (wall, steady, age) in [(1_010, 10, 10), (500, 10, 10), (1_010, 3, 10), (900, 0, 0)] {
            let (wall, steady) = (Time::from_seconds(wall), after(steady));
            assert_eq!(sighting.age_micros(wall, steady), age * 1_000_000);
            assert_eq!(sighting.now(wall, steady), Time::from_seconds(1_000 + age));
        }
    }
}
