//! Signals on object storage: append, read, verify.
//!
//! In go [`Record`]s, out come [`Token`](abide_model::Token)s and, for whoever follows, the same
//! records in the same order for ever. The bucket is the database: there is no server, no lock and
//! no coordination. A directory, S3, GCS and Azure are the same code, through `object_store`.
//!
//! What this crate never does: keep a raw identifier, skip a record that it does not know, change
//! an object, delete a record, or say that something is stored before it is.
//!
//! In reading order: a [`Store`] is the root; [`Record`]s are what a journal holds; each record has
//! a [`Link`] of the chain; runs of them stand in [objects](JournalObject); a [`Writer`] appends,
//! or a [`Spool`] while the store is out of reach, a [`Reader`] and its [`Follower`] read, [`roll_up`] gathers small objects into larger ones,
//! [`sweep`] deletes what was gathered, [`Heartbeat`]s remember how far a journal led, [`AccessToken`]s who may ask a service, [`verify`] checks everything. A [`Rekey`] makes a store again
//! under another secret.

mod error;
mod store;

mod chain;
mod record;
mod sealed;

mod object;
mod table_file;

mod clock;

mod batch;
mod writer;

mod spool;

mod reader;

mod roll_up;
mod staged;
mod sweep;
mod waiting;

mod access;
mod heartbeat;
mod verify;

mod rekey;

pub use access::{AccessId, AccessText, AccessToken, AccessTokens, Right, access_tokens, revoke_access};
pub use batch::BatchWriter;
pub use chain::{Head, InvalidLink, Link};
pub use clock::{CLOCK_OFF_MAX_US, Clock, ClockCheck};
pub use error::{Damage, DamageKind, ErrorKind, JournalError, StoreError};
pub use heartbeat::{Heartbeat, Heartbeats, Pulse, heartbeats};
pub use object::{Columns, JournalObject, OBJECT_BYTES_MAX, ObjectName, Records};
pub use reader::{Followed, Follower, ObjectEntry, Reader, Step};
pub use record::{ActivationRecord, BatchRecord, Place, Record, RetractionRecord, counts_at_once};
pub use rekey::{Fenced, Rekey, RekeyConfig};
pub use roll_up::{RollUp, RollUpConfig, roll_up, roll_ups_due};
pub use spool::{Durable, Spool, SpoolPart};
pub use staged::{Staged, staged};
pub use store::{Created, Epoch, Moved, Retry, Store, StoreConfig, StoreId, local_directory};
pub use sweep::{Superseded, superseded, sweep};
pub use table_file::TableFile;
pub use verify::{OriginReport, Report, verify};
pub use waiting::{RolledWait, WaitTooShort};
pub use writer::{Appended, Writer, WriterConfig};
