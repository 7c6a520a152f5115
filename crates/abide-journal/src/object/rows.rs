//! The columns of records as typed arrays, and the canonical encoding that links are computed over.
//!
//! Writing and verifying read the same arrays through the same code, so what is verified is what
//! stands in the file and not what became of it.

use abide_model::Position;
use arrow_array::{
    Array as _, ArrayRef, DictionaryArray, FixedSizeBinaryArray, Int8Array, Int32Array, Int64Array,
    ListArray, RecordBatch, StringArray, StructArray, TimestampMicrosecondArray, cast::AsArray as _,
    types::Int32Type,
};

use super::Content;
use crate::chain::Link;

/// Columns of equal length, by the names that they have in the file.
pub(super) struct Rows<'a> {
    pub(super) kind: &'a Int8Array,
    pub(super) at: &'a TimestampMicrosecondArray,
    pub(super) identifier: Words<'a>,
    pub(super) primary: &'a FixedSizeBinaryArray,
    pub(super) form: Words<'a>,
    pub(super) version: &'a Int32Array,
    pub(super) aliases: &'a ListArray,
    pub(super) alias_key: &'a FixedSizeBinaryArray,
    pub(super) alias_form: Words<'a>,
    pub(super) alias_version: &'a Int32Array,
    pub(super) domain: &'a FixedSizeBinaryArray,
    pub(super) mechanism: Words<'a>,
    pub(super) scope: Words<'a>,
    pub(super) claimant: Words<'a>,
    pub(super) direction: Words<'a>,
    pub(super) stated_at: &'a TimestampMicrosecondArray,
    pub(super) received_at: &'a TimestampMicrosecondArray,
    pub(super) batch: Words<'a>,
    pub(super) proof: Words<'a>,
    pub(super) recorded_by: Words<'a>,
    pub(super) evidence: &'a FixedSizeBinaryArray,
    pub(super) payload: &'a StringArray,
    /// Empty before the records have positions and links.
    outer: Option<(&'a Int64Array, &'a FixedSizeBinaryArray)>,
}

/// A column of words, each a number into a vocabulary.
pub(super) struct Words<'a> {
    pub(super) numbers: &'a Int32Array,
    pub(super) vocabulary: &'a StringArray,
}

impl<'a> Words<'a> {
    fn of(column: &'a ArrayRef) -> Self {
        let words: &DictionaryArray<Int32Type> = column.as_dictionary();
        Self { numbers: words.keys(), vocabulary: words.values().as_string() }
    }

    fn get(&self, row: usize) -> Option<&'a str> {
        self.number(row).map(|number| self.vocabulary.value(number))
    }

    /// The number of the row's word in the vocabulary.
    pub(super) fn number(&self, row: usize) -> Option<usize> {
        self.numbers
            .is_valid(row)
            .then(|| usize::try_from(self.numbers.value(row)).expect("numbers of words are not negative"))
    }
}

impl<'a> Rows<'a> {
    pub(super) fn of_content(content: &'a Content) -> Self {
        Self::of(content.columns())
    }

    pub(super) fn of_object(batch: &'a RecordBatch) -> Self {
        let columns = batch.columns();
        let inner = &columns[1..columns.len() - 1];
        let outer = Some((columns[0].as_primitive(), columns[columns.len() - 1].as_fixed_size_binary()));
        Self { outer, ..Self::of(inner) }
    }

