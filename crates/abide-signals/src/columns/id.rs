//! A column of identifiers, and how a person names one.

use std::{borrow::Cow, fmt, str::FromStr};

use abide_model::{Form, Identifier, IdentifierKind, InvalidIdentifier, Normaliser, Profile};

/// How the texts of a column become identifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdRole {
    pub kind: IdentifierKind,
    /// The convention under which the digests were made. Raw texts need none: all are computed.
    pub profile: Option<Profile>,
    /// Of the digests; `None` for raw texts.
    pub form: Option<Form>,
    /// What the vendor leaves out before numbers that are digits and dashes only: `+`, `+1`.
    pub prefix: &'static str,
}

impl IdRole {
    pub const fn raw(kind: IdentifierKind) -> Self {
        Self { kind, profile: None, form: None, prefix: "" }
    }

    pub const fn hashed(kind: IdentifierKind, profile: Option<Profile>, form: Form) -> Self {
        Self { kind, profile, form: Some(form), prefix: "" }
    }

    /// The identifier that a cell holds.
    pub fn identify(&self, normaliser: &Normaliser, text: &str) -> Result<Identifier, InvalidIdentifier> {
        if self.form.is_some() {
            return Normaliser::hashed(self.kind, self.form, text);
        }
        normaliser.raw(self.kind, &self.spelled(text))
    }

    /// The text with what the vendor leaves out.
    pub fn spelled<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let digits = text.trim();
        let is_number = digits.bytes().all(|b| b.is_ascii_digit() || b == b'-')
            && digits.starts_with(|c: char| c.is_ascii_digit());
        if self.prefix.is_empty() || !is_number {
            return Cow::Borrowed(text);
        }
        Cow::Owned(format!("{}{digits}", self.prefix))
    }
}

/// As it is said to `--id`: `email`, `email:md5`, `phone:drop`.
impl fmt::Display for IdRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        match (self.profile, self.form) {
            (Some(profile), _) => write!(f, ":{profile}"),
            (None, Some(form)) => write!(f, ":{form}"),
            (None, None) => Ok(()),
        }
    }
}

impl FromStr for IdRole {
    type Err = InvalidIdArg;

    /// `KIND`, `KIND:PROFILE` or `KIND:FORM`; the latter two hold digests.
    fn from_str(text: &str) -> Result<Self, InvalidIdArg> {
        let (kind, how) = text.split_once(':').map_or((text, None), |(kind, how)| (kind, Some(how)));
        let kind: IdentifierKind = kind.parse().map_err(|_| InvalidIdArg::Kind(kind.to_owned()))?;
        let Some(how) = how else { return Ok(Self::raw(kind)) };
        let (profile, form) = match (how.parse::<Profile>(), how.parse::<Form>()) {
            (Ok(profile), _) => (Some(profile), form_of(profile, kind)),
            (_, Ok(form)) => (None, form),
            _ => return Err(InvalidIdArg::How(how.to_owned())),
        };
        if form == Form::Last10Sha256 && kind != IdentifierKind::Phone {
            return Err(InvalidIdArg::PhonesOnly);
        }
        Ok(Self::hashed(kind, profile, form))
    }
}

/// What the digests under a profile are of and by.
fn form_of(profile: Profile, kind: IdentifierKind) -> Form {
    match (profile, kind) {
        (Profile::Drop, IdentifierKind::Phone) => Form::Last10Sha256,
        _ => Form::Sha256,
    }
}

/// A column of identifiers of one file; in the registry's flat text, two columns that make one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdColumn {
    /// Counted from 0; their texts joined are the identifier's. Never empty.
    pub columns: Vec<usize>,
    /// `#3` where the file has no header.
    pub name: String,
    pub role: IdRole,
}

impl IdColumn {
    /// The text of this column in a row; empty where the row is too short.
    pub fn text<'a>(&self, row: &dyn Fn(usize) -> Option<&'a str>) -> Cow<'a, str> {
        match *self.columns {
            [column] => Cow::Borrowed(row(column).unwrap_or("")),
            _ => self.columns.iter().map(|column| row(*column).unwrap_or("").trim()).collect(),
        }
    }
}

/// A column as a person names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnRef {
    /// By its header, or in NDJSON and Parquet by its path (`user.email`).
    Named(String),
    /// `#3`, kept counted from 0.
    Numbered(usize),
}

