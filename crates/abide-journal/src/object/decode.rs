//! From the bytes of an object back to records.

use std::{str::FromStr, sync::Arc};

use abide_model::{
    BatchId, Claimant, Direction, Form, IdentifierKind, Key, Mechanism, Position, Proof, Scope, Signal,
    SignalKeys, Time, TypedKey,
};
use arrow_array::{Array as _, FixedSizeBinaryArray, Int32Array, TimestampMicrosecondArray};
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;

use super::{
    JournalObject, ObjectName,
    rows::{Rows, Words},
};
use crate::{
    error::{Damage, DamageKind, JournalError},
    record::{Record, SIGNAL, from_payload},
};

/// The records of one object with their positions, in order. Some thousands are in memory at once.
/// After an error it ends.
#[derive(Debug)]
pub struct Records {
    name: ObjectName,
    batches: Option<ParquetRecordBatchReader>,
    decoded: std::vec::IntoIter<(Position, Record)>,
    next: Position,
    unopened: Option<JournalError>,
}

impl Records {
    pub(super) fn new(object: &JournalObject, skipped: usize) -> Self {
        let (batches, unopened) = match object.batches(skipped) {
            Ok(batches) => (Some(batches), None),
            Err(error) => (None, Some(error)),
        };
        let next = object.first() + skipped as u64;
        Self { name: object.name().clone(), batches, decoded: Vec::new().into_iter(), next, unopened }
    }

    fn next_batch(&mut self) -> Option<Result<Vec<(Position, Record)>, JournalError>> {
        let contradictory = Damage::new(&self.name, self.next, DamageKind::Contradictory);
        let Ok(batch) = self.batches.as_mut()?.next()? else {
            return Some(Err(contradictory.into()));
        };
        let rows = Rows::of_object(&batch);
        let decoder = Decoder::new(&rows);
        let mut decoded = Vec::with_capacity(rows.len());
        for row in 0..rows.len() {
            let position = self.next;
            let record = match decoder.record(row) {
                Ok(record) if rows.position(row) == position => record,
                Ok(_) | Err(Undecoded::Contradictory) => {
                    return Some(Err(Damage::new(&self.name, position, DamageKind::Contradictory).into()));
                }
                Err(Undecoded::Unknown(what)) => {
                    return Some(Err(JournalError::Unknown { object: self.name.clone(), position, what }));
                }
            };
            decoded.push((position, record));
            self.next += 1;
        }
        Some(Ok(decoded))
    }
}

impl Iterator for Records {
    type Item = Result<(Position, Record), JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.unopened.take() {
            return Some(Err(error));
        }
        loop {
            if let Some(record) = self.decoded.next() {
                return Some(Ok(record));
            }
            match self.next_batch()? {
                Ok(decoded) => self.decoded = decoded.into_iter(),
                Err(error) => {
                    self.batches = None;
                    return Some(Err(error));
                }
            }
        }
    }
}

/// Why a row is no record.
enum Undecoded {
    /// A newer version wrote it.
    Unknown(String),
    Contradictory,
}

/// The vocabularies of some rows as values: each word is parsed once, not once per row.
struct Decoder<'a> {
    rows: &'a Rows<'a>,
    identifier: Vec<Option<IdentifierKind>>,
    form: Vec<Option<Form>>,
    alias_form: Vec<Option<Form>>,
    mechanism: Vec<Option<Mechanism>>,
    scope: Vec<Option<Scope>>,
    claimant: Vec<Option<Claimant>>,
    direction: Vec<Option<Direction>>,
    batch: Vec<Option<BatchId>>,
    proof: Vec<Option<Proof>>,
    recorded_by: Vec<Option<Arc<str>>>,
}

impl<'a> Decoder<'a> {
    fn new(rows: &'a Rows<'a>) -> Self {
        Self {
            rows,
            identifier: parse_all(&rows.identifier),
            form: parse_all(&rows.form),
            alias_form: parse_all(&rows.alias_form),
            mechanism: parse_all(&rows.mechanism),
            scope: parse_all(&rows.scope),
            claimant: parse_all(&rows.claimant),
            direction: each(&rows.direction, |word| {
                [Direction::Out, Direction::In].into_iter().find(|direction| direction.as_str() == word)
            }),
            batch: parse_all(&rows.batch),
            proof: parse_all(&rows.proof),
            recorded_by: each(&rows.recorded_by, |word| Some(word.into())),
        }
    }

