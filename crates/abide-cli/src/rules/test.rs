//! `abide rules test`: is this ruleset what its author means?

use std::path::PathBuf;

use abide_proof::Unsettled;
use abide_trial::{Finding, Trial, TrialConfig};
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
    /// weakened rule would fail no case. 0 asks for nothing.
    #[arg(long, default_value_t = 100, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    min_coverage: u8,

    /// Equal seeds make up the same people.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl TrialFlags {
    pub(crate) async fn of(self, folder: &Folder) -> Tested {
        let config =
            TrialConfig { seed: self.seed, coverage_min_percent: self.min_coverage, threads: threads() };
        let mut trial = Trial::of(&folder.rules, &folder.cases, config);
        let proof = abide_proof::laws(&folder.rules).await;
        let laws = proof.map(|proof| {
            let findings = &mut trial.synthetic.findings;
            for finding in proof.findings {
                if !findings.iter().any(|found| found.law == finding.law) {
                    findings.push(finding);
                }
            }
            proof.questions
        });
        Tested { trial, laws }
    }
}

/// A trial, and whether its laws of strictness were proven of everybody besides.
#[derive(Debug)]
pub(crate) struct Tested {
    pub(crate) trial: Trial,
    /// How many questions that took the solver.
    laws: Result<usize, Unsettled>,
}

impl Tested {
    pub(crate) fn is_passed(&self) -> bool {
        self.trial.is_passed()
    }
}

pub(crate) async fn run(args: &Args) -> anyhow::Result<Exit> {
    let folder = Folder::read(&args.folder)?;
    let tested = args.trial.of(&folder).await;
    if args.json {
        let mut report = to_json(&tested);
        report["ruleset"] = json!(folder.rules.version().to_string());
        println!("{report}");
    } else {
        println!("ruleset {}", folder.rules.version());
        print(&tested);
        if tested.trial.files == 0 {
            println!("no cases were found in `{}`", args.folder.join("cases").display());
        }
    }
    Ok(if tested.is_passed() { Exit::Clean } else { Exit::Found })
}

pub(crate) fn print(tested: &Tested) {
    let trial = &tested.trial;
    let (outcome, covered) = (&trial.outcome, &trial.covered);
    println!(
        "cases: {} checks in {} files, {} wrong",
        outcome.checks,
        trial.files,
        outcome.disagreements.len()
    );
    print_all(&outcome.disagreements);
    let findings = &trial.synthetic.findings;
    println!(
        "synthetic cases (seed {}, {} of people who are blocked): {} laws broken",
        trial.config.seed,
        trial.synthetic.blocked_tried,
        findings.len()
    );
    let sentence = |finding: &Finding| format!("{}: {}", finding.law, finding.example);
    print_all(&findings.iter().map(sentence).collect::<Vec<_>>());
    match &tested.laws {
        Ok(_) if !findings.is_empty() => {}
        Ok(questions) => println!(
            "proven by the solver ({questions} questions): an opt-out more lets nobody through, nor does a context that says less"
        ),
        Err(why) => println!("tried on made-up people only, since not proven: {why}"),
    }
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
    if !trial.is_covered() {
        println!(
            "untested: cases have to take {} % of the branches{}; add some, or ask for less with --min-coverage",
            trial.config.coverage_min_percent,
            if trial.config.coverage_min_percent < 100 { "" } else { " and notice every fault" },
        );
    }
    println!("{}", if trial.is_passed() { "passed" } else { "FAILED" });
}

fn print_all(sentences: &[String]) {
    sentences.iter().for_each(|sentence| println!("  {sentence}"));
}

pub(crate) fn to_json(tested: &Tested) -> Value {
    let trial = &tested.trial;
    let (outcome, covered) = (&trial.outcome, &trial.covered);
    let findings = trial.synthetic.findings.iter();
    json!({
        "passed": trial.is_passed(),
        "seed": trial.config.seed,
        "cases": { "files": trial.files, "checks": outcome.checks, "wrong": outcome.disagreements },
        "synthetic": findings
            .map(|finding| json!({ "law": finding.law, "example": finding.example }))
            .collect::<Vec<_>>(),
        "blocked_tried": trial.synthetic.blocked_tried,
        "proof": match &tested.laws {
            Ok(questions) => json!({ "by": "solver", "questions": questions }),
            Err(why) => json!({ "by": null, "why": why.to_string() }),
        },
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
