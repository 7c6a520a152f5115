//! One thing that was looked at.

use serde_json::{Value, json};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Grade {
    Ok,
    /// It works, and may not for long, or not as well as it could.
    Warning,
    /// Something does not work, or is not safe.
    Problem,
}

impl Grade {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

#[derive(Debug)]
pub(super) struct Finding {
    /// A word that tells what was looked at.
    about: &'static str,
    pub(super) grade: Grade,
    says: String,
    /// What to do; none where nothing is wrong.
    todo: Option<String>,
}

impl Finding {
    pub(super) fn ok(about: &'static str, says: impl Into<String>) -> Self {
        Self { about, grade: Grade::Ok, says: says.into(), todo: None }
    }

    pub(super) fn warning(about: &'static str, says: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { about, grade: Grade::Warning, says: says.into(), todo: Some(todo.into()) }
    }

    pub(super) fn problem(about: &'static str, says: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { about, grade: Grade::Problem, says: says.into(), todo: Some(todo.into()) }
    }

    pub(super) fn print(&self) {
        let grade = match self.grade {
            Grade::Ok => "ok",
            Grade::Warning => "WARNING",
            Grade::Problem => "PROBLEM",
        };
        println!("{grade:<8} {:<10} {}", self.about, self.says);
        if let Some(todo) = &self.todo {
            println!("{:<8} {:<10} do: {todo}", "", "");
        }
    }

    pub(super) fn to_json(&self) -> Value {
        json!({ "about": self.about, "grade": self.grade.as_str(), "says": self.says, "do": self.todo })
    }
}

/// An error with its causes, on one line.
pub(super) fn chain(error: impl Into<anyhow::Error>) -> String {
    format!("{:#}", error.into())
}
