//! The chain: what makes every change of the past show.
//!
//! Each record has a link, a keyed hash of the link before and the record's canonical encoding.
//! Links know nothing of objects, so records can be gathered into larger objects and keep theirs.

use std::{fmt, str::FromStr};

use abide_model::{Origin, Position, Secret};
use hex::FromHex as _;
use thiserror::Error;

use crate::store::StoreId;

/// A record's link: 16 bytes that stand for it and everything before it in its origin.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Link(pub [u8; 16]);

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link({self})")
    }
}

impl FromStr for Link {
    type Err = InvalidLink;

    fn from_str(text: &str) -> Result<Self, InvalidLink> {
        <[u8; 16]>::from_hex(text).map(Self).map_err(|_| InvalidLink)
    }
}

#[derive(Debug, Error)]
#[error("a link is 32 hex digits")]
pub struct InvalidLink;

/// The end of what somebody has seen of an origin's journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub origin: Origin,
    pub position: Position,
    pub link: Link,
}

/// A record as its link is made of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Linked {
    pub(crate) position: Position,
    /// In microseconds.
    pub(crate) at: i64,
    /// Of a signal; zeros for the others.
    pub(crate) primary: [u8; 16],
    /// See [`ChainKey::rest`].
    pub(crate) rest: [u8; 16],
}

/// The keys of the chain and of all seals, from the store's secret.
#[derive(Clone)]
pub(crate) struct ChainKey {
    links: [u8; 32],
    records: [u8; 32],
    seals: [u8; 32],
    manifests: [u8; 32],
    descriptions: [u8; 32],
    heartbeats: [u8; 32],
    tokens: [u8; 32],
}

impl ChainKey {
    pub(crate) fn new(secret: &Secret) -> Self {
        let links = *secret.chain_key();
        Self {
            links,
            records: blake3::derive_key("abide 2026 journal record", &links),
            seals: blake3::derive_key("abide 2026 journal seal", &links),
            manifests: blake3::derive_key("abide 2026 snapshot seal", &links),
            descriptions: blake3::derive_key("abide 2026 store seal", &links),
            heartbeats: blake3::derive_key("abide 2026 heartbeat seal", &links),
            tokens: blake3::derive_key("abide 2026 token seal", &links),
        }
    }

    /// What the first record of an origin continues.
    pub(crate) fn genesis(&self, store: StoreId, origin: &Origin) -> Link {
        let start = format!("abide journal 1 {store} {origin}");
        Link(first_16(blake3::keyed_hash(&self.links, start.as_bytes())))
    }

    /// The link of a record, of what differs from record to record, and the digest of all else. It is one block of
    /// the hash, since it is made for each record after the one before.
    pub(crate) fn link(&self, previous: Link, record: &Linked) -> Link {
        let mut block = [0; 64];
        block[..16].copy_from_slice(&previous.0);
        block[16..24].copy_from_slice(&record.position.to_le_bytes());
        block[24..32].copy_from_slice(&record.at.to_le_bytes());
        block[32..48].copy_from_slice(&record.primary);
        block[48..].copy_from_slice(&record.rest);
        Link(first_16(blake3::keyed_hash(&self.links, &block)))
    }

    /// The digest of the rest of a record.
    pub(crate) fn rest(&self, canonical: &[u8]) -> [u8; 16] {
        first_16(blake3::keyed_hash(&self.records, canonical))
    }

    /// The hash of an object's bytes, given in pieces.
    pub(crate) fn seal(&self, pieces: &[&[u8]]) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.seals);
        for piece in pieces {
            hasher.update(piece);
        }
        *hasher.finalize().as_bytes()
    }

    /// The hash of a manifest's text.
    pub(crate) fn manifest_seal(&self, store: StoreId, text: &[u8]) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.manifests);
        *hasher.update(&store.0).update(text).finalize().as_bytes()
    }

    /// The hash of a heartbeat's text.
    pub(crate) fn heartbeat_seal(&self, store: StoreId, text: &[u8]) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.heartbeats);
        *hasher.update(&store.0).update(text).finalize().as_bytes()
    }

    /// The hash of an access token's text.
    pub(crate) fn token_seal(&self, store: StoreId, text: &[u8]) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.tokens);
        *hasher.update(&store.0).update(text).finalize().as_bytes()
    }

    /// The hash of the text of `abide.json`, which names the store itself.
    pub(crate) fn description_seal(&self, text: &[u8]) -> [u8; 32] {
        *blake3::keyed_hash(&self.descriptions, text).as_bytes()
    }
}

impl fmt::Debug for ChainKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChainKey(…)")
    }
}

fn first_16(hash: blake3::Hash) -> [u8; 16] {
    *hash.as_bytes().first_chunk().expect("a hash has 32 bytes")
}
