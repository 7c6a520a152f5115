//! From cells to keys.

use abide_enforce::Asked;
use abide_formats::{Batch, Cell};
use abide_model::{Identifier, InvalidIdentifier, Keyring, Normaliser};
use abide_signals::IdRole;

use crate::ready::Ready;

/// Collects the keys of many rows. Its buffers are used again and again, so that a row costs no allocation.
pub(crate) struct People<'a> {
    roles: &'a [IdRole],
    normaliser: &'a Normaliser,
    asked: Asked,
    identifier: Identifier,
    fingerprints: Vec<Fingerprint>,
}

/// What could be read of each identifying column of a row, two bits each: two rows with the same fingerprint of which
/// the list knows nothing have the same verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Fingerprint(u64);

impl Fingerprint {
    const READABLE: u64 = 1;
    const UNREADABLE: u64 = 2;

    fn note(&mut self, part: usize, read: u64) {
        self.0 |= read << (2 * part);
    }
}

impl<'a> People<'a> {
    pub(crate) fn new(ready: &'a Ready, keyring: &Keyring, normaliser: &'a Normaliser) -> Self {
        Self {
            roles: &ready.roles,
            normaliser,
            asked: ready.asked(keyring),
            identifier: Identifier::blank(),
            fingerprints: Vec::new(),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.asked.clear();
        self.fingerprints.clear();
    }

    pub(crate) fn asked(&self) -> &Asked {
        &self.asked
    }

    /// Of the `person`th row since [`Self::clear`].
    pub(crate) fn fingerprint(&self, person: usize) -> Fingerprint {
        self.fingerprints[person]
    }

    /// Takes the person of a row in. Of a row with a fault nothing is believed.
    pub(crate) fn note(&mut self, batch: &Batch, row: usize) {
        self.asked.begin();
        self.fingerprints.push(Fingerprint::default());
        if batch.fault(row).is_some() {
            return;
        }
        for part in 0..self.roles.len() {
            match batch.cell(row, part) {
                Cell::Absent => {}
                Cell::Text(text) => self.note_texts(part, &[&text]),
                Cell::List(texts) => self.note_texts(part, &texts),
                Cell::Undecodable => self.note_unreadable(
                    part,
                    InvalidIdentifier::Malformed { kind: self.roles[part].kind, why: "it is not text" },
                ),
            }
        }
    }

    /// The action may go to any element of a list, so all have to be read.
    fn note_texts(&mut self, part: usize, texts: &[impl AsRef<str>]) {
        let mut unreadable = None;
        for text in texts {
            match self.note_text(part, text.as_ref()) {
                Err(invalid) if !invalid.is_absent() => unreadable = Some(invalid),
                Ok(()) | Err(_) => {}
            }
        }
        // Last, so that what could not be read is what the part is known by.
        if let Some(invalid) = unreadable {
            self.note_unreadable(part, invalid);
        }
    }

    fn note_text(&mut self, part: usize, text: &str) -> Result<(), InvalidIdentifier> {
        let role = self.roles[part];
        if role.form.is_some() {
            self.identifier = Normaliser::hashed(role.kind, role.form, text)?;
        } else {
            self.normaliser.raw_into(role.kind, &role.spelled(text), &mut self.identifier)?;
        }
        self.asked.note(part, Ok(&self.identifier));
        self.fingerprint_now().note(part, Fingerprint::READABLE);
        Ok(())
    }

    fn note_unreadable(&mut self, part: usize, invalid: InvalidIdentifier) {
        self.asked.note(part, Err(&invalid));
        self.fingerprint_now().note(part, Fingerprint::UNREADABLE);
    }

    fn fingerprint_now(&mut self) -> &mut Fingerprint {
        self.fingerprints.last_mut().expect("a person was begun")
    }
}
