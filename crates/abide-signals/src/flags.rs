//! From a row to statements: which flags of it say out.
//!
//! A [`FlagReader`] is bound to one table, by a recognised [export](crate::exports) or by the
//! user's `--flag`s. Each flag that says out becomes a statement under its own mechanism; one that
//! is false, empty or was never set says nothing, since absence is never consent. No row ever
//! makes an opt-in. A word that is not known stops nothing by itself: it is handed back as a fault
//! of its row, to be counted, listed and decided by a person.

mod arg;
mod fault;

use std::collections::BTreeSet;

use abide_model::{
    Claimant, IdentifierKind, Mechanism, Reach, Scope, Time, mechanism::Channels, signal::Statement,
};

pub use arg::{FlagArg, InvalidFlagArg};
pub use fault::{RowFault, UnknownWords};

use crate::{
    dates::{DateFault, DateReader},
    words::{self, Word},
};

/// What in a column says out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutWhen {
    /// A yes, or a word like "unsubscribed".
    Yes,
    /// A no, or a word like "unsubscribed": the column holds permissions.
    No,
    /// Anything but an empty cell or a no: the column holds a time, a reason, a count.
    Filled,
    /// This code; what the other codes mean is in other flags or in none.
    Code(&'static str),
    /// Any code but these, which other flags are about.
    AnyBut(&'static [&'static str]),
    /// Any row, whatever stands in it.
    EveryRow,
}

/// One flag of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    /// Counted from 0; `None` for [`OutWhen::EveryRow`].
    pub column: Option<usize>,
    /// For people.
    pub name: String,
    pub out_when: OutWhen,
    pub mechanism: Mechanism,
    pub scope: ScopeOf,
    /// The kind of identifier that it is about; `None` for all that a row has.
    pub on: Option<IdentifierKind>,
    /// The column that dates it, if it has one of its own.
    pub at: Option<usize>,
}

/// For whom a flag counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScopeOf {
    Same(Scope),
    /// The list that this column of the row names.
    ListIn(usize),
}

/// One statement of a row, about its identifiers of the kind `on`, or of every kind.
///
/// A row may have none of that kind (an SMS opt-out without a number): the caller counts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowStatement {
    pub on: Option<IdentifierKind>,
    pub statement: Statement,
}

/// A row of a table: the text of a column, counted from 0, `None` beyond its end.
pub type Row<'r, 'a> = &'r dyn Fn(usize) -> Option<&'a str>;

/// Reads the flags of the rows of one table.
#[derive(Clone, Debug)]
pub struct FlagReader {
    pub flags: Vec<Flag>,
    /// Whose word it is.
    pub claimant: Claimant,
    /// Dates the flags that have no column of their own.
    pub at: Option<usize>,
    /// Dates what no column does: a day that the file's name tells.
    pub stated_at: Option<Time>,
    pub dates: DateReader,
}

impl FlagReader {
    pub fn new(flags: Vec<Flag>, claimant: Claimant) -> Self {
        Self { flags, claimant, at: None, stated_at: None, dates: DateReader::default() }
    }

    /// The columns that hold dates, to be looked at for the order of day and month.
    pub fn date_columns(&self) -> BTreeSet<usize> {
        self.flags.iter().filter_map(|flag| flag.at).chain(self.at).collect()
    }

    /// All that a row says: one statement for each flag that says out.
    pub fn read_row(&self, row: Row<'_, '_>, now: Time) -> Result<Vec<RowStatement>, RowFault> {
        let mut statements = Vec::new();
        let mut unknown = UnknownWords::default();
        let mut undated = None;
        for flag in &self.flags {
            let text = flag.column.and_then(row).unwrap_or("");
            let mechanism = match flag.says(text) {
                Says::Nothing => continue,
                Says::Out(mechanism) => mechanism,
                Says::Unknown => {
                    unknown.add(&flag.name, text);
                    continue;
                }
            };
            let stated_at =
                self.date(flag, |column| row(column).unwrap_or(""), now).unwrap_or_else(|fault| {
                    undated.get_or_insert(fault);
                    None
                });
            let scope = flag.scope.of(row);
            let statement =
                Statement { scope, stated_at, ..Statement::out(mechanism, self.claimant.clone()) };
            statements.push(RowStatement { on: flag.on, statement });
        }
        match (unknown.is_empty(), undated) {
            (false, _) => Err(RowFault::UnknownWords(unknown)),
            (true, Some(fault)) => Err(RowFault::Date { fault, undated: statements }),
            (true, None) => Ok(statements),
        }
    }

