//! What the process answers.

use std::{any::Any, io, panic::PanicHookInfo, process::ExitCode};

use clap::error::{ContextKind, ContextValue, ErrorKind};

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

/// An error and its causes in one line.
pub(crate) fn chain(error: &anyhow::Error) -> String {
    abide_model::causes::chain(error.as_ref())
}

/// Prints help, or what was wrong with the command line. A word that stands there without a flag is
/// not repeated: it may be somebody's address.
pub(crate) fn after_usage(usage: &clap::Error) -> Exit {
    let stray = usage.kind() == ErrorKind::UnknownArgument
        && matches!(usage.get(ContextKind::InvalidArg), Some(ContextValue::String(word)) if !word.starts_with('-'));
    if stray {
        eprintln!(
            "abide: there is a word without a flag; identifiers go with theirs, e.g. --email ADDRESS (see --help)"
        );
    } else {
        // A closed pipe is the reader's choice.
        let _ = usage.print();
    }
    if usage.use_stderr() { Exit::Failed } else { Exit::Clean }
}

/// Says where a bug showed, and not what the panic says: that may quote data.
pub(crate) fn report_bug(panic: &PanicHookInfo<'_>) {
    if !is_unread_output(panic.payload()) && !abide_model::contained::panics_are_contained() {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        eprintln!("abide: this is a bug, at {place}; please report it");
    }
}

/// What the process answers when the work ended in a panic.
pub(crate) fn after_panic(payload: &(dyn Any + Send)) -> Exit {
    if is_unread_output(payload) { Exit::Clean } else { Exit::Failed }
}

/// `println!` panics when nobody reads standard output any more, which is the reader's choice.
fn is_unread_output(payload: &(dyn Any + Send)) -> bool {
    payload.downcast_ref::<String>().is_some_and(|text| text.starts_with("failed printing to stdout"))
}
