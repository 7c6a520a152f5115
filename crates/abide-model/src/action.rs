//! What somebody is about to do, and in which circumstances.

use std::{collections::BTreeMap, fmt, str::FromStr, sync::Arc};

use crate::{identifier::IdentifierKind, mechanism::Channels};

/// A dotted name such as `contact.email`. Which actions exist is the ruleset's affair.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Action(Arc<str>);

impl Action {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Action {
    type Err = InvalidAction;

    fn from_str(text: &str) -> Result<Self, InvalidAction> {
        let segment = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        if text.len() <= 128 && text.split('.').all(segment) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidAction)
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("an action is a dotted name in lower case, such as `contact.email`")]
pub struct InvalidAction;

/// Where an action goes: which facts of address reach can count, and on which channel it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The kind of identifier that the action is sent to, if it is sent to one.
    pub kind: Option<IdentifierKind>,
    pub channels: Channels,
}

/// The circumstances of an action: `purpose`, `brand`, `list`, `sender`, `region`, … Which
/// attributes exist and what they mean is the ruleset's affair, but for the scope kinds.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Context(BTreeMap<Arc<str>, Arc<str>>);

impl Context {
    pub fn get(&self, attribute: &str) -> Option<&str> {
        self.0.get(attribute).map(AsRef::as_ref)
    }

    pub fn set(&mut self, attribute: &str, value: &str) {
        self.0.insert(attribute.into(), value.into());
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(attribute, value)| (attribute.as_ref(), value.as_ref()))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Context {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(pairs: I) -> Self {
        let mut context = Self::default();
        pairs.into_iter().for_each(|(attribute, value)| context.set(attribute, value));
        context
    }
}
