//! `abide rules test`: is this ruleset what its author means?

use std::path::PathBuf;

use abide_trial::{Trial, TrialConfig};
use serde_json::{Value, json};

use super::folder::Folder;
use crate::{exit::Exit, import::threads};

/// Validate a ruleset, run its cases and made-up ones, and see how far they go into it.
///
/// Made-up (synthetic) cases follow from the ruleset alone: every spelling of an identifier gets the same
/// verdict, an opt-out more never allows more, what is unsaid is judged as the strictest, and so on. Coverage
/// says which rules and conditions no case exercises; then each rule is weakened in turn, and a fault that
/// fails no case is named.
///
/// Exit codes: 0 all passes, 1 something fails, 3 the ruleset cannot be read.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  abide rules test rules/
  abide rules test rules/ --min-coverage 100 --json")]
pub(crate) struct Args {
    /// The folder with ruleset.toml.
    folder: PathBuf,

    #[command(flatten)]
    trial: TrialFlags,

    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct TrialFlags {
    /// Fail where less than so many percent of the rules' branches are exercised by cases; with 100 also where a
    /// weakened rule would fail no case.
    #[arg(long, default_value_t = 0, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    min_coverage: u8,

    /// Equal seeds make up the same people.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl TrialFlags {
    pub(crate) fn of(self, folder: &Folder) -> Trial {
        let config =
            TrialConfig { seed: self.seed, coverage_min_percent: self.min_coverage, threads: threads() };
        Trial::of(&folder.rules, &folder.cases, config)
    }
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let folder = Folder::read(&args.folder)?;
    let trial = args.trial.of(&folder);
    if args.json {
        let mut report = to_json(&trial);
        report["ruleset"] = json!(folder.rules.version().to_string());
        println!("{report}");
    } else {
        println!("ruleset {}", folder.rules.version());
        print(&trial);
        if trial.files == 0 {
            println!("no cases were found in `{}`", args.folder.join("cases").display());
        }
    }
    Ok(if trial.is_passed() { Exit::Clean } else { Exit::Found })
}

pub(crate) fn print(trial: &Trial) {
    let (outcome, covered) = (&trial.outcome, &trial.covered);
    println!(
        "cases: {} checks in {} files, {} wrong",
        outcome.checks,
        trial.files,
        outcome.disagreements.len()
    );
    print_all(&outcome.disagreements);
    let findings: Vec<String> =
        trial.findings.iter().map(|finding| format!("{}: {}", finding.law, finding.example)).collect();
    println!("synthetic cases (seed {}): {} laws broken", trial.config.seed, findings.len());
    print_all(&findings);
    println!(
        "coverage: {} of {} rules apply in some case, {} % of {} branches",
        covered.rules_applied,
        covered.rules,
        covered.percent(),
        covered.branches
    );
    print_all(&covered.untaken);
    println!("mutation: {} of {} faults would fail no case", covered.unnoticed.len(), covered.mutants);
    print_all(&covered.unnoticed);
    if !covered.redundant.is_empty() {
        println!("could be left out, since everybody is judged alike without it:");
        print_all(&covered.redundant);
    }
    println!("{}", if trial.is_passed() { "passed" } else { "FAILED" });
}

fn print_all(sentences: &[String]) {
    sentences.iter().for_each(|sentence| println!("  {sentence}"));
}

pub(crate) fn to_json(trial: &Trial) -> Value {
    let (outcome, covered) = (&trial.outcome, &trial.covered);
    let findings = trial.findings.iter();
    json!({
        "passed": trial.is_passed(),
        "seed": trial.config.seed,
        "cases": { "files": trial.files, "checks": outcome.checks, "wrong": outcome.disagreements },
        "synthetic": findings
            .map(|finding| json!({ "law": finding.law, "example": finding.example }))
            .collect::<Vec<_>>(),
        "coverage": {
            "rules": covered.rules,
            "rules_applied": covered.rules_applied,
            "branches": covered.branches,
            "percent": covered.percent(),
            "percent_min": trial.config.coverage_min_percent,
            "untaken": covered.untaken,
        },
        "mutation": {
            "mutants": covered.mutants,
            "unnoticed": covered.unnoticed,
            "redundant": covered.redundant,
        },
    })
}
