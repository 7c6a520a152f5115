//! Records on their way into an object: one growing vector per column, no allocation per record.

mod column;

use std::sync::Arc;

use abide_model::{Signal, SignalKeys, Time};
use arrow_array::{
    ArrayRef, Int8Array, Int32Array, ListArray, StringArray, StructArray, TimestampMicrosecondArray,
    builder::StringBuilder,
};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};

use self::column::{Fixed, Numbers, Words};
use super::{Content, schema};
use crate::record::{Record, SIGNAL, to_payload};

/// Consecutive records, column by column.
///
/// [`Columns::push`] takes any record. A bulk import pushes one signal in full and then, for rows
/// that differ in their keys only, [`Columns::push_like_last`], which looks at nothing else.
#[derive(Debug, Default)]
pub struct Columns {
    kind: Vec<i8>,
    at: Vec<i64>,
    identifier: Words,
    primary: Fixed<16>,
    form: Words,
    version: Numbers<i32>,
    alias_ends: Vec<i32>,
    alias_key: Fixed<16>,
    alias_form: Words,
    alias_version: Vec<i32>,
    domain: Fixed<16>,
    mechanism: Words,
    scope: Words,
    claimant: Words,
    direction: Words,
    stated_at: Numbers<i64>,
    received_at: Numbers<i64>,
    batch: Words,
    proof: Words,
    recorded_by: Words,
    evidence: Fixed<32>,
    payload: StringBuilder,
    payload_bytes: usize,
    opt_ins: usize,
    latest_at: Option<Time>,
}

/// What a row takes besides its keys' and its words' bytes: times, link and dictionary numbers.
const ROW_BYTES: usize = 40;

impl Columns {
    pub fn len(&self) -> usize {
        self.kind.len()
    }

    pub fn is_empty(&self) -> bool {
        self.kind.is_empty()
    }

    /// About how large an object of these records will be, in bytes; rather too much.
    pub fn bytes_estimate(&self) -> usize {
        let words = [
            &self.identifier,
            &self.form,
            &self.alias_form,
            &self.mechanism,
            &self.scope,
            &self.claimant,
            &self.direction,
            &self.batch,
            &self.proof,
            &self.recorded_by,
        ];
        self.len() * ROW_BYTES
            + self.primary.bytes()
            + self.alias_version.len() * 18
            + self.domain.bytes()
            + self.evidence.bytes()
            + self.payload_bytes
            + words.iter().map(|word| word.bytes()).sum::<usize>()
    }

    pub fn push(&mut self, record: &Record) {
        match record {
            Record::Signal(signal) => self.push_signal(signal),
            _ => self.push_other(record),
        }
    }

    pub fn push_signal(&mut self, signal: &Signal) {
        self.kind.push(SIGNAL);
        self.mechanism.push(signal.mechanism.as_str());
        match signal.scope.name() {
            None => self.scope.push("*"),
            Some(_) => self.scope.push(&signal.scope.to_string()),
        }
        self.claimant.push(signal.claimant.as_str());
        self.direction.push(signal.direction.as_str());
        self.received_at.push(signal.received_at.as_micros());
        self.batch.push(signal.batch.as_str());
        self.proof.push_optional(signal.proof.map(abide_model::Proof::as_str));
        self.recorded_by.push_optional(signal.recorded_by.as_deref());
        self.evidence.push_optional(signal.evidence.as_ref());
        self.opt_ins += usize::from(signal.direction == abide_model::Direction::In);
        self.push_keys_and_times(&signal.keys, signal.stated_at, signal.at);
    }

