//! The shape of a date, before its numbers are judged.

use abide_model::Time;

use super::DateFault;

/// A date as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scanned {
    Epoch(Time),
    Calendar { day: Day, clock: Option<Clock> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Day {
    Plain {
        year: i32,
        month: u32,
        day: u32,
    },
    /// Two numbers and a year, in the order in which they stand.
    Numbers {
        year: i32,
        first: u32,
        second: u32,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    pub(super) micros_of_day: i64,
    /// East of UTC; `None` if no zone is stated.
    pub(super) zone_seconds: Option<i32>,
}

/// What stands in a date column where there is no date.
pub(super) fn is_unset(text: &str) -> bool {
    const UNSET: [&str; 7] = ["", "null", "none", "n/a", "nan", "-", "\\N"];
    UNSET.iter().any(|unset| text.eq_ignore_ascii_case(unset))
}

pub(super) fn scan(text: &str) -> Result<Scanned, DateFault> {
    if let Some(epoch) = epoch(text) {
        return Ok(epoch);
    }
    let (day, rest) = day(text)?;
    let clock = match rest.trim_start_matches(['T', 't', ',', ' ']) {
        "" => None,
        rest => Some(clock(rest)?),
    };
    Ok(Scanned::Calendar { day, clock })
}

/// Only digits: `YYYYMMDD`, or seconds, milliseconds, microseconds since 1970 by their number of
/// digits, which stands for the years 2001 to 2286; seconds may have a fraction.
fn epoch(text: &str) -> Option<Scanned> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !is_digits(whole) || !(fraction.is_empty() || is_digits(fraction)) {
        return None;
    }
    let number: i64 = whole.parse().ok()?;
    match (whole.len(), fraction.is_empty()) {
        (8, true) => Some(Scanned::Calendar {
            day: Day::Plain {
                year: year(&whole[..4])?,
                month: number_of(&whole[4..6])?,
                day: number_of(&whole[6..])?,
            },
            clock: None,
        }),
        (10, _) => Some(Scanned::Epoch(Time::from_seconds(number).plus_micros(fraction_micros(fraction)))),
        (13, _) => Some(Scanned::Epoch(Time::from_millis(number))),
        (16, true) => Some(Scanned::Epoch(Time::from_micros(number))),
        _ => None,
    }
}

/// The day that a text begins with, and the rest.
fn day(text: &str) -> Result<(Day, &str), DateFault> {
    let text = without_weekday(text);
    let (first, rest) = token(text).ok_or(DateFault::Unreadable)?;
    let (second, rest) = separated(rest).ok_or(DateFault::Unreadable)?;
    let (third, rest) = separated(rest).ok_or(DateFault::Unreadable)?;
    let day = match (month_named(first), month_named(second)) {
        (None, None) => numbers(first, second, third)?,
        (Some(month), None) => named(third, month, second)?,
        // `22 Nov 2026`, and `2026-Nov-22`.
        (None, Some(month)) if first.len() == 4 => named(first, month, third)?,
        (None, Some(month)) => named(third, month, first)?,
        (Some(_), Some(_)) => return Err(DateFault::Unreadable),
    };
    Ok((day, rest))
}

fn numbers(first: &str, second: &str, third: &str) -> Result<Day, DateFault> {
    if first.len() == 4 {
        let (year, month, day) = (year(first), number_of(second), number_of(third));
        let (Some(year), Some(month), Some(day)) = (year, month, day) else {
            return Err(DateFault::Unreadable);
        };
        return Ok(Day::Plain { year, month, day });
    }
    let (Some(first), Some(second)) = (number_of(first), number_of(second)) else {
        return Err(DateFault::Unreadable);
    };
    Ok(Day::Numbers { year: long_year(third)?, first, second })
}

fn named(year: &str, month: u32, day: &str) -> Result<Day, DateFault> {
    let day = day.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    Ok(Day::Plain { year: long_year(year)?, month, day: number_of(day).ok_or(DateFault::Unreadable)? })
}

fn long_year(text: &str) -> Result<i32, DateFault> {
    match text.len() {
        4 => year(text).ok_or(DateFault::Unreadable),
        2 if is_digits(text) => Err(DateFault::ShortYear),
        _ => Err(DateFault::Unreadable),
    }
}

/// `10:00`, `10:00:30.25`, `3:04 PM`, each with a zone or without.
fn clock(text: &str) -> Result<Clock, DateFault> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, ':' | '.'))).unwrap_or(text.len());
    let (time, rest) = text.split_at(end);
    let (half, rest) = half_of_day(rest.trim_start());
    let mut parts = time.split(':');
    let hour = parts.next().and_then(number_of).ok_or(DateFault::Unreadable)?;
    let minute = parts.next().and_then(number_of).ok_or(DateFault::Unreadable)?;
    let (second, micros) = match parts.next() {
        None => (0, 0),
        Some(seconds) => {
            let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
            (number_of(whole).ok_or(DateFault::Unreadable)?, fraction_micros(fraction))
        }
    };
    if parts.next().is_some() {
        return Err(DateFault::Unreadable);
    }
    let hour = match (half, hour) {
        (None, hour) => hour,
        (Some(_), 0 | 13..) => return Err(DateFault::Impossible),
        (Some(half), hour) => hour % 12 + half,
    };
    // A leap second is the last one of its minute.
    if hour > 23 || minute > 59 || second > 60 {
        return Err(DateFault::Impossible);
    }
    let seconds = i64::from(hour * 3_600 + minute * 60 + second.min(59));
    Ok(Clock { micros_of_day: seconds * 1_000_000 + micros, zone_seconds: zone(rest.trim())? })
}

