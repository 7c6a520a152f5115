//! [`Guard`]: watches what a ruleset that has just come into force does, and says when that is not what was meant.

mod rule;
mod window;

pub use rule::{Comparison, GuardRule, InvalidGuard, Metric};

use std::fmt;

use abide_model::{Tally, Time};

use window::Window;

/// Verdicts that there have to be, on either side of a comparison, before anything is made of them.
pub const GUARD_SAMPLE_MIN: u64 = 1_000;

/// Compares verdicts since an activation with those before, or with a bound.
///
/// `before` may be what was decided before the activation, or what the replaced ruleset says of the same records: then
/// an unusual day is no change. It knows no clock, and holds some dozen sums, however long it watches.
#[derive(Clone, Debug)]
pub struct Guard {
    rule: GuardRule,
    before: Window,
    since: Window,
}

/// What made a guard trip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures {
    pub rule: GuardRule,
    pub since: Tally,
    /// Nothing, where the rule asks for no change.
    pub before: Option<Tally>,
}

impl Guard {
    pub fn new(rule: GuardRule) -> Self {
        let window = Window::new(rule.window_micros);
        Self { rule, before: window.clone(), since: window }
    }

    /// Takes in verdicts that the ruleset before has come to.
    pub fn before(&mut self, at: Time, tally: &Tally) {
        self.before.add(at, tally);
    }

    /// Takes in verdicts of the ruleset that is watched.
    pub fn since(&mut self, at: Time, tally: &Tally) {
        self.since.add(at, tally);
    }

    /// What is wrong, if the rule is broken over its window, or over as much of it as has passed.
    pub fn tripped(&self) -> Option<Figures> {
        let since = self.since.sum();
        let before = self.before.sum();
        let counted = |tally: &Tally| tally.seen >= GUARD_SAMPLE_MIN;
        let is_broken = match self.rule.comparison {
            Comparison::Above => counted(&since) && self.is_above(&since),
            Comparison::Change => counted(&since) && counted(&before) && self.is_changed(&before, &since),
        };
        let before = (self.rule.comparison == Comparison::Change).then_some(before);
        is_broken.then_some(Figures { rule: self.rule, since, before })
    }

    fn is_above(&self, since: &Tally) -> bool {
        let (part, whole) = self.rule.metric.of(since);
        times(&[part, PERCENT]) > times(&[self.rule.millipercent, whole])
    }

    /// Either way: to block too few is no better than to block too many. A rate of nothing counts as one of a single
    /// record, so that one more is not beyond all measure, and can only grow.
    fn is_changed(&self, before: &Tally, since: &Tally) -> bool {
        let ((part_before, whole_before), (part, whole)) =
            (self.rule.metric.of(before), self.rule.metric.of(since));
        let (now, then) = (times(&[part, whole_before]), times(&[part_before.max(1), whole]));
        let change = if part_before == 0 { now.saturating_sub(then) } else { now.abs_diff(then) };
        change.saturating_mul(PERCENT.into()) > then.saturating_mul(self.rule.millipercent.into())
    }
}

/// Of thousandths of a percent.
const PERCENT: u64 = 100_000;

fn times(factors: &[u64]) -> u128 {
    factors.iter().fold(1, |product: u128, factor| product.saturating_mul((*factor).into()))
}

/// `block_rate 41.20 % of 12000 (1.03 % of 12000 before), guarded by block_rate change > 50% over 5m`.
impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, since, before } = self;
        write!(f, "{} {}", rule.metric.as_str(), Rate(rule.metric.of(since)))?;
        if let Some(before) = before {
            write!(f, " ({} before)", Rate(rule.metric.of(before)))?;
        }
        write!(f, ", guarded by {rule}")
    }
}