impl ColumnRef {
    /// The column's place in a table, counted from 0. `width` is that of the table.
    ///
    /// The name as it stands counts first, then without regard to case.
    pub fn find(&self, header: Option<&[&str]>, width: usize) -> Result<usize, NoSuchColumn> {
        let name = match self {
            Self::Numbered(column) if *column < width => return Ok(*column),
            Self::Numbered(column) => return Err(NoSuchColumn::BeyondLast { number: column + 1, width }),
            Self::Named(name) => name,
        };
        let header = header.ok_or_else(|| NoSuchColumn::NoHeader { name: name.clone() })?;
        let exact = places(header, |column| column.trim() == name.trim());
        let places = if exact.is_empty() { places(header, |column| same_name(column, name)) } else { exact };
        match *places {
            [place] => Ok(place),
            [] => Err(NoSuchColumn::Unknown { name: name.clone(), columns: quoted(header) }),
            [first, second, ..] => {
                Err(NoSuchColumn::Twice { name: name.clone(), first: first + 1, second: second + 1 })
            }
        }
    }
}

fn places(header: &[&str], is_it: impl Fn(&str) -> bool) -> Vec<usize> {
    header.iter().enumerate().filter(|(_, column)| is_it(column)).map(|(at, _)| at).collect()
}

fn same_name(a: &str, b: &str) -> bool {
    a.trim().to_lowercase() == b.trim().to_lowercase()
}

fn quoted(header: &[&str]) -> String {
    const COLUMNS_MAX: usize = 30;

    let mut names: Vec<String> =
        header.iter().take(COLUMNS_MAX).map(|name| format!("`{}`", shown(name))).collect();
    if header.len() > COLUMNS_MAX {
        names.push(format!("and {} more", header.len() - COLUMNS_MAX));
    }
    names.join(", ")
}

/// A name from a header; nothing that looks like a person's, should the header be a row of data.
fn shown(name: &str) -> &str {
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    if name.contains('@') || digits > 6 { "…" } else { name.trim() }
}

impl fmt::Display for ColumnRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => f.write_str(name),
            Self::Numbered(column) => write!(f, "#{}", column + 1),
        }
    }
}

impl FromStr for ColumnRef {
    type Err = InvalidColumnRef;

    fn from_str(text: &str) -> Result<Self, InvalidColumnRef> {
        let number = text
            .strip_prefix('#')
            .filter(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()));
        match number.map(str::parse::<usize>) {
            Some(Ok(number @ 1..)) => Ok(Self::Numbered(number - 1)),
            Some(_) => Err(InvalidColumnRef),
            None if text.trim().is_empty() => Err(InvalidColumnRef),
            None => Ok(Self::Named(text.to_owned())),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a column is its name, or its number from #1 on")]
pub struct InvalidColumnRef;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoSuchColumn {
    #[error("there is no column `{name}`; there are {columns}")]
    Unknown { name: String, columns: String },
    #[error("column `{name}` stands twice, as #{first} and #{second}: name it by number")]
    Twice { name: String, first: usize, second: usize },
    #[error("the file has no header, so no column `{name}`: name it by number, from #1 on")]
    NoHeader { name: String },
    #[error("there is no column #{number}: the file has {width}")]
    BeyondLast { number: usize, width: usize },
}

/// `--id COLUMN=KIND[:PROFILE|FORM]`: `mail=email`, `#3=phone`, `h=email:md5`, `Hash=phone:drop`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdArg {
    pub column: ColumnRef,
    pub role: IdRole,
}

impl IdArg {
    /// Binds the argument to a table.
    pub fn bind(&self, header: Option<&[&str]>, width: usize) -> Result<IdColumn, NoSuchColumn> {
        let column = self.column.find(header, width)?;
        Ok(IdColumn { columns: vec![column], name: self.column.to_string(), role: self.role })
    }
}

impl FromStr for IdArg {
    type Err = InvalidIdArg;

    fn from_str(text: &str) -> Result<Self, InvalidIdArg> {
        // The last `=`: a column's name may have one, a kind has none.
        let (column, role) = text.rsplit_once('=').ok_or(InvalidIdArg::Shape)?;
        Ok(Self {
            column: column.parse().map_err(|InvalidColumnRef| InvalidIdArg::Shape)?,
            role: role.parse()?,
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIdArg {
    #[error(
        "a column of identifiers is named COLUMN=KIND, COLUMN=KIND:PROFILE or COLUMN=KIND:FORM, e.g. `mail=email`, `#3=phone`, `h=email:md5`"
    )]
    Shape,
    #[error(
        "`{0}` is no kind of identifier; there are email, phone, user_id, maid, push_token, cookie, ip, email_domain"
    )]
    Kind(String),
    #[error(
        "`{0}` is no profile (canonical, uid2, drop, google, meta) and no form (sha256, md5, sha1, last10.sha256)"
    )]
    How(String),
    #[error("last10.sha256 is for phones only")]
    PhonesOnly,
}

#[cfg(test)]
mod tests;
