//! Follows the journal, compacts it, publishes each new [`Snapshot`](abide_enforce::Snapshot).
//!
//! A [`Replica`] starts from the store's newest snapshot, reads every origin's journal from there
//! on, and keeps what is new in memory beside the index. What grows too large for that is merged
//! into a new index: for this process alone, or ([`Replica::compact`]) as the store's next snapshot,
//! from which all others start.
//!
//! What this crate never does: answer before everything it found is in, go back behind a position,
//! change an object, or delete what one of the newest two snapshots consists of.

mod activations;
mod cache;
mod delta;
mod ephemeral;
mod error;
mod manifest;
mod memory;
mod merge;
mod obsolete;
mod own;
mod replica;
pub mod rulesets;
mod sighting;
mod snapshots;
mod sorter;
mod state_table;

pub use activations::{Activation, Activations};
pub use cache::{Cache, CacheError};
pub use delta::{Delta, DeltaError};
pub use ephemeral::Ephemeral;
pub use error::ReplicaError;
pub use manifest::{InvalidManifest, Manifest, Part, SNAPSHOT_FORMAT};
pub use memory::Memory;
pub use merge::{MergeError, Merged};
pub use obsolete::{Obsolete, ObsoleteObject, SnapshotWait, SnapshotWaitTooShort, delete_obsolete, obsolete};
pub use own::Gathered;
pub use replica::{Replica, ReplicaConfig};
pub use rulesets::{Pushed, RulesetsError, StoredRuleset};
pub use sighting::Sighting;
pub use snapshots::{Compacted, check_part, newest, read};
pub use state_table::StateTableError;
