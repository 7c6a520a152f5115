//! What the user said about the files.

use abide_formats::Format;
use abide_model::{Claimant, Mechanism, Scope};
use abide_signals::{ColumnRef, DateOrder, FlagArg, IdArg};

/// All of it is optional: what is not said is recognised, or asked for.
#[derive(Clone, Debug, Default)]
pub struct Hints {
    /// `--id`: the columns of identifiers, and no others.
    pub ids: Vec<IdArg>,
    /// `--flag`: only rows that one of these says out are taken.
    pub flags: Vec<FlagArg>,
    /// `--at`: the column that dates each choice.
    pub at: Option<ColumnRef>,
    /// `--dates`.
    pub dates: Option<DateOrder>,
    /// `--mechanism`: every row is an opt-out under it.
    pub mechanism: Option<Mechanism>,
    /// What every row of a list is that neither a vendor nor the user gives a meaning, and whose word.
    pub otherwise: Option<(Mechanism, Claimant)>,
    /// `--scope`: for whom, where the file does not say.
    pub scope: Option<Scope>,
    /// `--source`: whose word it is.
    pub source: Option<Claimant>,
    /// `--all-rows`: every row is an opt-out although columns look like flags.
    pub all_rows: bool,
    /// `--format`.
    pub format: Option<Format>,
    /// `--header` or `--no-header`.
    pub has_header: Option<bool>,
}

impl Hints {
    /// For a list that is only checked against: a plain one blocks every action.
    #[must_use]
    pub fn against(self) -> Self {
        let mechanism = "list.against".parse().expect("a mechanism of the catalogue");
        Self { otherwise: Some((mechanism, Claimant::Source("against".into()))), ..self }
    }

    /// Whether everything that a row says is said already, so that no column has to be looked for.
    pub(crate) fn are_complete(&self) -> bool {
        !self.ids.is_empty() && (!self.flags.is_empty() || self.all_rows)
    }
}
