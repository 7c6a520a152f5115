//! The columns of records as typed arrays, and the canonical encoding that links are computed over.
//!
//! Writing and verifying read the same arrays through the same code, so what is verified is what
//! stands in the file and not what became of it.

use abide_model::Position;
use arrow_array::{
    Array as _, ArrayRef, ArrowPrimitiveType, DictionaryArray, FixedSizeBinaryArray, Int8Array, Int32Array,
    Int64Array, ListArray, PrimitiveArray, RecordBatch, StringArray, StructArray, TimestampMicrosecondArray,
    cast::AsArray as _, types::Int32Type,
};
use arrow_buffer::NullBuffer;

use super::Content;
use crate::chain::{ChainKey, Link, Linked};

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

    /// Calls `each` with the links of all rows, the first of which continues `previous` at `position`. Returns the
    /// last.
    pub(super) fn link_all(
        &self,
        chain: &ChainKey,
        mut previous: Link,
        position: Position,
        mut each: impl FnMut(usize, Link),
    ) -> Link {
        let changed = self.changes();
        let (mut rest, mut canonical) = ([0; 16], Vec::new());
        for ((row, position), changed) in (0..self.len()).zip(position..).zip(changed) {
            if changed {
                canonical.clear();
                self.rest(row, &mut canonical);
                rest = chain.rest(&canonical);
            }
            let primary = self.primary.value(row).first_chunk().expect("keys have 16 bytes");
            let primary = if self.primary.is_valid(row) { *primary } else { [0; 16] };
            let record = Linked { position, at: self.at.value(row), primary, rest };
            previous = chain.link(previous, &record);
            each(row, previous);
        }
        previous
    }

    /// Which rows differ from the one before in more than position, time and key; rather too many.
    fn changes(&self) -> Vec<bool> {
        let mut changed = vec![false; self.len()];
        if let Some(first) = changed.first_mut() {
            *first = true;
        }
        mark_changes(self.kind, &mut changed);
        mark_changes(self.version, &mut changed);
        mark_changes(self.received_at, &mut changed);
        for words in [
            &self.identifier,
            &self.form,
            &self.mechanism,
            &self.scope,
            &self.claimant,
            &self.direction,
            &self.batch,
            &self.proof,
            &self.recorded_by,
        ] {
            mark_changes(words.numbers, &mut changed);
        }
        mark_present(self.domain.nulls(), &mut changed);
        mark_present(self.evidence.nulls(), &mut changed);
        mark_present(self.payload.nulls(), &mut changed);
        mark_nulls(self.primary.nulls(), &mut changed);
        mark_nulls(self.stated_at.nulls(), &mut changed);
        let offset = |row: usize| self.stated_at.value(row).wrapping_sub(self.at.value(row));
        if self.stated_at.null_count() < self.len() {
            changed.iter_mut().enumerate().skip(1).for_each(|(row, changed)| {
                *changed |= offset(row) != offset(row - 1);
            });
        }
        let ends = self.aliases.value_offsets();
        changed
            .iter_mut()
            .enumerate()
            .skip(1)
            .for_each(|(row, changed)| *changed |= ends[row - 1] != ends[row + 1]);
        changed
    }

    /// Appends the canonical encoding of all of a record but its position, time and primary key.
    /// `docs/formats/journal.md`, *Canonical encoding*.
    fn rest(&self, row: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.kind.value(row).to_le_bytes());
        text(out, self.identifier.get(row));
        out.push(self.primary.is_valid(row).into());
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
        time(out, self.stated_at, row, self.at.value(row));
        time(out, self.received_at, row, 0);
        text(out, self.batch.get(row));
        text(out, self.proof.get(row));
        text(out, self.recorded_by.get(row));
        fixed(out, self.evidence, row);
        text(out, self.payload.is_valid(row).then(|| self.payload.value(row)));
    }
}

/// Marks rows whose value is another than the one before.
fn mark_changes<T: ArrowPrimitiveType>(column: &PrimitiveArray<T>, changed: &mut [bool]) {
    mark_nulls(column.nulls(), changed);
    if column.null_count() < column.len() {
        for (changed, pair) in changed.iter_mut().skip(1).zip(column.values().windows(2)) {
            *changed |= pair[0] != pair[1];
        }
    }
}

/// Marks rows that have a value where the one before has none, and the other way round.
fn mark_nulls(nulls: Option<&NullBuffer>, changed: &mut [bool]) {
    let Some(nulls) = nulls.filter(|nulls| (1..nulls.len()).contains(&nulls.null_count())) else { return };
    for (start, end) in nulls.valid_slices() {
        changed[start] = true;
        if let Some(after) = changed.get_mut(end) {
            *after = true;
        }
    }
}

/// Marks all rows that have a value, and those after them.
fn mark_present(nulls: Option<&NullBuffer>, changed: &mut [bool]) {
    let Some(nulls) = nulls else { return changed.fill(true) };
    for (start, end) in nulls.valid_slices() {
        let end = changed.len().min(end + 1);
        changed[start..end].fill(true);
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

/// 1 and the microseconds since `from`, or 0.
fn time(out: &mut Vec<u8>, column: &TimestampMicrosecondArray, row: usize, from: i64) {
    out.push(column.is_valid(row).into());
    if column.is_valid(row) {
        out.extend_from_slice(&column.value(row).wrapping_sub(from).to_le_bytes());
    }
}
