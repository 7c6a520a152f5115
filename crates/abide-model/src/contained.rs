//! Readers of foreign formats panic at some damaged inputs. That is a fault of the input, not of this program.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
};

thread_local! {
    static CONTAINED: Cell<bool> = const { Cell::new(false) };
}

/// A reader gave its input up by a panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its reader gave up at bytes that no sound file has")]
pub struct GivenUp;

/// Whether a panic of this thread would become an error about an input, so that a hook has nothing to report.
pub fn panics_are_contained() -> bool {
    CONTAINED.get()
}

/// Runs what reads foreign bytes. After a panic nothing that it worked on may be used again.
pub fn contained<T>(read: impl FnOnce() -> T) -> Result<T, GivenUp> {
    let outer = CONTAINED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(read));
    CONTAINED.set(outer);
    result.map_err(|_| GivenUp)
}