/// The hours that `AM` or `PM` adds.
fn half_of_day(text: &str) -> (Option<u32>, &str) {
    match text.get(..2) {
        Some(half) if half.eq_ignore_ascii_case("am") => (Some(0), &text[2..]),
        Some(half) if half.eq_ignore_ascii_case("pm") => (Some(12), &text[2..]),
        _ => (None, text),
    }
}

/// Numeric zones and the names of UTC. Other abbreviations are not unique (CST is three zones).
fn zone(text: &str) -> Result<Option<i32>, DateFault> {
    let text = text.trim_matches(['(', ')']);
    if text.is_empty() {
        return Ok(None);
    }
    if ["z", "utc", "gmt", "ut"].iter().any(|utc| text.eq_ignore_ascii_case(utc)) {
        return Ok(Some(0));
    }
    // RFC 2822 allows a comment after the number: `+0000 (UTC)`.
    let text = text.split(' ').next().unwrap_or(text);
    let (sign, digits) = match text.split_at_checked(1) {
        Some(("+", digits)) => (1, digits),
        Some(("-", digits)) => (-1, digits),
        _ => return Err(DateFault::Unreadable),
    };
    let digits: String = digits.chars().filter(|c| *c != ':').collect();
    // Foreign text: four bytes need not be four digits.
    let (hours, minutes) = match (digits.len(), digits.split_at_checked(2)) {
        (2, _) => (number_of(&digits), Some(0)),
        (4, Some((hours, minutes))) => (number_of(hours), number_of(minutes)),
        _ => return Err(DateFault::Unreadable),
    };
    let (Some(hours @ ..=14), Some(minutes @ ..=59)) = (hours, minutes) else {
        return Err(DateFault::Impossible);
    };
    let seconds = i32::try_from(hours * 3_600 + minutes * 60).expect("at most 15 hours");
    Ok(Some(sign * seconds))
}

fn without_weekday(text: &str) -> &str {
    const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    match text.get(..3) {
        Some(start) if DAYS.iter().any(|day| start.eq_ignore_ascii_case(day)) => {
            text.trim_start_matches(|c: char| c.is_ascii_alphabetic()).trim_start_matches([',', '.', ' '])
        }
        _ => text,
    }
}

/// The English name of a month, or its first three letters.
fn month_named(text: &str) -> Option<u32> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let text = text.to_ascii_lowercase();
    let at = MONTHS.iter().position(|month| {
        *month == text || month[..3] == *text || (text == "sept" && *month == "september")
    })?;
    u32::try_from(at + 1).ok()
}

/// A run of letters and digits, ASCII only.
fn token(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len());
    // `2026-11-22T10:00`: the day's number ends where the letter begins.
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let is_clock = text[digits..end].starts_with(['T', 't'])
        && text[digits + 1..end].starts_with(|c: char| c.is_ascii_digit());
    let end = if digits > 0 && is_clock { digits } else { end };
    (end > 0).then(|| text.split_at(end))
}

/// The token after a separator.
fn separated(text: &str) -> Option<(&str, &str)> {
    let rest = text.trim_start_matches(['-', '/', '.', ',', ' ']);
    if rest.len() == text.len() || text.len() - rest.len() > 2 { None } else { token(rest) }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn number_of(text: &str) -> Option<u32> {
    if is_digits(text) && text.len() <= 2 { text.parse().ok() } else { None }
}

fn year(text: &str) -> Option<i32> {
    if is_digits(text) && text.len() == 4 { text.parse().ok() } else { None }
}

/// The digits after a decimal point, as microseconds.
fn fraction_micros(digits: &str) -> i64 {
    digits
        .bytes()
        .chain(std::iter::repeat(b'0'))
        .take(6)
        .fold(0, |micros, digit| micros * 10 + i64::from(digit.wrapping_sub(b'0') % 10))
}
