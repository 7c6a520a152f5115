//! [`Snapshot`] and [`decide`]: the boundary that every adapter and most tests go through.
//!
//! In goes a person's identifiers, an action and a context; out comes a verdict. Deciding reads an
//! immutable snapshot (rules + list + position) and nothing else: it never waits, never looks at a
//! clock, and never answers from a damaged list.
//!
//! [`decide`] answers one question; [`Judge`] answers many, looking keys up in batches and asking
//! the rules once per distinct case. [`Effect`] says what a retraction would change, [`Guard`] when an activation is
//! to be rolled back.

mod asked;
mod effect;
mod guard;
mod judge;
mod overlay;
mod remembered;
mod snapshot;

pub use asked::{Asked, Legibility, Panel, Part};
pub use effect::{Change, Effect};
pub use guard::{Comparison, Figures, GUARD_SAMPLE_MIN, Guard, GuardRule, InvalidGuard, Metric};
pub use judge::{Judge, Judgement, Known, Notes, Options, Segments, Uncovered, decide};
pub use overlay::{Entry, Overlay};
pub use remembered::Remembered;
pub use snapshot::{Scratch, Snapshot, Sources};
