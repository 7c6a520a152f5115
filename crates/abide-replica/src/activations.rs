//! Which ruleset is in force, of all that were ever activated.

use std::cmp::Ordering;

use abide_journal::{ActivationRecord, Place};
use abide_model::{Origin, Time};

/// An activation and whose journal it stands in.
pub type Activation = (ActivationRecord, Origin);

/// What the activations come to that were read so far, in whatever order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Activations {
    pub(crate) in_force: Option<Activation>,
    /// The one that it outranks next.
    pub(crate) replaced: Option<Activation>,
    /// The latest that is only watched; it is over once a later one is in force.
    pub(crate) watched: Option<Activation>,
}

impl Activations {
    /// The activation in force, and who made it; none while the built-in ruleset is.
    pub fn in_force(&self) -> Option<&Activation> {
        self.in_force.as_ref()
    }

    /// The one that would be in force without it: what it took the place of, whatever its writer had seen.
    pub fn replaced(&self) -> Option<&Activation> {
        self.replaced.as_ref()
    }

    /// The activation that is only watched, while none in force is later and nobody has ended it.
    pub fn shadow(&self) -> Option<&Activation> {
        let shadow = self.watched.as_ref().filter(|(shadow, _)| !shadow.ends_shadow)?;
        (place_of(Some(shadow)) > place_of(self.in_force.as_ref())).then_some(shadow)
    }

    /// The number of the next activation.
    pub fn next_number(&self) -> u64 {
        let numbers = self.in_force.iter().chain(&self.watched).map(|(record, _)| record.number);
        numbers.max().unwrap_or(0) + 1
    }

    /// The record that goes back to what the activation in force has replaced; see [`Self::instead`]. Nothing is there
    /// to go back to where nothing was activated, or where it said of nothing that it replaces it.
    pub fn roll_back(
        &self,
        author: &str,
        message: &str,
        reason: &str,
        now: Time,
    ) -> Option<ActivationRecord> {
        let (activation, _) = self.in_force.as_ref()?;
        self.instead(activation.replaces?, author, message, reason, now)
    }

    /// The record that goes back to a ruleset in place of the activation in force, and counts only while that one is in
    /// force. None where nothing was activated.
    pub fn instead(
        &self,
        ruleset: [u8; 32],
        author: &str,
        message: &str,
        reason: &str,
        now: Time,
    ) -> Option<ActivationRecord> {
        let (activation, origin) = self.in_force.as_ref()?;
        Some(ActivationRecord {
            number: activation.number,
            ruleset,
            replaces: Some(activation.ruleset),
            shadow: false,
            only_after: Some(activation.place(origin)),
            rollback: true,
            ends_shadow: false,
            guard: None,
            author: author.into(),
            message: message.into(),
            reason: Some(reason.into()),
            at: now,
        })
    }

    /// Takes one in. The greatest place wins, so that all nodes agree in whatever order they read. Of one origin the
    /// first of a place stands: nobody else can have made it.
    pub(crate) fn take(&mut self, activation: ActivationRecord, origin: &Origin) {
        let place = activation.place(origin);
        let is_watched = activation.shadow;
        let made = Some((activation, origin.clone()));
        let against =
            |held: &Option<Activation>| -> Ordering { place_of(held.as_ref()).cmp(&Some(place.clone())) };
        if is_watched {
            if against(&self.watched).is_lt() {
                self.watched = made;
            }
        } else if against(&self.in_force).is_lt() {
            self.replaced = std::mem::replace(&mut self.in_force, made);
        } else if against(&self.in_force).is_gt() && against(&self.replaced).is_lt() {
            self.replaced = made;
        }
    }
}

fn place_of(made: Option<&Activation>) -> Option<Place> {
    made.map(|(activation, origin)| activation.place(origin))
}