struct Rate((u64, u64));

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (part, whole) = self.0;
        let hundredths = times(&[part, 10_000]) / u128::from(whole.max(1));
        write!(f, "{}.{:02} % of {whole}", hundredths / 100, hundredths % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE_US: i64 = 60_000_000;

    fn tally(seen: u64, blocked: u64, cannot_tell: u64) -> Tally {
        Tally { seen, allowed: seen - blocked - cannot_tell, blocked, cannot_tell, failed: 0 }
    }

    /// By rule, (blocked, cannot tell) of so many before, and since.
    #[test]
    fn it_trips_where_the_rule_is_broken_and_enough_was_seen() {
        const CHANGE: &str = "block_rate change > 50% over 5m";
        const ABOVE: &str = "cannot_tell_rate > 2.5% over 5m";
        let table = [
            (CHANGE, (10_000, 100, 0), (10_000, 100, 0), false),
            (CHANGE, (10_000, 100, 0), (10_000, 150, 0), false),
            (CHANGE, (10_000, 100, 0), (10_000, 151, 0), true),
            // Fewer are blocked than should be.
            (CHANGE, (10_000, 100, 0), (10_000, 50, 0), false),
            (CHANGE, (10_000, 100, 0), (10_000, 49, 0), true),
            // Rates, not numbers.
            (CHANGE, (20_000, 200, 0), (1_000, 10, 0), false),
            (CHANGE, (20_000, 200, 0), (1_000, 16, 0), true),
            // Not enough on one side, or on the other.
            (CHANGE, (999, 10, 0), (10_000, 5_000, 0), false),
            (CHANGE, (10_000, 100, 0), (999, 999, 0), false),
            // Nobody was blocked before: one is no change, two are.
            (CHANGE, (1_000, 0, 0), (1_000, 1, 0), false),
            (CHANGE, (1_000, 0, 0), (1_000, 2, 0), true),
            (CHANGE, (1_000, 0, 0), (20_000, 2, 0), false),
            (CHANGE, (10_000, 0, 9_000), (20_000, 0, 0), false),
            (ABOVE, (0, 0, 0), (1_000, 900, 25), false),
            (ABOVE, (0, 0, 0), (1_000, 900, 26), true),
            (ABOVE, (0, 0, 0), (999, 0, 999), false),
        ];
        for (rule, before, since, trips) in table {
            let mut guard = Guard::new(rule.parse().unwrap());
            let of = |(seen, blocked, cannot_tell)| tally(seen, blocked, cannot_tell);
            guard.before(Time::from_seconds(1), &of(before));
            guard.since(Time::from_seconds(2), &of(since));
            assert_eq!(guard.tripped().is_some(), trips, "{rule}: {before:?} to {since:?}");
        }
    }

    #[test]
    fn what_is_older_than_the_window_counts_no_more() {
        let at = |minute: i64| Time::from_micros(minute * MINUTE_US);
        let mut guard = Guard::new("block_rate > 10% over 5m".parse().unwrap());
        guard.since(at(0), &tally(1_000, 1_000, 0));
        assert!(guard.tripped().is_some());
        for minute in 1..=5 {
            guard.since(at(minute), &tally(2_000, 0, 0));
        }
        assert!(guard.tripped().is_none(), "1,000 of 11,000 is below");
        // The ten minutes of quiet leave nothing of what was.
        guard.since(at(15), &tally(999, 999, 0));
        assert!(guard.tripped().is_none(), "too few by themselves");
        // A clock that goes back loses nothing.
        guard.since(at(14), &tally(1, 1, 0));
        assert_eq!(guard.tripped().map(|figures| figures.since), Some(tally(1_000, 1_000, 0)));
    }

    #[test]
    fn the_figures_say_what_happened() {
        let mut guard = Guard::new("block_rate  change>50 %  over 300s".parse().unwrap());
        guard.before(Time::from_seconds(1), &tally(12_000, 124, 0));
        guard.since(Time::from_seconds(1), &tally(12_000, 4_944, 0));
        assert_eq!(
            guard.tripped().unwrap().to_string(),
            "block_rate 41.20 % of 12000 (1.03 % of 12000 before), guarded by block_rate change > 50% over 5m"
        );
    }
}
