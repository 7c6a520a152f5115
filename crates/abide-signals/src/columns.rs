//! Which column of a table holds what.
//!
//! In goes the header (if there is one) and a sample of rows; out comes a [`ColumnGuess`] for each
//! column that could be told, by its name and by its values, each with a sentence that says so. In
//! doubt nothing is guessed: [`Ambiguous`] names what was found and how to say what it is.

mod id;
mod names;

use std::fmt;

use abide_model::{Form, IdentifierKind, Normaliser, PhoneRegion, identifier::looks_hashed};

pub use id::{ColumnRef, IdArg, IdColumn, IdRole, InvalidColumnRef, InvalidIdArg, NoSuchColumn};

pub(crate) use names::key;

use crate::{dates, words};
use names::{Hashed, Named};

/// Whether a column is called like a flag.
pub(crate) fn is_named_flag(name: &str) -> bool {
    names::read(name) == Some(Named::Flag)
}

/// What a column holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    Identifier(IdRole),
    /// A flag or a state that might be an opt-out. Which one, `--flag` must say.
    Flag,
    Time,
    Other,
}

/// What is believed of one column, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnGuess {
    /// Counted from 0.
    pub column: usize,
    /// `None` where the file has no header.
    pub name: Option<String>,
    pub role: Role,
    pub by_name: bool,
    /// Of the sampled values that are not empty, how many read as what the role says.
    pub read: usize,
    pub sampled: usize,
}

/// The roles of all columns of one table, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns(Vec<ColumnGuess>);

impl Columns {
    pub fn all(&self) -> &[ColumnGuess] {
        &self.0
    }

    pub fn ids(&self) -> impl Iterator<Item = IdColumn> {
        self.0.iter().filter_map(ColumnGuess::id)
    }

    /// Columns that look like flags: candidates to ask about, never read by themselves.
    pub fn flags(&self) -> impl Iterator<Item = &ColumnGuess> {
        self.0.iter().filter(|guess| guess.role == Role::Flag)
    }

    /// Columns that look like times: candidates to ask about, never read by themselves.
    pub fn times(&self) -> impl Iterator<Item = &ColumnGuess> {
        self.0.iter().filter(|guess| guess.role == Role::Time)
    }
}

impl ColumnGuess {
    pub fn id(&self) -> Option<IdColumn> {
        let Role::Identifier(role) = self.role else { return None };
        Some(IdColumn { columns: vec![self.column], name: self.display_name(), role })
    }

    /// The name, or the number from `#1` on.
    pub fn display_name(&self) -> String {
        match &self.name {
            Some(name) if !name.trim().is_empty() => name.trim().to_owned(),
            _ => format!("#{}", self.column + 1),
        }
    }

    /// `--id 'Email Address=email'`
    fn argument(&self) -> Option<String> {
        let Role::Identifier(role) = self.role else { return None };
        Some(format!("--id '{}={role}'", self.display_name()))
    }
}

/// What was decided, aloud: ``column `Email Address` holds e-mails (by its name; 98 of 100 sampled
/// values parse)``.
impl fmt::Display for ColumnGuess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { read, sampled, .. } = self;
        let name = self.display_name();
        let by = if self.by_name { "by its name; " } else { "by its values; " };
        let how = if *sampled == 0 {
            "no values in the sample".to_owned()
        } else {
            format!("{read} of {sampled} sampled values parse")
        };
        match &self.role {
            Role::Identifier(role) => write!(f, "column `{name}` holds {} ({by}{how})", described(*role)),
            Role::Flag => write!(
                f,
                "column `{name}` looks like a flag ({by}{how}) and is not read; say --flag '{name}=MECHANISM' to read it"
            ),
            Role::Time => {
                write!(f, "column `{name}` looks like a time ({by}{how}); say --at '{name}' to date by it")
            }
            Role::Other => write!(f, "column `{name}` is not read"),
        }
    }
}

pub fn described(role: IdRole) -> String {
    let plural = match role.kind {
        IdentifierKind::Email => "e-mails",
        IdentifierKind::Phone => "phone numbers",
        IdentifierKind::UserId => "user ids",
        IdentifierKind::Maid => "mobile advertising ids",
        IdentifierKind::PushToken => "push tokens",
        IdentifierKind::Cookie => "cookies",
        IdentifierKind::Ip => "IP addresses",
        IdentifierKind::EmailDomain => "e-mail domains",
    };
    match (role.form, role.profile) {
        (None, _) if role.prefix.is_empty() => plural.to_owned(),
        (None, _) => format!("{plural} without their `{}`", role.prefix),
        (Some(form), None) => format!("{form} digests of {plural}"),
        (Some(form), Some(profile)) => format!("{form} digests of {plural} under the profile {profile}"),
    }
}

