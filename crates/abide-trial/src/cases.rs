//! Runs case files through whatever answers them: the engine, the command, a file, an adapter.
//!
//! In goes an [`EnforcementPoint`], out come the checks on which it disagrees with the cases. The same runner serves the
//! cases of a user's ruleset and those of this repository.

use std::panic::{self, AssertUnwindSafe};

use abide_model::Verdict;
use abide_rules::{Case, case::Expected};

use crate::parallel;

/// A case and the file that it stands in.
#[derive(Clone, Debug)]
pub struct CaseFile {
    /// For messages: its path below the folder of cases.
    pub name: String,
    pub case: Case,
}

/// What one way that data take says to one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Allow,
    /// By these rules, in the order of their ids.
    Block {
        rules: Vec<String>,
    },
    CannotTell {
        cause: String,
    },
    /// It gave no verdict, or said different things in different places. Never what a case expects.
    Broken(String),
}

impl Answer {
    pub fn meets(&self, expected: &Expected) -> bool {
        match (self, expected) {
            (Self::Allow, Expected::Allow) => true,
            (Self::Block { rules }, Expected::Block { rules: wanted }) => {
                wanted.as_ref().is_none_or(|wanted| wanted == rules)
            }
            (Self::CannotTell { cause }, Expected::CannotTell { cause: wanted }) => {
                wanted.as_ref().is_none_or(|wanted| wanted == cause)
            }
            _ => false,
        }
    }
}

impl From<&Verdict> for Answer {
    fn from(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Allow => Self::Allow,
            Verdict::Block { reasons } => {
                Self::Block { rules: reasons.iter().map(|reason| reason.rule.to_string()).collect() }
            }
            Verdict::CannotTell { why } => Self::CannotTell { cause: why.cause().to_owned() },
        }
    }
}

/// A way that data take: case in, answers out.
pub trait EnforcementPoint: Sync {
    /// One answer for each check, in their order.
    fn answers(&self, case: &Case) -> Vec<Answer>;
}

/// What running cases came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub checks: usize,
    /// One line for each check with another answer than the case's, by file.
    pub disagreements: Vec<String>,
}

/// Runs every case, on `threads` threads, and stops at no disagreement.
///
/// # Panics
///
/// When an enforcement point gives more or fewer answers than there are checks.
pub fn run(point: &impl EnforcementPoint, files: &[CaseFile], threads: usize) -> Outcome {
    let mut disagreements = parallel::each(files, threads, |file| disagreements(point, file)).concat();
    disagreements.sort();
    Outcome { checks: files.iter().map(|file| file.case.checks.len()).sum(), disagreements }
}

fn disagreements(point: &impl EnforcementPoint, file: &CaseFile) -> Vec<String> {
    // A case that breaks everything must not hide what the others say.
    let Ok(answers) = panic::catch_unwind(AssertUnwindSafe(|| point.answers(&file.case))) else {
        return vec![format!("{} could not be run; the panic is printed above", file.name)];
    };
    assert_eq!(answers.len(), file.case.checks.len(), "{}: one answer a check", file.name);
    let both = file.case.checks.iter().zip(answers).enumerate();
    both.filter(|(_, (check, answer))| !answer.meets(&check.expected))
        .map(|(nth, (check, answer))| {
            format!("{} check {}: wanted {:?}, got {answer:?}", file.name, nth + 1, check.expected)
        })
        .collect()
}
