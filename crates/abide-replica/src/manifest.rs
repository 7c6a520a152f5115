//! What a snapshot consists of: `snapshots/<number>.json`, created once and never changed.
//!
//! The parts lie beside it under names of their own; the manifest with their digests, sealed with
//! the store's secret, is what commits them. The format stands in `docs/formats/snapshot.md`.

use std::collections::BTreeMap;

use abide_journal::{ActivationRecord, Head, Link, Place, Store};
use abide_model::{Claimant, Key, Mechanism, Origin, Position, Positions, Retraction, Retractions, Time};
use hex::FromHex;
use serde::{Deserialize, Serialize};

use crate::activations::{Activation, Activations};

/// The format that this version writes, and the newest that it reads. In 1, no activation named a place or a guard.
pub const SNAPSHOT_FORMAT: u32 = 2;

/// One state of the list, complete up to the heads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// 1 for a store's first; the next covers everything that this one covers.
    pub number: u64,
    pub written_at: Time,
    pub heads: Vec<Head>,
    /// The latest time in the journal, above which the clock goes on.
    pub clock: Time,
    pub retractions: Retractions,
    pub sources: BTreeMap<(Mechanism, Claimant), Time>,
    pub activations: Activations,
    /// Objects with signals of imports that were not committed, by their first position.
    pub open_batches: BTreeMap<String, Vec<(Origin, Position)>>,
    pub identities: u64,
    pub keys: u64,
    pub index: Part,
    pub states: Part,
}

/// An object that belongs to a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Below the store's root.
    pub name: String,
    pub bytes: u64,
    /// In hex.
    pub sha256: String,
}

#[derive(Debug, thiserror::Error)]
pub enum InvalidManifest {
    #[error("it is not the JSON of a manifest")]
    Json(#[from] serde_json::Error),
    #[error("it has format {found}, and this version of abide knows up to {SNAPSHOT_FORMAT}; upgrade abide")]
    Newer { found: u32 },
    #[error("its seal does not hold: it was changed, or is not of this store")]
    Changed,
    #[error("its {0} cannot be read")]
    Field(&'static str),
}

impl Manifest {
    pub fn object_name(number: u64) -> String {
        format!("snapshots/{number:020}.json")
    }

    /// Of an object's name; `None` if it is no manifest's.
    pub(crate) fn number_of(name: &str) -> Option<u64> {
        name.strip_prefix("snapshots/")?.strip_suffix(".json")?.parse().ok()
    }

    pub fn positions(&self) -> Positions {
        self.heads.iter().map(|head| (head.origin.clone(), head.position)).collect()
    }

    /// Sealed for this store.
    pub fn to_json(&self, store: &Store) -> Vec<u8> {
        let text = Text {
            format: SNAPSHOT_FORMAT,
            number: self.number,
            written_at_micros: self.written_at.as_micros(),
            heads: self
                .heads
                .iter()
                .map(|head| HeadText {
                    origin: head.origin.to_string(),
                    position: head.position,
                    link: head.link.to_string(),
                })
                .collect(),
            clock_micros: self.clock.as_micros(),
            retractions: self.retractions.iter().map(|retraction| RetractionText::of(&retraction)).collect(),
            sources: self
                .sources
                .iter()
                .map(|((mechanism, claimant), at)| SourceText {
                    mechanism: mechanism.to_string(),
                    claimant: claimant.to_string(),
                    refreshed_at_micros: at.as_micros(),
                })
                .collect(),
            activation: self.activations.in_force.as_ref().map(ActivationText::of),
            replaced: self.activations.replaced.as_ref().map(ActivationText::of),
            shadow: self.activations.watched.as_ref().map(ActivationText::of),
            open_batches: self
                .open_batches
                .iter()
                .map(|(batch, places)| {
                    (
                        batch.clone(),
                        places.iter().map(|(origin, first)| (origin.to_string(), *first)).collect(),
                    )
                })
                .collect(),
            identities: self.identities,
            keys: self.keys,
            index: self.index.clone(),
            states: self.states.clone(),
        };
        let text = serde_json::to_vec_pretty(&text).expect("texts and numbers are always JSON");
        store.seal_manifest(text)
    }

    pub fn from_json(bytes: &[u8], store: &Store) -> Result<Self, InvalidManifest> {
        let Version { format } = serde_json::from_slice(bytes)?;
        if format > SNAPSHOT_FORMAT {
            return Err(InvalidManifest::Newer { found: format });
        }
        if !store.is_sealed_manifest(bytes) {
            return Err(InvalidManifest::Changed);
        }
        let text: Text = serde_json::from_slice(bytes)?;
        let field = InvalidManifest::Field;
        let origin = |text: &str| text.parse::<Origin>().map_err(|_| field("origin"));
        let mut retractions = Retractions::default();
        for retraction in text.retractions {
            retractions.add(retraction.read().ok_or(field("retractions"))?);
        }
        Ok(Self {
            number: text.number,
            written_at: Time::from_micros(text.written_at_micros),
            heads: text
                .heads
                .iter()
                .map(|head| {
                    let link = head.link.parse::<Link>().map_err(|_| field("heads"))?;
                    Ok(Head { origin: origin(&head.origin)?, position: head.position, link })
                })
                .collect::<Result<_, InvalidManifest>>()?,
            clock: Time::from_micros(text.clock_micros),
            retractions,
            sources: text
                .sources
                .iter()
                .map(|source| {
                    let mechanism = source.mechanism.parse().map_err(|_| field("sources"))?;
                    let claimant = source.claimant.parse().map_err(|_| field("sources"))?;
                    Ok(((mechanism, claimant), Time::from_micros(source.refreshed_at_micros)))
                })
                .collect::<Result<_, InvalidManifest>>()?,
            activations: Activations {
                in_force: text.activation.map(|text| text.read().ok_or(field("activation"))).transpose()?,
                replaced: text.replaced.map(|text| text.read().ok_or(field("replaced"))).transpose()?,
                watched: text.shadow.map(|text| text.read().ok_or(field("shadow"))).transpose()?,
            },
            open_batches: text
                .open_batches
                .into_iter()
                .map(|(batch, places)| {
                    let places = places.iter().map(|(name, first)| Ok((origin(name)?, *first)));
                    Ok((batch, places.collect::<Result<_, InvalidManifest>>()?))
                })
                .collect::<Result<_, InvalidManifest>>()?,
            identities: text.identities,
            keys: text.keys,
            index: text.index.checked().ok_or(field("index"))?,
            states: text.states.checked().ok_or(field("states"))?,
        })
    }
}

impl Part {
    /// The digest becomes a file's name, so it is nothing but a digest.
    fn checked(self) -> Option<Self> {
        <[u8; 32]>::from_hex(&self.sha256).is_ok().then_some(self)
    }
}

#[derive(Deserialize)]
struct Version {
    format: u32,
}

#[derive(Serialize, Deserialize)]
struct Text {
    format: u32,
    number: u64,
    written_at_micros: i64,
    heads: Vec<HeadText>,
    clock_micros: i64,
    retractions: Vec<RetractionText>,
    sources: Vec<SourceText>,
    activation: Option<ActivationText>,
    #[serde(default)]
    replaced: Option<ActivationText>,
    shadow: Option<ActivationText>,
    open_batches: BTreeMap<String, Vec<(String, u64)>>,
    identities: u64,
    keys: u64,
    index: Part,
    states: Part,
}

#[derive(Serialize, Deserialize)]
struct HeadText {
    origin: String,
    position: u64,
    link: String,
}

#[derive(Serialize, Deserialize)]
struct SourceText {
    mechanism: String,
    claimant: String,
    refreshed_at_micros: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "what")]
enum RetractionText {
    Batch { batch: String },
    Window { source: String, mechanism: String, from_micros: i64, until_micros: i64, domain: Option<String> },
}

impl RetractionText {
    fn of(retraction: &Retraction) -> Self {
        match retraction {
            Retraction::Batch(batch) => Self::Batch { batch: batch.to_string() },
            Retraction::Window { source, mechanism, from, until, domain } => Self::Window {
                source: source.to_string(),
                mechanism: mechanism.to_string(),
                from_micros: from.as_micros(),
                until_micros: until.as_micros(),
                domain: domain.map(|key| hex::encode(key.0)),
            },
        }
    }

