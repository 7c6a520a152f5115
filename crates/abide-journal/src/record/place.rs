//! The order of activations, in which the greatest is in force.

use std::fmt;

use abide_model::Origin;

/// Where an activation stands in the order of all, the same on every node and whatever was read first.
///
/// By number, then by the origin's name. One that counts only after another stands directly above that one: its place
/// is that one's with its own origin behind it. So whatever was activated over the other, by anybody who had seen it
/// or at the same time, outranks both; and of several that name the same one, one stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub number: u64,
    pub origin: Origin,
    /// The origins of those that count only after the one before.
    pub then: Vec<Origin>,
}

impl Place {
    #[must_use]
    pub fn directly_above(&self, origin: &Origin) -> Self {
        let mut above = self.clone();
        above.then.push(origin.clone());
        above
    }

    /// Whether this one never came to anything, given the places of all: it, or one that it counts only after, names
    /// one that another took the place of.
    pub fn is_void<'a>(&self, mut all: impl Iterator<Item = &'a Self>) -> bool {
        all.any(|other| {
            let is_branch = (other.number, &other.origin) == (self.number, &self.origin);
            let common = self.then.iter().zip(&other.then).take_while(|(own, other)| own == other).count();
            let parts = common < self.then.len() && common < other.then.len();
            is_branch && parts && other > self
        })
    }
}

/// `8@eu-1`, and `8@eu-1+us-1` for one that counts only after that.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.number, self.origin)?;
        self.then.iter().try_for_each(|origin| write!(f, "+{origin}"))
    }
}

#[cfg(test)]
mod tests {
    use super::Place;

    fn place(text: &str) -> Place {
        let (number, origins) = text.split_once('@').unwrap();
        let mut origins = origins.split('+').map(|origin| origin.parse().unwrap());
        Place { number: number.parse().unwrap(), origin: origins.next().unwrap(), then: origins.collect() }
    }

    /// Each outranks those before it.
    #[test]
    fn what_counts_only_after_another_outranks_that_and_nothing_else() {
        let order =
            ["8@eu", "8@eu+ap", "8@eu+ap+us", "8@eu+us", "8@eu-1", "8@us", "8@us+ap", "9@ap", "10@ap"];
        let places: Vec<Place> = order.into_iter().map(place).collect();
        assert!(places.is_sorted() && places.windows(2).all(|pair| pair[0] != pair[1]));
        for place in &places {
            assert_eq!(super::tests::place(&place.to_string()), *place);
        }
    }

    #[test]
    fn of_several_that_count_only_after_one_the_others_are_void() {
        let all = ["8@eu", "8@eu+ap", "8@eu+ap+us", "8@eu+us", "8@eu+us+ap", "8@us", "9@eu"].map(place);
        let void: Vec<String> =
            all.iter().filter(|place| place.is_void(all.iter())).map(ToString::to_string).collect();
        assert_eq!(void, ["8@eu+ap", "8@eu+ap+us"]);
    }
}
