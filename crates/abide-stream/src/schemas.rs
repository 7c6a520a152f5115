//! Schemas by the ids that values begin with. Whoever reads values looks here and never waits; the registry fills it in before.

use std::{collections::HashMap, sync::Arc};

use abide_model::Time;
use abide_values::{Kind, Schema};
use arc_swap::ArcSwap;

/// What is known of an id.
#[derive(Clone, Debug)]
pub(crate) enum Known {
    /// For ever: a registry changes no schema that has an id.
    Schema(Arc<Schema>),
    /// The registry has it, and it cannot be used. For ever too.
    Unusable,
    /// The registry did not have it then.
    Unknown(Time),
}

#[derive(Debug, Default)]
pub(crate) struct Schemas(ArcSwap<HashMap<(Kind, u32), Known>>);

/// An id that the registry does not know is not asked for again so soon.
const UNKNOWN_MICROS: i64 = 30_000_000;

/// Whoever makes up ids does not fill the memory with them.
const UNKNOWN_MAX: usize = 10_000;

impl Schemas {
    pub(crate) fn get(&self, kind: Kind, id: u32) -> Option<Known> {
        self.0.load().get(&(kind, id)).cloned()
    }

    /// Whether the registry has to be asked.
    pub(crate) fn lacks(&self, kind: Kind, id: u32, now: Time) -> bool {
        match self.0.load().get(&(kind, id)) {
            None => true,
            Some(Known::Unknown(since)) => now.micros_since(*since) > UNKNOWN_MICROS,
            Some(Known::Schema(_) | Known::Unusable) => false,
        }
    }

    pub(crate) fn learn(&self, kind: Kind, id: u32, known: &Known) {
        self.0.rcu(|held| {
            let mut held = HashMap::clone(held);
            if held.values().filter(|known| matches!(known, Known::Unknown(_))).count() > UNKNOWN_MAX {
                held.retain(|_, known| !matches!(known, Known::Unknown(_)));
            }
            held.insert((kind, id), known.clone());
            held
        });
    }
}
