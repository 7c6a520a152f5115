//! `abide rules init`: the default ruleset as files to edit.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use abide_rules::{RulesetSources, sources::BUILT_IN_CASES};
use anyhow::{Context as _, ensure};

use crate::exit::Exit;

/// Write the built-in ruleset out as files to edit, with its cases.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  abide rules init rules/ && abide rules test rules/")]
pub(crate) struct Args {
    /// A folder that does not exist yet, or is empty.
    folder: PathBuf,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let folder = &args.folder;
    let is_used = fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    ensure!(!is_used, "`{}` is not empty; nothing was written", folder.display());
    let sources = RulesetSources::built_in();
    write(&folder.join("ruleset.toml"), &sources.toml)?;
    for (file, text) in &sources.policies {
        write(&folder.join(file), text)?;
    }
    for (name, text) in BUILT_IN_CASES {
        write(&folder.join("cases").join(name), text)?;
    }
    println!("Wrote the default ruleset to `{}`:", folder.display());
    println!("  ruleset.toml      what mechanisms mean, and which actions there are");
    println!("  policies/         what blocks which action when");
    println!("  cases/            {} stories with the verdicts that they must come to", BUILT_IN_CASES.len());
    println!("Edit it, then: abide rules test {}", folder.display());
    Ok(Exit::Clean)
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let written = || -> std::io::Result<()> {
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::OpenOptions::new().write(true).create_new(true).open(path)?.write_all(text.as_bytes())
    };
    written().with_context(|| format!("could not write `{}`", path.display()))
}