    /// The schema was checked when the file was opened.
    fn of(columns: &'a [ArrayRef]) -> Self {
        let aliases: &ListArray = columns[6].as_list();
        let alias: &StructArray = aliases.values().as_struct();
        Self {
            kind: columns[0].as_primitive(),
            at: columns[1].as_primitive(),
            identifier: Words::of(&columns[2]),
            primary: columns[3].as_fixed_size_binary(),
            form: Words::of(&columns[4]),
            version: columns[5].as_primitive(),
            aliases,
            alias_key: alias.column(0).as_fixed_size_binary(),
            alias_form: Words::of(alias.column(1)),
            alias_version: alias.column(2).as_primitive(),
            domain: columns[7].as_fixed_size_binary(),
            mechanism: Words::of(&columns[8]),
            scope: Words::of(&columns[9]),
            claimant: Words::of(&columns[10]),
            direction: Words::of(&columns[11]),
            stated_at: columns[12].as_primitive(),
            received_at: columns[13].as_primitive(),
            batch: Words::of(&columns[14]),
            proof: Words::of(&columns[15]),
            recorded_by: Words::of(&columns[16]),
            evidence: columns[17].as_fixed_size_binary(),
            payload: columns[18].as_string(),
            outer: None,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.kind.len()
    }

    /// The position as the file has it; 0 for one that is none.
    pub(super) fn position(&self, row: usize) -> Position {
        let (positions, _) = self.outer.expect("an object's rows have positions");
        Position::try_from(positions.value(row)).unwrap_or(0)
    }

    pub(super) fn links(&self) -> &'a FixedSizeBinaryArray {
        self.outer.expect("an object's rows have links").1
    }

    pub(super) fn alias_range(&self, row: usize) -> std::ops::Range<usize> {
        let index = |offset: i32| usize::try_from(offset).expect("offsets are not negative");
        let offsets = self.aliases.value_offsets();
        index(offsets[row])..index(offsets[row + 1])
    }

    /// Replaces `out` with what the row's link is the hash of: the link before, and the record's
    /// canonical encoding. `docs/formats/journal.md`, *Canonical encoding*.
    pub(super) fn chain(&self, row: usize, position: Position, previous: Link, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(&previous.0);
        out.extend_from_slice(&position.to_le_bytes());
        out.extend_from_slice(&self.kind.value(row).to_le_bytes());
        out.extend_from_slice(&self.at.value(row).to_le_bytes());
        text(out, self.identifier.get(row));
        fixed(out, self.primary, row);
        text(out, self.form.get(row));
        let version = if self.version.is_valid(row) { self.version.value(row) } else { -1 };
        out.extend_from_slice(&version.to_le_bytes());
        let aliases = self.alias_range(row);
        out.extend_from_slice(&u32::try_from(aliases.len()).expect("offsets have 31 bits").to_le_bytes());
        for alias in aliases {
            out.extend_from_slice(self.alias_key.value(alias));
            text(out, self.alias_form.get(alias));
            out.extend_from_slice(&self.alias_version.value(alias).to_le_bytes());
        }
        fixed(out, self.domain, row);
        text(out, self.mechanism.get(row));
        text(out, self.scope.get(row));
        text(out, self.claimant.get(row));
        text(out, self.direction.get(row));
        time(out, self.stated_at, row);
        time(out, self.received_at, row);
        text(out, self.batch.get(row));
        text(out, self.proof.get(row));
        text(out, self.recorded_by.get(row));
        fixed(out, self.evidence, row);
        text(out, self.payload.is_valid(row).then(|| self.payload.value(row)));
    }
}

/// The length in bytes as 4 bytes, then the bytes; 2^32 - 1 for none.
fn text(out: &mut Vec<u8>, value: Option<&str>) {
    let length =
        value.map_or(u32::MAX, |value| u32::try_from(value.len()).expect("an object is smaller than 4 GiB"));
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(value.unwrap_or_default().as_bytes());
}

/// 1 and the bytes, or 0.
fn fixed(out: &mut Vec<u8>, column: &FixedSizeBinaryArray, row: usize) {
    out.push(column.is_valid(row).into());
    if column.is_valid(row) {
        out.extend_from_slice(column.value(row));
    }
}

/// 1 and the microseconds, or 0.
fn time(out: &mut Vec<u8>, column: &TimestampMicrosecondArray, row: usize) {
    out.push(column.is_valid(row).into());
    if column.is_valid(row) {
        out.extend_from_slice(&column.value(row).to_le_bytes());
    }
}
