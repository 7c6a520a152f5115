//! How fresh a source's list has to be before an action may rest on it.

use std::{collections::BTreeMap, sync::Arc};

use abide_model::{Action, Context, Mechanism};
use serde::Deserialize;
use toml::Spanned;

use super::{
    Source,
    action::ActionSpec,
    context::{AttributeKind, AttributeSpec},
    segment::Pattern,
};
use crate::error::{Problem, RulesetError};

/// A source that states one of these mechanisms must have been refreshed within `days`, or the
/// actions cannot be judged.
#[derive(Clone, Debug)]
pub struct MaxAge {
    pub mechanisms: Vec<Pattern>,
    pub days: u32,
    pub actions: Vec<Action>,
    /// The law or convention that sets the limit.
    pub law: String,
    conditions: Vec<Condition>,
}

/// An attribute has one of some values.
#[derive(Clone, Debug)]
struct Condition {
    attribute: Arc<str>,
    /// Judged when the context does not name the attribute.
    default: Arc<str>,
    values: Vec<Arc<str>>,
}

impl MaxAge {
    pub fn covers(&self, mechanism: &Mechanism) -> bool {
        self.mechanisms.iter().any(|pattern| pattern.matches(mechanism))
    }

    /// Whether the limit holds in this context.
    pub fn applies(&self, context: &Context) -> bool {
        self.conditions.iter().all(|condition| {
            let here = context.get(&condition.attribute).unwrap_or(&condition.default);
            condition.values.iter().any(|value| &**value == here)
        })
    }

    /// The attributes of the context that decide whether the limit holds.
    pub fn attributes(&self) -> impl Iterator<Item = &str> {
        self.conditions.iter().map(|condition| &*condition.attribute)
    }

    /// ` where purpose is marketing`, or nothing.
    pub(crate) fn conditions_text(&self) -> String {
        let texts = self
            .conditions
            .iter()
            .map(|condition| format!(" where {} is {}", condition.attribute, condition.values.join(" or ")));
        texts.collect()
    }

    pub fn micros(&self) -> i64 {
        i64::from(self.days) * 86_400_000_000
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSource {
    mechanisms: Vec<Spanned<String>>,
    max_age_days: Spanned<u32>,
    actions: Vec<Spanned<String>>,
    #[serde(default)]
    when: BTreeMap<Spanned<String>, Vec<Spanned<String>>>,
    law: String,
}

pub(super) fn compile(
    raw: Vec<RawSource>,
    actions: &[ActionSpec],
    attributes: &[AttributeSpec],
    source: &Source<'_>,
) -> Result<Vec<MaxAge>, RulesetError> {
    raw.into_iter().map(|raw| compile_one(raw, actions, attributes, source)).collect()
}

fn compile_one(
    raw: RawSource,
    actions: &[ActionSpec],
    attributes: &[AttributeSpec],
    source: &Source<'_>,
) -> Result<MaxAge, RulesetError> {
    let days = *raw.max_age_days.as_ref();
    if days == 0 {
        return Err(source.error(raw.max_age_days.span(), Problem::ZeroMaxAge));
    }
    let action =
        |name: &Spanned<String>| match actions.iter().find(|known| known.name.as_str() == name.as_ref()) {
            Some(known) => Ok(known.name.clone()),
            None => Err(source.unknown(name, "action", actions.iter().map(|known| known.name.as_str()))),
        };
    Ok(MaxAge {
        mechanisms: raw
            .mechanisms
            .iter()
            .map(|text| Pattern::read(text, source))
            .collect::<Result<_, _>>()?,
        days,
        actions: raw.actions.iter().map(action).collect::<Result<_, _>>()?,
        law: raw.law,
        conditions: raw
            .when
            .iter()
            .map(|(name, values)| condition(name, values, attributes, source))
            .collect::<Result<_, _>>()?,
    })
}

fn condition(
    name: &Spanned<String>,
    wanted: &[Spanned<String>],
    attributes: &[AttributeSpec],
    source: &Source<'_>,
) -> Result<Condition, RulesetError> {
    let words = attributes.iter().filter_map(|attribute| match &attribute.kind {
        AttributeKind::Words { values, default } => Some((&attribute.name, values, default)),
        AttributeKind::Text => None,
    });
    let Some((attribute, known, default)) = words.clone().find(|(known, ..)| &***known == name.as_ref())
    else {
        return Err(source.unknown(
            name,
            "context attribute with `values`",
            words.map(|(known, ..)| &**known),
        ));
    };
    if let Some(wrong) = wanted.iter().find(|value| !known.iter().any(|known| **known == **value.as_ref())) {
        return Err(source.unknown(wrong, "value", known.iter().map(AsRef::as_ref)));
    }
    Ok(Condition {
        attribute: attribute.clone(),
        default: default.clone(),
        values: wanted.iter().map(|value| value.as_ref().as_str().into()).collect(),
    })
}
