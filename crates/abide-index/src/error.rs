//! What can go wrong when an index is read, and when one is built.

use std::io;

use crate::format::Section;

/// Why an index file gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    #[error("not an Abide index file")]
    NotAnIndex,
    #[error(
        "index format {found} is newer than {supported}, the newest that this version reads; update abide"
    )]
    NewerFormat { found: u32, supported: u32 },
    #[error(
        "index format {found} is of a version of abide from before its first release and is read no more; make a new store"
    )]
    OlderFormat { found: u32 },
    #[error("index file is cut short: {found} of {expected} bytes; fetch or build it again")]
    Truncated { expected: u64, found: u64 },
    /// `block` counts within the section, from 0.
    #[error("index file is damaged in its {section}, block {block}; fetch or build it again")]
    Damaged { section: Section, block: u64 },
    /// The id comes from another index: ids mean something only in the file that gave them.
    #[error("index has no set {id}: it holds {count}")]
    UnknownSet { id: u32, count: u32 },
    #[error("could not read the index file")]
    Io {
        #[source]
        source: io::Error,
    },
}

/// Why an index could not be built. Identities are named by their number in the order pushed, from 0.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error("identity {ordinal} is out of order: its primary key is not above the one before")]
    OutOfOrder { ordinal: u64 },
    /// Within one identity (`first == second`) too: an alias that repeats another or the primary.
    #[error("identities {first} and {second} hold the same key")]
    KeyTwice { first: u32, second: u32 },
    #[error("too many keys: an index holds at most {max}; split the list")]
    TooManyKeys { max: u64 },
    #[error("too many different sets: together they exceed {bytes_max} bytes; raise `set_bytes_max`")]
    TooManySets { bytes_max: usize },
    #[error("an earlier push failed, so this build cannot go on; start it again")]
    Abandoned,
    #[error("could not {doing}")]
    Io {
        doing: &'static str,
        #[source]
        source: io::Error,
    },
    #[error("could not read back the index just built")]
    ReadBack(#[source] IndexError),
}

impl BuildError {
    /// For `map_err`: names what was being done when the error came.
    pub(crate) fn while_doing(doing: &'static str) -> impl FnOnce(io::Error) -> BuildError {
        move |source| BuildError::Io { doing, source }
    }
}
