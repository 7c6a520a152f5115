//! What a process has done since it began, by route.

use std::{collections::BTreeMap, sync::Mutex};

use crate::{engine::Rules, metrics::Metrics, tallies::RouteTally};

#[derive(Debug, Default)]
pub(crate) struct Figures(Mutex<BTreeMap<String, RouteTally>>);

impl Figures {
    /// A transaction that was committed.
    pub(crate) fn add(&self, rules: &Rules, tallies: &[RouteTally], metrics: &Metrics) {
        let mut held = self.0.lock().expect("nothing panics under this lock");
        for (route, tally) in rules.routes.iter().zip(tallies).filter(|(_, tally)| !tally.is_empty()) {
            held.entry(route.name.clone()).or_default().add(tally);
            metrics.count(&route.name, tally);
        }
    }

    /// By route.
    pub(crate) fn tallies(&self) -> BTreeMap<String, RouteTally> {
        self.0.lock().expect("nothing panics under this lock").clone()
    }
}
