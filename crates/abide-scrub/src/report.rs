//! What was done, as evidence: a document that says which data went in and came out, by which rules and which list it was
//! judged, and what became of every row.
//!
//! These are wire types: [`REPORT_FORMAT`] changes when a field changes its meaning or goes away; fields may be added.

use std::collections::BTreeMap;

use abide_enforce::{Snapshot, Uncovered};
use abide_formats::Layout;
use abide_model::{Tally, Time};
use abide_rules::{Effort, Ruleset};
use serde::Serialize;

use crate::{
    counts::{ActionCounts, Counts, Disagreements, Rows},
    digest::Digested,
    job::{Job, PersonColumn, display_name},
    ready::{NotCovered, Ready},
};

pub const REPORT_FORMAT: u32 = 1;

/// Of one command, over one file or many. Times are RFC 3339 in UTC, digests BLAKE3 in hex of the bytes on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    pub format: u32,
    /// The program and its version.
    pub by: String,
    /// `scrub`, `validate` or `segment`.
    pub command: String,
    pub actions: Vec<String>,
    /// `block`, `allow` or `fail`.
    pub on_cannot_tell: String,
    pub strict: bool,
    /// `accept` or `cannot-tell`, if it was said.
    pub uncovered: Option<String>,
    pub list_age_max_seconds: Option<i64>,
    pub ruleset: RulesetReport,
    /// The ruleset that was asked beside, if one was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beside: Option<RulesetReport>,
    pub list: ListReport,
    pub started_at: String,
    /// Missing in a report of a run that did not come to its end.
    pub finished_at: Option<String>,
    /// Missing like `finished_at`.
    pub decisions: Option<DecisionsReport>,
    pub files: Vec<FileReport>,
    /// Outputs that took the rows of many files.
    pub sheets: Vec<OutputReport>,
    /// Files that could not be done at all.
    pub failed: Vec<Failure>,
    /// The sum over `files`, by action in the order of `actions`.
    pub totals: Vec<ActionReport>,
    /// Rows about somebody in each segment, over all files; of `segment` only.
    pub segments: BTreeMap<String, u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RulesetReport {
    pub name: String,
    pub sha256: String,
}

/// How often policies had to be asked, however many rows and threads there were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct DecisionsReport {
    pub calls: u64,
    /// The different questions among them; policies are not asked twice about what they cannot tell apart.
    pub questions: u64,
}

/// The list that was judged by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListReport {
    /// The id of the store, or the name of the list file.
    pub store: String,
    /// How far each origin's journal was applied, e.g. `eu-1:42`.
    pub position: String,
    pub positions: BTreeMap<String, u64>,
    /// When it was last confirmed that nothing newer was to be had.
    pub as_of: String,
    /// Identities, those included of which nothing is in force any more.
    pub identities: u64,
}

/// What was done with one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileReport {
    pub input: InputReport,
    pub outputs: Vec<OutputReport>,
    /// The columns that said who a row is about.
    pub people: Vec<ColumnReport>,
    /// The circumstances that are the same for every row.
    pub context: BTreeMap<String, String>,
    /// The columns that give the others.
    pub context_columns: BTreeMap<String, String>,
    /// Statements of the list that hashed columns could not be matched with.
    pub not_covered: Vec<UncoveredReport>,
    pub judged: Vec<ActionReport>,
    pub segments: BTreeMap<String, u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InputReport {
    pub name: String,
    pub data_format: String,
    pub rows: u64,
    pub bytes: u64,
    /// Where the job asks for digests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blake3: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OutputReport {
    pub role: Role,
    pub name: String,
    pub rows: u64,
    pub bytes: u64,
    /// Where the job asks for digests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blake3: Option<String>,
}

/// What an output holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Kept,
    Blocked,
    Unjudged,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ColumnReport {
    pub column: String,
    /// As `--id` takes it: `email`, `phone:drop`, `email:md5`.
    pub holds: String,
    /// The one that the action goes to, as `--to` said.
    pub to: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UncoveredReport {
    pub column: String,
    pub kind: String,
    pub form: String,
    pub statements: u64,
}

/// What became of the rows under one action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ActionReport {
    pub action: String,
    pub tally: TallyReport,
    /// Rows judged although another of their identifiers could not be read.
    pub partly_judged: u64,
    /// Blocked rows by what blocks them. A row counts once under each name, so that the sums may be more than the rows.
    pub by_segment: BTreeMap<String, u64>,
    pub by_mechanism: BTreeMap<String, u64>,
    pub by_source: BTreeMap<String, u64>,
    pub by_rule: BTreeMap<String, u64>,
    /// Rows that could not be judged, by cause. What became of them `on_cannot_tell` says.
    pub cannot_tell_by_cause: BTreeMap<String, u64>,
    /// The rows on which other rules do not agree, where any were asked beside and do not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beside: Option<BesideReport>,
}

