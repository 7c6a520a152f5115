//! Access tokens: who may ask a service of this store, and for what.
//!
//! A token is 32 random bytes that its holder keeps; the store keeps their hash, in `tokens/<id>.json`, created once
//! and sealed, so that nobody without the store's secret can make one. `tokens/<id>.revoked` ends it.

use std::{fmt, str::FromStr};

use abide_model::Time;
use bytes::Bytes;
use futures::TryStreamExt as _;
use hex::FromHex as _;
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use crate::{
    error::StoreError,
    sealed,
    store::{Created, Retry, Store},
};

const FORMAT: u64 = 1;
const TOKENS: &str = "tokens";
const PREFIX: &str = "abide_";

/// What the holder of a token may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right {
    /// Say that somebody opted out.
    SignalsOut,
    /// Say that somebody opted in.
    SignalsIn,
    Check,
    /// Be told why, which tells more of a person than a verdict does.
    Explain,
    /// Read and change rulesets.
    Rules,
    /// Be told how far the journals lead, as another node of the store.
    Follow,
    Admin,
}

impl Right {
    pub const ALL: [Self; 7] = [
        Self::SignalsOut,
        Self::SignalsIn,
        Self::Check,
        Self::Explain,
        Self::Rules,
        Self::Follow,
        Self::Admin,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignalsOut => "signals:out",
            Self::SignalsIn => "signals:in",
            Self::Check => "check",
            Self::Explain => "explain",
            Self::Rules => "rules",
            Self::Follow => "follow",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Right {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|right| right.as_str() == text)
            .ok_or("one of `signals:out`, `signals:in`, `check`, `explain`, `rules`, `follow`, `admin`")
    }
}

/// Tells tokens apart; no secret.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccessId(pub [u8; 8]);

impl fmt::Display for AccessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for AccessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessId({self})")
    }
}

impl FromStr for AccessId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        <[u8; 8]>::from_hex(text).map(Self).map_err(|_| "a token's id is 16 hex digits")
    }
}

/// What its holder shows: `abide_<id>_<64 hex digits>`. Never stored.
#[derive(Clone)]
pub struct AccessText {
    pub id: AccessId,
    secret: [u8; 32],
}

impl AccessText {
    /// Takes 40 bytes from a secure random source.
    pub fn new(id: AccessId, secret: [u8; 32]) -> Self {
        Self { id, secret }
    }

    /// To be shown once.
    pub fn expose(&self) -> String {
        format!("{PREFIX}{}_{}", self.id, hex::encode(self.secret))
    }

    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        Some(Self { id: id.parse().ok()?, secret: <[u8; 32]>::from_hex(secret).ok()? })
    }

    /// The secret has 256 random bits, so a plain hash is enough.
    fn digest(&self) -> blake3::Hash {
        blake3::hash(&self.secret)
    }
}

impl fmt::Debug for AccessText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessText({}, …)", self.id)
    }
}

/// What the store knows of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessToken {
    pub id: AccessId,
    /// For people: who holds it.
    pub name: String,
    /// Ascending.
    pub rights: Vec<Right>,
    pub created_at: Time,
    pub expires_at: Option<Time>,
    /// Instead of the service's own limits.
    pub checks_per_s: Option<u32>,
    pub explains_per_min: Option<u32>,
    digest: blake3::Hash,
    pub is_revoked: bool,
}

/// All that were ever made for a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessTokens {
    pub sound: Vec<AccessToken>,
    /// Names of those that nobody with the store's secret made.
    pub damaged: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenJson {
    format: u64,
    id: String,
    name: String,
    rights: Vec<String>,
    created_at_us: i64,
    expires_at_us: Option<i64>,
    checks_per_s: Option<u32>,
    explains_per_min: Option<u32>,
    blake3: String,
    /// Of the bytes, and checked there.
    #[serde(default, skip_serializing, rename = "seal")]
    _seal: String,
}

