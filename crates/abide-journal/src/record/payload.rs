//! The records other than signals, as JSON in the column `payload`. The shapes here are the format;
//! the types of [`super`] may change without it.

use std::{collections::BTreeMap, sync::Arc};

use abide_model::{BatchId, Claimant, Key, Mechanism, Origin, Retraction, Time};
use hex::FromHex;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{ACTIVATION, ActivationRecord, BATCH, BatchRecord, Place, RETRACTION, Record, RetractionRecord};

/// What is wrong with a payload. It never holds personal data.
#[derive(Debug, Error)]
pub(crate) enum InvalidPayload {
    #[error("the kind of record {0}")]
    Kind(i8),
    #[error("a record of kind {kind} with other fields ({source})")]
    Shape { kind: i8, source: serde_json::Error },
    #[error("{0} in a record")]
    Value(&'static str),
}

/// The payload of a record; none for a signal, which stands in columns.
pub(crate) fn to_payload(record: &Record) -> Option<String> {
    let json = match record {
        Record::Signal(_) => return None,
        Record::Batch(batch) => serde_json::to_string(&BatchJson::from(batch)),
        Record::Retraction(retraction) => serde_json::to_string(&RetractionJson::from(retraction)),
        Record::Activation(activation) => serde_json::to_string(&ActivationJson::from(activation)),
    };
    Some(json.expect("strings, numbers and maps of them become JSON"))
}

pub(crate) fn from_payload(kind: i8, payload: &str) -> Result<Record, InvalidPayload> {
    fn read<'a, T: Deserialize<'a>>(kind: i8, payload: &'a str) -> Result<T, InvalidPayload> {
        serde_json::from_str(payload).map_err(|source| InvalidPayload::Shape { kind, source })
    }
    Ok(match kind {
        BATCH => Record::Batch(read::<BatchJson>(kind, payload)?.try_into()?),
        RETRACTION => Record::Retraction(read::<RetractionJson>(kind, payload)?.try_into()?),
        ACTIVATION => Record::Activation(read::<ActivationJson>(kind, payload)?.try_into()?),
        _ => return Err(InvalidPayload::Kind(kind)),
    })
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BatchJson {
    batch: String,
    claimant: String,
    mechanisms: Vec<String>,
    opened_at_us: i64,
    committed_at_us: i64,
    file: Option<Arc<str>>,
    file_sha256: Option<String>,
    rows_read: u64,
    rows_taken: u64,
    rows_repeated: u64,
    rows_unreadable: BTreeMap<String, u64>,
    signals: u64,
    snapshot: bool,
    withdrawn: u64,
    recorded_by: Option<Arc<str>>,
    note: Option<Arc<str>>,
}

impl From<&BatchRecord> for BatchJson {
    fn from(batch: &BatchRecord) -> Self {
        Self {
            batch: batch.id.to_string(),
            claimant: batch.claimant.to_string(),
            mechanisms: batch.mechanisms.iter().map(ToString::to_string).collect(),
            opened_at_us: batch.opened_at.as_micros(),
            committed_at_us: batch.committed_at.as_micros(),
            file: batch.file.clone(),
            file_sha256: batch.file_sha256.map(hex::encode),
            rows_read: batch.rows_read,
            rows_taken: batch.rows_taken,
            rows_repeated: batch.rows_repeated,
            rows_unreadable: batch.rows_unreadable.clone(),
            signals: batch.signals,
            snapshot: batch.snapshot,
            withdrawn: batch.withdrawn,
            recorded_by: batch.recorded_by.clone(),
            note: batch.note.clone(),
        }
    }
}

impl TryFrom<BatchJson> for BatchRecord {
    type Error = InvalidPayload;

    fn try_from(json: BatchJson) -> Result<Self, InvalidPayload> {
        Ok(Self {
            id: batch_id(&json.batch)?,
            claimant: claimant(&json.claimant)?,
            mechanisms: json.mechanisms.iter().map(|path| mechanism(path)).collect::<Result<_, _>>()?,
            opened_at: Time::from_micros(json.opened_at_us),
            committed_at: Time::from_micros(json.committed_at_us),
            file: json.file,
            file_sha256: json.file_sha256.as_deref().map(digest).transpose()?,
            rows_read: json.rows_read,
            rows_taken: json.rows_taken,
            rows_repeated: json.rows_repeated,
            rows_unreadable: json.rows_unreadable,
            signals: json.signals,
            snapshot: json.snapshot,
            withdrawn: json.withdrawn,
            recorded_by: json.recorded_by,
            note: json.note,
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RetractionJson {
    what: RetractedJson,
    reason: Arc<str>,
    recorded_by: Arc<str>,
    at_us: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum RetractedJson {
    Batch(String),
    Window { source: String, mechanism: String, from_us: i64, until_us: i64, domain: Option<String> },
}

impl From<&RetractionRecord> for RetractionJson {
    fn from(retraction: &RetractionRecord) -> Self {
        let what = match &retraction.what {
            Retraction::Batch(batch) => RetractedJson::Batch(batch.to_string()),
            Retraction::Window { source, mechanism, from, until, domain } => RetractedJson::Window {
                source: source.to_string(),
                mechanism: mechanism.to_string(),
                from_us: from.as_micros(),
                until_us: until.as_micros(),
                domain: domain.map(|key| hex::encode(key.0)),
            },
        };
        Self {
            what,
            reason: retraction.reason.clone(),
            recorded_by: retraction.recorded_by.clone(),
            at_us: retraction.at.as_micros(),
        }
    }
}

impl TryFrom<RetractionJson> for RetractionRecord {
    type Error = InvalidPayload;

    fn try_from(json: RetractionJson) -> Result<Self, InvalidPayload> {
        let what = match json.what {
            RetractedJson::Batch(batch) => Retraction::Batch(batch_id(&batch)?),
            RetractedJson::Window { source, mechanism: path, from_us, until_us, domain } => {
                Retraction::Window {
                    source: claimant(&source)?,
                    mechanism: mechanism(&path)?,
                    from: Time::from_micros(from_us),
                    until: Time::from_micros(until_us),
                    domain: match domain {
                        None => None,
                        Some(hex) => Some(Key(FromHex::from_hex(&hex)
                            .map_err(|_| InvalidPayload::Value("a key that is none"))?)),
                    },
                }
            }
        };
        Ok(Self {
            what,
            reason: json.reason,
            recorded_by: json.recorded_by,
            at: Time::from_micros(json.at_us),
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ActivationJson {
    number: u64,
    ruleset: String,
    replaces: Option<String>,
    shadow: bool,
    author: Arc<str>,
    message: Arc<str>,
    reason: Option<Arc<str>>,
    at_us: i64,
    // What came later; records of before are without these, and a reader of before refuses a record with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    only_after: Option<PlaceJson>,
    #[serde(default, skip_serializing_if = "is_false")]
    rollback: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    ends_shadow: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    guard: Option<Arc<str>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlaceJson {
    number: u64,
    origin: String,
    then: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_false(value: &bool) -> bool {
    !value
}

impl From<&Place> for PlaceJson {
    fn from(place: &Place) -> Self {
        Self {
            number: place.number,
            origin: place.origin.to_string(),
            then: place.then.iter().map(ToString::to_string).collect(),
        }
    }
}

impl TryFrom<PlaceJson> for Place {
    type Error = InvalidPayload;

    fn try_from(json: PlaceJson) -> Result<Self, InvalidPayload> {
        Ok(Self {
            number: json.number,
            origin: origin(&json.origin)?,
            then: json.then.iter().map(|name| origin(name)).collect::<Result<_, _>>()?,
        })
    }
}

impl From<&ActivationRecord> for ActivationJson {
    fn from(activation: &ActivationRecord) -> Self {
        Self {
            number: activation.number,
            ruleset: hex::encode(activation.ruleset),
            replaces: activation.replaces.map(hex::encode),
            shadow: activation.shadow,
            author: activation.author.clone(),
            message: activation.message.clone(),
            reason: activation.reason.clone(),
            at_us: activation.at.as_micros(),
            only_after: activation.only_after.as_ref().map(Into::into),
            rollback: activation.rollback,
            ends_shadow: activation.ends_shadow,
            guard: activation.guard.clone(),
        }
    }
}

impl TryFrom<ActivationJson> for ActivationRecord {
    type Error = InvalidPayload;

    fn try_from(json: ActivationJson) -> Result<Self, InvalidPayload> {
        Ok(Self {
            number: json.number,
            ruleset: digest(&json.ruleset)?,
            replaces: json.replaces.as_deref().map(digest).transpose()?,
            shadow: json.shadow,
            author: json.author,
            message: json.message,
            reason: json.reason,
            at: Time::from_micros(json.at_us),
            only_after: json.only_after.map(TryInto::try_into).transpose()?,
            rollback: json.rollback,
            ends_shadow: json.ends_shadow,
            guard: json.guard,
        })
    }
}

fn batch_id(text: &str) -> Result<BatchId, InvalidPayload> {
    text.parse().map_err(|_| InvalidPayload::Value("a batch id that is none"))
}

fn origin(name: &str) -> Result<Origin, InvalidPayload> {
    name.parse().map_err(|_| InvalidPayload::Value("an origin that is none"))
}

fn claimant(text: &str) -> Result<Claimant, InvalidPayload> {
    text.parse().map_err(|_| InvalidPayload::Value("a claimant that is none"))
}

fn mechanism(path: &str) -> Result<Mechanism, InvalidPayload> {
    path.parse().map_err(|_| InvalidPayload::Value("a mechanism outside the catalogue"))
}

fn digest(hex: &str) -> Result<[u8; 32], InvalidPayload> {
    FromHex::from_hex(hex).map_err(|_| InvalidPayload::Value("a digest that is none"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Byte for byte as they were written before an activation could name a place or a guard.
    #[test]
    fn an_activation_of_before_reads_and_is_written_as_it_was() {
        let ruleset = "0707070707070707070707070707070707070707070707070707070707070707";
        let old = format!(
            r#"{{"number":8,"ruleset":"{ruleset}","replaces":null,"shadow":false,"author":"ann","message":"m","reason":null,"at_us":5}}"#
        );
        let record = from_payload(ACTIVATION, &old).unwrap();
        let Record::Activation(activation) = &record else { panic!("another kind: {record:?}") };
        assert_eq!(
            (activation.number, activation.only_after.is_none(), activation.rollback),
            (8, true, false)
        );
        assert_eq!(to_payload(&record).unwrap(), old);
    }
}