/// The verdicts of other rules on the same rows, where they are different.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BesideReport {
    pub newly_allowed: RowsReport,
    pub newly_blocked: RowsReport,
    /// To or from a verdict that cannot be told.
    pub otherwise: RowsReport,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RowsReport {
    pub rows: u64,
    /// The numbers of the first, from 1; of one file only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub first: Vec<u64>,
}

/// `seen = allowed + blocked + cannot_tell + failed`. Counts verdicts, not what was done with the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TallyReport {
    pub seen: u64,
    pub allowed: u64,
    pub blocked: u64,
    pub cannot_tell: u64,
    pub failed: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    pub name: String,
    pub error: String,
    /// It was stopped at a row that cannot be judged, as `fail` demands.
    pub stopped: bool,
}

/// What a report comes down to, for an exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threshold {
    Clean,
    /// Somebody is blocked.
    Found,
    /// Nobody is blocked, but some cannot be told; or a file was stopped at somebody who cannot.
    CannotTell,
    /// A file could not be done.
    Failed,
}

impl Report {
    /// `store` is the id of the store or the name of the list file.
    pub fn new(by: &str, job: &Job, snapshot: &Snapshot, store: &str, started_at: Time) -> Self {
        let actions = job.task.actions();
        let micros_per_second = 1_000_000;
        Self {
            format: REPORT_FORMAT,
            by: by.to_owned(),
            command: job.task.as_str().to_owned(),
            actions: actions.iter().map(ToString::to_string).collect(),
            on_cannot_tell: job.on_cannot_tell.to_string(),
            strict: job.options.strict,
            uncovered: job.uncovered.map(|uncovered| match uncovered {
                Uncovered::Accept => "accept".to_owned(),
                Uncovered::CannotTell => "cannot-tell".to_owned(),
            }),
            list_age_max_seconds: job.options.list_age_max_micros.map(|micros| micros / micros_per_second),
            ruleset: RulesetReport::of(&snapshot.rules),
            beside: None,
            list: ListReport {
                store: store.to_owned(),
                position: snapshot.positions.to_string(),
                positions: snapshot.positions.iter().map(|(origin, at)| (origin.to_string(), at)).collect(),
                as_of: snapshot.as_of.to_string(),
                identities: snapshot.len_identities(),
            },
            started_at: started_at.to_string(),
            finished_at: None,
            decisions: None,
            files: Vec::new(),
            sheets: Vec::new(),
            failed: Vec::new(),
            totals: ActionCounts::reports(
                actions.iter().map(ToString::to_string),
                &Counts::new(actions.len()),
            ),
            segments: BTreeMap::new(),
        }
    }

    pub fn add(&mut self, file: FileReport) {
        for (total, judged) in self.totals.iter_mut().zip(&file.judged) {
            total.add(judged);
        }
        add(&mut self.segments, &file.segments);
        self.files.push(file);
    }

    pub fn add_sheet(&mut self, sheet: OutputReport) {
        self.sheets.push(sheet);
    }

    /// Notes which other rules were asked.
    pub fn judged_beside(&mut self, rules: &Ruleset) {
        self.beside = Some(RulesetReport::of(rules));
    }

    /// Notes a file that could not be done; `error` is the whole chain of causes.
    pub fn add_failure(&mut self, name: &str, error: String, stopped: bool) {
        self.failed.push(Failure { name: name.to_owned(), error, stopped });
    }

    /// At the end of a run that judged by `rules`.
    pub fn finish(&mut self, at: Time, rules: &Ruleset) {
        let Effort { calls, questions } = rules.effort();
        self.decisions = Some(DecisionsReport { calls, questions });
        self.finished_at = Some(at.to_string());
    }

    pub fn threshold(&self) -> Threshold {
        let any = |count: fn(&TallyReport) -> u64| self.totals.iter().any(|total| count(&total.tally) > 0);
        if self.failed.iter().any(|failure| !failure.stopped) {
            Threshold::Failed
        } else if !self.failed.is_empty() {
            // Before `Found`, which would say that all files were done.
            Threshold::CannotTell
        } else if any(|tally| tally.blocked) {
            Threshold::Found
        } else if any(|tally| tally.cannot_tell) {
            Threshold::CannotTell
        } else {
            Threshold::Clean
        }
    }

