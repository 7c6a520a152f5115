//! Asking before what cannot be undone.

use std::io::{IsTerminal as _, Write as _};

use anyhow::Context as _;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Confirmed {
    Yes,
    No,
}

/// Whether to go on. Where there is nobody to ask, only `yes` says so.
pub(crate) fn confirm(question: &str, yes: bool, json: bool) -> anyhow::Result<Confirmed> {
    if yes {
        return Ok(Confirmed::Yes);
    }
    if json || !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        eprintln!("abide: nothing was done, and there is nobody to ask; add --yes to go on");
        return Ok(Confirmed::No);
    }
    eprint!("{question} There is no way back from that. Type `yes` to go on: ");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).context("could not read the answer")?;
    if answer.trim() == "yes" {
        return Ok(Confirmed::Yes);
    }
    eprintln!("abide: nothing was done");
    Ok(Confirmed::No)
}
