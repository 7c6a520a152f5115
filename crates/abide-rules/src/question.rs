//! All that policies can see of somebody and an act.

use std::{collections::BTreeSet, sync::Arc};

use abide_model::{Action, Context};

/// Equal questions have equal answers, whoever they are about: what no policy that speaks of the action can tell apart
/// is the same here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Question {
    action: Action,
    segments: BTreeSet<Arc<str>>,
    consented: bool,
    context: Context,
}

impl Question {
    pub(crate) fn new(
        action: Action,
        segments: BTreeSet<Arc<str>>,
        consented: bool,
        context: Context,
    ) -> Self {
        Self { action, segments, consented, context }
    }

    pub fn action(&self) -> &Action {
        &self.action
    }

    /// Those that a policy names.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().map(|name| &**name)
    }

    pub fn consented(&self) -> bool {
        self.consented
    }

    /// Those attributes that a policy reads.
    pub fn context(&self) -> &Context {
        &self.context
    }
}
