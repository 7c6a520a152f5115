//! What a process has done since it began, for its log.

use std::{collections::BTreeMap, sync::Mutex};

use crate::{engine::Rules, tallies::RouteTally};

#[derive(Debug, Default)]
pub(crate) struct Figures(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    routes: BTreeMap<String, RouteTally>,
    transactions: u64,
    records: u64,
    micros: i64,
    micros_max: i64,
}

impl Figures {
    /// A transaction that was committed.
    pub(crate) fn add(&self, rules: &Rules, tallies: &[RouteTally], records: usize, micros: i64) {
        let mut held = self.0.lock().expect("nothing panics under this lock");
        for (route, tally) in rules.routes.iter().zip(tallies).filter(|(_, tally)| !tally.is_empty()) {
            held.routes.entry(route.name.clone()).or_default().add(tally);
        }
        held.transactions += 1;
        held.records += records as u64;
        held.micros += micros;
        held.micros_max = held.micros_max.max(micros);
    }

    /// Logs the sums, and begins to look for the slowest transaction anew.
    pub(crate) fn report(&self) {
        let mut held = self.0.lock().expect("nothing panics under this lock");
        let transactions = i64::try_from(held.transactions).unwrap_or(i64::MAX).max(1);
        tracing::info!(
            records = held.records,
            transactions = held.transactions,
            transaction_us_mean = held.micros / transactions,
            transaction_us_max = held.micros_max,
            "since the beginning"
        );
        held.micros_max = 0;
        for (route, RouteTally { tally, opt_outs, .. }) in &held.routes {
            tracing::info!(
                route,
                seen = tally.seen,
                allowed = tally.allowed,
                blocked = tally.blocked,
                cannot_tell = tally.cannot_tell,
                failed = tally.failed,
                opt_outs,
                "since the beginning"
            );
        }
    }

    /// By route.
    pub(crate) fn tallies(&self) -> BTreeMap<String, RouteTally> {
        self.0.lock().expect("nothing panics under this lock").routes.clone()
    }
}
