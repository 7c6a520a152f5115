//! The processes that are measured, each on a core of its own.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::status;

/// A process that runs until it is stopped; killed when it is dropped.
pub(crate) struct Contestant {
    process: Child,
    said: PathBuf,
}

impl Contestant {
    /// What it says goes into a file.
    pub(crate) fn start(said: &Path, mut command: Command) -> Result<Self> {
        let file = File::create(said).with_context(|| format!("could not create {}", said.display()))?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let process = command.spawn().with_context(|| format!("could not start {command:?}"))?;
        Ok(Self { process, said: said.to_owned() })
    }

    /// An error with what it said, if it has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.process.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("it ended by itself, {status}: {}", self.said()),
        }
    }

    /// What its threads used so far, in user and kernel mode, in seconds.
    pub(crate) fn cpu_s(&self) -> Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        // The name in brackets may have blanks.
        let (_, fields) = stat.rsplit_once(')').context("the kernel does not say what a process used")?;
        let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
        let ticks: u64 = ticks.sum::<Result<u64, _>>()?;
        // A hundredth of a second each, wherever Linux runs.
        Ok(ticks as f64 / 100.0)
    }

    /// The most memory that it had at once, in bytes, with the files that it mapped.
    pub(crate) fn peak(&self) -> Result<u64> {
        status::peak(self.process.id())
    }

    /// What it has now, in bytes, without mapped files.
    pub(crate) fn own(&self) -> Result<u64> {
        status::own(self.process.id())
    }

    /// By SIGTERM; returns what it said.
    pub(crate) fn stop(mut self, fine: &[i32]) -> Result<String> {
        terminate(self.process.id())?;
        let status = wait(&mut self.process)?;
        let said = self.said();
        // As a shell would put it into a number.
        let code = status.code().or(status.signal().map(|signal| 128 + signal));
        ensure!(code.is_some_and(|code| fine.contains(&code)), "it ended with {status}: {said}");
        Ok(said)
    }

    /// By SIGKILL.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.said).unwrap_or_default()
    }
}

impl Drop for Contestant {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn terminate(id: u32) -> Result<()> {
    let told = Command::new("kill").args(["-TERM", &id.to_string()]).status()?;
    ensure!(told.success(), "could not stop process {id}");
    Ok(())
}

fn wait(process: &mut Child) -> Result<ExitStatus> {
    let began = Instant::now();
    while began.elapsed() < super::PATIENCE {
        if let Some(status) = process.try_wait()? {
            return Ok(status);
        }
        thread::sleep(Duration::from_millis(20));
    }
    bail!("process {} does not end", process.id())
}