    fn record(&self, row: usize) -> Result<Record, Undecoded> {
        let kind = self.rows.kind.value(row);
        if kind == SIGNAL {
            return self.signal(row).map(Record::Signal);
        }
        if self.rows.payload.is_null(row) {
            return Err(Undecoded::Unknown(format!("the kind of record {kind}")));
        }
        let record = from_payload(kind, self.rows.payload.value(row))
            .map_err(|invalid| Undecoded::Unknown(invalid.to_string()))?;
        if record.at().as_micros() == self.rows.at.value(row) {
            Ok(record)
        } else {
            Err(Undecoded::Contradictory)
        }
    }

    fn signal(&self, row: usize) -> Result<Signal, Undecoded> {
        let rows = self.rows;
        let known = |what: &str| Undecoded::Unknown(format!("{what} of a signal"));
        Ok(Signal {
            keys: self.keys(row)?,
            mechanism: required(&rows.mechanism, &self.mechanism, row, || known("the mechanism"))?,
            scope: required(&rows.scope, &self.scope, row, || known("the scope"))?,
            claimant: required(&rows.claimant, &self.claimant, row, || known("the claimant"))?,
            direction: required(&rows.direction, &self.direction, row, || known("the direction"))?,
            stated_at: time(rows.stated_at, row),
            received_at: time(rows.received_at, row).ok_or(Undecoded::Contradictory)?,
            at: Time::from_micros(rows.at.value(row)),
            batch: required(&rows.batch, &self.batch, row, || known("the batch"))?,
            proof: optional(&rows.proof, &self.proof, row, || known("the proof"))?,
            recorded_by: optional(&rows.recorded_by, &self.recorded_by, row, || known("the recorder"))?,
            evidence: fixed(rows.evidence, row),
        })
    }

    fn keys(&self, row: usize) -> Result<SignalKeys, Undecoded> {
        let rows = self.rows;
        let unknown = || Undecoded::Unknown("the kind or form of a key".to_owned());
        let primary = TypedKey {
            key: Key(fixed(rows.primary, row).ok_or(Undecoded::Contradictory)?),
            form: required(&rows.form, &self.form, row, unknown)?,
            version: version(rows.version, row)?,
        };
        let alias = |at: usize| {
            Ok(TypedKey {
                key: Key(fixed(rows.alias_key, at).ok_or(Undecoded::Contradictory)?),
                form: required(&rows.alias_form, &self.alias_form, at, unknown)?,
                version: version(rows.alias_version, at)?,
            })
        };
        Ok(SignalKeys {
            kind: required(&rows.identifier, &self.identifier, row, unknown)?,
            primary,
            aliases: rows.alias_range(row).map(alias).collect::<Result<_, _>>()?,
            domain: fixed(rows.domain, row).map(Key),
        })
    }
}

fn parse_all<T: FromStr>(words: &Words<'_>) -> Vec<Option<T>> {
    each(words, |word| word.parse().ok())
}

fn each<T>(words: &Words<'_>, parse: impl Fn(&str) -> Option<T>) -> Vec<Option<T>> {
    words.vocabulary.iter().map(|word| word.and_then(&parse)).collect()
}

/// The word's value; an error where the word is not known here, or missing.
fn required<T: Clone>(
    words: &Words<'_>,
    values: &[Option<T>],
    row: usize,
    unknown: impl FnOnce() -> Undecoded,
) -> Result<T, Undecoded> {
    optional(words, values, row, unknown)?.ok_or(Undecoded::Contradictory)
}

fn optional<T: Clone>(
    words: &Words<'_>,
    values: &[Option<T>],
    row: usize,
    unknown: impl FnOnce() -> Undecoded,
) -> Result<Option<T>, Undecoded> {
    match words.number(row) {
        None => Ok(None),
        Some(number) => values[number].clone().map(Some).ok_or_else(unknown),
    }
}

fn version(column: &Int32Array, row: usize) -> Result<u16, Undecoded> {
    let version = column.is_valid(row).then(|| column.value(row)).ok_or(Undecoded::Contradictory)?;
    u16::try_from(version).map_err(|_| Undecoded::Contradictory)
}

fn fixed<const N: usize>(column: &FixedSizeBinaryArray, row: usize) -> Option<[u8; N]> {
    column.is_valid(row).then(|| column.value(row).try_into().ok()).flatten()
}

fn time(column: &TimestampMicrosecondArray, row: usize) -> Option<Time> {
    column.is_valid(row).then(|| Time::from_micros(column.value(row)))
}
