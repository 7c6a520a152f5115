//! What can fail, and what the caller should do about it.

use std::{error::Error, fmt, io};

use abide_model::{Origin, Position};
use thiserror::Error;

use crate::object::ObjectName;

/// What whoever gets an error should do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Fix the input or the configuration.
    Invalid,
    /// Wait and try again.
    Unavailable,
    /// Another one was first: read again and try again.
    Conflict,
    /// Stop and call a human.
    Damaged,
    /// Report it.
    Bug,
}

type Cause = Box<dyn Error + Send + Sync>;

/// The store's root, or the object storage under it.
#[derive(Debug, Error)]
pub enum StoreError {
    #[error("`{location}` is not a store; make one with `abide init`")]
    NotAStore { location: String },
    #[error("`{location}` is a store already; nothing was changed")]
    AlreadyAStore { location: String },
    #[error(
        "`{location}` holds a journal but no abide.json; restore that file instead of making a new store"
    )]
    JournalWithoutStore { location: String },
    #[error("this is not the secret of the store `{location}`; its check value differs")]
    WrongSecret { location: String },
    #[error("this is a former secret of the store `{location}`, which was rekeyed since; use the new one")]
    FormerSecret { location: String },
    #[error(
        "the store `{location}` was rekeyed and is now at `{place}`; use that one, with its own secret (if the rekey was cut off, run it again: nothing is lost)"
    )]
    Moved { location: String, place: String },
    #[error(
        "`{location}` is a rekey that was not completed; run it again, with the old store and --to this place"
    )]
    UnfinishedRekey { location: String },
    #[error("`{location}` holds the beginning of another store's rekey; name an empty place")]
    RekeyOfAnother { location: String },
    #[error("moved.json is damaged; remove it only if no store was made of this one")]
    DamagedMoved,
    #[error("the store has {what} {found}, and this version of abide knows up to {supported}; upgrade abide")]
    Newer { what: &'static str, found: u64, supported: u64 },
    #[error("abide.json is damaged; restore it from a backup")]
    DamagedDescription { source: Cause },
    #[error("abide.json is damaged: {what}; restore it from a backup")]
    WrongDescription { what: &'static str },
    #[error("no permission for `{name}`; check the rights of the directory or the credentials of the bucket")]
    Denied { name: String, source: Cause },
    #[error("no space left to write `{name}`; free some and try again")]
    Full { name: String, source: Cause },
    #[error("could not {doing} `{name}`")]
    Unreachable { doing: &'static str, name: String, source: Cause },
}

impl StoreError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotAStore { .. }
            | Self::WrongSecret { .. }
            | Self::FormerSecret { .. }
            | Self::Moved { .. }
            | Self::UnfinishedRekey { .. }
            | Self::RekeyOfAnother { .. }
            | Self::Newer { .. }
            | Self::Denied { .. } => ErrorKind::Invalid,
            Self::AlreadyAStore { .. } => ErrorKind::Conflict,
            Self::JournalWithoutStore { .. }
            | Self::DamagedMoved
            | Self::DamagedDescription { .. }
            | Self::WrongDescription { .. } => ErrorKind::Damaged,
            Self::Full { .. } | Self::Unreachable { .. } => ErrorKind::Unavailable,
        }
    }

    /// Whether nothing can be written or read now, and nothing of what is said about the store is wrong: who has another
    /// place for what it holds keeps it there, and tries again. Rights that were taken away may be given back.
    pub fn is_out_of_reach(&self) -> bool {
        matches!(self, Self::Denied { .. } | Self::Full { .. } | Self::Unreachable { .. })
    }

    /// `doing` completes "could not …".
    pub fn of(doing: &'static str, name: impl Into<String>, source: object_store::Error) -> Self {
        use object_store::Error as E;
        let name = name.into();
        let io = io_kind(&source);
        let denied = matches!(source, E::PermissionDenied { .. } | E::Unauthenticated { .. })
            || matches!(io, Some(io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem));
        let full = matches!(
            io,
            Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
        );
        let source = Cause::from(source);
        match (denied, full) {
            (true, _) => Self::Denied { name, source },
            (_, true) => Self::Full { name, source },
            _ => Self::Unreachable { doing, name, source },
        }
    }
}

/// The kind of the I/O error at the bottom of an error of the object store, where there is one.
fn io_kind(error: &object_store::Error) -> Option<io::ErrorKind> {
    let mut at: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = at {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return Some(io.kind());
        }
        at = error.source();
    }
    None
}

