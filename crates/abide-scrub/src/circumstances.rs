//! The context of each row.

use std::collections::HashMap;

use abide_formats::{Batch, Cell};
use abide_model::Context;
use abide_rules::Ruleset;

use crate::ready::Ready;

/// Contexts by number, each made and checked once.
pub(crate) struct Circumstances<'a> {
    rules: &'a Ruleset,
    fixed: &'a Context,
    attributes: &'a [String],
    /// Where the columns of the context start among those of the batch.
    first_column: usize,
    contexts: Vec<Context>,
    /// By the cells of the row, joined; `None` where the ruleset does not know a value.
    known: HashMap<Box<str>, Option<usize>>,
    cells: String,
}

/// A row whose context has a value that the ruleset does not know, or that is no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadContext;

/// Kept at the most; a column that is different in every row must not fill the memory.
const CONTEXTS_MAX: usize = 1 << 12;

impl<'a> Circumstances<'a> {
    pub(crate) fn new(ready: &'a Ready, rules: &'a Ruleset) -> Self {
        Self {
            rules,
            fixed: &ready.context,
            attributes: &ready.attributes,
            first_column: ready.roles.len(),
            contexts: vec![ready.context.clone()],
            known: HashMap::new(),
            cells: String::new(),
        }
    }

    pub(crate) fn get(&self, number: usize) -> &Context {
        &self.contexts[number]
    }

    /// Forgets contexts if there are many, and says whether it did: their numbers mean nothing any more.
    pub(crate) fn trim(&mut self) -> bool {
        let full = self.contexts.len() > CONTEXTS_MAX || self.known.len() > CONTEXTS_MAX;
        if full {
            self.contexts.truncate(1);
            self.known.clear();
        }
        full
    }

    /// The number of the row's context.
    pub(crate) fn of_row(&mut self, batch: &Batch, row: usize) -> Result<usize, BadContext> {
        if self.attributes.is_empty() {
            return Ok(0);
        }
        self.cells.clear();
        for at in 0..self.attributes.len() {
            match batch.cell(row, self.first_column + at) {
                Cell::Absent => {}
                Cell::Text(text) => self.cells.push_str(text.trim()),
                Cell::List(_) | Cell::Undecodable => return Err(BadContext),
            }
            // No cell can be mistaken for two, since one that has this in it is refused with its context.
            self.cells.push(BETWEEN);
        }
        let number = match self.known.get(self.cells.as_str()) {
            Some(number) => *number,
            None => self.learn(),
        };
        number.ok_or(BadContext)
    }

    fn learn(&mut self) -> Option<usize> {
        let mut values = self.cells.split_terminator(BETWEEN);
        let mut context = self.fixed.clone();
        for (attribute, value) in self.attributes.iter().zip(&mut values) {
            if !value.is_empty() {
                context.set(attribute, value);
            }
        }
        let is_sound = values.next().is_none()
            && self.cells.matches(BETWEEN).count() == self.attributes.len()
            && self.rules.check_context(&context).is_ok();
        let number = is_sound.then(|| {
            self.contexts.push(context);
            self.contexts.len() - 1
        });
        self.known.insert(self.cells.as_str().into(), number);
        number
    }
}

/// The unit separator, which no name has in it.
const BETWEEN: char = '\u{1f}';
