//! Points in time. The model never reads a clock; whoever does passes a [`Time`] in.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};

/// Microseconds since 1970-01-01T00:00:00Z, without leap seconds.
///
/// Fine enough that a hybrid logical clock can count by adding one, so one number serves as the
/// wall clock and as the logical one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(i64);

impl Time {
    pub const MIN: Self = Self(i64::MIN);

    /// 1990-01-01: nobody stated an electronic opt-out before; an earlier date is a default value
    /// or an error of the source.
    pub const PLAUSIBLE_MIN: Self = Self(631_152_000_000_000);

    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// The next representable moment.
    #[must_use]
    pub const fn successor(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Microseconds from `earlier` to `self`; negative when `earlier` is later.
    pub const fn micros_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    #[must_use]
    pub const fn plus_micros(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// What a source says about when, made fit for comparison: never later than its receipt, and
    /// the receipt itself when it is implausibly old.
    #[must_use]
    pub fn clamped_to(self, received_at: Self) -> Self {
        if self < Self::PLAUSIBLE_MIN { received_at } else { self.min(received_at) }
    }

    /// Reads RFC 3339, e.g. `2026-11-22T10:00:00Z`.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        DateTime::parse_from_rfc3339(text).ok().map(|at| Self(at.timestamp_micros()))
    }

    /// The UTC date as `YYYYMMDD`.
    pub fn date_compact(self) -> String {
        self.to_utc().format("%Y%m%d").to_string()
    }

    fn to_utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}

/// RFC 3339 in UTC, to the millisecond.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_utc().to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}
