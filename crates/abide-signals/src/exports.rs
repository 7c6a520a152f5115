//! Exports of vendors, recognised by what is in them.
//!
//! In goes a file's name, its header and some rows; out comes a [`Recognised`] export that reads
//! the opt-outs of each row, or a reason why such a file gives none. What each flag of each vendor
//! means is the table in `table.rs`, and in `docs/imports.md` for people; a test holds both equal.

mod dnc;
mod drop;
mod read;
mod table;

use std::fmt;

use abide_model::{Claimant, Scope, Time, mechanism::MechanismSpec};

pub(crate) use table::drop_role;
pub use table::{Confidence, FLAGS, ListOf, Says, Vendor, VendorFlag};

use crate::{
    columns::IdColumn,
    flags::{FlagReader, Row, RowFault, RowStatement, ScopeOf},
};

/// A file whose vendor and meaning are known.
#[derive(Clone, Debug)]
pub struct Recognised {
    pub vendor: Vendor,
    /// By what, for people: ``by its column `hs_email_optout` ``.
    pub by: String,
    /// The vendor's own columns of identifiers; empty if none of its names is there, and then
    /// [`crate::columns::guess`] may find some.
    pub ids: Vec<IdColumn>,
    /// May be empty: then the file is known, and says no opt-outs.
    pub flags: FlagReader,
    /// What is left unread, and why; one sentence each.
    pub unread: Vec<String>,
}

/// Recognises exports.
#[derive(Clone, Copy, Debug)]
pub struct Export;

impl Export {
    /// Whose export this is; `None` if no vendor's, or if two vendors' fit equally.
    ///
    /// `file_name` is without its directory. Without a header (the do-not-call registry's flat
    /// text) the first `rows` tell.
    pub fn recognise(
        file_name: &str,
        header: Option<&[&str]>,
        rows: &[Vec<&str>],
    ) -> Result<Option<Recognised>, Unimportable> {
        let Some(header) = header else { return Ok(dnc::recognise(file_name, rows)) };
        if let Some(drop) = drop::recognise(file_name, header)? {
            return Ok(Some(drop));
        }
        read::recognise(file_name, header)
    }
}

impl Recognised {
    /// All that a row says out, each flag under its own mechanism. See [`FlagReader::read_row`].
    pub fn read_row(&self, row: Row<'_, '_>, now: Time) -> Result<Vec<RowStatement>, RowFault> {
        self.flags.read_row(row, now)
    }

    /// What was decided, aloud, one sentence each.
    pub fn sentences(&self) -> Vec<String> {
        let mut said = vec![format!("this is an export of {} ({})", self.vendor, self.by)];
        said.extend(
            self.ids
                .iter()
                .map(|id| format!("column `{}` holds {}", id.name, crate::columns::described(id.role))),
        );
        said.extend(self.flags.flags.iter().map(ToString::to_string));
        if self.flags.flags.is_empty() {
            said.push(
                "it has no column that says an opt-out; name one with --flag COLUMN=MECHANISM".to_owned(),
            );
        }
        said.extend(self.unread.iter().cloned());
        said
    }

    /// The same export as the word of another claimant.
    #[must_use]
    pub fn said_by(mut self, claimant: Claimant) -> Self {
        self.flags.claimant = claimant;
        self
    }
}

/// ``a yes in `EMAIL_BLACKLISTED` is profile.email for everyone (a profile flag: no e-mail)``
impl fmt::Display for crate::flags::Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use crate::flags::OutWhen;

        match self.out_when {
            OutWhen::Yes => write!(f, "a yes in `{}`", self.name)?,
            OutWhen::No => write!(f, "a no in `{}`", self.name)?,
            OutWhen::Filled => write!(f, "anything in `{}`", self.name)?,
            OutWhen::Code(code) => write!(f, "`{code}` in `{}`", self.name)?,
            OutWhen::AnyBut(codes) => {
                write!(f, "a row without `{}` in `{}`", codes.join("` or `"), self.name)?;
            }
            OutWhen::EveryRow => f.write_str("every row")?,
        }
        let MechanismSpec { what, .. } = self.mechanism.spec();
        write!(f, " is {} for ", self.mechanism)?;
        match &self.scope {
            ScopeOf::Same(Scope::Everyone) => f.write_str("everyone")?,
            ScopeOf::Same(scope) => write!(f, "{scope}")?,
            ScopeOf::ListIn(column) => write!(f, "the list that column #{} names", column + 1)?,
        }
        write!(f, " ({what})")
    }
}

/// A file of a known vendor that must not be taken for opt-outs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is {what}: {why}")]
pub struct Unimportable {
    pub vendor: Vendor,
    pub what: &'static str,
    /// And what to do instead.
    pub why: &'static str,
}

#[cfg(test)]
mod tests;
