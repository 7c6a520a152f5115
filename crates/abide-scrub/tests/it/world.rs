//! A small list of invented people, and files put through a job.

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
};

use abide_enforce::{Options as JudgeOptions, Overlay, Snapshot};
use abide_formats::{Column, Compression, Format, Limits, Options};
use abide_model::{
    Action, BatchId, Claimant, Context, Forms, IdentifierKind, Keyring, Normaliser, OnCannotTell, Positions,
    Retractions, Scope, Secret, Signal, Time, signal::Statement,
};
use abide_rules::Ruleset;
use abide_scrub::{
    ContextColumn, Durability, FileReport, Input, Job, Means, Outputs, PersonColumn, Quiet, ScrubError,
    Source, Target, Task, run,
};
use abide_signals::IdRole;
use tempfile::TempDir;

pub(crate) const NOW: Time = Time::from_seconds(1_790_000_000);

pub(crate) struct World {
    pub(crate) snapshot: Snapshot,
    pub(crate) keyring: Keyring,
    pub(crate) normaliser: Normaliser,
    pub(crate) dir: TempDir,
}

/// Who is on the list: an identifier, how they said it, for whom, and who says so.
pub(crate) const LIST: [(&str, &str, &str, &str, &str); 8] = [
    ("email", "out@example.com", "email.unsubscribe", "*", "person"),
    ("email", "acme@example.com", "email.unsubscribe", "brand:acme", "person"),
    ("email", "gone@example.com", "email.bounce.hard", "*", "mailer"),
    ("email", "both@example.com", "email.unsubscribe", "*", "person"),
    ("email", "both@example.com", "email.bounce.hard", "*", "mailer"),
    ("email", "erased@example.com", "law.erasure", "*", "person"),
    ("phone", "+12015550123", "phone.dnc.us", "*", "ftc"),
    ("email_domain", "no.example.com", "profile.all", "*", "person"),
];

/// Compiled once, since that takes longer than most tests.
static RULES: LazyLock<Arc<Ruleset>> = LazyLock::new(|| Arc::new(Ruleset::built_in().unwrap()));

impl World {
    pub(crate) fn new() -> Self {
        let keyring = Keyring::new(&Secret::from_bytes([7; 32]), Forms::default());
        let normaliser = Normaliser::new("US".parse().unwrap());
        let retractions = Retractions::default();
        let mut overlay = Overlay::default();
        for (kind, text, mechanism, scope, claimant) in LIST {
            let identifier = normaliser.raw(kind.parse().unwrap(), text).unwrap();
            let claimant: Claimant = claimant.parse().unwrap();
            let statement = Statement {
                scope: scope.parse::<Scope>().unwrap(),
                ..Statement::out(mechanism.parse().unwrap(), claimant)
            };
            let keys = keyring.signal_keys(&identifier);
            let signal = Signal::new(keys, statement, BatchId::live(NOW), NOW, NOW).unwrap();
            overlay.apply(&signal, None, &retractions).unwrap();
        }
        let origin = "main".parse().unwrap();
        let snapshot = Snapshot {
            rules: RULES.clone(),
            base: None,
            overlay,
            retractions: Arc::new(retractions),
            positions: Positions::from_iter([(origin, LIST.len() as u64)]),
            sources: BTreeMap::new(),
            as_of: NOW,
        };
        Self { snapshot, keyring, normaliser, dir: TempDir::new().unwrap() }
    }

    pub(crate) fn means(&self) -> Means<'_> {
        Means {
            beside: None,
            watch: None,
            snapshot: &self.snapshot,
            keyring: &self.keyring,
            normaliser: &self.normaliser,
            progress: &Quiet,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub(crate) fn read(&self, name: &str) -> String {
        String::from_utf8(std::fs::read(self.path(name)).unwrap()).unwrap()
    }

    /// The names of all files there are.
    pub(crate) fn files(&self) -> Vec<String> {
        let name =
            |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let mut files: Vec<String> = std::fs::read_dir(self.dir.path()).unwrap().map(name).collect();
        files.sort();
        files
    }

    /// Puts `in` through a job, into `kept`, `blocked` and `unjudged`.
    pub(crate) fn run(&self, input: &[u8], format: Format, job: &Job) -> Result<FileReport, ScrubError> {
        let path = self.write("in", input);
        run(input_of(&path, format, Limits::default()), self.outputs(), job, self.means())
    }

    pub(crate) fn outputs(&self) -> Outputs {
        let file = |name: &str| Some(Target::File(self.path(name)));
        Outputs {
            kept: file("kept"),
            blocked: file("blocked"),
            unjudged: file("unjudged"),
            durability: Durability::Synced,
        }
    }
}

pub(crate) fn input_of(path: &Path, format: Format, limits: Limits) -> Input {
    Input { source: Source::File(path.to_owned()), options: options(format, limits) }
}

pub(crate) fn options(format: Format, limits: Limits) -> Options {
    let name = "people".to_owned();
    Options { name, format, compression: Compression::None, has_header: true, limits }
}

/// A job about rows with the column `email`.
pub(crate) fn scrub(action: &str) -> Job {
    job(Task::Scrub { action: action.parse::<Action>().unwrap() })
}

pub(crate) fn job(task: Task) -> Job {
    Job {
        task,
        people: vec![raw("email", IdentifierKind::Email)],
        context: Context::default(),
        context_columns: Vec::new(),
        on_cannot_tell: OnCannotTell::Block,
        uncovered: None,
        options: JudgeOptions { now: NOW, ..JudgeOptions::default() },
        digests: true,
        threads: NonZeroUsize::new(2).unwrap(),
    }
}

pub(crate) fn raw(column: &str, kind: IdentifierKind) -> PersonColumn {
    PersonColumn { column: Column::from(column), role: IdRole::raw(kind), to: false }
}

pub(crate) fn from_column(attribute: &str, column: &str) -> ContextColumn {
    ContextColumn { attribute: attribute.to_owned(), column: Column::from(column) }
}
