//! Which ruleset, exactly.

use std::{fmt, sync::Arc};

use crate::sources::RulesetSources;

/// A ruleset's name and the SHA-256 of its content: equal versions decide equally.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RulesetVersion {
    name: Arc<str>,
    digest: [u8; 32],
}

impl RulesetVersion {
    pub(crate) fn of(name: &str, sources: &RulesetSources) -> Self {
        Self { name: name.into(), digest: sources.digest() }
    }

    /// The name that the ruleset gives itself; not part of what tells versions apart.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// 64 hex digits.
    pub fn digest_hex(&self) -> String {
        hex::encode(self.digest)
    }
}

/// Short, for people: `default@3f9c2a1b`.
impl fmt::Display for RulesetVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}@{}", self.name, hex::encode(&self.digest[..4])))
    }
}

impl fmt::Debug for RulesetVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, hex::encode(self.digest))
    }
}
