//! How often something may be done: so many in a period, all of them at once if nothing was done before.

use std::sync::atomic::{AtomicI64, Ordering};

use abide_model::Time;

/// Remembers one moment: when everything that was spent will have come back. (Known as the generic cell rate algorithm.)
#[derive(Debug)]
#[expect(clippy::struct_field_names, reason = "the unit")]
pub(crate) struct Rate {
    /// Of one, in nanoseconds; 0 for no bound.
    each_ns: i64,
    period_ns: i64,
    back_at_ns: AtomicI64,
}

const SECOND_NS: i64 = 1_000_000_000;

impl Rate {
    /// `count` in `period_s`; 0 for no bound.
    pub(crate) fn new(count: u32, period_s: u32) -> Self {
        let period_ns = i64::from(period_s) * SECOND_NS;
        let each_ns = if count == 0 { 0 } else { (period_ns / i64::from(count)).max(1) };
        Self { each_ns, period_ns, back_at_ns: AtomicI64::new(i64::MIN) }
    }

    /// All of them or none; then in how many seconds to try again. More than there are in a period come at once when
    /// nothing was spent before, and are paid for afterwards.
    pub(crate) fn spend(&self, count: u64, now: Time) -> Result<(), u64> {
        if self.each_ns == 0 {
            return Ok(());
        }
        let now_ns = now.as_micros().saturating_mul(1_000);
        let cost_ns = i64::try_from(count).unwrap_or(i64::MAX).saturating_mul(self.each_ns);
        let spend = |back_at_ns: i64| {
            let back_at_ns = back_at_ns.max(now_ns);
            let next_ns = back_at_ns.saturating_add(cost_ns);
            let fits = next_ns - now_ns <= self.period_ns || back_at_ns == now_ns;
            fits.then_some(next_ns)
        };
        match self.back_at_ns.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend) {
            Ok(_) => Ok(()),
            Err(back_at_ns) => {
                let wait_ns =
                    (back_at_ns.saturating_add(cost_ns.min(self.period_ns)) - self.period_ns - now_ns).max(0);
                Err(u64::try_from(wait_ns / SECOND_NS).unwrap_or(0) + 1)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However it is asked for, no more comes out than may in the time.
    #[test]
    fn no_more_than_may() {
        let at = |ms: i64| Time::from_millis(1_000_000 + ms);
        let rate = Rate::new(10, 1);
        assert_eq!((0..20).filter(|_| rate.spend(1, at(0)).is_ok()).count(), 10, "all at once");
        assert_eq!(rate.spend(1, at(50)), Err(1));
        assert_eq!(rate.spend(1, at(100)), Ok(()));
        let passed = (0..5_000).filter(|ms| rate.spend(1, at(100 + ms)).is_ok()).count();
        assert!((49..=50).contains(&passed), "{passed}");
        // A large one is paid for afterwards.
        let rate = Rate::new(10, 1);
        assert_eq!(rate.spend(100, at(0)), Ok(()));
        assert_eq!(rate.spend(1, at(9_000)), Err(1));
        assert_eq!(rate.spend(1, at(9_200)), Ok(()));
        // A clock that goes back gives nothing away.
        let rate = Rate::new(1, 1);
        assert_eq!((rate.spend(1, at(0)), rate.spend(1, at(-5_000)).is_err()), (Ok(()), true));
        let boundless = Rate::new(0, 1);
        assert_eq!(boundless.spend(u64::MAX, at(0)), Ok(()));
    }
}
