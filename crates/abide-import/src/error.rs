//! Why a list is not taken in: then nothing of the list counts, but for [`ImportError::Taken`].

use std::io;

use abide_formats::FormatError;
use abide_index::IndexError;
use abide_journal::{ErrorKind, JournalError};
use abide_model::{BatchId, Mechanism};
use abide_replica::ReplicaError;
use abide_signals::{Ambiguous, Unimportable, UnknownWords, UnsettledOrder, columns::NoSuchColumn};

/// What keeps a list from being taken in. File, column and flag names appear, identifiers never do.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error(transparent)]
    Format(#[from] FormatError),
    #[error("could not keep a copy of the input in the scratch folder; is there room?")]
    Spool(#[source] io::Error),
    #[error("could not read `{file}`")]
    Read { file: String, source: io::Error },
    #[error("`{file}` was changed while it was read; nothing was imported, run it again")]
    Changed { file: String },
    #[error("there is no file to import")]
    NoFiles,
    #[error("rows that cannot be read are written out for one file at a time; import the files one by one")]
    UnreadableOfSeveral,

    #[error("`{file}` is no list of opt-outs that can be imported")]
    Unimportable { file: String, source: Unimportable },
    #[error("could not tell which columns of `{file}` to read")]
    Ambiguous { file: String, source: Ambiguous },
    #[error("could not find a column of `{file}`")]
    NoSuchColumn { file: String, source: NoSuchColumn },
    #[error(
        "`{file}` does not say what its rows mean: say how they were opted out with --mechanism, or with --flag COLUMN=MECHANISM which column tells{candidates}"
    )]
    NoMechanism { file: String, candidates: String },
    #[error(
        "column {column} of `{file}` looks like a flag, and not every row of the sample says out; say --flag {column}=MECHANISM to take the rows where it does, or --all-rows to take every row"
    )]
    Flagged { file: String, column: String },
    #[error(
        "`{file}` is an export of {vendor}, whose flags say who is out: leave --mechanism away to go by them, or say --all-rows to take every row"
    )]
    VendorFlags { file: String, vendor: String },
    #[error(
        "`{file}` is an export of {vendor} without a column that says an opt-out; say --flag COLUMN=MECHANISM, or --mechanism with --all-rows"
    )]
    NoFlags { file: String, vendor: String },
    #[error("{mechanism} is said by a source, a registry or a provider: name it with --source")]
    SourceNeeded { mechanism: Mechanism },
    #[error("{mechanism} counts on {kind} only, and `{file}` has no such column; say --id COLUMN={kind}")]
    NoColumnOfKind { file: String, mechanism: Mechanism, kind: abide_model::IdentifierKind },
    #[error(
        "the files are the word of two sources, `{first}` and `{second}`; import them one by one, or say --source"
    )]
    TwoSources { first: String, second: String },
    #[error(
        "`{file}` is NDJSON, where columns have no numbers; give the path of the member, such as `user.email`"
    )]
    NumberedMember { file: String },

    #[error(
        "words that are not known stand in flag columns, so nothing was imported: {0}; mend the file, or name the column's meaning otherwise"
    )]
    UnknownWords(UnknownWords),
    #[error("could not read the dates in column `{column}` of `{file}`")]
    Dates { file: String, column: String, source: UnsettledOrder },
    #[error(
        "none of the {rows} rows has an identifier that can be read ({causes}), so nothing was imported; is --id right?"
    )]
    NothingReadable { rows: u64, causes: String },

    #[error(transparent)]
    NotWholeList(#[from] NotWholeList),

    #[error("could not read the list as it is")]
    List(#[from] IndexError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(
        "{withdrawn} rows vanished from the list, and taking them back needs a clock that can be trusted; nothing was imported"
    )]
    Withdrawal { withdrawn: u64, source: JournalError },
    #[error(transparent)]
    Replica(#[from] ReplicaError),
    #[error(
        "the list was taken in as batch `{batch}` and counts, but it is not in force on this machine yet; once the cause is mended, run `abide compact`"
    )]
    Taken { batch: BatchId, source: ReplicaError },
    #[error("a statement of the list contradicts itself")]
    Statement(#[from] abide_model::signal::InvalidStatement),
    #[error("a worker stopped before its work was done; this is a bug of abide, please report it")]
    Worker,
}

/// Why files cannot be a source's whole list.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NotWholeList {
    #[error(
        "--snapshot needs one --mechanism, --scope and --source for all rows: the file speaks of several"
    )]
    SeveralClaims,
    #[error("--snapshot needs --source: whose whole list is it?")]
    NoSource,
    #[error(
        "--snapshot is for lists that a source keeps; {mechanism} does not end with a row that is missing"
    )]
    EndedOtherwise { mechanism: Mechanism },
    #[error(
        "{vanished} of the {held} that {source_name} has under {mechanism} are not in the file any more, more than {percent_max} %; nothing was imported. If the file is whole, say --allow-vanish PERCENT"
    )]
    Vanished { vanished: u64, held: u64, percent_max: f64, source_name: String, mechanism: Mechanism },
}

impl ImportError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Journal(error) | Self::Withdrawal { source: error, .. } => error.kind(),
            Self::Replica(error) | Self::Taken { source: error, .. } => error.kind(),
            Self::List(_) => ErrorKind::Damaged,
            Self::Spool(_) | Self::Read { .. } => ErrorKind::Unavailable,
            Self::Changed { .. } => ErrorKind::Conflict,
            Self::Statement(_) | Self::Worker => ErrorKind::Bug,
            _ => ErrorKind::Invalid,
        }
    }
}
