//! A job that was checked against the ruleset, the list and the file: nothing in it can be wrong any more.

use std::{ops::Range, sync::Arc};

use crate::{
    error::ScrubError,
    job::{Job, Task, display_name},
    sheet,
};
use abide_enforce::{Asked, Options, Panel, Part, Snapshot, Uncovered};
use abide_formats::{Column, Layout, Plan};
use abide_model::{Action, Context, Form, Held, IdentifierKind, Keyring, OnCannotTell};
use abide_rules::InvalidContext;
use abide_signals::IdRole;

/// How many statements of the list a column of digests cannot be matched with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotCovered {
    pub column: String,
    pub kind: IdentifierKind,
    pub form: Form,
    pub statements: u64,
}

/// Shared by the threads that judge one file.
pub(crate) struct Ready {
    pub(crate) task: Task,
    /// The columns of people first, then those of the context.
    pub(crate) plan: Plan,
    pub(crate) roles: Vec<IdRole>,
    pub(crate) panel: Panel,
    pub(crate) context: Context,
    /// The attributes that columns give.
    pub(crate) attributes: Vec<String>,
    pub(crate) on_cannot_tell: OnCannotTell,
    pub(crate) options: Options,
    pub(crate) held: Held,
    pub(crate) not_covered: Vec<NotCovered>,
    /// Names of the columns that come last in the plan, for the rows of a sheet; none where there is no sheet.
    pub(crate) sheet_names: Vec<String>,
}

/// Two bits of a row's fingerprint for each.
pub(crate) const COLUMNS_MAX: usize = 32;

impl Ready {
    pub(crate) fn new(
        job: &Job,
        layout: &Arc<Layout>,
        snapshot: &Snapshot,
        has_sheet: bool,
    ) -> Result<Self, ScrubError> {
        check_people(job, layout, snapshot)?;
        check_context(job, snapshot)?;
        let held = snapshot.held();
        let not_covered = not_covered(job, &held);
        if job.uncovered.is_none() && !not_covered.is_empty() {
            return Err(ScrubError::Uncovered { columns: not_covered });
        }
        let mut wanted: Vec<Column> = job
            .people
            .iter()
            .map(|person| person.column.clone())
            .chain(job.context_columns.iter().map(|context| context.column.clone()))
            .collect();
        let shown = if has_sheet { sheet::columns(layout, &wanted) } else { Vec::new() };
        let sheet_names = sheet::names(layout, &shown);
        wanted.extend(shown);
        Ok(Self {
            task: job.task.clone(),
            plan: Plan::new(layout, &wanted)?,
            roles: job.people.iter().map(|person| person.role).collect(),
            panel: panel(job),
            context: job.context.clone(),
            attributes: job.context_columns.iter().map(|context| context.attribute.clone()).collect(),
            on_cannot_tell: job.on_cannot_tell,
            options: Options { uncovered: job.uncovered.unwrap_or_default(), ..job.options },
            held,
            not_covered,
            sheet_names,
        })
    }

    pub(crate) fn actions(&self) -> &[Action] {
        self.task.actions()
    }

    /// The columns of the plan that a sheet shows.
    pub(crate) fn sheet_columns(&self) -> Range<usize> {
        let first = self.roles.len() + self.attributes.len();
        first..first + self.sheet_names.len()
    }

    pub(crate) fn asked(&self, keyring: &Keyring) -> Asked {
        let mark_uncovered = self.options.uncovered == Uncovered::CannotTell;
        Asked::new(self.panel.clone(), self.held.clone(), keyring.clone(), mark_uncovered)
    }
}

fn panel(job: &Job) -> Panel {
    Panel(job.people.iter().map(|person| Part { kind: person.role.kind, to: person.to }).collect())
}

fn check_people(job: &Job, layout: &Layout, snapshot: &Snapshot) -> Result<(), ScrubError> {
    match job.people.len() {
        0 => return Err(ScrubError::NoPeople),
        1..=COLUMNS_MAX => {}
        count => return Err(ScrubError::TooManyColumns { count, max: COLUMNS_MAX }),
    }
    if job.task.actions().is_empty() {
        return Err(ScrubError::NoAction);
    }
    let panel = panel(job);
    for action in job.task.actions() {
        let Some(spec) = snapshot.rules.action(action) else {
            let known: Vec<String> =
                snapshot.rules.actions().map(|spec| format!("`{}`", spec.name)).collect();
            return Err(ScrubError::UnknownAction { action: action.to_string(), known: known.join(", ") });
        };
        let Some(kind) = spec.destination.kind else { continue };
        if panel.is_ambiguous(kind) {
            let of_kind = job.people.iter().filter(|person| person.role.kind == kind);
            let columns = of_kind.map(|person| format!("`{}`", display_name(&person.column))).collect();
            return Err(ScrubError::AmbiguousDestination { action: action.to_string(), kind, columns });
        }
        // One of several actions may well have no destination here: its column says so in every row.
        let must_have = !matches!(job.task, Task::Segment { .. });
        if must_have && panel.destination(kind).is_none() {
            let name = layout.name().to_owned();
            return Err(ScrubError::NoDestination { name, action: action.to_string(), kind });
        }
    }
    Ok(())
}

fn check_context(job: &Job, snapshot: &Snapshot) -> Result<(), ScrubError> {
    snapshot.rules.check_context(&job.context)?;
    for (at, column) in job.context_columns.iter().enumerate() {
        let attribute = &column.attribute;
        let named_before = job.context_columns[..at].iter().any(|other| other.attribute == *attribute);
        if named_before || job.context.get(attribute).is_some() {
            return Err(ScrubError::ContextTwice { attribute: attribute.clone() });
        }
        // The values are judged row by row; here it is only asked whether there is such an attribute.
        let probe: Context = [(attribute.as_str(), "")].into_iter().collect();
        if let Err(unknown @ InvalidContext::UnknownAttribute { .. }) = snapshot.rules.check_context(&probe) {
            return Err(unknown.into());
        }
    }
    Ok(())
}

fn not_covered(job: &Job, held: &Held) -> Vec<NotCovered> {
    let column = |person: &crate::PersonColumn| {
        let (kind, form) = (person.role.kind, person.role.form?);
        let statements = held.uncovered_by(kind, Some(form));
        (statements > 0).then(|| NotCovered { column: display_name(&person.column), kind, form, statements })
    };
    job.people.iter().filter_map(column).collect()
}
