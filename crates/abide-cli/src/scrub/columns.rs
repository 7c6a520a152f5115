//! Which columns say who a row is about and in which circumstances: found, or as the user says.

use abide_formats::Column;
use abide_model::{Context, PhoneRegion};
use abide_rules::{AttributeKind, Ruleset};
use abide_scrub::{ContextColumn, PersonColumn};
use abide_signals::{
    Ambiguous, ColumnGuess, ColumnRef,
    columns::{Doubt, guess},
};
use anyhow::{Context as _, bail, ensure};

use super::{
    flags::{FileFlags, JudgeFlags},
    sample::Sample,
};

/// The columns of people, and sentences that say aloud what was found.
pub(crate) fn people(
    sample: &Sample,
    flags: &FileFlags,
    region: PhoneRegion,
) -> anyhow::Result<(Vec<PersonColumn>, Vec<String>)> {
    let mut sentences = Vec::new();
    let mut people = Vec::new();
    if flags.ids.is_empty() {
        for guess in found(sample, region)? {
            let id = guess.id().expect("only identifiers were chosen");
            sentences.push(guess.to_string());
            people.push(PersonColumn {
                column: sample.columns[guess.column].clone(),
                role: id.role,
                to: false,
            });
        }
    } else {
        for id in &flags.ids {
            people.push(PersonColumn { column: resolve(sample, &id.column)?, role: id.role, to: false });
        }
    }
    if let Some(to) = &flags.to {
        let column = resolve(sample, to)?;
        let named = people.iter_mut().find(|person| person.column == column).with_context(|| {
            format!("--to names column `{to}`, which is not among those that say who a row is about; add --id '{to}=KIND'")
        })?;
        named.to = true;
    }
    Ok((people, sentences))
}

/// All columns that hold identifiers. Several of one kind are one person's all the same; only the one that an action
/// goes to must be clear, and that is asked later.
fn found(sample: &Sample, region: PhoneRegion) -> Result<Vec<ColumnGuess>, Ambiguous> {
    let mut chosen: Vec<ColumnGuess> = Vec::new();
    loop {
        let is_chosen = |column: usize| chosen.iter().any(|guess| guess.column == column);
        let shown = |column: usize, text| if is_chosen(column) { "" } else { text };
        let header: Option<Vec<&str>> = sample
            .names
            .as_ref()
            .map(|names| names.iter().enumerate().map(|(at, name)| shown(at, name.as_str())).collect());
        let rows: Vec<Vec<&str>> = sample
            .rows
            .iter()
            .map(|row| row.iter().enumerate().map(|(at, text)| shown(at, text.as_str())).collect())
            .collect();
        match guess(header.as_deref(), &rows, region) {
            Ok(columns) => chosen.extend(columns.all().iter().filter(|guess| guess.id().is_some()).cloned()),
            Err(Ambiguous { doubt: Doubt::Several(_), candidates }) => {
                chosen.extend(candidates);
                continue;
            }
            Err(Ambiguous { doubt: Doubt::NothingFound, .. }) if !chosen.is_empty() => {}
            Err(doubt) => return Err(doubt),
        }
        chosen.sort_by_key(|guess| guess.column);
        return Ok(chosen);
    }
}

fn resolve(sample: &Sample, named: &ColumnRef) -> anyhow::Result<Column> {
    match (named.find(sample.header().as_deref(), sample.columns.len()), named) {
        (Ok(at), _) => Ok(sample.columns[at].clone()),
        // A member that the first objects do not have, or a path into a nested column.
        (Err(_), ColumnRef::Named(path)) if sample.has_paths => Ok(Column::Named(path.clone())),
        (Err(error), _) => Err(error.into()),
    }
}

/// The circumstances: those that are the same for all rows, and those that columns give.
pub(crate) fn circumstances(
    sample: &Sample,
    flags: &JudgeFlags,
    rules: &Ruleset,
) -> anyhow::Result<(Context, Vec<ContextColumn>, Vec<String>)> {
    let mut given = Given { context: Context::default(), columns: Vec::new(), sentences: Vec::new() };
    for set in &flags.set {
        let (name, value) = set.split_once('=').context("--set is given as NAME=VALUE")?;
        given.fix(name, value)?;
    }
    for said in &flags.context {
        if let Some((name, value)) = said.split_once(":=") {
            given.fix(name, value)?;
            continue;
        }
        let (name, column) = said
            .split_once('=')
            .context("--context is given as NAME=COLUMN, or as NAME:=VALUE for the same in all rows")?;
        given.column_or_word(sample, rules, name, column)?;
    }
    Ok((given.context, given.columns, given.sentences))
}

struct Given {
    context: Context,
    columns: Vec<ContextColumn>,
    sentences: Vec<String>,
}

impl Given {
    fn fix(&mut self, name: &str, value: &str) -> anyhow::Result<()> {
        ensure!(self.context.get(name).is_none(), "the context attribute `{name}` is given twice");
        self.context.set(name, value);
        Ok(())
    }

    fn column_or_word(
        &mut self,
        sample: &Sample,
        rules: &Ruleset,
        name: &str,
        text: &str,
    ) -> anyhow::Result<()> {
        let column: ColumnRef = text.parse()?;
        if let Ok(at) = column.find(sample.header().as_deref(), sample.columns.len()) {
            self.sentences.push(format!("each row's {name} is taken from its column `{column}`"));
            let column = sample.columns[at].clone();
            self.columns.push(ContextColumn { attribute: name.to_owned(), column });
            return Ok(());
        }
        let attribute = rules.context_attributes().iter().find(|attribute| &*attribute.name == name);
        let is_word = attribute.is_some_and(|attribute| match &attribute.kind {
            AttributeKind::Words { values, .. } => values.iter().any(|value| **value == *text),
            AttributeKind::Text => false,
        });
        if is_word {
            self.sentences.push(format!("the {name} of all rows is {text}, since there is no such column"));
            return self.fix(name, text);
        }
        bail!(
            "--context {name}={text}: there is no column `{text}`, and `{text}` is no {name} that the ruleset knows; name a \
             column as {name}=COLUMN, or say what is the same for all rows as {name}:=VALUE"
        )
    }
}
