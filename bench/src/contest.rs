//! Contestants are whole processes, ours and theirs alike: started the same way, in turn, and measured by what
//! the kernel says of each when it has ended.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use wait4::Wait4;

/// What one process cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) wall_s: f64,
    /// All its threads, in user and kernel mode.
    pub(crate) cpu_s: f64,
    pub(crate) peak_bytes: u64,
}

/// Runs a command with its output put aside and waits for it. Exit codes in `fine` are success.
///
/// A process inherits the peak memory of the one that starts it, so the bench itself stays small.
pub(crate) fn run(mut command: Command, fine: &[i32], said: &Path) -> Result<Run> {
    let errors = File::create(said).with_context(|| format!("could not create {}", said.display()))?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors);
    let start = Instant::now();
    let mut child = command.spawn().with_context(|| format!("could not start {command:?}"))?;
    let used = child.wait4().with_context(|| format!("could not wait for {command:?}"))?;
    let wall_s = start.elapsed().as_secs_f64();
    let succeeded = used.status.code().is_some_and(|code| fine.contains(&code));
    ensure!(succeeded, "{command:?}: {}\n{}", used.status, fs::read_to_string(said).unwrap_or_default());
    let cpu_s = (used.rusage.utime + used.rusage.stime).as_secs_f64();
    Ok(Run { wall_s, cpu_s, peak_bytes: used.rusage.maxrss })
}

/// The middle of several measurements, and the best and the worst.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Spread {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_unstable_by(f64::total_cmp);
        Spread { median: values[values.len() / 2], least: values[0], most: values[values.len() - 1] }
    }
}

/// All runs of one contestant.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    pub(crate) name: &'static str,
    pub(crate) wall_s: Spread,
    pub(crate) cpu_s: Spread,
    pub(crate) peak_bytes: u64,
}

impl Measured {
    pub(crate) fn of(name: &'static str, runs: &[Run]) -> Measured {
        Measured {
            name,
            wall_s: Spread::of(runs.iter().map(|run| run.wall_s)),
            cpu_s: Spread::of(runs.iter().map(|run| run.cpu_s)),
            peak_bytes: runs.iter().map(|run| run.peak_bytes).max().unwrap_or(0),
        }
    }
}