/// Why nobody but the user can say which columns hold identifiers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doubt {
    NothingFound,
    /// Several columns of one kind.
    Several(IdentifierKind),
    /// A name says one thing and the values another.
    Disagrees,
    /// Digests, of nobody knows what.
    UnknownDigests,
    /// An address stands where the names of columns should.
    HeaderIsData,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Ambiguous {
    pub doubt: Doubt,
    pub candidates: Vec<ColumnGuess>,
}

impl fmt::Display for Ambiguous {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names: Vec<String> =
            self.candidates.iter().map(|guess| format!("`{}`", guess.display_name())).collect();
        names.dedup();
        let names = names.join(", ");
        match &self.doubt {
            Doubt::NothingFound => {
                return f.write_str("no column of identifiers was found; say which ones to read with --id COLUMN=KIND[:PROFILE]");
            }
            Doubt::HeaderIsData => {
                return f.write_str(
                    "the first line holds an address where a column's name should stand: \
                     say that the file has no header, or put one in",
                );
            }
            Doubt::Several(kind) => {
                write!(f, "several columns hold {}: {names}", described(IdRole::raw(*kind)))?;
            }
            Doubt::Disagrees => write!(f, "the name says one thing and the values another in {names}")?,
            Doubt::UnknownDigests => write!(f, "{names} holds digests, and it is not known of what")?,
        }
        let mut arguments: Vec<String> = self.candidates.iter().filter_map(ColumnGuess::argument).collect();
        arguments.dedup();
        let arguments = if arguments.is_empty() {
            "--id COLUMN=KIND[:PROFILE]".to_owned()
        } else {
            arguments.join(" or ")
        };
        write!(f, "; say which to read: {arguments}")
    }
}

/// Share of the sampled values that must read as what the name says.
const NAMED_SHARE_MIN: f64 = 0.5;
/// Share of the sampled values that must read as a kind that no name speaks of.
const UNNAMED_SHARE_MIN: f64 = 0.8;

/// What each column of a table holds. `rows` is a sample, each as wide as it happens to be.
pub fn guess(header: Option<&[&str]>, rows: &[Vec<&str>], region: PhoneRegion) -> Result<Columns, Ambiguous> {
    let normaliser = Normaliser::new(region);
    let is_address = |name: &str| normaliser.raw(IdentifierKind::Email, name).is_ok();
    if header.is_some_and(|header| header.iter().any(|name| is_address(name))) {
        return Err(Ambiguous { doubt: Doubt::HeaderIsData, candidates: Vec::new() });
    }
    let width = header.map_or(0, <[_]>::len).max(rows.iter().map(Vec::len).max().unwrap_or(0));
    let mut guesses = Vec::with_capacity(width);
    for column in 0..width {
        let name = header.and_then(|header| header.get(column)).copied();
        let values: Vec<&str> = rows
            .iter()
            .filter_map(|row| row.get(column))
            .map(|text| text.trim())
            .filter(|text| !text.is_empty())
            .collect();
        guesses.push(Sample { column, name, values }.judge(normaliser)?);
    }
    settle(guesses)
}

/// No kind in two columns, and at least one identifier.
fn settle(guesses: Vec<ColumnGuess>) -> Result<Columns, Ambiguous> {
    for kind in IdentifierKind::ALL {
        let of_kind =
            |guess: &&ColumnGuess| matches!(guess.role, Role::Identifier(role) if role.kind == kind);
        let candidates: Vec<ColumnGuess> = guesses.iter().filter(of_kind).cloned().collect();
        if candidates.len() > 1 {
            return Err(Ambiguous { doubt: Doubt::Several(kind), candidates });
        }
    }
    if guesses.iter().all(|guess| guess.id().is_none()) {
        return Err(Ambiguous { doubt: Doubt::NothingFound, candidates: Vec::new() });
    }
    Ok(Columns(guesses))
}

/// One column of the sample, its values not empty.
struct Sample<'a> {
    column: usize,
    name: Option<&'a str>,
    values: Vec<&'a str>,
}

