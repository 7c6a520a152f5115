//! The attributes of a context: the circumstances that policies may ask about, and the names of
//! scopes.

use std::{collections::BTreeMap, sync::Arc};

use abide_model::Context;
use serde::Deserialize;
use thiserror::Error;
use toml::Spanned;

use super::{Source, is_word};
use crate::error::{Nearest, Problem, RulesetError};

/// One attribute that a context may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeSpec {
    pub name: Arc<str>,
    pub description: String,
    pub kind: AttributeKind,
    /// Why the default may be judged more leniently than another word, where it is. Without one, what is unsaid is judged
    /// as the strictest, which the synthetic cases check.
    pub lenient_default: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttributeKind {
    /// One of some words; the default is judged when none is named.
    Words { values: Vec<Arc<str>>, default: Arc<str> },
    /// Any text, or none.
    Text,
}

/// The attributes that name scopes. Every ruleset has them, since facts are left out by them before
/// any policy is asked.
const SCOPES: [(&str, &str); 3] = [
    ("brand", "The brand that acts. Unnamed, what was said to any brand counts."),
    ("list", "The mailing list that it goes to. Unnamed, what was said to any list counts."),
    ("sender", "The number that it comes from. Unnamed, what was said to any sender counts."),
];

/// What a context must not be called, since these types stand in every schema.
const RESERVED: [&str; 4] = ["action", "item", "person", "segment"];

impl AttributeSpec {
    /// What is judged when the context does not name it.
    pub fn default(&self) -> Option<&str> {
        match &self.kind {
            AttributeKind::Words { default, .. } => Some(default),
            AttributeKind::Text => None,
        }
    }

    fn check(&self, value: &str) -> Result<(), InvalidContext> {
        match &self.kind {
            AttributeKind::Words { values, .. } if !values.iter().any(|known| &**known == value) => {
                let nearest = Nearest::of(value, values.iter().map(AsRef::as_ref));
                Err(InvalidContext::UnknownValue {
                    attribute: self.name.to_string(),
                    value: value.to_owned(),
                    nearest,
                })
            }
            _ => Ok(()),
        }
    }
}

/// A context that no verdict can be given in: a misspelt word must not pass as "something else".
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidContext {
    #[error("the ruleset knows no context attribute `{name}`{nearest}")]
    UnknownAttribute { name: String, nearest: Nearest },
    #[error("the context attribute `{attribute}` is never `{value}`{nearest}")]
    UnknownValue { attribute: String, value: String, nearest: Nearest },
}

pub(crate) fn check(attributes: &[AttributeSpec], context: &Context) -> Result<(), InvalidContext> {
    context.iter().try_for_each(|(name, value)| match attributes.iter().find(|known| &*known.name == name) {
        Some(attribute) => attribute.check(value),
        None => {
            let nearest = Nearest::of(name, attributes.iter().map(|known| &*known.name));
            Err(InvalidContext::UnknownAttribute { name: name.to_owned(), nearest })
        }
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAttribute {
    description: String,
    values: Option<Vec<Spanned<String>>>,
    default: Option<Spanned<String>>,
    lenient_default: Option<String>,
}

pub(super) fn compile(
    raw: BTreeMap<Spanned<String>, RawAttribute>,
    source: &Source<'_>,
) -> Result<Vec<AttributeSpec>, RulesetError> {
    let mut attributes = Vec::new();
    for (name, raw) in raw {
        let text = name.as_ref().clone();
        let problem = match (&raw.values, &raw.default) {
            _ if !is_word(&text) => {
                Some(Problem::InvalidName { what: "a context attribute", name: text.clone() })
            }
            _ if RESERVED.contains(&text.as_str()) => Some(Problem::ReservedAttribute(text.clone())),
            (None, None) => None,
            _ if SCOPES.iter().any(|(scope, _)| *scope == text) => {
                Some(Problem::ScopeAttribute(text.clone()))
            }
            (Some(_), None) => Some(Problem::NoDefault(text.clone())),
            (None, Some(_)) => Some(Problem::DefaultWithoutValues(text.clone())),
            (Some(_), Some(_)) => None,
        };
        if let Some(problem) = problem {
            return Err(source.error(name.span(), problem));
        }
        let kind = match (raw.values, raw.default) {
            (Some(values), Some(default)) => words(&values, &default, source)?,
            _ => AttributeKind::Text,
        };
        attributes.push(AttributeSpec {
            name: text.into(),
            description: raw.description,
            kind,
            lenient_default: raw.lenient_default,
        });
    }
    for (name, description) in SCOPES {
        if !attributes.iter().any(|attribute| &*attribute.name == name) {
            let description = description.to_owned();
            attributes.push(AttributeSpec {
                name: name.into(),
                description,
                kind: AttributeKind::Text,
                lenient_default: None,
            });
        }
    }
    attributes.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(attributes)
}

fn words(
    values: &[Spanned<String>],
    default: &Spanned<String>,
    source: &Source<'_>,
) -> Result<AttributeKind, RulesetError> {
    for (at, value) in values.iter().enumerate() {
        let name = value.as_ref().clone();
        if !is_word(&name) {
            return Err(source.error(value.span(), Problem::InvalidName { what: "a value", name }));
        }
        if values[..at].iter().any(|other| other.as_ref() == value.as_ref()) {
            return Err(source.error(value.span(), Problem::Twice { what: "the value", name }));
        }
    }
    if !values.iter().any(|value| value.as_ref() == default.as_ref()) {
        return Err(source.unknown(default, "value", values.iter().map(|value| value.as_ref().as_str())));
    }
    let word = |text: &Spanned<String>| Arc::from(text.as_ref().as_str());
    Ok(AttributeKind::Words { values: values.iter().map(word).collect(), default: word(default) })
}
