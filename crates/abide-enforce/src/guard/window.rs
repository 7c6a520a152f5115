//! Sums over the latest stretch of time.

use std::collections::VecDeque;

use abide_model::{Tally, Time};

/// Tallies of the latest so many microseconds, to a sixtieth of that.
#[derive(Clone, Debug)]
pub(super) struct Window {
    micros: i64,
    /// Each with when it began, which is later than the one before.
    parts: VecDeque<(Time, Tally)>,
}

const PARTS: i64 = 60;

impl Window {
    pub(super) fn new(micros: i64) -> Self {
        Self { micros, parts: VecDeque::new() }
    }

    /// What comes late counts with the latest.
    pub(super) fn add(&mut self, at: Time, tally: &Tally) {
        match self.parts.back_mut() {
            Some((began, sum)) if at.micros_since(*began) <= self.micros / PARTS => sum.add(tally),
            _ => self.parts.push_back((at, *tally)),
        }
        while self.parts.front().is_some_and(|(began, _)| at.micros_since(*began) > self.micros) {
            self.parts.pop_front();
        }
    }

    pub(super) fn sum(&self) -> Tally {
        let mut sum = Tally::default();
        self.parts.iter().for_each(|(_, tally)| sum.add(tally));
        sum
    }
}
