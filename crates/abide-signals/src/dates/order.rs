//! Day or month first: what a whole column tells.

use std::fmt;

use super::{
    DateOrder,
    scan::{self, Day, Scanned},
};

/// What the two numbers before a year tell about their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Order(DateOrder),
    Either,
    Neither,
}

pub(super) fn told_by(first: u32, second: u32) -> Told {
    match (first > 12, second > 12) {
        (true, false) => Told::Order(DateOrder::DayFirst),
        (false, true) => Told::Order(DateOrder::MonthFirst),
        (false, false) => Told::Either,
        (true, true) => Told::Neither,
    }
}

/// What the values of one column tell about the order of day and month. Counts of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrderEvidence {
    /// Possible only with the day first.
    pub day_first: u64,
    /// Possible only with the month first.
    pub month_first: u64,
    /// Possible both ways, as different days.
    pub ambiguous: u64,
    /// With a time of day, and no zone: taken for UTC.
    pub without_zone: u64,
    /// A day without a time of day.
    pub days: u64,
}

impl OrderEvidence {
    pub fn see(&mut self, text: &str) {
        let Ok(Scanned::Calendar { day, clock }) = scan::scan(text.trim()) else { return };
        match clock {
            None => self.days += 1,
            Some(clock) => self.without_zone += u64::from(clock.zone_seconds.is_none()),
        }
        let Day::Numbers { first, second, .. } = day else { return };
        match told_by(first, second) {
            Told::Order(DateOrder::DayFirst) => self.day_first += 1,
            Told::Order(DateOrder::MonthFirst) => self.month_first += 1,
            Told::Either => self.ambiguous += u64::from(first != second),
            Told::Neither => {}
        }
    }

    pub fn merge(&mut self, other: &Self) {
        self.day_first += other.day_first;
        self.month_first += other.month_first;
        self.ambiguous += other.ambiguous;
        self.without_zone += other.without_zone;
        self.days += other.days;
    }

    /// The order of the column; `None` if it has no date that needs one.
    pub fn settle(&self) -> Result<Option<DateOrder>, UnsettledOrder> {
        match (self.day_first, self.month_first, self.ambiguous) {
            (0, 0, 0) => Ok(None),
            (0, 0, ambiguous) => Err(UnsettledOrder::Undecided { ambiguous }),
            (_, 0, _) => Ok(Some(DateOrder::DayFirst)),
            (0, _, _) => Ok(Some(DateOrder::MonthFirst)),
            (day_first, month_first, _) => Err(UnsettledOrder::Contradictory { day_first, month_first }),
        }
    }
}

/// What was decided for a column, in a sentence: `12 dates are day-first (3 are possible only so);
/// 9 times have no zone and are taken for UTC`. Empty if there is nothing to say.
impl fmt::Display for OrderEvidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = Vec::new();
        let decisive = self.day_first + self.month_first;
        if let Ok(Some(order)) = self.settle() {
            said.push(format!(
                "{} dates are {order} ({decisive} are possible only so)",
                decisive + self.ambiguous
            ));
        }
        if self.without_zone > 0 {
            said.push(format!("{} times have no zone and are taken for UTC", self.without_zone));
        }
        if self.days > 0 {
            said.push(format!(
                "{} dates have no time of day and count as the end of their day, UTC",
                self.days
            ));
        }
        f.write_str(&said.join("; "))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnsettledOrder {
    #[error(
        "{ambiguous} dates could be read with the day or the month first, and no date of the column decides it; \
         say --dates day-first or --dates month-first"
    )]
    Undecided { ambiguous: u64 },
    #[error(
        "{day_first} dates are possible only with the day first and {month_first} only with the month first; \
         say --dates day-first or --dates month-first, and the others are counted as faulty"
    )]
    Contradictory { day_first: u64, month_first: u64 },
}
