//! Work that is shared among threads.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// What `work` makes of each item, in the order of the items, on up to so many threads.
///
/// # Panics
///
/// When `work` does.
pub(crate) fn each<T: Sync, R: Send>(items: &[T], threads: usize, work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let made = Mutex::new(Vec::with_capacity(items.len()));
    thread::scope(|scope| {
        for _ in 0..threads.clamp(1, items.len().max(1)) {
            scope.spawn(|| {
                loop {
                    let nth = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(nth) else { break };
                    let result = work(item);
                    made.lock().expect("a thread that panics ends the run").push((nth, result));
                }
            });
        }
    });
    let mut made = made.into_inner().expect("all threads came to their end");
    made.sort_by_key(|(nth, _)| *nth);
    made.into_iter().map(|(_, result)| result).collect()
}
