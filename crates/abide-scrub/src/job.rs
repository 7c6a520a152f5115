//! What is asked for, as the caller says it.

use std::num::NonZeroUsize;

use abide_enforce::{Options, Uncovered};
use abide_formats::Column;
use abide_model::{Action, Context, OnCannotTell};
use abide_signals::IdRole;

/// What to do with one file. The same job may be done on many.
#[derive(Clone, Debug)]
pub struct Job {
    pub task: Task,
    /// Several columns make one person.
    pub people: Vec<PersonColumn>,
    /// The circumstances that are the same for every row.
    pub context: Context,
    /// The circumstances that stand in the rows themselves.
    pub context_columns: Vec<ContextColumn>,
    pub on_cannot_tell: OnCannotTell,
    /// What to do where the list holds statements that hashed columns cannot reach; `None` refuses to start.
    pub uncovered: Option<Uncovered>,
    /// How to judge. Its `uncovered` is not looked at, the one above is.
    pub options: Options,
    /// Whether the report says the digests of what went in and came out; they take a tenth of the time.
    pub digests: bool,
    /// Threads that judge; reading and writing have one more each.
    pub threads: NonZeroUsize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Writes the rows that may stay.
    Scrub { action: Action },
    /// Writes nothing and counts.
    Validate { action: Action },
    /// Writes all rows, with a verdict for each action and the segments.
    Segment { actions: Vec<Action> },
}

impl Task {
    pub fn actions(&self) -> &[Action] {
        match self {
            Self::Scrub { action } | Self::Validate { action } => std::slice::from_ref(action),
            Self::Segment { actions } => actions,
        }
    }

    /// The user's own word for it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Scrub { .. } => "scrub",
            Self::Validate { .. } => "validate",
            Self::Segment { .. } => "segment",
        }
    }

    /// The columns that this task adds to every row: a verdict for each action (`verdict_contact_email`: `allow`,
    /// `block` or `cannot_tell`), then `segments`, their names with spaces between.
    pub fn added_columns(&self) -> Vec<String> {
        match self {
            Self::Scrub { .. } | Self::Validate { .. } => Vec::new(),
            Self::Segment { actions } => {
                let verdicts =
                    actions.iter().map(|action| format!("verdict_{}", action.as_str().replace('.', "_")));
                verdicts.chain(["segments".to_owned()]).collect()
            }
        }
    }
}

/// A column that says who a row is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonColumn {
    pub column: Column,
    pub role: IdRole,
    /// Named as the one that the action goes to, among several of its kind.
    pub to: bool,
}

/// A column that gives an attribute of the context. An empty cell leaves the attribute unnamed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextColumn {
    pub attribute: String,
    pub column: Column,
}

/// As messages and reports name a column: its name, or `#3`.
pub(crate) fn display_name(column: &Column) -> String {
    match column {
        Column::Named(name) => name.clone(),
        Column::At(position) => format!("#{position}"),
    }
}