    /// Another signal that differs from the one pushed last in its keys and times only.
    ///
    /// # Panics
    ///
    /// When the record pushed last is not a signal.
    pub fn push_like_last(&mut self, keys: &SignalKeys, stated_at: Option<Time>, at: Time) {
        assert_eq!(self.kind.last(), Some(&SIGNAL), "there is a signal to be like");
        self.kind.push(SIGNAL);
        for words in [
            &mut self.mechanism,
            &mut self.scope,
            &mut self.claimant,
            &mut self.direction,
            &mut self.batch,
            &mut self.proof,
            &mut self.recorded_by,
        ] {
            words.repeat();
        }
        self.received_at.repeat();
        self.evidence.push_optional(None);
        self.opt_ins += usize::from(self.direction.last() == Some(abide_model::Direction::In.as_str()));
        self.push_keys_and_times(keys, stated_at, at);
    }

    fn push_keys_and_times(&mut self, keys: &SignalKeys, stated_at: Option<Time>, at: Time) {
        self.identifier.push(keys.kind.as_str());
        self.primary.push(&keys.primary.key.0);
        self.form.push(keys.primary.form.as_str());
        self.version.push(i32::from(keys.primary.version));
        for alias in &keys.aliases {
            self.alias_key.push(&alias.key.0);
            self.alias_form.push(alias.form.as_str());
            self.alias_version.push(i32::from(alias.version));
        }
        self.domain.push_optional(keys.domain.as_ref().map(|key| &key.0));
        self.stated_at.push_optional(stated_at.map(Time::as_micros));
        self.payload.append_null();
        self.end_row(at);
    }

    fn push_other(&mut self, record: &Record) {
        self.kind.push(record.kind_code());
        for words in [
            &mut self.identifier,
            &mut self.form,
            &mut self.mechanism,
            &mut self.scope,
            &mut self.claimant,
            &mut self.direction,
            &mut self.batch,
            &mut self.proof,
            &mut self.recorded_by,
        ] {
            words.push_optional(None);
        }
        self.primary.push_optional(None);
        self.version.push_optional(None);
        self.domain.push_optional(None);
        self.stated_at.push_optional(None);
        self.received_at.push_optional(None);
        self.evidence.push_optional(None);
        let payload = to_payload(record).expect("all records but signals have a payload");
        self.payload_bytes += payload.len();
        self.payload.append_value(payload);
        self.end_row(record.at());
    }

    fn end_row(&mut self, at: Time) {
        self.alias_ends
            .push(i32::try_from(self.alias_version.len()).expect("an object's bytes count below 2^31"));
        self.at.push(at.as_micros());
        self.latest_at = self.latest_at.max(Some(at));
    }

    /// How many of the signals are opt-ins.
    pub(crate) fn opt_ins(&self) -> usize {
        self.opt_ins
    }

    pub(crate) fn latest_at(&self) -> Option<Time> {
        self.latest_at
    }

    pub(crate) fn finish(mut self) -> Content {
        let time = |values: TimestampMicrosecondArray| -> ArrayRef { Arc::new(values.with_timezone("UTC")) };
        let aliases = StructArray::new(
            schema::alias_fields(),
            vec![
                self.alias_key.finish(),
                self.alias_form.finish(),
                Arc::new(Int32Array::from(self.alias_version)),
            ],
            None,
        );
        let ends = std::iter::once(0).chain(self.alias_ends).collect::<ScalarBuffer<i32>>();
        let aliases = ListArray::new(schema::alias(), OffsetBuffer::new(ends), Arc::new(aliases), None);
        let payload: StringArray = self.payload.finish();
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int8Array::from(self.kind)),
            time(self.at.into()),
            self.identifier.finish(),
            self.primary.finish(),
            self.form.finish(),
            Arc::new(self.version.finish::<arrow_array::types::Int32Type>()),
            Arc::new(aliases),
            self.domain.finish(),
            self.mechanism.finish(),
            self.scope.finish(),
            self.claimant.finish(),
            self.direction.finish(),
            time(self.stated_at.finish()),
            time(self.received_at.finish()),
            self.batch.finish(),
            self.proof.finish(),
            self.recorded_by.finish(),
            self.evidence.finish(),
            Arc::new(payload),
        ];
        Content::try_new(schema::content(), columns).expect("one value per record in every column")
    }
}
