//! How long what is no longer needed stays nevertheless.

use std::fmt;

use thiserror::Error;

const HOUR_US: i64 = 3_600_000_000;
const DAY_US: i64 = 24 * HOUR_US;

/// How long after its roll-up an object stays. Whoever sleeps for less reads and writes on as if
/// nothing had happened; whoever sleeps longer finds out and starts again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RolledWait {
    // Invariant: at least `LEAST_US`.
    us: i64,
}

#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "objects that were rolled up have to stay for at least {} days: a follower may be cut off for a weekend",
    RolledWait::LEAST_US / DAY_US
)]
pub struct WaitTooShort;

impl RolledWait {
    /// A weekend.
    const LEAST_US: i64 = 2 * DAY_US;

    pub fn from_days(days: u32) -> Result<Self, WaitTooShort> {
        let us = i64::from(days) * DAY_US;
        if us < Self::LEAST_US { Err(WaitTooShort) } else { Ok(Self { us }) }
    }

    pub fn as_micros(self) -> i64 {
        self.us
    }
}

impl Default for RolledWait {
    /// Seven days.
    fn default() -> Self {
        Self { us: 7 * DAY_US }
    }
}

impl fmt::Display for RolledWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} days", self.us / DAY_US)
    }
}
