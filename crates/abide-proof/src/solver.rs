//! The solver: cvc5 as a process, one question at a time.

use std::{env, ffi::OsString, future::Future, io, process::Stdio, time::Duration};

use cedar_policy_symcc::{
    CedarSymCompiler,
    err::{CompileError, Error, SolverError},
    solver::LocalSolver,
};
use thiserror::Error;
use tokio::process::Command;

use abide_rules::Inexpressible;

/// Where the solver is, if not on the path.
const PATH_VARIABLE: &str = "CVC5";
const PROGRAM: &str = "cvc5";

/// How long the solver may think about one question. Those of real rulesets take it milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// Nothing else comes to the same certainty.
    Long,
    /// It was tried on many people already.
    Short,
}

impl Effort {
    fn millis(self) -> u64 {
        match self {
            Self::Long => 20_000,
            Self::Short => 3_000,
        }
    }

    /// When we stop waiting for an answer, which something else than a solver may never give.
    fn patience(self) -> Duration {
        Duration::from_millis(self.millis() + 5_000)
    }
}

/// Why the solver settled nothing.
#[derive(Debug, Error)]
pub enum Unsettled {
    #[error(
        "solver not found: there is no `{0}`; install Debian's package cvc5, or give its path in {PATH_VARIABLE}"
    )]
    NotFound(String),
    #[error(transparent)]
    Inexpressible(#[from] Inexpressible),
    #[error("the symbolic compiler does not know a feature of the policies: {0}")]
    Unsupported(String),
    #[error(
        "the rule may fail for some of those whom it judges, which blocks and which the solver does not see"
    )]
    MayFail,
    #[error("the solver did not come to an answer")]
    Unknown,
    #[error("the solver gave a counter-example that both rulesets judge otherwise than it says")]
    Refuted,
    #[error("the solver failed: {0}")]
    Failed(String),
}

/// A running solver.
#[derive(Debug)]
pub(crate) struct Solver {
    effort: Effort,
    compiler: CedarSymCompiler<LocalSolver>,
}

impl Solver {
    /// Starts the solver that `CVC5` names, else `cvc5` on the path.
    pub(crate) fn start(effort: Effort) -> Result<Self, Unsettled> {
        let program = env::var_os(PATH_VARIABLE)
            .filter(|path| !path.is_empty())
            .unwrap_or_else(|| OsString::from(PROGRAM));
        let mut command = Command::new(&program);
        command.args(["--lang", "smt", &format!("--tlimit-per={}", effort.millis())]);
        command.stdin(Stdio::piped()).kill_on_drop(true);
        let local = LocalSolver::from_command(&mut command).map_err(|error| match error {
            SolverError::Io(error)
                if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) =>
            {
                Unsettled::NotFound(program.to_string_lossy().into_owned())
            }
            other => Unsettled::Failed(other.to_string()),
        })?;
        Ok(Self { effort, compiler: CedarSymCompiler::new(local)? })
    }

    /// Waits for one answer, but not for ever. After an error the solver may be anywhere in the question: start another.
    pub(crate) async fn ask<'s, T, F>(
        &'s mut self,
        question: impl FnOnce(&'s mut CedarSymCompiler<LocalSolver>) -> F,
    ) -> Result<T, Unsettled>
    where
        F: Future<Output = Result<T, Error>> + 's,
    {
        match tokio::time::timeout(self.effort.patience(), question(&mut self.compiler)).await {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(Unsettled::Unknown),
        }
    }
}

impl From<Error> for Unsettled {
    fn from(error: Error) -> Self {
        match error {
            Error::CompileError(CompileError::UnsupportedFeature(what)) => Self::Unsupported(what),
            Error::SolverUnknown => Self::Unknown,
            Error::SolverError(SolverError::Io(error)) => Self::Failed(error.to_string()),
            Error::PolicyNotWellTyped { errs } => {
                Self::Unsupported(errs.first().map(ToString::to_string).unwrap_or_default())
            }
            other => Self::Failed(other.to_string()),
        }
    }
}
