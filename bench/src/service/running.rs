//! Servers that are measured: started on a core of their own, killed when they are dropped.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::Memory;
use super::client::Client;
use crate::bench_dir::abide;
use crate::cores::on_core;
use crate::status;
use crate::store::Store;

const START: Duration = Duration::from_secs(120);

/// A process and its port.
pub(crate) struct Running {
    child: Child,
    pub(crate) port: u16,
}

impl Running {
    /// Ready when it answers a request for a path with success.
    pub(crate) fn start(mut command: Command, port: u16, path: &str) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().with_context(|| format!("could not start {command:?}"))?;
        let running = Self { child, port };
        running.wait(path)?;
        Ok(running)
    }

    fn wait(&self, path: &str) -> Result<()> {
        let began = Instant::now();
        while began.elapsed() < START {
            if Client::new(self.port).and_then(|mut client| client.get(path)).is_ok() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(5));
        }
        bail!("the server on port {} is not ready after {} s", self.port, START.as_secs())
    }

    /// Of the process alone: none that is measured has others.
    pub(crate) fn memory(&self) -> Result<Memory> {
        let process = self.child.id();
        Ok(Memory { peak: status::peak(process)?, own: status::own(process).unwrap_or(0) })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// `abide serve` on a machine of that name; `alone` gives it one core.
pub(crate) fn serve(store: &Store, machine: &str, arguments: &[&str], alone: bool) -> Result<Running> {
    serve_at(store, machine, 0, arguments, alone)
}

/// The same on a port, or a free one for 0.
pub(crate) fn serve_at(
    store: &Store,
    machine: &str,
    port: u16,
    arguments: &[&str],
    alone: bool,
) -> Result<Running> {
    let program = abide()?;
    let mut command = if alone { on_core(program) } else { Command::new(program) };
    store.serve(&mut command, machine);
    command.args(["--listen", &format!("127.0.0.1:{port}"), "--metrics", ""]).args(arguments);
    let said = File::create(std::env::temp_dir().join("abide-bench-serve.txt"))?;
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(said);
    let mut child = command.spawn().with_context(|| format!("could not start {command:?}"))?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().context("it was piped")?).read_line(&mut line)?;
    let port = line.trim().rsplit(':').next().and_then(|port| port.parse().ok());
    let port = port.with_context(|| format!("abide serve said `{line}`"))?;
    let running = Running { child, port };
    running.wait("/readyz")?;
    Ok(running)
}