    /// When a row says what the flag says; `None` if it does not tell. `text` is a column's in this row.
    pub fn date<T: AsRef<str>>(
        &self,
        flag: &Flag,
        text: impl FnOnce(usize) -> T,
        now: Time,
    ) -> Result<Option<Time>, DateFault> {
        match flag.at.or(self.at) {
            Some(column) => self.dates.read(text(column).as_ref(), now),
            None => Ok(self.stated_at),
        }
    }
}

enum Says {
    Nothing,
    Out(Mechanism),
    Unknown,
}

impl Flag {
    fn says(&self, text: &str) -> Says {
        let out = || Says::Out(self.mechanism.clone());
        match self.out_when {
            OutWhen::Filled => match words::read(text) {
                Some(Word::Unset | Word::No) => Says::Nothing,
                _ => out(),
            },
            OutWhen::Code(code) if text.trim() == code => out(),
            OutWhen::Code(_) => Says::Nothing,
            OutWhen::AnyBut(codes) if codes.contains(&text.trim()) => Says::Nothing,
            OutWhen::AnyBut(_) | OutWhen::EveryRow => out(),
            OutWhen::Yes => self.says_word(words::read(text), Word::Yes),
            OutWhen::No => self.says_word(words::read(text), Word::No),
        }
    }

    /// A column of states may also say that an address bounced, or that its owner complained:
    /// facts of their own.
    fn says_word(&self, word: Option<Word>, out: Word) -> Says {
        let of_email = |path: &str| {
            if self.mechanism.spec().channels == Channels::EMAIL {
                Says::Out(path.parse().expect("a mechanism of the catalogue"))
            } else {
                Says::Unknown
            }
        };
        match word {
            Some(Word::Out) => Says::Out(self.mechanism.clone()),
            Some(word) if word == out => Says::Out(self.mechanism.clone()),
            Some(Word::Yes | Word::No | Word::In | Word::Pending | Word::Unset) => Says::Nothing,
            Some(Word::Bounced) => of_email("email.bounce.hard"),
            Some(Word::Complained) => of_email("email.complaint"),
            None => Says::Unknown,
        }
    }
}

impl ScopeOf {
    fn of(&self, row: Row<'_, '_>) -> Scope {
        match self {
            Self::Same(scope) => scope.clone(),
            Self::ListIn(column) => list_scope(row(*column).unwrap_or("")),
        }
    }
}

/// The scope of a list by the name that a vendor gives it: `Weekly News` is `list:weekly-news`. A
/// list without a name is everyone, the strictest reading.
pub(crate) fn list_scope(name: &str) -> Scope {
    let name = name.trim().to_lowercase().split_whitespace().collect::<Vec<_>>().join("-");
    format!("list:{name}").parse().unwrap_or(Scope::Everyone)
}

/// The kind of identifier that a mechanism is about; `None` for all that a row has.
pub fn kind_of(mechanism: &Mechanism) -> Option<IdentifierKind> {
    let spec = mechanism.spec();
    let phone = Channels::PHONE.and(Channels::SMS);
    match spec.reach {
        Reach::Address if spec.channels == Channels::EMAIL => Some(IdentifierKind::Email),
        Reach::Address if phone.includes(spec.channels) => Some(IdentifierKind::Phone),
        Reach::Person | Reach::Device | Reach::Address => None,
    }
}

#[cfg(test)]
mod tests;
