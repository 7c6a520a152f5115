//! From a row to its statements, each under the keys of one identifier.

use std::{borrow::Cow, sync::Arc};

use abide_formats::{Batch, Cell};
use abide_model::{Identifier, IdentifierKind, InvalidIdentifier, Keyring, Normaliser, Time, UnsealedKeys};
use abide_signals::{Flag, IdColumn, IdRole, RowFault, flags::ScopeOf};

use crate::{
    error::ImportError,
    meaning::{Meaning, is_of_kind},
    statements::{Statements, Terms},
    table::TablePlan,
    tally::Cause,
};

/// What all rows of a list have in common.
#[derive(Clone, Debug)]
pub(crate) struct RowConfig {
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) normaliser: Normaliser,
    /// When the list was received.
    pub(crate) now: Time,
}

/// Reads rows of one file, one after the other.
#[derive(Debug)]
pub(crate) struct RowReader<'a> {
    meaning: &'a Meaning,
    plan: &'a TablePlan,
    config: &'a RowConfig,
    /// Whether any flag is of a mechanism that keeps the domains of addresses.
    keeps_domain: bool,
    /// Used again for every text.
    identifier: Identifier,
    found: Vec<UnsealedKeys>,
}

/// One thing that a row says, before it has keys.
struct Statement {
    on: Option<IdentifierKind>,
    /// In [`Statements::terms`].
    terms: u32,
    stated_at: Option<Time>,
}

impl<'a> RowReader<'a> {
    pub(crate) fn new(meaning: &'a Meaning, plan: &'a TablePlan, config: &'a RowConfig) -> Self {
        let keeps_domain = meaning.flags.flags.iter().any(|flag| flag.mechanism.spec().keeps_domain);
        Self { meaning, plan, config, keeps_domain, identifier: Identifier::blank(), found: Vec::new() }
    }

    pub(crate) fn read(mut self, batch: &Batch) -> Result<Statements, ImportError> {
        let mut into = Statements::with_capacity(batch.len());
        let plain = self.meaning.plain();
        for row in 0..batch.len() {
            into.tally.rows += 1;
            if let Some(fault) = batch.fault(row) {
                into.refuse(row, Cause::Row(fault));
                continue;
            }
            match plain {
                Some(flag) => {
                    let statement = self.plain(batch, row, flag, &mut into);
                    self.address(batch, row, &[statement], &mut into);
                }
                None => match self.flagged(batch, row, &mut into)? {
                    Flagged::Undecodable => into.refuse(row, Cause::Undecodable),
                    Flagged::Says(statements) if statements.is_empty() => into.tally.silent += 1,
                    Flagged::Says(statements) => self.address(batch, row, &statements, &mut into),
                },
            }
            into.seal_if_many(&self.config.keyring);
        }
        into.seal(&self.config.keyring);
        Ok(into)
    }

    /// A row of a plain list, whatever stands in it.
    fn plain(&self, batch: &Batch, row: usize, flag: &Flag, into: &mut Statements) -> Statement {
        if into.terms.is_empty() {
            let ScopeOf::Same(scope) = &flag.scope else { unreachable!("a plain flag has one scope") };
            into.terms.push(Terms {
                mechanism: flag.mechanism.clone(),
                scope: scope.clone(),
                claimant: self.meaning.flags.claimant.clone(),
            });
        }
        let text = |column| self.plan.text(batch, row, column);
        let stated_at = self.meaning.flags.date(flag, text, self.config.now).unwrap_or_else(|fault| {
            into.tally.note_undated(fault);
            None
        });
        Statement { on: flag.on, terms: 0, stated_at }
    }

    fn flagged(&self, batch: &Batch, row: usize, into: &mut Statements) -> Result<Flagged, ImportError> {
        let columns = self.meaning.flags.flags.iter().filter_map(|flag| flag.column);
        // What cannot be read may be a yes.
        if columns.clone().any(|column| matches!(self.plan.cell(batch, row, column), Cell::Undecodable)) {
            return Ok(Flagged::Undecodable);
        }
        let texts = RowTexts::of(self.meaning, self.plan, batch, row);
        let said = match self.meaning.flags.read_row(&|column| texts.get(column), self.config.now) {
            Ok(said) => said,
            Err(RowFault::Date { fault, undated }) => {
                into.tally.note_undated(fault);
                undated
            }
            Err(RowFault::UnknownWords(words)) => return Err(ImportError::UnknownWords(words)),
        };
        let statements = said.into_iter().map(|said| {
            let terms = Terms {
                mechanism: said.statement.mechanism,
                scope: said.statement.scope,
                claimant: said.statement.claimant,
            };
            Statement { on: said.on, terms: into.terms_number(terms), stated_at: said.statement.stated_at }
        });
        Ok(Flagged::Says(statements.collect()))
    }

