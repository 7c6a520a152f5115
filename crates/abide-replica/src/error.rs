//! What can go wrong on the way from journal to snapshot, and what to do about it.

use std::io;

use abide_index::{BuildError, IndexError};
use abide_journal::{ErrorKind, JournalError, ObjectName, StoreError};

use crate::{
    cache::CacheError, delta::DeltaError, manifest::InvalidManifest, merge::MergeError,
    rulesets::RulesetsError, state_table::StateTableError,
};

#[derive(Debug, thiserror::Error)]
pub enum ReplicaError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Cache(#[from] CacheError),
    #[error(transparent)]
    Merge(#[from] MergeError),
    #[error("could not sort what is new")]
    Delta(#[from] DeltaError),
    #[error("could not read the list")]
    List(#[source] IndexError),
    #[error("snapshot manifest `{name}` cannot be used")]
    Manifest { name: String, source: InvalidManifest },
    #[error("journal object `{name}` was there and is missing; run `abide verify`")]
    MissingObject { name: ObjectName },
    #[error("could not make scratch files; is there room in the scratch folder?")]
    Scratch(#[source] io::Error),
    #[error("the store does not show all that was read of it before; try again")]
    Behind,
    #[error("could not load the ruleset in force")]
    Ruleset(#[from] RulesetsError),
}

impl ReplicaError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Store(error) => error.kind(),
            Self::Journal(error) => error.kind(),
            Self::Cache(error) => error.kind(),
            Self::Delta(error) | Self::Merge(MergeError::Delta(error)) => delta_kind(error),
            Self::Merge(MergeError::Build(error)) => build_kind(error),
            Self::Merge(MergeError::StateTable(StateTableError::Io(error))) | Self::Scratch(error) => {
                io_kind(error)
            }
            Self::Merge(MergeError::Below(error)) | Self::List(error) => index_kind(error),
            Self::Ruleset(error) => error.kind(),
            Self::Manifest { source: InvalidManifest::Newer { .. }, .. } => ErrorKind::Invalid,
            Self::Manifest { .. } | Self::MissingObject { .. } => ErrorKind::Damaged,
            Self::Merge(MergeError::StateTable(_)) | Self::Behind => ErrorKind::Unavailable,
        }
    }

    /// Whether an index file that was being read is not what was written.
    pub(crate) fn is_damaged_list(&self) -> bool {
        match self {
            Self::Delta(DeltaError::List(error))
            | Self::Merge(MergeError::Delta(DeltaError::List(error)) | MergeError::Below(error))
            | Self::List(error) => index_kind(error) == ErrorKind::Damaged,
            _ => false,
        }
    }
}

impl CacheError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Io { source, .. } => io_kind(source),
            Self::Missing { .. } | Self::Damaged { .. } => ErrorKind::Damaged,
            Self::Store(error) => error.kind(),
            Self::Index { source, .. } => index_kind(source),
        }
    }
}

fn delta_kind(error: &DeltaError) -> ErrorKind {
    match error {
        DeltaError::Scratch(error) => io_kind(error),
        DeltaError::List(error) => index_kind(error),
    }
}

fn index_kind(error: &IndexError) -> ErrorKind {
    match error {
        IndexError::Io { source } => io_kind(source),
        IndexError::NewerFormat { .. } | IndexError::OlderFormat { .. } => ErrorKind::Invalid,
        IndexError::NotAnIndex | IndexError::Truncated { .. } | IndexError::Damaged { .. } => {
            ErrorKind::Damaged
        }
        IndexError::UnknownSet { .. } => ErrorKind::Bug,
    }
}

fn build_kind(error: &BuildError) -> ErrorKind {
    match error {
        BuildError::Io { source, .. } => io_kind(source),
        // Two people's records claim one key, which no writer of ours makes.
        BuildError::KeyTwice { .. } => ErrorKind::Damaged,
        BuildError::TooManyKeys { .. } | BuildError::TooManySets { .. } => ErrorKind::Invalid,
        BuildError::OutOfOrder { .. } | BuildError::Abandoned | BuildError::ReadBack(_) => ErrorKind::Bug,
    }
}

/// A folder that cannot be used as it is set up, or one that is full, or a disk that fails.
fn io_kind(error: &io::Error) -> ErrorKind {
    use io::ErrorKind as Io;
    match error.kind() {
        Io::PermissionDenied
        | Io::ReadOnlyFilesystem
        | Io::NotADirectory
        | Io::AlreadyExists
        | Io::NotFound => ErrorKind::Invalid,
        _ => ErrorKind::Unavailable,
    }
}
