//! What `ruleset.toml` declares: segments and the mechanisms that make them, actions and their
//! groups, the attributes of a context, and how fresh a source has to be.
//!
//! In goes its text, out comes a [`Manifest`] in which every name stands for something declared.

pub mod action;
pub mod context;
pub mod max_age;
pub mod segment;
pub(crate) mod table;

use std::{collections::BTreeMap, ops::Range};

use serde::Deserialize;
use toml::Spanned;

use crate::{
    error::{Nearest, Place, Problem, RulesetError},
    sources::MANIFEST_FILE,
};
use action::{ActionSpec, GroupSpec, RawAction, RawGroup};
use context::{AttributeSpec, RawAttribute};
use max_age::{MaxAge, RawSource};
use segment::{RawSegment, SegmentSpec};
use table::Table;

/// The declarations of a ruleset, checked.
#[derive(Clone, Debug)]
pub struct Manifest {
    pub name: String,
    pub description: String,
    /// Whom to ask about it.
    pub owner: Option<String>,
    pub segments: Vec<SegmentSpec>,
    pub groups: Vec<GroupSpec>,
    pub actions: Vec<ActionSpec>,
    pub attributes: Vec<AttributeSpec>,
    pub max_ages: Vec<MaxAge>,
    /// What segments block by a plain table rather than by a policy that somebody wrote.
    pub(crate) tables: Vec<Table>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawManifest {
    name: Spanned<String>,
    #[serde(default)]
    description: String,
    owner: Option<String>,
    segments: BTreeMap<Spanned<String>, RawSegment>,
    #[serde(default)]
    segmentless: BTreeMap<Spanned<String>, String>,
    #[serde(default)]
    groups: BTreeMap<Spanned<String>, RawGroup>,
    actions: BTreeMap<Spanned<String>, RawAction>,
    #[serde(default)]
    context: BTreeMap<Spanned<String>, RawAttribute>,
    #[serde(default)]
    sources: Vec<RawSource>,
}

impl Manifest {
    pub(crate) fn parse(text: &str) -> Result<Self, RulesetError> {
        let source = Source { text };
        let raw: RawManifest = toml::from_str(text).map_err(|error| {
            source.error(error.span().unwrap_or(0..0), Problem::Toml(one_line(error.message())))
        })?;
        if !is_word(raw.name.as_ref()) {
            let name = raw.name.as_ref().clone();
            return Err(source.error(raw.name.span(), Problem::InvalidName { what: "a ruleset", name }));
        }
        let groups = action::compile_groups(raw.groups, &source)?;
        let actions = action::compile(raw.actions, &groups, &source)?;
        let attributes = context::compile(raw.context, &source)?;
        let tables = table::compile(&raw.segments, &actions, &groups, &source)?;
        let segments = segment::compile(raw.segments, &raw.segmentless, &source)?;
        let max_ages = max_age::compile(raw.sources, &actions, &attributes, &source)?;
        Ok(Self {
            name: raw.name.into_inner(),
            description: raw.description,
            owner: raw.owner,
            segments,
            groups,
            actions,
            attributes,
            max_ages,
            tables,
        })
    }
}

/// The text of `ruleset.toml`, for naming places in it.
struct Source<'a> {
    text: &'a str,
}

impl Source<'_> {
    fn error(&self, span: Range<usize>, problem: Problem) -> RulesetError {
        RulesetError { place: self.place(span), problem }
    }

    fn place(&self, span: Range<usize>) -> Place {
        Place::at(MANIFEST_FILE, self.text, span.start)
    }

    fn unknown<'a>(
        &self,
        name: &Spanned<String>,
        what: &'static str,
        known: impl IntoIterator<Item = &'a str>,
    ) -> RulesetError {
        let nearest = Nearest::of(name.as_ref(), known);
        self.error(name.span(), Problem::Unknown { what, name: name.as_ref().clone(), nearest })
    }

    fn dotted_name(&self, what: &'static str, name: &Spanned<String>) -> Result<(), RulesetError> {
        if name.as_ref().split('.').all(is_word) {
            return Ok(());
        }
        Err(self.error(name.span(), Problem::InvalidName { what, name: name.as_ref().clone() }))
    }
}

/// Lower-case letters, digits and `_`, a letter first.
fn is_word(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn one_line(message: &str) -> String {
    message.lines().map(str::trim).collect::<Vec<_>>().join(", ")
}