    /// Puts what a row says under the keys of the identifiers that it is about.
    fn address(&mut self, batch: &Batch, row: usize, statements: &[Statement], into: &mut Statements) {
        let mut fault = None;
        self.found.clear();
        for id in &self.meaning.ids {
            if statements.iter().any(|statement| is_of_kind(statement.on, id.role.kind))
                && let Err(cause) = self.identify(batch, row, id)
            {
                fault = fault.or(Some(cause));
            }
        }
        let before = into.len();
        let mut complete = fault.is_none();
        for statement in statements {
            let mut is_about_somebody = false;
            for keys in self.found.iter().filter(|keys| is_of_kind(statement.on, keys.kind())) {
                is_about_somebody = true;
                let keys = keys.clone();
                let stated_at = statement.stated_at.map(|stated| stated.clamped_to(self.config.now));
                into.push(row, statement.terms, keys, stated_at);
            }
            complete &= is_about_somebody;
        }
        if into.len() == before {
            let none_of_kind = || statements.iter().find_map(|statement| statement.on).map(Cause::NoneOfKind);
            let several = self.meaning.ids.len() > 1;
            let cause = fault.or_else(|| none_of_kind().filter(|_| several)).unwrap_or(Cause::Absent);
            into.refuse(row, cause);
        } else if !complete {
            into.tally.partly += 1;
        }
    }

    /// The identifiers in one column of a row; none if the cell says that there is none.
    fn identify(&mut self, batch: &Batch, row: usize, id: &IdColumn) -> Result<(), Cause> {
        let [column] = id.columns[..] else {
            let parts = id.columns.iter().map(|column| self.plan.text(batch, row, *column));
            let text: String = parts.map(|part| part.trim().to_owned()).collect();
            return self.identify_text(&text, id.role);
        };
        match self.plan.cell(batch, row, column) {
            Cell::Absent => Ok(()),
            Cell::Undecodable => Err(Cause::Undecodable),
            Cell::Text(text) => self.identify_text(&text, id.role),
            Cell::List(texts) => {
                texts.iter().map(|text| self.identify_text(text, id.role)).fold(Ok(()), Result::and)
            }
        }
    }

    fn identify_text(&mut self, text: &str, role: IdRole) -> Result<(), Cause> {
        match self.identify_one(text, role) {
            Err(invalid) if invalid.is_absent() => Ok(()),
            // Some exports put several addresses into one cell.
            Err(_) if role.form.is_none() && text.contains(';') => text
                .split(';')
                .map(|part| match self.identify_one(part, role) {
                    Err(invalid) if !invalid.is_absent() => Err(Cause::Identifier(invalid)),
                    _ => Ok(()),
                })
                .fold(Ok(()), Result::and),
            Err(invalid) => Err(Cause::Identifier(invalid)),
            Ok(()) => Ok(()),
        }
    }

    fn identify_one(&mut self, text: &str, role: IdRole) -> Result<(), InvalidIdentifier> {
        if role.form.is_some() {
            self.identifier = Normaliser::hashed(role.kind, role.form, text)?;
        } else {
            self.config.normaliser.raw_into(role.kind, &role.spelled(text), &mut self.identifier)?;
        }
        self.found.push(self.config.keyring.prepare_signal_keys(&self.identifier, self.keeps_domain));
        Ok(())
    }
}

enum Flagged {
    Says(Vec<Statement>),
    /// A flag that is not text.
    Undecodable,
}

/// The texts of a row's flag and date columns.
pub(crate) struct RowTexts<'b>(Vec<(usize, Cow<'b, str>)>);

impl<'b> RowTexts<'b> {
    pub(crate) fn of(meaning: &Meaning, plan: &TablePlan, batch: &'b Batch, row: usize) -> Self {
        Self(meaning.flag_and_date_columns().map(|column| (column, plan.text(batch, row, column))).collect())
    }

    pub(crate) fn get(&self, column: usize) -> Option<&str> {
        self.0.iter().find(|(at, _)| *at == column).map(|(_, text)| &**text)
    }
}
