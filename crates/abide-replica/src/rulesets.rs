//! The versions of rulesets that a store keeps: `rulesets/<digest>.json`, created once and never changed.
//!
//! The digest is that of what the rules say (see [`RulesetSources::canonical_bytes`]), so what an activation names is
//! what is read, or nothing is. Who pushed a version, when and why stands beside it, and its cases.

use std::sync::Arc;

use abide_journal::{Created, ErrorKind, Retry, Store, StoreError};
use abide_model::Time;
use abide_rules::{Ruleset, RulesetError, RulesetSources};
use futures::TryStreamExt as _;
use object_store::path::Path;
use serde::{Deserialize, Serialize};

/// The newest format of a version that is understood here.
pub const RULESET_FORMAT: u64 = 1;

const FOLDER: &str = "rulesets";

/// A version as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRuleset {
    /// For people, as in `v8`: one more than the greatest that was there. Two pushes at once may share one; their
    /// digests tell them apart.
    pub number: u64,
    pub author: String,
    pub at: Time,
    pub message: String,
    /// The version that was in force when this one was pushed.
    pub parent: Option<[u8; 32]>,
    /// What `abide rules test` said, as JSON.
    pub test: serde_json::Value,
    pub sources: RulesetSources,
    /// Each case's text by its file's name.
    pub cases: Vec<(String, String)>,
}

/// Why a version cannot be used. Nobody is judged by another one instead.
#[derive(Debug, thiserror::Error)]
pub enum RulesetsError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the ruleset `{name}` is not in the store; restore that object from a backup")]
    Missing { name: String },
    #[error("the ruleset `{name}` is in format {format}; upgrade abide")]
    Newer { name: String, format: u64 },
    #[error("the ruleset `{name}` is damaged; restore that object from a backup")]
    Damaged { name: String },
    #[error("the ruleset `{name}` is not one that this version of abide can use")]
    Invalid { name: String, source: Box<RulesetError> },
}

impl RulesetsError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Store(error) => error.kind(),
            Self::Newer { .. } | Self::Invalid { .. } => ErrorKind::Invalid,
            Self::Missing { .. } | Self::Damaged { .. } => ErrorKind::Damaged,
        }
    }
}

impl StoredRuleset {
    /// Compiles it.
    pub fn ruleset(&self) -> Result<Ruleset, Box<RulesetError>> {
        Ruleset::from_sources(&self.sources).map_err(Box::new)
    }

    pub fn digest(&self) -> [u8; 32] {
        self.sources.digest()
    }

    /// Stores it, unless the same rules are there already: then that version is handed out, unchanged.
    pub async fn push(self, store: &Store, retry: Retry) -> Result<Pushed, RulesetsError> {
        let digest = self.digest();
        let name = name_of(&digest);
        let bytes = serde_json::to_vec_pretty(&VersionJson::from(&self)).expect("strings can be written");
        let pushed = match store.create(&name, bytes.into(), retry).await? {
            Created::Done => Pushed::New(self),
            Created::Another(bytes) => Pushed::Known(parse(&name, &bytes, &digest)?),
        };
        // Like whoever appends: it was in time to be copied to where the store went, or sees that it went.
        store.refuse_moved().await?;
        Ok(pushed)
    }
}

/// What pushing a version came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pushed {
    New(StoredRuleset),
    Known(StoredRuleset),
}

/// One version by its digest.
pub async fn load(store: &Store, digest: &[u8; 32]) -> Result<StoredRuleset, RulesetsError> {
    let name = name_of(digest);
    let bytes = store.get(&name).await?.ok_or_else(|| RulesetsError::Missing { name: name.clone() })?;
    parse(&name, &bytes, digest)
}

/// One version, compiled.
pub async fn compiled(store: &Store, digest: &[u8; 32]) -> Result<Arc<Ruleset>, RulesetsError> {
    let stored = load(store, digest).await?;
    let invalid = |source| RulesetsError::Invalid { name: name_of(digest), source };
    Ok(Arc::new(stored.ruleset().map_err(invalid)?))
}

/// Every version of a store.
#[derive(Debug, Default)]
pub struct Kept {
    /// By number.
    pub versions: Vec<StoredRuleset>,
    /// Those that cannot be read. Whatever does not need them goes on.
    pub unreadable: Vec<([u8; 32], RulesetsError)>,
}

/// All versions. One that cannot be read stops nobody but whoever asks for it.
pub async fn all(store: &Store) -> Result<Kept, StoreError> {
    let list = store.objects().list(Some(&Path::from(FOLDER)));
    let found: Vec<_> = list.try_collect().await.map_err(|source| StoreError::of("list", FOLDER, source))?;
    let mut kept = Kept::default();
    for object in found {
        let file = object.location.filename().unwrap_or_default();
        let digest = file.strip_suffix(".json").and_then(|hex| hex::decode(hex).ok()?.try_into().ok());
        let Some(digest) = digest else { continue };
        match load(store, &digest).await {
            Ok(version) => kept.versions.push(version),
            Err(RulesetsError::Store(error)) => return Err(error),
            Err(error) => kept.unreadable.push((digest, error)),
        }
    }
    kept.versions.sort_by_key(|version| (version.number, version.at, version.digest()));
    Ok(kept)
}

fn name_of(digest: &[u8; 32]) -> String {
    format!("{FOLDER}/{}.json", hex::encode(digest))
}

#[derive(Deserialize)]
struct Versioned {
    format: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct VersionJson {
    format: u64,
    number: u64,
    author: String,
    at_us: i64,
    message: String,
    parent: Option<String>,
    test: serde_json::Value,
    toml: String,
    policies: Vec<(String, String)>,
    cases: Vec<(String, String)>,
}

impl From<&StoredRuleset> for VersionJson {
    fn from(stored: &StoredRuleset) -> Self {
        Self {
            format: RULESET_FORMAT,
            number: stored.number,
            author: stored.author.clone(),
            at_us: stored.at.as_micros(),
            message: stored.message.clone(),
            parent: stored.parent.map(hex::encode),
            test: stored.test.clone(),
            toml: stored.sources.toml.clone(),
            policies: stored.sources.policies.clone(),
            cases: stored.cases.clone(),
        }
    }
}

fn parse(name: &str, bytes: &[u8], expected: &[u8; 32]) -> Result<StoredRuleset, RulesetsError> {
    let damaged = || RulesetsError::Damaged { name: name.to_owned() };
    let Versioned { format } = serde_json::from_slice(bytes).map_err(|_| damaged())?;
    if format > RULESET_FORMAT {
        return Err(RulesetsError::Newer { name: name.to_owned(), format });
    }
    let json: VersionJson = serde_json::from_slice(bytes).map_err(|_| damaged())?;
    let digest = |hex: String| -> Option<[u8; 32]> { hex::decode(hex).ok()?.try_into().ok() };
    let stored = StoredRuleset {
        number: json.number,
        author: json.author,
        at: Time::from_micros(json.at_us),
        message: json.message,
        parent: json.parent.map(|hex| digest(hex).ok_or_else(damaged)).transpose()?,
        test: json.test,
        sources: RulesetSources { toml: json.toml, policies: json.policies },
        cases: json.cases,
    };
    if stored.digest() == *expected { Ok(stored) } else { Err(damaged()) }
}
