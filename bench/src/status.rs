//! What the kernel says of the memory of a process that runs.

use std::fs;

use anyhow::{Context, Result};

/// The most that it had at once, in bytes, with the files that it mapped.
pub(crate) fn peak(process: u32) -> Result<u64> {
    bytes(process, "VmHWM:")
}

/// What it has now, in bytes, without mapped files.
pub(crate) fn own(process: u32) -> Result<u64> {
    bytes(process, "RssAnon:")
}

fn bytes(process: u32, name: &str) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    Ok(kib.context("the kernel does not say how much memory was used")? << 10)
}
