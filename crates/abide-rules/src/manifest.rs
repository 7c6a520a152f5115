//! What `ruleset.toml` declares: segments and the mechanisms that make them, actions and their
//! groups, the attributes of a context, and how fresh a source has to be.
//!
//! In goes its text, out comes a [`Manifest`] in which every name stands for something declared.

pub mod action;
pub mod context;
pub mod max_age;
pub mod segment;

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

/// The declarations of a ruleset, checked.
#[derive(Debug)]
pub struct Manifest {
    pub name: String,
    pub segments: Vec<SegmentSpec>,
    pub groups: Vec<GroupSpec>,
    pub actions: Vec<ActionSpec>,
    pub attributes: Vec<AttributeSpec>,
    pub max_ages: Vec<MaxAge>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawManifest {
    name: Spanned<String>,
    // For readers of the file only.
    #[serde(rename = "description", default)]
    _description: String,
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
        let segments = segment::compile(raw.segments, &raw.segmentless, &source)?;
        let groups = action::compile_groups(raw.groups, &source)?;
        let actions = action::compile(raw.actions, &groups, &source)?;
        let attributes = context::compile(raw.context, &source)?;
        let max_ages = max_age::compile(raw.sources, &actions, &attributes, &source)?;
        Ok(Self { name: raw.name.into_inner(), segments, groups, actions, attributes, max_ages })
    }
}

/// The text of `ruleset.toml`, for naming places in it.
struct Source<'a> {
    text: &'a str,
}

impl Source<'_> {
    fn error(&self, span: Range<usize>, problem: Problem) -> RulesetError {
        RulesetError { place: Place::at(MANIFEST_FILE, self.text, span.start), problem }
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