    /// The report as it is written to a file: indented JSON and a line end.
    ///
    /// # Panics
    /// Never: the types above have a place in JSON.
    pub fn to_json(&self) -> String {
        let mut json = serde_json::to_string_pretty(self).expect("names and numbers are JSON");
        json.push('\n');
        json
    }
}

impl FileReport {
    pub(crate) fn new(
        name: &str,
        layout: &Layout,
        digested: Digested,
        outputs: Vec<OutputReport>,
        job: &Job,
        ready: &Ready,
        counts: &Counts,
    ) -> Self {
        for action in &counts.actions {
            action.tally.assert_adds_up();
            assert_eq!(action.tally.seen, counts.rows, "every row has a verdict");
        }
        Self {
            input: InputReport {
                name: name.to_owned(),
                data_format: layout.format().to_string(),
                rows: counts.rows,
                bytes: digested.bytes,
                blake3: digested.blake3,
            },
            outputs,
            people: job.people.iter().map(ColumnReport::of).collect(),
            context: job.context.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            context_columns: job
                .context_columns
                .iter()
                .map(|context| (context.attribute.clone(), display_name(&context.column)))
                .collect(),
            not_covered: ready.not_covered.iter().map(UncoveredReport::of).collect(),
            judged: ActionCounts::reports(ready.actions().iter().map(ToString::to_string), counts),
            segments: counts.segments.clone(),
        }
    }
}

impl ColumnReport {
    fn of(person: &PersonColumn) -> Self {
        Self { column: display_name(&person.column), holds: person.role.to_string(), to: person.to }
    }
}

impl UncoveredReport {
    fn of(not_covered: &NotCovered) -> Self {
        Self {
            column: not_covered.column.clone(),
            kind: not_covered.kind.to_string(),
            form: not_covered.form.to_string(),
            statements: not_covered.statements,
        }
    }
}

impl ActionCounts {
    fn reports(actions: impl Iterator<Item = String>, counts: &Counts) -> Vec<ActionReport> {
        actions.zip(&counts.actions).map(|(action, counts)| counts.report(action)).collect()
    }

    fn report(&self, action: String) -> ActionReport {
        let Tally { seen, allowed, blocked, cannot_tell, failed } = self.tally;
        ActionReport {
            action,
            tally: TallyReport { seen, allowed, blocked, cannot_tell, failed },
            partly_judged: self.partly,
            by_segment: self.by_segment.clone(),
            by_mechanism: self.by_mechanism.clone(),
            by_source: self.by_source.clone(),
            by_rule: self.by_rule.clone(),
            cannot_tell_by_cause: self.by_cause.clone(),
            beside: BesideReport::of(&self.beside),
        }
    }
}

impl ActionReport {
    fn add(&mut self, other: &Self) {
        let (tally, more) = (&mut self.tally, &other.tally);
        tally.seen += more.seen;
        tally.allowed += more.allowed;
        tally.blocked += more.blocked;
        tally.cannot_tell += more.cannot_tell;
        tally.failed += more.failed;
        self.partly_judged += other.partly_judged;
        add(&mut self.by_segment, &other.by_segment);
        add(&mut self.by_mechanism, &other.by_mechanism);
        add(&mut self.by_source, &other.by_source);
        add(&mut self.by_rule, &other.by_rule);
        add(&mut self.cannot_tell_by_cause, &other.cannot_tell_by_cause);
        if let Some(more) = &other.beside {
            let beside = self.beside.get_or_insert_default();
            beside.newly_allowed.rows += more.newly_allowed.rows;
            beside.newly_blocked.rows += more.newly_blocked.rows;
            beside.otherwise.rows += more.otherwise.rows;
        }
    }
}

impl RulesetReport {
    fn of(rules: &Ruleset) -> Self {
        let version = rules.version();
        Self { name: version.name().to_owned(), sha256: version.digest_hex() }
    }
}

impl BesideReport {
    /// None where everybody is judged alike.
    fn of(counted: &Disagreements) -> Option<Self> {
        let report = |rows: &Rows| RowsReport { rows: rows.count, first: rows.first.clone() };
        (*counted != Disagreements::default()).then(|| Self {
            newly_allowed: report(&counted.newly_allowed),
            newly_blocked: report(&counted.newly_blocked),
            otherwise: report(&counted.otherwise),
        })
    }
}

fn add(counts: &mut BTreeMap<String, u64>, other: &BTreeMap<String, u64>) {
    for (name, rows) in other {
        *counts.entry(name.clone()).or_default() += rows;
    }
}
