//! For whom a statement was made.

use std::{fmt, str::FromStr, sync::Arc};

use crate::action::Context;

/// For whom a choice was stated. `*` is everyone in this store; a brand is wider than its lists
/// and senders.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    Everyone,
    Brand(Arc<str>),
    List(Arc<str>),
    Sender(Arc<str>),
}

/// How a scope stands to what somebody is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applies {
    /// The scope is `*`, or the context names it.
    Surely,
    /// The context does not say which brand, list or sender it is: strictly, it may be this one.
    Unnamed,
    /// The context names another one.
    No,
}

impl Scope {
    /// `brand`, `list` or `sender`: also the context attribute that names the one acting.
    pub fn kind(&self) -> Option<&'static str> {
        match self {
            Self::Everyone => None,
            Self::Brand(_) => Some("brand"),
            Self::List(_) => Some("list"),
            Self::Sender(_) => Some("sender"),
        }
    }

    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Everyone => None,
            Self::Brand(name) | Self::List(name) | Self::Sender(name) => Some(name),
        }
    }

    /// Equal or wider, without knowing which list belongs to which brand.
    pub fn covers(&self, other: &Self) -> bool {
        *self == Self::Everyone || self == other
    }

    /// Equal or wider for an act to which both surely apply: there, the brand is the list's own.
    pub fn covers_here(&self, other: &Self) -> bool {
        self.covers(other)
            || (matches!(self, Self::Brand(_)) && matches!(other, Self::List(_) | Self::Sender(_)))
    }

    pub fn applies(&self, context: &Context) -> Applies {
        let (Some(kind), Some(name)) = (self.kind(), self.name()) else { return Applies::Surely };
        match context.get(kind) {
            None => Applies::Unnamed,
            Some(here) if here == name => Applies::Surely,
            Some(_) => Applies::No,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.kind(), self.name()) {
            (Some(kind), Some(name)) => write!(f, "{kind}:{name}"),
            _ => f.write_str("*"),
        }
    }
}

impl FromStr for Scope {
    type Err = InvalidScope;

    fn from_str(text: &str) -> Result<Self, InvalidScope> {
        if text == "*" {
            return Ok(Self::Everyone);
        }
        let (kind, name) = text.split_once(':').ok_or(InvalidScope)?;
        let plain = |c: char| !c.is_control() && !c.is_whitespace();
        if name.is_empty() || name.len() > 256 || !name.chars().all(plain) {
            return Err(InvalidScope);
        }
        match kind {
            "brand" => Ok(Self::Brand(name.into())),
            "list" => Ok(Self::List(name.into())),
            "sender" => Ok(Self::Sender(name.into())),
            _ => Err(InvalidScope),
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a scope is `*`, `brand:NAME`, `list:NAME` or `sender:NAME`, the name without spaces")]
pub struct InvalidScope;
