//! Segments: which mechanisms put somebody where.

use std::{collections::BTreeMap, fmt, sync::Arc};

use abide_model::{
    Mechanism,
    mechanism::{CATALOGUE, MechanismSpec},
};
use serde::Deserialize;
use toml::Spanned;

use super::Source;
use crate::error::{Problem, RulesetError};

/// A named set of people: those of whom a fact of one of the mechanisms is in force.
#[derive(Clone, Debug)]
pub struct SegmentSpec {
    pub name: Arc<str>,
    pub description: String,
    /// The law or convention behind it, where there is one.
    pub law: Option<String>,
    /// Whom to ask about it, where that is somebody else than the ruleset's owner.
    pub owner: Option<String>,
    pub mechanisms: Vec<Pattern>,
}

/// One mechanism, or all whose path begins so: `email.list`, `phone.dnc.*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: Arc<str>,
}

impl Pattern {
    pub fn matches(&self, mechanism: &Mechanism) -> bool {
        match self.prefix() {
            Some(prefix) => mechanism.as_str().starts_with(prefix),
            None => mechanism.as_str() == &*self.text,
        }
    }

    fn prefix(&self) -> Option<&str> {
        self.text.strip_suffix('*')
    }

    /// Whether every mechanism of a row of the catalogue matches.
    fn covers(&self, row: &MechanismSpec) -> bool {
        match self.prefix() {
            Some(prefix) => row.path.starts_with(prefix),
            None => row.path == &*self.text,
        }
    }

    pub(super) fn read(text: &Spanned<String>, source: &Source<'_>) -> Result<Self, RulesetError> {
        let pattern = Self { text: text.as_ref().as_str().into() };
        // A member of a family (`phone.dnc.us`) is in no row of its own but is a mechanism.
        let known = match pattern.prefix() {
            Some(prefix) => prefix.ends_with('.') && CATALOGUE.iter().any(|row| row.path.starts_with(prefix)),
            None => text.as_ref().parse::<Mechanism>().is_ok(),
        };
        if known {
            return Ok(pattern);
        }
        let rows = CATALOGUE.iter().map(|row| row.path);
        Err(source.unknown(text, "mechanism", rows))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSegment {
    pub(super) description: String,
    law: Option<String>,
    owner: Option<String>,
    mechanisms: Vec<Spanned<String>>,
    pub(super) blocks: Option<Vec<Spanned<String>>>,
    pub(super) when: Option<Spanned<String>>,
    pub(super) unless: Option<Spanned<String>>,
    pub(super) reason: Option<String>,
}

pub(super) fn compile(
    raw: BTreeMap<Spanned<String>, RawSegment>,
    segmentless: &BTreeMap<Spanned<String>, String>,
    source: &Source<'_>,
) -> Result<Vec<SegmentSpec>, RulesetError> {
    let mut segments = Vec::new();
    for (name, raw) in raw {
        source.dotted_name("a segment", &name)?;
        if raw.mechanisms.is_empty() {
            return Err(source.error(name.span(), Problem::EmptySegment(name.as_ref().clone())));
        }
        let mechanisms =
            raw.mechanisms.iter().map(|text| Pattern::read(text, source)).collect::<Result<_, _>>()?;
        segments.push(SegmentSpec {
            name: name.as_ref().as_str().into(),
            description: raw.description,
            law: raw.law,
            owner: raw.owner,
            mechanisms,
        });
    }
    check_coverage(&segments, segmentless, source)?;
    Ok(segments)
}

/// Nothing that somebody said may be without a meaning unless the ruleset says so.
fn check_coverage(
    segments: &[SegmentSpec],
    segmentless: &BTreeMap<Spanned<String>, String>,
    source: &Source<'_>,
) -> Result<(), RulesetError> {
    let reached =
        |row: &MechanismSpec| segments.iter().flat_map(|segment| &segment.mechanisms).any(|p| p.covers(row));
    let mut declared = Vec::new();
    for name in segmentless.keys() {
        let pattern = Pattern::read(name, source)?;
        if CATALOGUE.iter().any(|row| pattern.covers(row) && reached(row)) {
            return Err(source.error(name.span(), Problem::Segmentless(name.as_ref().clone())));
        }
        declared.push(pattern);
    }
    match CATALOGUE.iter().find(|row| !reached(row) && !declared.iter().any(|pattern| pattern.covers(row))) {
        Some(row) => Err(source.error(0..0, Problem::IgnoredMechanism(row.path))),
        None => Ok(()),
    }
}
