//! What a segment blocks, as a plain table: for rulesets whose authors write no policy.
//!
//! ```toml
//! [segments.unsubscribed]
//! mechanisms = ["email.unsubscribe"]
//! blocks = ["contact.email"]
//! unless = 'context.purpose == "transactional"'
//! ```

use std::collections::BTreeMap;

use toml::Spanned;

use super::{
    Source,
    action::{ActionSpec, GroupSpec},
    segment::RawSegment,
};
use crate::error::{Place, Problem, RulesetError};

/// One segment's table. Its policy is made and checked where policies are.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) segment: String,
    /// Actions and groups.
    pub(crate) blocks: Vec<String>,
    pub(crate) when: Option<Condition>,
    pub(crate) unless: Option<Condition>,
    pub(crate) reason: String,
    /// Of its `blocks`.
    pub(crate) place: Place,
}

/// A condition in the language of policies, and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    pub(crate) text: String,
    pub(crate) place: Place,
}

impl Table {
    /// The id of the policy: `do_not_contact.email` → `do-not-contact-email`.
    pub(crate) fn rule_id(&self) -> String {
        self.segment.replace(['.', '_'], "-")
    }
}

pub(super) fn compile(
    segments: &BTreeMap<Spanned<String>, RawSegment>,
    actions: &[ActionSpec],
    groups: &[GroupSpec],
    source: &Source<'_>,
) -> Result<Vec<Table>, RulesetError> {
    let tables =
        segments.iter().filter_map(|(name, raw)| table(name, raw, actions, groups, source).transpose());
    tables.collect()
}

fn table(
    name: &Spanned<String>,
    raw: &RawSegment,
    actions: &[ActionSpec],
    groups: &[GroupSpec],
    source: &Source<'_>,
) -> Result<Option<Table>, RulesetError> {
    let segment = name.as_ref().clone();
    let Some(blocks) = &raw.blocks else {
        let qualified = [("when", raw.when.is_some()), ("unless", raw.unless.is_some())];
        return match qualified.iter().find(|(_, given)| *given) {
            Some((key, _)) => Err(source.error(name.span(), Problem::NothingToQualify { segment, key })),
            None => Ok(None),
        };
    };
    let Some(first) = blocks.first() else {
        return Err(source.error(name.span(), Problem::BlocksNothing(segment)));
    };
    for (at, blocked) in blocks.iter().enumerate() {
        let known = actions.iter().map(|action| action.name.as_str());
        let known: Vec<&str> = known.chain(groups.iter().map(|group| group.name.as_str())).collect();
        if !known.contains(&blocked.as_ref().as_str()) {
            return Err(source.unknown(blocked, "action or group", known));
        }
        if let Some(why) = said_already(blocked.as_ref(), &blocks[..at], actions, groups) {
            let name = blocked.as_ref().clone();
            return Err(source.error(blocked.span(), Problem::BlockedTwice { name, why }));
        }
    }
    let condition = |given: &Spanned<String>| Condition {
        text: given.as_ref().clone(),
        place: source.place(given.span()),
    };
    Ok(Some(Table {
        segment,
        blocks: blocks.iter().map(|blocked| blocked.as_ref().clone()).collect(),
        when: raw.when.as_ref().map(condition),
        unless: raw.unless.as_ref().map(condition),
        reason: raw.reason.clone().unwrap_or_else(|| raw.description.clone()),
        place: source.place(first.span()),
    }))
}

/// A table that says the same thing twice was not meant as it stands.
fn said_already(
    name: &str,
    before: &[Spanned<String>],
    actions: &[ActionSpec],
    groups: &[GroupSpec],
) -> Option<String> {
    let is_in = |inner: &str, outer: &str| above(inner, actions, groups).iter().any(|group| group == outer);
    before.iter().map(|other| other.as_ref().as_str()).find_map(|other| {
        if name == other {
            Some("it is listed twice".to_owned())
        } else if is_in(name, other) {
            Some(format!("the group `{other}` has it already"))
        } else if is_in(other, name) {
            Some(format!("it has `{other}`, which is listed already"))
        } else {
            None
        }
    })
}

/// All groups that an action or a group is in, directly or not.
pub(crate) fn above(name: &str, actions: &[ActionSpec], groups: &[GroupSpec]) -> Vec<String> {
    let parents_of = |name: &str| {
        let action = actions.iter().find(|action| action.name.as_str() == name).map(|action| &action.parents);
        action.or_else(|| groups.iter().find(|group| group.name == name).map(|group| &group.parents))
    };
    let mut found: Vec<String> = Vec::new();
    let mut next = vec![name.to_owned()];
    while let Some(name) = next.pop() {
        for parent in parents_of(&name).into_iter().flatten() {
            if !found.contains(parent) {
                found.push(parent.clone());
                next.push(parent.clone());
            }
        }
    }
    found
}