impl AccessToken {
    pub fn new(text: &AccessText, name: &str, rights: &[Right], created_at: Time) -> Self {
        let mut rights = rights.to_vec();
        rights.sort_unstable();
        rights.dedup();
        Self {
            id: text.id,
            name: name.to_owned(),
            rights,
            created_at,
            expires_at: None,
            checks_per_s: None,
            explains_per_min: None,
            digest: text.digest(),
            is_revoked: false,
        }
    }

    /// Whether this is what the holder shows. Takes equally long whatever is shown.
    pub fn is_of(&self, text: &AccessText) -> bool {
        self.id == text.id && self.digest == text.digest()
    }

    pub fn counts_at(&self, now: Time) -> bool {
        !self.is_revoked && self.expires_at.is_none_or(|until| now < until)
    }

    /// Puts it into the store.
    pub async fn create(&self, store: &Store) -> Result<Created, StoreError> {
        store.create(&name(self.id), Bytes::from(self.to_json(store)), Retry::default()).await
    }

    fn to_json(&self, store: &Store) -> Vec<u8> {
        let json = TokenJson {
            format: FORMAT,
            id: self.id.to_string(),
            name: self.name.clone(),
            rights: self.rights.iter().map(ToString::to_string).collect(),
            created_at_us: self.created_at.as_micros(),
            expires_at_us: self.expires_at.map(Time::as_micros),
            checks_per_s: self.checks_per_s,
            explains_per_min: self.explains_per_min,
            blake3: self.digest.to_hex().to_string(),
            _seal: String::new(),
        };
        let text = serde_json::to_vec_pretty(&json).expect("strings and numbers become JSON");
        sealed::close(text, |text| store.chain().token_seal(store.id(), text))
    }

    fn from_json(bytes: &[u8], store: &Store) -> Option<Self> {
        if !sealed::holds(bytes, |text| store.chain().token_seal(store.id(), text)) {
            return None;
        }
        let json: TokenJson = serde_json::from_slice(bytes).ok()?;
        let rights: Result<Vec<Right>, _> = json.rights.iter().map(|right| right.parse()).collect();
        (json.format == FORMAT).then_some(Self {
            id: json.id.parse().ok()?,
            name: json.name,
            rights: rights.ok()?,
            created_at: Time::from_micros(json.created_at_us),
            expires_at: json.expires_at_us.map(Time::from_micros),
            checks_per_s: json.checks_per_s,
            explains_per_min: json.explains_per_min,
            digest: blake3::Hash::from_hex(json.blake3).ok()?,
            is_revoked: false,
        })
    }
}

/// Ends a token for good; `false` if there is none.
pub async fn revoke_access(store: &Store, id: AccessId) -> Result<bool, StoreError> {
    if store.get(&name(id)).await?.is_none() {
        return Ok(false);
    }
    store.create(&revoked(id), Bytes::from_static(b"revoked\n"), Retry::default()).await?;
    Ok(true)
}

/// Reads all tokens, those included that no longer count.
pub async fn access_tokens(store: &Store) -> Result<AccessTokens, StoreError> {
    let listed = store.objects().list(Some(&Path::from(TOKENS)));
    let listed: Vec<_> =
        listed.try_collect().await.map_err(|source| StoreError::of("list", TOKENS, source))?;
    let names: Vec<String> = listed.into_iter().map(|object| object.location.to_string()).collect();
    let mut found = AccessTokens::default();
    for named in names.iter().filter(|named| named.strip_suffix(".json").is_some()) {
        let Some(bytes) = store.get(named).await? else { continue };
        match AccessToken::from_json(&bytes, store).filter(|token| name(token.id) == *named) {
            Some(mut token) => {
                token.is_revoked = names.contains(&revoked(token.id));
                found.sound.push(token);
            }
            None => found.damaged.push(named.clone()),
        }
    }
    Ok(found)
}

fn name(id: AccessId) -> String {
    format!("{TOKENS}/{id}.json")
}

fn revoked(id: AccessId) -> String {
    format!("{TOKENS}/{id}.revoked")
}
