//! Waiting for what has no time of its own.

use std::{thread, time::Duration};

/// Looks again after each pause until it is so; gives up after so many looks.
///
/// # Panics
///
/// When it does not come to be.
#[track_caller]
pub fn wait_until(pause: Duration, looks: u32, mut is_so: impl FnMut() -> bool) {
    for _ in 0..looks {
        if is_so() {
            return;
        }
        thread::sleep(pause);
    }
    panic!("it did not come to be");
}
