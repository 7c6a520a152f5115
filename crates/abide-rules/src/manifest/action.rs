//! Actions, and the groups that policies can name them by.

use std::collections::BTreeMap;

use abide_model::{Action, Channels, Destination, IdentifierKind};
use serde::Deserialize;
use toml::Spanned;

use super::Source;
use crate::error::{Problem, RulesetError};

/// What somebody can ask a verdict about.
#[derive(Clone, Debug)]
pub struct ActionSpec {
    pub name: Action,
    /// The groups that it is in directly.
    pub parents: Vec<String>,
    pub destination: Destination,
    pub basis: Basis,
    pub description: String,
    /// The law or convention behind what blocks it.
    pub law: String,
}

/// What holds when no policy has anything to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Allowed unless blocked.
    OptOut,
    /// Blocked unless a consent of the person applies.
    OptIn,
}

impl Basis {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OptOut => "opt_out",
            Self::OptIn => "opt_in",
        }
    }
}

/// A name for several actions; nobody asks a verdict about it.
#[derive(Clone, Debug)]
pub struct GroupSpec {
    pub name: String,
    pub parents: Vec<String>,
    pub description: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawGroup {
    description: String,
    #[serde(rename = "in", default)]
    parents: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAction {
    description: String,
    law: String,
    basis: Basis,
    #[serde(rename = "in", default)]
    parents: Vec<Spanned<String>>,
    to: Option<Spanned<String>>,
    channels: Vec<Spanned<String>>,
}

pub(super) fn compile_groups(
    raw: BTreeMap<Spanned<String>, RawGroup>,
    source: &Source<'_>,
) -> Result<Vec<GroupSpec>, RulesetError> {
    let names: Vec<String> = raw.keys().map(|name| name.as_ref().clone()).collect();
    for (name, group) in &raw {
        source.dotted_name("a group", name)?;
        check_parents(&group.parents, &names, source)?;
    }
    for name in raw.keys() {
        if let Some(circle) = circle_from(name.as_ref(), &raw) {
            return Err(source.error(name.span(), Problem::Cycle(circle)));
        }
    }
    let compiled = raw.into_iter().map(|(name, group)| GroupSpec {
        name: name.into_inner(),
        parents: group.parents.into_iter().map(Spanned::into_inner).collect(),
        description: group.description,
    });
    Ok(compiled.collect())
}

pub(super) fn compile(
    raw: BTreeMap<Spanned<String>, RawAction>,
    groups: &[GroupSpec],
    source: &Source<'_>,
) -> Result<Vec<ActionSpec>, RulesetError> {
    let group_names: Vec<String> = groups.iter().map(|group| group.name.clone()).collect();
    let mut actions = Vec::new();
    for (name, raw) in raw {
        source.dotted_name("an action", &name)?;
        let invalid = || Problem::InvalidName { what: "an action", name: name.as_ref().clone() };
        let action: Action = name.as_ref().parse().map_err(|_| source.error(name.span(), invalid()))?;
        if group_names.contains(name.as_ref()) {
            let twice = Problem::Twice { what: "the action or group", name: name.as_ref().clone() };
            return Err(source.error(name.span(), twice));
        }
        check_parents(&raw.parents, &group_names, source)?;
        let kind = raw.to.as_ref().map(|to| kind(to, source)).transpose()?;
        let channels = channels(&raw.channels, source)?;
        actions.push(ActionSpec {
            name: action,
            parents: raw.parents.into_iter().map(Spanned::into_inner).collect(),
            destination: Destination { kind, channels },
            basis: raw.basis,
            description: raw.description,
            law: raw.law,
        });
    }
    Ok(actions)
}

fn check_parents(
    parents: &[Spanned<String>],
    groups: &[String],
    source: &Source<'_>,
) -> Result<(), RulesetError> {
    match parents.iter().find(|parent| !groups.contains(parent.as_ref())) {
        Some(parent) => Err(source.unknown(parent, "group", groups.iter().map(String::as_str))),
        None => Ok(()),
    }
}

/// The groups on a way from a group back to itself.
fn circle_from(start: &str, groups: &BTreeMap<Spanned<String>, RawGroup>) -> Option<Vec<String>> {
    let mut ways = vec![vec![start.to_owned()]];
    let mut seen = vec![start.to_owned()];
    while let Some(way) = ways.pop() {
        let last = way.last().expect("a way begins with a group");
        for parent in groups.get(last.as_str()).iter().flat_map(|group| &group.parents) {
            if parent.as_ref() == start {
                return Some(way);
            }
            if !seen.contains(parent.as_ref()) {
                seen.push(parent.as_ref().clone());
                ways.push([way.as_slice(), std::slice::from_ref(parent.as_ref())].concat());
            }
        }
    }
    None
}

fn kind(name: &Spanned<String>, source: &Source<'_>) -> Result<IdentifierKind, RulesetError> {
    let unknown =
        |_| source.unknown(name, "kind of identifier", IdentifierKind::ALL.map(IdentifierKind::as_str));
    name.as_ref().parse().map_err(unknown)
}

pub(crate) const CHANNELS: [(&str, Channels); 8] = [
    ("email", Channels::EMAIL),
    ("sms", Channels::SMS),
    ("phone", Channels::PHONE),
    ("push", Channels::PUSH),
    ("post", Channels::POST),
    ("ads", Channels::ADS),
    ("track", Channels::TRACK),
    ("all", Channels::ALL),
];

fn channels(names: &[Spanned<String>], source: &Source<'_>) -> Result<Channels, RulesetError> {
    let mut channels = Channels::NONE;
    for name in names {
        match CHANNELS.iter().find(|(known, _)| known == name.as_ref()) {
            Some((_, channel)) => channels = channels.and(*channel),
            None => return Err(source.unknown(name, "channel", CHANNELS.map(|(known, _)| known))),
        }
    }
    Ok(channels)
}
