//! `abide.json`: its shape on disk. `docs/formats/store.md` describes it.

use abide_model::{Forms, Time, identifier::NORMALISER_VERSION};
use hex::FromHex;
use serde::{Deserialize, Serialize};

use super::{Epoch, StoreConfig, StoreId};
use crate::{chain::ChainKey, error::StoreError, sealed};

const FORMAT: u64 = 1;

pub(super) struct Description {
    pub(super) config: StoreConfig,
    pub(super) normalisers: Vec<u16>,
    /// Ascending, at least one.
    pub(super) epochs: Vec<Epoch>,
}

/// The one field whose meaning is the same in every version.
#[derive(Deserialize)]
struct Versioned {
    format: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DescriptionJson {
    format: u64,
    store: String,
    normalisers: Vec<u16>,
    phone_region: String,
    forms: Vec<String>,
    secrets: Vec<EpochJson>,
    /// Of the bytes, and checked there.
    #[serde(default, skip_serializing, rename = "seal")]
    _seal: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EpochJson {
    epoch: u32,
    check: String,
    since_us: i64,
}

/// Sealed, since a region or a form that changed by accident would be look-ups that miss.
pub(super) fn write(
    config: &StoreConfig,
    normalisers: &[u16],
    epochs: &[Epoch],
    chain: &ChainKey,
) -> Vec<u8> {
    let json = DescriptionJson {
        format: FORMAT,
        store: config.id.to_string(),
        normalisers: normalisers.to_vec(),
        phone_region: config.phone_region.to_string(),
        forms: config.forms.iter().map(|form| form.as_str().to_owned()).collect(),
        secrets: epochs
            .iter()
            .map(|epoch| EpochJson {
                epoch: epoch.number,
                check: hex::encode(epoch.check),
                since_us: epoch.since.as_micros(),
            })
            .collect(),
        _seal: String::new(),
    };
    let text = serde_json::to_vec_pretty(&json).expect("strings and numbers become JSON");
    sealed::close(text, |text| chain.description_seal(text))
}

pub(super) fn read(text: &[u8]) -> Result<Description, StoreError> {
    let damaged = |source: serde_json::Error| StoreError::DamagedDescription { source: source.into() };
    let format = serde_json::from_slice::<Versioned>(text).map_err(damaged)?.format;
    if format > FORMAT {
        return Err(StoreError::Newer { what: "format", found: format, supported: FORMAT });
    }
    let json: DescriptionJson = serde_json::from_slice(text).map_err(damaged)?;
    if let Some(newer) = json.normalisers.iter().find(|version| **version > NORMALISER_VERSION) {
        let (found, supported) = (u64::from(*newer), u64::from(NORMALISER_VERSION));
        return Err(StoreError::Newer { what: "keys of normaliser version", found, supported });
    }
    let wrong = |what| StoreError::WrongDescription { what };
    let config = StoreConfig {
        id: StoreId::parse(&json.store).ok_or_else(|| wrong("the store's id is not 32 hex digits"))?,
        phone_region: json.phone_region.parse().map_err(|_| wrong("no such phone region"))?,
        forms: forms(&json.forms)?,
    };
    let epochs: Option<Vec<Epoch>> = json.secrets.iter().map(epoch).collect();
    let epochs = epochs.ok_or_else(|| wrong("a check value is not 32 hex digits"))?;
    if epochs.is_empty() || json.normalisers.is_empty() || !epochs.is_sorted_by(|a, b| a.number < b.number) {
        return Err(wrong(
            "it lacks a secret's check value or a normaliser version, or has them out of order",
        ));
    }
    Ok(Description { config, normalisers: json.normalisers, epochs })
}

fn forms(names: &[String]) -> Result<Forms, StoreError> {
    let mut forms = Forms::default();
    for name in names {
        match name.as_str() {
            "md5" => forms.md5 = true,
            "sha1" => forms.sha1 = true,
            _ => return Err(StoreError::WrongDescription { what: "forms beyond `md5` and `sha1`" }),
        }
    }
    Ok(forms)
}

fn epoch(json: &EpochJson) -> Option<Epoch> {
    Some(Epoch {
        number: json.epoch,
        check: FromHex::from_hex(&json.check).ok()?,
        since: Time::from_micros(json.since_us),
    })
}
