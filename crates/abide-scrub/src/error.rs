//! Why a file could not be done. What is wrong with single rows is counted instead, unless the caller wants to stop.

use std::io;

use abide_formats::{Format, FormatError};
use abide_index::IndexError;
use abide_model::IdentifierKind;
use abide_rules::InvalidContext;

use crate::{ready::NotCovered, watch::Tripped};

/// Messages name files, columns and rows by number, never what stands in them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScrubError {
    #[error("the ruleset has no action `{action}`; it has {known}")]
    UnknownAction { action: String, known: String },
    #[error("no action was named")]
    NoAction,
    #[error("no column was named that says who a row is about; name one with --id COLUMN=KIND")]
    NoPeople,
    #[error("{count} columns say who a row is about; at most {max} can")]
    TooManyColumns { count: usize, max: usize },
    #[error(
        "{action} goes to {kind}, and no column of `{name}` is known to hold it; name one with --id COLUMN={kind}"
    )]
    NoDestination { name: String, action: String, kind: IdentifierKind },
    #[error("{action} goes to {kind}, which several columns hold: {}; name the one with --to COLUMN", .columns.join(", "))]
    AmbiguousDestination { action: String, kind: IdentifierKind, columns: Vec<String> },
    #[error(transparent)]
    Context(#[from] InvalidContext),
    #[error("the context attribute `{attribute}` is given twice; give one column or one value")]
    ContextTwice { attribute: String },
    #[error(
        "the list holds statements that hashed data cannot reach: {}; say --uncovered accept to go on without them, or \
         --uncovered cannot-tell to treat each row that they might concern as one that cannot be judged",
        listing(.columns)
    )]
    Uncovered { columns: Vec<NotCovered> },

    #[error(transparent)]
    Format(#[from] FormatError),
    #[error("could not digest `{name}`")]
    Digest { name: String, source: io::Error },
    #[error("`{name}` changed while it was read; run again when it is complete")]
    InputChanged { name: String },

    #[error("the output `{name}` is the input; choose another name")]
    OutputIsInput { name: String },
    #[error("two outputs would both be `{name}`; choose another name for one")]
    OutputTwice { name: String },
    #[error(
        "the name of `{name}` promises {promised}, but what is written has the format of the input, {input}; choose another ending"
    )]
    OutputFormat { name: String, promised: Format, input: Format },
    #[error(
        "`{file}` has other columns than the files before it, so that `{name}` cannot take its rows; name a directory instead"
    )]
    SheetColumns { name: String, file: String },
    #[error("could not create `{name}`")]
    CreateOutput { name: String, source: io::Error },
    #[error("could not write `{name}`")]
    WriteOutput { name: String, source: FormatError },
    #[error("could not save `{name}`; it was not put in its place")]
    SaveOutput { name: String, source: io::Error },

    #[error("could not look people up in the list")]
    List { source: IndexError },
    #[error(
        "row {row} of `{name}`{} cannot be judged ({cause}), and --on-cannot-tell fail stops there; nothing was written",
        .line.map(|line| format!(", on line {line},")).unwrap_or_default()
    )]
    CannotTell {
        name: String,
        /// Counted from 1; the header is no row.
        row: u64,
        line: Option<u64>,
        cause: String,
    },
    #[error("the guard of the ruleset has tripped ({tripped}); nothing was written")]
    Tripped { tripped: Box<Tripped> },
    #[error("a thread that was {doing} `{name}` broke down; this is a bug of ours, nothing was written")]
    BrokeDown { name: String, doing: &'static str },
}

fn listing(columns: &[NotCovered]) -> String {
    let column = |column: &NotCovered| {
        let NotCovered { column, kind, form, statements } = column;
        format!("{statements} about {kind} that the {form} digests in `{column}` cannot be matched with")
    };
    columns.iter().map(column).collect::<Vec<_>>().join(", ")
}
