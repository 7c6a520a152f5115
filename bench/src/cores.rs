//! Two cores: one for whoever is measured, the other for all that keeps it busy.

use std::ffi::OsStr;
use std::fs;
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result, ensure};

/// Where whoever is measured runs, and whoever asks.
pub(crate) const CORE: &str = "0";
pub(crate) const OTHER_CORE: &str = "1";

pub(crate) fn on_core(program: impl AsRef<OsStr>) -> Command {
    pinned(CORE, program)
}

pub(crate) fn pinned(core: &str, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", core]).arg(program);
    command
}

/// Does something on the core of whoever asks, and so do the threads and processes that it starts.
pub(crate) fn on_the_other_core<T: Send>(run: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    thread::scope(|scope| {
        let running = scope.spawn(|| {
            let thread = fs::read_link("/proc/thread-self")?;
            let id = thread.file_name().context("a thread has an id")?.to_string_lossy().into_owned();
            let moved =
                Command::new("taskset").args(["-cp", OTHER_CORE, &id]).stdout(Stdio::null()).status()?;
            ensure!(moved.success(), "could not move to the other core");
            run()
        });
        running.join().expect("it does not panic")
    })
}