impl Sample<'_> {
    fn judge(&self, normaliser: Normaliser) -> Result<ColumnGuess, Ambiguous> {
        match self.name.and_then(names::read) {
            Some(Named::Id { kind, hashed }) => self.judge_named(normaliser, kind, hashed),
            Some(Named::Flag) => Ok(self.judge_hint(Role::Flag, |text| words::read(text).is_some())),
            Some(Named::Time) => Ok(self.judge_hint(Role::Time, dates::is_date)),
            None => self.judge_unnamed(normaliser),
        }
    }

    fn judge_named(
        &self,
        normaliser: Normaliser,
        kind: IdentifierKind,
        hashed: Hashed,
    ) -> Result<ColumnGuess, Ambiguous> {
        let (profile, named_form, says_raw) = match hashed {
            Hashed::No => (None, None, true),
            Hashed::Yes { profile, form } => (profile, form, false),
        };
        // Ids, tokens and cookies may look like digests and yet be what they are.
        let may_be_hashed =
            !says_raw || matches!(kind, IdentifierKind::Email | IdentifierKind::Phone | IdentifierKind::Maid);
        let role = match self.digests().filter(|_| may_be_hashed) {
            Some(form) => IdRole::hashed(kind, profile, named_form.unwrap_or(form)),
            None if says_raw => self.raw_role(normaliser, kind),
            None => IdRole::hashed(kind, profile, named_form.unwrap_or(Form::Sha256)),
        };
        let guess = self.guess(
            Role::Identifier(role),
            true,
            self.count(|text| role.identify(&normaliser, text).is_ok()),
        );
        if self.values.is_empty() || self.is_share(guess.read, NAMED_SHARE_MIN) {
            return Ok(guess);
        }
        Err(Ambiguous { doubt: Doubt::Disagrees, candidates: vec![guess] })
    }

    /// Some vendors write numbers as digits without the `+`.
    fn raw_role(&self, normaliser: Normaliser, kind: IdentifierKind) -> IdRole {
        let plain = IdRole::raw(kind);
        if kind != IdentifierKind::Phone || self.values.is_empty() {
            return plain;
        }
        let prefixed = IdRole { prefix: "+", ..plain };
        let read = |role: IdRole| self.count(|text| role.identify(&normaliser, text).is_ok());
        let digits_only = self.count(|text| text.bytes().all(|b| b.is_ascii_digit())) == self.values.len();
        if digits_only && read(prefixed) > read(plain) { prefixed } else { plain }
    }

    /// A flag or a time by its name, if the values bear it out.
    fn judge_hint(&self, role: Role, reads: impl Fn(&str) -> bool) -> ColumnGuess {
        let read = self.count(reads);
        if self.values.is_empty() || self.is_share(read, NAMED_SHARE_MIN) {
            self.guess(role, true, read)
        } else {
            self.guess(Role::Other, false, 0)
        }
    }

    /// E-mails and advertising ids show by themselves. Phone numbers do only if they are spelled
    /// as such: bare digits may be anything.
    fn judge_unnamed(&self, normaliser: Normaliser) -> Result<ColumnGuess, Ambiguous> {
        let says = |kind| move |text: &str| normaliser.raw(kind, text).is_ok();
        let is_maid = |text: &str| text.contains('-') && says(IdentifierKind::Maid)(text);
        let is_phone = |text: &str| {
            text.contains(['+', '(', '-', '.', ' '])
                && !dates::is_date(text)
                && says(IdentifierKind::Phone)(text)
        };
        let counts = [
            (IdentifierKind::Email, self.count(says(IdentifierKind::Email))),
            (IdentifierKind::Maid, self.count(is_maid)),
            (IdentifierKind::Phone, self.count(is_phone)),
        ];
        for (kind, read) in counts {
            if self.is_share(read, UNNAMED_SHARE_MIN) {
                return Ok(self.guess(Role::Identifier(IdRole::raw(kind)), false, read));
            }
        }
        if let Some(form) = self.digests() {
            let email = self.guess(
                Role::Identifier(IdRole::hashed(IdentifierKind::Email, None, form)),
                false,
                self.values.len(),
            );
            let phone = self.guess(
                Role::Identifier(IdRole::hashed(IdentifierKind::Phone, None, form)),
                false,
                self.values.len(),
            );
            return Err(Ambiguous { doubt: Doubt::UnknownDigests, candidates: vec![email, phone] });
        }
        Ok(self.guess(Role::Other, false, 0))
    }

    /// The one form that nearly all values have, if they are digests.
    fn digests(&self) -> Option<Form> {
        let form = self.values.iter().find_map(|text| looks_hashed(text))?;
        let read = self.count(|text| looks_hashed(text) == Some(form));
        self.is_share(read, UNNAMED_SHARE_MIN).then_some(form)
    }

    fn count(&self, reads: impl Fn(&str) -> bool) -> usize {
        self.values.iter().filter(|text| reads(text)).count()
    }

    #[expect(clippy::cast_precision_loss, reason = "a sample has some thousand rows at most")]
    fn is_share(&self, read: usize, min: f64) -> bool {
        !self.values.is_empty() && read as f64 >= min * self.values.len() as f64
    }

    fn guess(&self, role: Role, by_name: bool, read: usize) -> ColumnGuess {
        let name = self.name.map(str::to_owned);
        ColumnGuess { column: self.column, name, role, by_name, read, sampled: self.values.len() }
    }
}

#[cfg(test)]
mod tests;
