//! What the policies came to, before anybody is told.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::policies::NO_CONSENT;

/// The policies that apply to a question, by id, and those that fail, with the reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub(crate) forbidding: BTreeSet<Arc<str>>,
    /// Where something forbids, these need not be known.
    pub(crate) permitting: BTreeSet<Arc<str>>,
    pub(crate) failing: BTreeMap<Arc<str>, Arc<str>>,
}

impl Outcome {
    /// Nothing objects, and yet nothing allows it.
    pub(crate) fn lacks_consent(&self) -> bool {
        self.forbidding.is_empty() && self.failing.is_empty() && self.permitting.is_empty()
    }

    /// The rules that a verdict would name, in its order; none where the policies allow it. What fails forbids.
    pub fn blocking(&self) -> Option<Vec<Arc<str>>> {
        if self.lacks_consent() {
            return Some(vec![NO_CONSENT.into()]);
        }
        let ids: BTreeSet<&Arc<str>> = self.forbidding.iter().chain(self.failing.keys()).collect();
        (!ids.is_empty()).then(|| ids.into_iter().cloned().collect())
    }

    /// As if a policy were not there.
    pub(crate) fn forget(&mut self, id: &str) {
        self.forbidding.remove(id);
        self.permitting.remove(id);
        self.failing.remove(id);
    }
}
