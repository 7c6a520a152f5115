//! What can go wrong on the way from journal to snapshot, and what to do about it.

use std::io;

use abide_index::IndexError;
use abide_journal::{ErrorKind, JournalError, ObjectName, StoreError};

use crate::{cache::CacheError, delta::DeltaError, manifest::InvalidManifest, merge::MergeError};

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
    #[error("could not upload snapshot part `{name}`")]
    Upload { name: String, source: object_store::Error },
    #[error("the store's ruleset {digest} is not known here; upgrade abide")]
    UnknownRuleset { digest: String },
}

impl ReplicaError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Store(error) => error.kind(),
            Self::Journal(error) => error.kind(),
            Self::Cache(error) => error.kind(),
            Self::Merge(MergeError::Below(_)) | Self::List(_) | Self::MissingObject { .. } => {
                ErrorKind::Damaged
            }
            Self::Manifest { source: InvalidManifest::Newer { .. }, .. } | Self::UnknownRuleset { .. } => {
                ErrorKind::Invalid
            }
            Self::Manifest { .. } => ErrorKind::Damaged,
            Self::Merge(_) | Self::Delta(_) | Self::Scratch(_) | Self::Upload { .. } => {
                ErrorKind::Unavailable
            }
        }
    }
}

impl CacheError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Io { .. } | Self::Unreadable { .. } => ErrorKind::Unavailable,
            Self::Missing { .. } | Self::Damaged { .. } => ErrorKind::Damaged,
            Self::Store(error) => error.kind(),
            Self::Index { source: IndexError::NewerFormat { .. }, .. } => ErrorKind::Invalid,
            Self::Index { .. } => ErrorKind::Damaged,
        }
    }
}
