//! What the rows of one file say: which columns name whom, and which flags say out.

use abide_model::{IdentifierKind, Reach};
use abide_signals::{Flag, FlagReader, IdColumn, IdRole, OutWhen, flags::ScopeOf};

/// Settled before the first row is taken.
#[derive(Clone, Debug)]
pub(crate) struct Meaning {
    pub(crate) ids: Vec<IdColumn>,
    pub(crate) flags: FlagReader,
}

impl Meaning {
    /// All columns that have to be read.
    pub(crate) fn columns(&self) -> Vec<usize> {
        let ids = self.ids.iter().flat_map(|id| id.columns.iter().copied());
        ids.chain(self.flag_and_date_columns()).collect()
    }

    pub(crate) fn flag_and_date_columns(&self) -> impl Iterator<Item = usize> {
        let dates = self.flags.flags.iter().filter_map(|flag| flag.at).chain(self.flags.at);
        self.flag_columns().chain(dates)
    }

    fn flag_columns(&self) -> impl Iterator<Item = usize> {
        self.flags.flags.iter().flat_map(|flag| {
            let list = match flag.scope {
                ScopeOf::Same(_) => None,
                ScopeOf::ListIn(column) => Some(column),
            };
            flag.column.into_iter().chain(list)
        })
    }

    /// The one flag of a plain list, where no row has to be asked what it says.
    pub(crate) fn plain(&self) -> Option<&Flag> {
        match &self.flags.flags[..] {
            [flag] if flag.out_when == OutWhen::EveryRow && matches!(flag.scope, ScopeOf::Same(_)) => {
                Some(flag)
            }
            _ => None,
        }
    }

    /// Whether words or dates may stand in it that nobody knows, so that it has to be looked through
    /// before anything is taken.
    pub(crate) fn needs_survey(&self) -> bool {
        self.asks_order()
            || self.flags.flags.iter().any(|flag| matches!(flag.out_when, OutWhen::Yes | OutWhen::No))
    }

    pub(crate) fn asks_order(&self) -> bool {
        self.flags.dates.order.is_none() && !self.flags.date_columns().is_empty()
    }

    /// The kinds of identifiers about which the file speaks.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = IdentifierKind> {
        self.ids.iter().map(|id| id.role.kind)
    }

    /// A statement about which no column of the file could be.
    pub(crate) fn unaddressed(&self) -> Option<&Flag> {
        self.flags.flags.iter().find(|flag| !self.ids.iter().any(|id| is_about(flag, id.role)))
    }
}

pub(crate) fn is_about(flag: &Flag, role: IdRole) -> bool {
    is_of_kind(flag.on, role.kind)
}

/// Whether a statement about identifiers of kind `on` is about one of this kind. Everybody at a
/// domain has an address.
pub(crate) fn is_of_kind(on: Option<IdentifierKind>, kind: IdentifierKind) -> bool {
    match on {
        None => true,
        Some(IdentifierKind::Email) => matches!(kind, IdentifierKind::Email | IdentifierKind::EmailDomain),
        Some(on) => on == kind,
    }
}

/// The kind that a flag's mechanism is about. What a person says of themself is about all that a
/// row has; what concerns an address, about addresses of its channel.
pub(crate) fn described(flag: &Flag) -> &'static str {
    match flag.mechanism.spec().reach {
        Reach::Address => "the address itself",
        Reach::Person => "the person, by whichever identifier",
        Reach::Device => "the device, by whichever identifier",
    }
}