/// Appending to, reading or verifying a journal.
#[derive(Debug, Error)]
pub enum JournalError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the journal is damaged: {0}; run `abide verify`")]
    Damaged(Damage),
    #[error(
        "`{object}` has format {found}, and this version of abide reads up to {supported}; upgrade abide"
    )]
    NewerFormat { object: ObjectName, found: u64, supported: u64 },
    #[error(
        "`{object}` has format {found}, which is of a version of abide from before its first release and is read no more; make a new store"
    )]
    OlderFormat { object: ObjectName, found: u64 },
    #[error(
        "`{object}` holds {what} that this version of abide does not know, at position {position}; upgrade abide"
    )]
    Unknown { object: ObjectName, position: Position, what: String },
    #[error("a record of {bytes} bytes does not fit into an object of the journal")]
    TooLarge { bytes: usize },
    #[error("nothing to append")]
    Nothing,
    #[error("the signal is of batch `{found}`, and the batch that was begun is `{begun}`")]
    ForeignBatch { begun: String, found: String },
    #[error("batch `{batch}` could not be written; nothing of it counts, and it has to begin anew")]
    FailedBatch { batch: String },
    #[error(
        "this machine's clock is {} s {} the store's; set it right, until then no opt-in is taken (opt-outs are)",
        off_us.unsigned_abs() / 1_000_000,
        if *off_us < 0 { "behind" } else { "ahead of" }
    )]
    ClockOff { off_us: i64 },
    #[error(
        "cut off from the store, so that nobody can tell whether this machine's clock is right; opt-outs are taken, opt-ins again once the store can be reached"
    )]
    OptInWhileCutOff,
    #[error("other writers of the origin `{origin}` were first {times} times in a row; try again")]
    Contended { origin: Origin, times: u32 },
    #[error("another rekey is writing to `{location}`; let it end, or end it, and run it again")]
    RivalRekey { location: String },
    #[error(
        "what was read of the origin `{origin}` after position {after} was written by a writer that slept through a roll-up, and does not count; start again from the newest snapshot"
    )]
    Overtaken { origin: Origin, after: Position },
    #[error("could not make an object of the journal")]
    Encode { source: Cause },
}

impl JournalError {
    /// See [`StoreError::is_out_of_reach`]. A clock that is off is none of it.
    pub fn is_out_of_reach(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_out_of_reach())
    }

    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Store(error) => error.kind(),
            Self::Damaged(_) => ErrorKind::Damaged,
            Self::NewerFormat { .. }
            | Self::OlderFormat { .. }
            | Self::Unknown { .. }
            | Self::TooLarge { .. }
            | Self::Nothing
            | Self::ForeignBatch { .. }
            | Self::FailedBatch { .. } => ErrorKind::Invalid,
            Self::ClockOff { .. } | Self::OptInWhileCutOff => ErrorKind::Unavailable,
            Self::Contended { .. } | Self::RivalRekey { .. } | Self::Overtaken { .. } => ErrorKind::Conflict,
            Self::Encode { .. } => ErrorKind::Bug,
        }
    }

    pub(crate) fn encode(source: impl Into<Cause>) -> Self {
        Self::Encode { source: source.into() }
    }
}

impl From<Damage> for JournalError {
    fn from(damage: Damage) -> Self {
        Self::Damaged(damage)
    }
}

/// One place where a journal is not what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    pub object: ObjectName,
    /// The first position that is concerned, where that can be told.
    pub position: Option<Position>,
    pub what: DamageKind,
}

impl Damage {
    pub(crate) fn new(object: &ObjectName, position: impl Into<Option<Position>>, what: DamageKind) -> Self {
        Self { object: object.clone(), position: position.into(), what }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DamageKind {
    /// The object is not there, and later ones or somebody's memory show that it was.
    Missing,
    /// Its bytes are not those that were written: changed, cut, or not by this store.
    Changed,
    /// It is whole, but of another store, origin or place than its name says.
    Misplaced,
    /// It does not continue the object before it.
    Unchained,
    /// A record's link is not that of the record.
    WrongLink,
    /// It is whole, and what it holds contradicts itself.
    Contradictory,
    /// The journal ends before a place that somebody has seen, or went another way there.
    BehindMemory,
}

impl DamageKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "is missing",
            Self::Changed => "is not what was written (changed, cut short, or written under another secret)",
            Self::Misplaced => "is of another store, origin or place than its name says",
            Self::Unchained => "does not continue the object before it",
            Self::WrongLink => "has a record that does not match its link",
            Self::Contradictory => "contradicts itself",
            Self::BehindMemory => "is not at or before what was seen of this journal earlier",
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.object, self.what.as_str())?;
        match self.position {
            Some(position) => write!(f, ", at position {position}"),
            None => Ok(()),
        }
    }
}
