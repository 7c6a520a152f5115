//! The question: which identifiers people come with, and what could be read of them.

use abide_model::{
    Form, Held, HeldForms, Identifier, IdentifierKind, InvalidIdentifier, Key, Keyring, Unsealed,
};

/// One of the identifiers that each person of a run comes with: a flag of the command line, a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Part {
    pub kind: IdentifierKind,
    /// Named as the destination among several of its kind.
    pub to: bool,
}

/// The identifiers that each person of a run comes with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Panel(pub Vec<Part>);

impl Panel {
    /// Whether an action sent to `kind` has several parts to choose from and none is named.
    pub fn is_ambiguous(&self, kind: IdentifierKind) -> bool {
        let of_kind = || self.0.iter().filter(|part| part.kind == kind);
        of_kind().count() > 1 && of_kind().filter(|part| part.to).count() != 1
    }

    /// The part that an action sent to `kind` goes to, where that is known.
    pub fn destination(&self, kind: IdentifierKind) -> Option<usize> {
        // What was said of one address says nothing of a mail that may go to another.
        if self.is_ambiguous(kind) {
            return None;
        }
        let of_kind = || (0..self.0.len()).filter(|at| self.0[*at].kind == kind);
        of_kind().find(|at| self.0[*at].to).or_else(|| of_kind().next())
    }
}

/// What could be read of one part of one person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Legibility {
    Absent,
    Readable,
    /// Readable, but the list holds statements that this form cannot reach.
    Uncovered,
    Unreadable,
}

/// A batch of people to look up: their keys, and what could not be read.
#[derive(Debug)]
pub struct Asked {
    pub(crate) panel: Panel,
    held: Held,
    forms: HeldForms,
    /// Whether hashed identifiers are marked that do not reach every statement.
    mark_uncovered: bool,
    keyring: Keyring,
    unsealed: Unsealed,
    /// For each key, the person and the part that it came from.
    pub(crate) owners: Vec<(u32, u8)>,
    /// For each person, one entry a part.
    pub(crate) legibility: Vec<Legibility>,
    people: u32,
}

impl Asked {
    pub fn new(panel: Panel, held: Held, keyring: Keyring, mark_uncovered: bool) -> Self {
        Self {
            panel,
            forms: held.forms(),
            held,
            mark_uncovered,
            keyring,
            unsealed: Unsealed::default(),
            owners: Vec::new(),
            legibility: Vec::new(),
            people: 0,
        }
    }

    pub fn clear(&mut self) {
        self.unsealed.clear();
        self.owners.clear();
        self.legibility.clear();
        self.people = 0;
    }

    pub fn panel(&self) -> &Panel {
        &self.panel
    }

    pub fn len(&self) -> usize {
        self.people as usize
    }

    pub fn is_empty(&self) -> bool {
        self.people == 0
    }

    /// Begins the next person, of whom nothing is known yet.
    pub fn begin(&mut self) {
        self.people += 1;
        self.legibility.resize(self.legibility.len() + self.panel.0.len(), Legibility::Absent);
    }

    /// Notes what was read of a part of the person begun last.
    pub fn note(&mut self, part: usize, read: Result<&Identifier, &InvalidIdentifier>) {
        let person = self.people - 1;
        let legibility = match read {
            Err(invalid) if invalid.is_absent() => Legibility::Absent,
            Err(_) => Legibility::Unreadable,
            Ok(identifier) => {
                self.keyring.prepare_lookup(identifier, &self.forms, &mut self.unsealed);
                let owner = (person, u8::try_from(part).expect("a panel has few parts"));
                self.owners.resize(self.unsealed.len(), owner);
                if self.misses_statements(identifier) { Legibility::Uncovered } else { Legibility::Readable }
            }
        };
        let at = person as usize * self.panel.0.len() + part;
        self.legibility[at] = legibility;
    }

    /// The keys of everybody, in place of what `keys` held.
    pub(crate) fn seal_into(&self, keys: &mut Vec<Key>) {
        keys.clear();
        self.keyring.seal(&self.unsealed, keys);
    }

    fn misses_statements(&self, identifier: &Identifier) -> bool {
        let form: Option<Form> = identifier.is_hashed().then(|| identifier.primary().form);
        self.mark_uncovered && form.is_some() && self.held.uncovered_by(identifier.kind(), form) > 0
    }
}
