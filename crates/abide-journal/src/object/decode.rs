//! From the bytes of an object back to records.

use std::{
    str::FromStr,
    sync::{
        Arc,
        mpsc::{self, Receiver},
    },
    thread::{self, JoinHandle},
};

use abide_model::{
    BatchId, Claimant, Direction, Form, IdentifierKind, Key, Mechanism, Position, Proof, Scope, Signal,
    SignalKeys, Time, TypedKey,
};
use arrow_array::{Array as _, FixedSizeBinaryArray, Int32Array, RecordBatch, TimestampMicrosecondArray};

use super::{
    JournalObject, ObjectName,
    read::RowBatches,
    rows::{Rows, Words},
};
use crate::{
    error::{Damage, DamageKind, JournalError},
    record::{Record, SIGNAL, from_payload},
};

/// The records of one object with their positions, in order. Some thousands are in memory at once.
/// After an error it ends.
///
/// Of a large object they are decoded by a thread of their own, a little ahead of whoever asks.
#[derive(Debug)]
pub struct Records {
    batches: Batches,
    decoded: std::vec::IntoIter<(Position, Record)>,
}

type Decoded = Result<Vec<(Position, Record)>, JournalError>;

#[derive(Debug)]
enum Batches {
    Here(Box<Decoding>),
    Ahead { decoded: Receiver<Decoded>, thread: Option<JoinHandle<()>> },
}

/// Objects of fewer records are decoded in no time.
const AHEAD_RECORDS_MIN: u64 = 1 << 16;
/// Batches that wait for whoever asks.
const AHEAD_BATCHES: usize = 2;

impl Records {
    pub(super) fn new(object: &JournalObject, skipped: usize) -> Self {
        let decoding = Decoding::new(object, skipped);
        let records = (object.last() + 1).saturating_sub(decoding.next);
        let batches = if records < AHEAD_RECORDS_MIN {
            Batches::Here(Box::new(decoding))
        } else {
            let (send, decoded) = mpsc::sync_channel(AHEAD_BATCHES);
            // Whoever asked may stop asking; then there is nobody to send to.
            let thread = thread::spawn(move || {
                for batch in decoding {
                    if send.send(batch).is_err() {
                        break;
                    }
                }
            });
            Batches::Ahead { decoded, thread: Some(thread) }
        };
        Self { batches, decoded: Vec::new().into_iter() }
    }
}

impl Batches {
    fn next(&mut self) -> Option<Decoded> {
        match self {
            Self::Here(decoding) => decoding.next(),
            Self::Ahead { decoded, thread } => {
                let batch = decoded.recv().ok();
                if batch.is_none()
                    && let Some(Err(panic)) = thread.take().map(JoinHandle::join)
                {
                    std::panic::resume_unwind(panic);
                }
                batch
            }
        }
    }
}

impl Iterator for Records {
    type Item = Result<(Position, Record), JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(record) = self.decoded.next() {
                return Some(Ok(record));
            }
            match self.batches.next()? {
                Ok(decoded) => self.decoded = decoded.into_iter(),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// Batch after batch, up to the end or the first error.
#[derive(Debug)]
struct Decoding {
    name: ObjectName,
    batches: Option<RowBatches>,
    next: Position,
    unopened: Option<JournalError>,
}

impl Decoding {
    fn new(object: &JournalObject, skipped: usize) -> Self {
        let (batches, unopened) = match object.batches(skipped) {
            Ok(batches) => (Some(batches), None),
            Err(error) => (None, Some(error)),
        };
        let next = object.first() + skipped as u64;
        Self { name: object.name().clone(), batches, next, unopened }
    }

    fn decode(&mut self, batch: &RecordBatch) -> Decoded {
        let rows = Rows::of_object(batch);
        let decoder = Decoder::new(&rows);
        let mut decoded = Vec::with_capacity(rows.len());
        for row in 0..rows.len() {
            let position = self.next;
            let record = match decoder.record(row) {
                Ok(record) if rows.position(row) == position => record,
                Ok(_) | Err(Undecoded::Contradictory) => {
                    return Err(Damage::new(&self.name, position, DamageKind::Contradictory).into());
                }
                Err(Undecoded::Unknown(what)) => {
                    return Err(JournalError::Unknown { object: self.name.clone(), position, what });
                }
            };
            decoded.push((position, record));
            self.next += 1;
        }
        Ok(decoded)
    }
}

impl Iterator for Decoding {
    type Item = Decoded;

    fn next(&mut self) -> Option<Decoded> {
        if let Some(error) = self.unopened.take() {
            return Some(Err(error));
        }
        let decoded = match self.batches.as_mut()?.next()? {
            Ok(batch) => self.decode(&batch),
            Err(_) => Err(Damage::new(&self.name, self.next, DamageKind::Contradictory).into()),
        };
        if decoded.is_err() {
            self.batches = None;
        }
        Some(decoded)
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
