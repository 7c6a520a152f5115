//! Applies verdicts to whole files: the enforcement point for data at rest.
//!
//! In go a file, a list and what is to be done with the people in the file; out come the rows that may stay, byte for
//! byte and in order, and a [`Report`] that serves as evidence. Nothing is decided here: cells become identifiers,
//! identifiers keys, keys verdicts of [`abide_enforce`], and verdicts kept or dropped rows.
//!
//! ```text
//!  one thread               as many as there are cores                                   the caller's thread, in order
//!  Input ─► Reader ─chunks─► cells ─► identifiers ─► keys ─► verdicts ─► pieces ─────────► Writer ─► temporary file
//! ```
//!
//! What must stay true: an output appears whole or not at all; a row that cannot be judged is counted and goes where
//! [`OnCannotTell`](abide_model::OnCannotTell) says, never silently on; the result is the same whatever the number of
//! threads and the size of chunks; memory is bounded whatever the size of the file.

mod digest;
mod input;
mod job;
mod output;
mod progress;
mod sheet;

mod circumstances;
mod counts;
mod judging;
mod people;
mod pieces;
mod pipeline;
mod ready;
mod watch;

mod error;
mod report;

pub use error::ScrubError;
pub use input::{Input, Source};
pub use job::{ContextColumn, Job, PersonColumn, Task};
pub use output::{Durability, Outputs, Target};
pub use pipeline::{Means, run};
pub use progress::{Progress, Quiet};
pub use ready::NotCovered;
pub use report::{
    ActionReport, BesideReport, ColumnReport, DecisionsReport, Failure, FileReport, InputReport, ListReport,
    OutputReport, REPORT_FORMAT, Report, Role, RowsReport, RulesetReport, TallyReport, Threshold,
    UncoveredReport,
};
pub use sheet::Sheet;
pub use watch::{Tripped, Watch};
