//! Dates as exports write them.
//!
//! In goes the text of one cell, out comes a [`Time`]. What cannot be read, or lies in the future,
//! is a fault of its row with a cause; it never becomes the present moment by itself.
//!
//! Whether `03/04/2026` is in March or in April is a property of the column: [`OrderEvidence`]
//! looks at all its values, and one that is impossible one way decides. If none does, the user must.

mod order;
mod scan;

use std::fmt;

use abide_model::Time;
use chrono::{NaiveDate, NaiveTime};

pub use order::{OrderEvidence, UnsettledOrder};
use scan::{Clock, Day, Scanned};

/// Whether the day or the month stands first in dates like `03/04/2026`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateOrder {
    DayFirst,
    MonthFirst,
}

impl DateOrder {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DayFirst => "day-first",
            Self::MonthFirst => "month-first",
        }
    }
}

impl fmt::Display for DateOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for DateOrder {
    type Err = UnknownDateOrder;

    fn from_str(text: &str) -> Result<Self, UnknownDateOrder> {
        match text {
            "day-first" => Ok(Self::DayFirst),
            "month-first" => Ok(Self::MonthFirst),
            _ => Err(UnknownDateOrder),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the order of dates is `day-first` or `month-first`")]
pub struct UnknownDateOrder;

/// Why a text gives no time. Never holds the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DateFault {
    #[error("not a date that can be read")]
    Unreadable,
    #[error("no such day or time of day")]
    Impossible,
    #[error("the year has two digits; export the dates with four")]
    ShortYear,
    #[error("day and month could be either way round; say --dates day-first or --dates month-first")]
    OrderUnknown,
    #[error("in the future")]
    Future,
}

/// A date without a zone is up to this much ahead of UTC where it was written (UTC+14).
const ZONE_AHEAD_MAX_MICROS: i64 = 14 * 3_600 * 1_000_000;
/// How far the clock of a source may be ahead of ours.
const CLOCK_AHEAD_MAX_MICROS: i64 = 5 * 60 * 1_000_000;
/// The last microsecond of a day, from its beginning.
const DAY_END_MICROS: i64 = 24 * 3_600 * 1_000_000 - 1;

/// Reads the dates of one column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DateReader {
    /// Needed only where day and month could be either way round.
    pub order: Option<DateOrder>,
}

impl DateReader {
    pub fn new(order: Option<DateOrder>) -> Self {
        Self { order }
    }

    /// The moment that a cell states; `None` for an empty one.
    ///
    /// RFC 3339; `2026-11-22 10:00:00` and the like, without a zone taken for UTC; seconds,
    /// milliseconds or microseconds since 1970; `11/22/2026`, `22-11-2026 10:00`, `22.11.2026`;
    /// `22 Nov 2026`, `Nov 22, 2026 3:04 PM`, RFC 2822; `20261122`.
    ///
    /// A date without a time of day is the day's last moment: with an opt-in on the same day, the
    /// opt-out must hold. What is ahead of `now` by no more than a zone or a clock may be is `now`.
    pub fn read(&self, text: &str, now: Time) -> Result<Option<Time>, DateFault> {
        let text = text.trim();
        if scan::is_unset(text) {
            return Ok(None);
        }
        let at = match scan::scan(text)? {
            Scanned::Epoch(at) => not_after(at, now, CLOCK_AHEAD_MAX_MICROS)?,
            Scanned::Calendar { day, clock } => self.calendar(day, clock, now)?,
        };
        Ok(Some(at))
    }

    fn calendar(self, day: Day, clock: Option<Clock>, now: Time) -> Result<Time, DateFault> {
        let midnight = micros(self.day(day)?.and_time(NaiveTime::MIN));
        let Some(clock) = clock else {
            let begin = not_after(Time::from_micros(midnight), now, ZONE_AHEAD_MAX_MICROS)?;
            return Ok(begin.plus_micros(DAY_END_MICROS).min(now));
        };
        let local = Time::from_micros(midnight).plus_micros(clock.micros_of_day);
        match clock.zone_seconds {
            Some(east) => {
                not_after(local.plus_micros(-i64::from(east) * 1_000_000), now, CLOCK_AHEAD_MAX_MICROS)
            }
            None => not_after(local, now, ZONE_AHEAD_MAX_MICROS),
        }
    }

    fn day(self, day: Day) -> Result<NaiveDate, DateFault> {
        let (year, month, day) = match day {
            Day::Plain { year, month, day } => (year, month, day),
            Day::Numbers { year, first, second } => {
                let day_first = match order::told_by(first, second) {
                    order::Told::Either if first == second => DateOrder::DayFirst,
                    order::Told::Either => self.order.ok_or(DateFault::OrderUnknown)?,
                    order::Told::Order(order) => self.order.unwrap_or(order),
                    order::Told::Neither => return Err(DateFault::Impossible),
                };
                match day_first {
                    DateOrder::DayFirst => (year, second, first),
                    DateOrder::MonthFirst => (year, first, second),
                }
            }
        };
        NaiveDate::from_ymd_opt(year, month, day).ok_or(DateFault::Impossible)
    }
}

fn micros(at: chrono::NaiveDateTime) -> i64 {
    at.and_utc().timestamp_micros()
}

fn not_after(at: Time, now: Time, ahead_max_micros: i64) -> Result<Time, DateFault> {
    if at.micros_since(now) > ahead_max_micros { Err(DateFault::Future) } else { Ok(at.min(now)) }
}

/// Whether a text is written as a date; for telling columns of dates from others. A number may be
/// a date, but does not look like one.
pub(crate) fn is_date(text: &str) -> bool {
    matches!(scan::scan(text.trim()), Ok(Scanned::Calendar { .. }))
}

#[cfg(test)]
mod tests;
