//! Since when each place of the journal is in force on this node.

use std::collections::{BTreeMap, VecDeque};

use abide_model::{Origin, Position, Time};

/// Moments remembered for each origin. Of what is older, only the latest moment is known at which it surely was.
const MOMENTS_MAX: usize = 4096;

#[derive(Debug, Default)]
pub(crate) struct Since {
    origins: BTreeMap<Origin, VecDeque<(Position, Time)>>,
}

impl Since {
    /// Everything up to `position` is in force from now on.
    pub(crate) fn reached(&mut self, origin: &Origin, position: Position, now: Time) {
        if position == 0 || self.end(origin) >= position {
            return;
        }
        let moments = self.origins.entry(origin.clone()).or_default();
        moments.push_back((position, now));
        if moments.len() > MOMENTS_MAX {
            moments.pop_front();
        }
    }

    /// Up to where everything is in force.
    pub(crate) fn end(&self, origin: &Origin) -> Position {
        self.origins.get(origin).and_then(VecDeque::back).map_or(0, |(position, _)| *position)
    }

    pub(crate) fn of(&self, origin: &Origin, position: Position) -> Option<Time> {
        let moments = self.origins.get(origin)?;
        let at = moments.partition_point(|(reached, _)| *reached < position);
        moments.get(at).map(|(_, since)| *since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_moment_that_covers_a_place_counts() {
        let (origin, mut since) = ("main".parse().unwrap(), Since::default());
        for (position, at) in [(3, 10), (3, 20), (2, 30), (9, 40)] {
            since.reached(&origin, position, Time::from_micros(at));
        }
        let found: Vec<_> = [1, 3, 4, 9, 10].map(|at| since.of(&origin, at).map(Time::as_micros)).to_vec();
        assert_eq!(found, [Some(10), Some(10), Some(40), Some(40), None]);
    }
}