    fn read(self) -> Option<Retraction> {
        Some(match self {
            Self::Batch { batch } => Retraction::Batch(batch.parse().ok()?),
            Self::Window { source, mechanism, from_micros, until_micros, domain } => Retraction::Window {
                source: source.parse().ok()?,
                mechanism: mechanism.parse().ok()?,
                from: Time::from_micros(from_micros),
                until: Time::from_micros(until_micros),
                domain: domain.map(|text| FromHex::from_hex(text).map(Key)).transpose().ok()?,
            },
        })
    }
}

#[derive(Serialize, Deserialize)]
struct ActivationText {
    origin: String,
    number: u64,
    ruleset: String,
    replaces: Option<String>,
    shadow: bool,
    author: String,
    message: String,
    reason: Option<String>,
    at_micros: i64,
    #[serde(default)]
    only_after: Option<PlaceText>,
    #[serde(default)]
    rollback: bool,
    #[serde(default)]
    ends_shadow: bool,
    #[serde(default)]
    guard: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct PlaceText {
    number: u64,
    origin: String,
    then: Vec<String>,
}

impl PlaceText {
    fn of(place: &Place) -> Self {
        Self {
            number: place.number,
            origin: place.origin.to_string(),
            then: place.then.iter().map(ToString::to_string).collect(),
        }
    }

    fn read(self) -> Option<Place> {
        let then = self.then.iter().map(|origin| origin.parse().ok()).collect::<Option<_>>()?;
        Some(Place { number: self.number, origin: self.origin.parse().ok()?, then })
    }
}

impl ActivationText {
    fn of((record, origin): &Activation) -> Self {
        Self {
            origin: origin.to_string(),
            number: record.number,
            ruleset: hex::encode(record.ruleset),
            replaces: record.replaces.map(hex::encode),
            shadow: record.shadow,
            author: record.author.to_string(),
            message: record.message.to_string(),
            reason: record.reason.as_ref().map(ToString::to_string),
            at_micros: record.at.as_micros(),
            only_after: record.only_after.as_ref().map(PlaceText::of),
            rollback: record.rollback,
            ends_shadow: record.ends_shadow,
            guard: record.guard.as_ref().map(ToString::to_string),
        }
    }

    fn read(self) -> Option<Activation> {
        let record = ActivationRecord {
            number: self.number,
            ruleset: FromHex::from_hex(&self.ruleset).ok()?,
            replaces: self.replaces.map(FromHex::from_hex).transpose().ok()?,
            shadow: self.shadow,
            author: self.author.into(),
            message: self.message.into(),
            reason: self.reason.map(Into::into),
            at: Time::from_micros(self.at_micros),
            only_after: match self.only_after {
                Some(place) => Some(place.read()?),
                None => None,
            },
            rollback: self.rollback,
            ends_shadow: self.ends_shadow,
            guard: self.guard.map(Into::into),
        };
        Some((record, self.origin.parse().ok()?))
    }
}
