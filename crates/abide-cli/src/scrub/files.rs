//! One file after the other: a bad one is reported and the others go on.

use abide_enforce::{Options, Snapshot};
use abide_model::{OnCannotTell, Time};
use abide_scrub::{FileReport, Job, Means, Progress, Report, ScrubError, Task, Threshold, Watch};
use anyhow::Context as _;
use indicatif::ProgressBar;

use super::{
    columns,
    flags::{FileFlags, JudgeFlags},
    inputs::{Inputs, Named},
    list::TheList,
    places::Places,
    sample::Sample,
};
use crate::{
    clock,
    exit::{self, Exit},
    progress::{self, Unit},
};

/// One command over its files.
pub(crate) struct Run<'a> {
    pub(crate) task: Task,
    pub(crate) files: &'a FileFlags,
    pub(crate) judge: &'a JudgeFlags,
    pub(crate) on_cannot_tell: OnCannotTell,
    pub(crate) list: &'a TheList,
    /// The same list under other rules, to count where they do not agree.
    pub(crate) beside: Option<&'a Snapshot>,
    /// The guard of the ruleset, which ends all when it trips.
    pub(crate) watch: Option<&'a Watch>,
    /// Whether the report says digests.
    pub(crate) digests: bool,
    pub(crate) now: Time,
}

impl Run<'_> {
    pub(crate) fn all(&self, inputs: Inputs, places: &Places) -> Report {
        let by = concat!("abide ", env!("CARGO_PKG_VERSION"));
        let mut report = Report::new(by, &self.job(), &self.list.snapshot, &self.list.name, self.now);
        let several = inputs.0.len() > 1;
        for input in inputs.0 {
            if self.watch.is_some_and(|watch| watch.tripped().is_some()) {
                let error = "not begun, since the guard of the ruleset has tripped".to_owned();
                eprintln!("abide: `{}`: {error}", input.name());
                report.add_failure(&input.name(), error, false);
                continue;
            }
            match self.one(&input, places, several) {
                Ok(file) => report.add(file),
                Err(error) => {
                    let file = if several { format!("`{}`: ", input.name()) } else { String::new() };
                    eprintln!("abide: {file}{}", exit::chain(&error));
                    let stopped = matches!(error.downcast_ref(), Some(ScrubError::CannotTell { .. }));
                    report.add_failure(&input.name(), exit::chain(&error), stopped);
                }
            }
        }
        if let Some(beside) = self.beside {
            report.judged_beside(&beside.rules);
        }
        report.finish(clock::now(), &self.list.snapshot.rules);
        report
    }

    fn one(&self, named: &Named, places: &Places, several: bool) -> anyhow::Result<FileReport> {
        let (input, head) = named.open(self.files)?;
        let sample = Sample::of(&input, head.as_deref())?;
        let (people, found) = columns::people(&sample, self.files, self.list.normaliser.region())
            .with_context(|| format!("read as {} (--format says otherwise)", input.options.format))?;
        let (context, context_columns, said) =
            columns::circumstances(&sample, self.judge, &self.list.snapshot.rules)?;
        let file = if several { format!("`{}`: ", named.name()) } else { String::new() };
        for sentence in found.iter().chain(&said) {
            eprintln!("{file}{sentence}");
        }
        let job = Job { people, context, context_columns, ..self.job() };
        let bar = Bar::new(&self.task, named);
        let means = Means {
            snapshot: &self.list.snapshot,
            beside: self.beside,
            watch: self.watch,
            keyring: &self.list.keyring,
            normaliser: &self.list.normaliser,
            progress: &bar,
        };
        let ran = abide_scrub::run(input, places.outputs(named), &job, means);
        bar.bar.finish_and_clear();
        Ok(ran?)
    }

    /// The job without what only a file can tell.
    fn job(&self) -> Job {
        Job {
            task: self.task.clone(),
            people: Vec::new(),
            context: abide_model::Context::default(),
            context_columns: Vec::new(),
            on_cannot_tell: self.on_cannot_tell,
            uncovered: self.judge.uncovered(),
            options: Options {
                strict: self.judge.strict,
                list_age_max_micros: self.judge.max_list_age,
                now: self.now,
                ..Options::default()
            },
            digests: self.digests,
            threads: self.judge.threads(),
        }
    }
}

pub(crate) fn exit_of(report: &Report) -> Exit {
    match report.threshold() {
        Threshold::Clean => Exit::Clean,
        Threshold::Found => Exit::Found,
        Threshold::CannotTell => Exit::CannotTell,
        Threshold::Failed => Exit::Failed,
    }
}

/// Bytes where the input says how many there are, rows else.
struct Bar {
    bar: ProgressBar,
    by_bytes: bool,
}

/// Smaller files are done before a bar could be read.
const SHOWN_FROM_BYTES: u64 = 32 * 1024 * 1024;

impl Bar {
    fn new(task: &Task, named: &Named) -> Self {
        let what = match task {
            Task::Scrub { .. } => "scrubbing",
            Task::Validate { .. } => "validating",
            Task::Segment { .. } => "labelling",
        };
        let columnar = |path: &std::path::Path| {
            path.extension()
                .is_some_and(|ending| ["parquet", "arrow", "feather"].iter().any(|known| ending == *known))
        };
        let by_bytes = matches!(named, Named::File(path) if !columnar(path));
        let total = named.bytes();
        let bar = match total {
            Some(bytes) if bytes < SHOWN_FROM_BYTES => ProgressBar::hidden(),
            Some(bytes) if by_bytes => progress::bar(what, Unit::Bytes, Some(bytes)),
            _ => progress::bar(what, Unit::Count, None),
        };
        Self { bar, by_bytes: by_bytes && total.is_some() }
    }
}

impl Progress for Bar {
    fn advance(&self, rows: u64, bytes: u64) {
        self.bar.inc(if self.by_bytes { bytes } else { rows });
    }
}
