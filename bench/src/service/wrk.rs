//! The load: `wrk`, one thread on the second core, keep-alive connections.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::questions::Bodies;
use crate::bench_dir::{checkout, output};
use crate::cores::{OTHER_CORE, pinned};

const CONNECTIONS: &str = "64";

pub(crate) struct Wrk {
    seconds: u64,
}

impl Wrk {
    pub(crate) fn find(seconds: u64) -> Result<Self> {
        // It says its version and ends with an error.
        let found = Command::new("wrk").arg("--version").output();
        ensure!(found.is_ok(), "the load comes from wrk: `apt-get install wrk`");
        Ok(Self { seconds })
    }

    /// Requests a second. An answer that is no success is an error.
    pub(crate) fn rate(&self, port: u16, bodies: &Bodies) -> Result<f64> {
        let mut command = pinned(OTHER_CORE, "wrk");
        command.args(["--threads", "1", "--connections", CONNECTIONS]);
        command.arg("--duration").arg(format!("{}s", self.seconds)).arg("--script");
        command.arg(checkout().join("bench/peers/check.lua")).arg(format!("http://127.0.0.1:{port}"));
        command.arg("--").arg(&bodies.file).args([bodies.path, bodies.media_type]);
        let said = output(command.arg(bodies.lines.to_string()))?;
        ensure!(!said.contains("Non-2xx") && !said.contains("Socket errors"), "{said}");
        let rate = said.lines().find_map(|line| line.trim().strip_prefix("Requests/sec:"));
        let rate = rate.and_then(|rate| rate.trim().parse().ok());
        rate.with_context(|| format!("wrk did not say how many a second:\n{said}"))
    }
}
