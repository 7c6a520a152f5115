//! `--flag COLUMN=[no:]MECHANISM[@SCOPE]`: a flag column of a file that no vendor made.

use std::str::FromStr;

use abide_model::{Mechanism, Scope, mechanism::UnknownMechanism, scope::InvalidScope};

use super::{Flag, OutWhen, ScopeOf, kind_of};
use crate::columns::{ColumnRef, InvalidColumnRef, NoSuchColumn};

/// `optout=email.unsubscribe`, `#4=email.list@list:weekly`, `may_call=no:phone.stop`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlagArg {
    pub column: ColumnRef,
    /// [`OutWhen::No`] with `no:`: the column holds permissions, and a no says out.
    pub out_when: OutWhen,
    pub mechanism: Mechanism,
    pub scope: Scope,
}

impl FlagArg {
    /// Binds the argument to a table.
    pub fn bind(&self, header: Option<&[&str]>, width: usize) -> Result<Flag, NoSuchColumn> {
        Ok(Flag {
            column: Some(self.column.find(header, width)?),
            name: self.column.to_string(),
            out_when: self.out_when,
            mechanism: self.mechanism.clone(),
            scope: ScopeOf::Same(self.scope.clone()),
            on: kind_of(&self.mechanism),
            at: None,
        })
    }
}

impl FromStr for FlagArg {
    type Err = InvalidFlagArg;

    fn from_str(text: &str) -> Result<Self, InvalidFlagArg> {
        // The last `=`: a column's name may have one, a mechanism and a scope rarely do.
        let (column, says) = text.rsplit_once('=').ok_or(InvalidFlagArg::Shape)?;
        let column = column.parse().map_err(|InvalidColumnRef| InvalidFlagArg::Shape)?;
        let (out_when, says) =
            says.strip_prefix("no:").map_or((OutWhen::Yes, says), |rest| (OutWhen::No, rest));
        let (mechanism, scope) = says.split_once('@').unwrap_or((says, "*"));
        Ok(Self { column, out_when, mechanism: mechanism.parse()?, scope: scope.parse()? })
    }
}

#[derive(Debug, thiserror::Error)]
pub enum InvalidFlagArg {
    #[error(
        "a flag is COLUMN=MECHANISM or COLUMN=MECHANISM@SCOPE, e.g. `optout=email.unsubscribe@brand:acme`; with `no:` before the mechanism a no says out"
    )]
    Shape,
    #[error(transparent)]
    Mechanism(#[from] UnknownMechanism),
    #[error(transparent)]
    Scope(#[from] InvalidScope),
}
