//! Tables in Markdown, and their place in `docs/benchmarks.md`.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use crate::bench_dir::{checkout, output};

/// What was asked for, beside what was found.
#[derive(Clone, Debug)]
pub(crate) struct Bar {
    pub(crate) what: String,
    pub(crate) asked: String,
    pub(crate) figure: String,
    pub(crate) ratio: String,
    pub(crate) met: bool,
}

pub(crate) fn bars(bars: &[Bar]) -> String {
    let rows: Vec<Vec<String>> = bars
        .iter()
        .map(|bar| {
            let met = if bar.met { "met" } else { "**missed**" };
            vec![bar.what.clone(), bar.asked.clone(), bar.figure.clone(), bar.ratio.clone(), met.to_owned()]
        })
        .collect();
    table(&["What", "Bar", "Figure", "Ratio", ""], &rows)
}

pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut lines = vec![format!("| {} |", head.join(" | ")), format!("|{}", " --- |".repeat(head.len()))];
    lines.extend(rows.iter().map(|row| format!("| {} |", row.join(" | "))));
    lines.join("\n") + "\n"
}

pub(crate) fn ratio(times: f64) -> String {
    format!("{times:.2}×")
}

/// For a bar that is a figure and no peer's.
pub(crate) fn of_bar(times: f64) -> String {
    format!("{times:.2} of the bar")
}

pub(crate) fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

pub(crate) fn seconds(seconds: f64) -> String {
    if seconds < 1.0 { format!("{:.1} ms", seconds * 1e3) } else { format!("{seconds:.2} s") }
}

/// Prints what a command of the bench found, and puts it into the document where that has a place for it:
/// between `<!-- cargo xtask bench … -->` with the same arguments and `<!-- end -->`. Other sizes are printed only.
pub(crate) fn publish(arguments: &str, rounds: &str, peers: &str, found: &str) -> Result<()> {
    let command = format!("cargo xtask bench {arguments}");
    let text = format!("`{command}`{rounds}, at {}, on {}, with {peers}.\n\n{found}", commit()?, machine()?);
    println!("\n{text}");
    let path = checkout().join("docs/benchmarks.md");
    let document = fs::read_to_string(&path).with_context(|| format!("could not read {}", path.display()))?;
    match replace_between(&document, &format!("<!-- {command} -->\n"), "<!-- end -->", &text) {
        Some(document) => {
            fs::write(&path, document).with_context(|| format!("could not write {}", path.display()))?;
            println!("bench: written to {}", path.display());
        }
        None => println!("bench: not written: {} has no place for `{command}`", path.display()),
    }
    Ok(())
}

/// The versions of crates that the bench was built with.
pub(crate) fn crates(names: &[&str]) -> String {
    let locked = |name: &&str| {
        let (_, rest) = include_str!("../Cargo.lock")
            .rsplit_once(&format!("name = \"{name}\"\nversion = \""))
            .expect("the bench depends on it");
        format!("{name} {}", &rest[..rest.find('"').expect("a version ends")])
    };
    names.iter().map(locked).collect::<Vec<_>>().join(", ")
}

fn replace_between(document: &str, begin: &str, end: &str, text: &str) -> Option<String> {
    let from = document.find(begin)? + begin.len();
    let to = from + document[from..].find(end)?;
    Some(format!("{}\n{}\n{}", &document[..from], text.trim_end(), &document[to..]))
}

fn commit() -> Result<String> {
    let commit = output(Command::new("git").args(["rev-parse", "--short", "HEAD"]).current_dir(checkout()))?;
    let changed = output(
        Command::new("git")
            .args(["status", "--porcelain", "--", "crates", "Cargo.lock"])
            .current_dir(checkout()),
    )?;
    Ok(if changed.is_empty() { commit } else { format!("{commit} with changes") })
}

/// Processor, cores and memory, as the kernel names them.
fn machine() -> Result<String> {
    let processors = fs::read_to_string("/proc/cpuinfo").context("could not read /proc/cpuinfo")?;
    let memory = fs::read_to_string("/proc/meminfo").context("could not read /proc/meminfo")?;
    let named = |text: &str, name: &str| -> String {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').map_or("?", |(_, value)| value.trim()).to_owned()
    };
    let cores = std::thread::available_parallelism()?;
    let kib: u64 = named(&memory, "MemTotal").trim_end_matches(" kB").parse().unwrap_or(0);
    let gib = kib as f64 / f64::from(1 << 20);
    Ok(format!("{} with {cores} cores and {gib:.0} GiB", named(&processors, "model name")))
}
