//! What the process answers.

use std::{io, process::ExitCode};

/// The four answers of every subcommand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Allowed, clean, done.
    Clean,
    /// Blocked, or found.
    Found,
    CannotTell,
    /// Could not do the work.
    Failed,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Clean => 0,
            Exit::Found => 1,
            Exit::CannotTell => 2,
            Exit::Failed => 3,
        })
    }
}

/// Whether it only failed because nobody reads its output any more.
pub(crate) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}
