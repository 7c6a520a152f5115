//! The exclusion index: one immutable file from key to facts.
//!
//! It knows only uniformly random 16-byte keys and opaque byte strings. An *identity* has one primary
//! key, any number of alias keys, one *set* (the facts in force, interned: many identities share one)
//! and one *state* (everything that is known, for writes and explanations). Every key of an identity
//! answers with the same set and the same state.
//!
//! A file is built once by [`IndexBuilder`], opened by [`Index`] without decoding, shared by every
//! process that maps it, and never modified. A damaged, cut or foreign file gives an error, never an
//! answer. The bytes are described in `docs/formats/index.md`, the reasons in
//! `docs/decisions/0003-index-structure.md`.
//!
//! ```
//! use abide_index::{Identity, IndexBuilder};
//!
//! let mut builder = IndexBuilder::in_memory(b"{}");
//! builder.push(Identity { primary: [1; 16], aliases: &[[9; 16]], set: b"no email", state: b"..." })?;
//! let index = builder.finish()?;
//!
//! let set = index.find(&[9; 16])?.expect("the alias answers like its primary");
//! assert_eq!(index.set(set)?, b"no email");
//! assert_eq!(index.find(&[2; 16])?, None);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

// In reading order: what callers ask, how a look-up works, what lies in the file, how it is made.
pub mod list;

mod index;

mod find;
mod line;

mod identity;

mod image;

mod format;

mod error;

mod build;

pub use build::{BuildConfig, Identity, IndexBuilder, Summary, ToFile, ToMemory};
pub use error::{BuildError, IndexError};
pub use format::{FORMAT_VERSION, Section};
pub use identity::{Identities, StateView};
pub use index::{Index, SetId};
