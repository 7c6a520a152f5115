//! Running the binary.

use std::{
    ffi::OsStr,
    io::Write as _,
    path::Path,
    process::{Command, Output, Stdio},
    time::{SystemTime, UNIX_EPOCH},
};

use abide_model::Time;

pub(crate) const ABIDE: &str = env!("CARGO_BIN_EXE_abide");

/// The command with nothing of this machine's user in its environment.
pub(crate) fn abide(directory: &Path) -> Command {
    let mut command = Command::new(ABIDE);
    clean(&mut command, directory);
    command
}

/// Takes out of the environment whatever could lead to another store, and gives it a home of its own.
pub(crate) fn clean(command: &mut Command, directory: &Path) {
    for name in ["ABIDE_STORE", "ABIDE_SECRET", "ABIDE_SECRET_FILE", "ABIDE_CACHE", "ABIDE_ORIGIN"] {
        command.env_remove(name);
    }
    command.env_remove("XDG_CONFIG_HOME").env_remove("XDG_CACHE_HOME").env("HOME", directory.join("home"));
    command.current_dir(directory).stdin(Stdio::null());
}

/// What a run gave.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) exit: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn of(command: &mut Command) -> Self {
        command.output().expect("the binary was built").into()
    }

    /// The same with one line on its standard input.
    pub(crate) fn given(command: &mut Command, line: &str) -> Self {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().expect("the binary was built");
        let mut stdin = child.stdin.take().expect("piped");
        // It may have stopped before it read the line, which its exit says better.
        let _ = writeln!(stdin, "{line}");
        drop(stdin);
        child.wait_with_output().expect("it was started").into()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl From<Output> for Ran {
    fn from(Output { status, stdout, stderr }: Output) -> Self {
        Self {
            exit: status.code(),
            stdout: String::from_utf8_lossy(&stdout).into_owned(),
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
        }
    }
}

pub(crate) fn run<S: AsRef<OsStr>>(directory: &Path, arguments: impl IntoIterator<Item = S>) -> Ran {
    Ran::of(abide(directory).args(arguments))
}

/// The clock that the binary reads too.
#[expect(clippy::disallowed_methods, reason = "the binary that is run has no other clock")]
pub(crate) fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Time::from_micros(i64::try_from(since.as_micros()).unwrap())
}
