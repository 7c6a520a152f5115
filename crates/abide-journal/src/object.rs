//! Objects of the journal: Parquet files of consecutive records of one origin, sealed.
//!
//! `docs/formats/journal.md` describes them byte for byte.

mod columns;
mod decode;
mod encode;
mod read;
mod rows;
mod schema;
mod seal;

use std::fmt;

use abide_model::{Origin, Position, Time};
use arrow_array::RecordBatch;
use bytes::Bytes;
use parquet::{
    arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions},
    file::metadata::{ParquetMetaData, ParquetMetaDataReader},
};

pub use columns::Columns;
pub use decode::Records;
pub(crate) use encode::{Place, SealedObject, encode};

use self::{read::RowBatches, rows::Rows};
use crate::{
    chain::{Head, Link},
    error::{Damage, DamageKind, JournalError},
    store::Store,
};

/// What one object holds at most, in bytes: one PUT, since a multipart upload cannot be create-only.
pub const OBJECT_BYTES_MAX: usize = 32 << 20;

/// The version of objects that is written, and the greatest that is read.
pub(crate) const FORMAT: u64 = 2;

/// An object's name: its origin and where its records stand.
///
/// One that was appended is named by its first position alone, so that two writers who continue the
/// same head collide. A roll-up is named by its last position and then its first, so that a listing
/// that begins after a position shows every object that leads beyond it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName {
    pub origin: Origin,
    pub first: Position,
    /// Of a roll-up, the position of its last record.
    pub rolled_to: Option<Position>,
}

impl ObjectName {
    pub fn appended(origin: &Origin, first: Position) -> Self {
        Self { origin: origin.clone(), first, rolled_to: None }
    }

    pub fn rolled_up(origin: &Origin, first: Position, last: Position) -> Self {
        Self { origin: origin.clone(), first, rolled_to: Some(last) }
    }

    pub fn is_roll_up(&self) -> bool {
        self.rolled_to.is_some()
    }

    /// The last position that the name speaks of: an appended object may lead further.
    pub(crate) fn named_to(&self) -> Position {
        self.rolled_to.unwrap_or(self.first)
    }

    /// Whether the name says that the object holds a position.
    pub(crate) fn names(&self, position: Position) -> bool {
        (self.first..=self.named_to()).contains(&position)
    }

    /// Reads the last part of a name, `<20 digits>.parquet` or `<20 digits>-<20 digits>.parquet`.
    pub(crate) fn parse(origin: &Origin, file: &str) -> Option<Self> {
        let digits = file.strip_suffix(".parquet")?;
        match digits.split_once('-') {
            None => Some(Self::appended(origin, position(digits)?)),
            Some((last, first)) => {
                let (first, last) = (position(first)?, position(last)?);
                (first <= last).then(|| Self::rolled_up(origin, first, last))
            }
        }
    }
}

fn position(digits: &str) -> Option<Position> {
    let plain = digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit());
    let position = if plain { digits.parse().ok()? } else { return None };
    (position > 0).then_some(position)
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "journal/{}/", self.origin)?;
        if let Some(last) = self.rolled_to {
            write!(f, "{last:020}-")?;
        }
        write!(f, "{:020}.parquet", self.first)
    }
}

/// A whole object whose seal was checked: its bytes are those that a writer of this store wrote
/// under this name.
#[derive(Clone, Debug)]
pub struct JournalObject {
    name: ObjectName,
    bytes: Bytes,
    parquet: ArrowReaderMetadata,
    last: Position,
    previous: Link,
    head: Link,
    clock: Time,
}

impl JournalObject {
    /// Checks the seal and that the object is what its name says.
    pub(crate) fn open(store: &Store, name: ObjectName, bytes: Bytes) -> Result<Self, JournalError> {
        let damage = |what| JournalError::from(Damage::new(&name, None, what));
        if !seal::holds(store.chain(), &bytes) {
            return Err(damage(DamageKind::Changed));
        }
        // From here on the bytes are known to be a writer's own.
        let contradictory = |_| damage(DamageKind::Contradictory);
        let parquet = ParquetMetaDataReader::new().parse_and_finish(&bytes).map_err(contradictory)?;
        let found = number(&parquet, "abide.format").ok_or_else(|| damage(DamageKind::Contradictory))?;
        if found < FORMAT {
            return Err(JournalError::OlderFormat { object: name, found });
        }
        if found > FORMAT {
            return Err(JournalError::NewerFormat { object: name, found, supported: FORMAT });
        }
        let facts = Facts::read(&parquet).ok_or_else(|| damage(DamageKind::Contradictory))?;
        if facts.store != store.id().to_string()
            || facts.origin != name.origin.as_str()
            || facts.first != name.first
            || name.rolled_to.is_some_and(|last| facts.last != last)
        {
            return Err(damage(DamageKind::Misplaced));
        }
        let rows = u64::try_from(parquet.file_metadata().num_rows()).unwrap_or(0);
        if rows == 0 || facts.first.checked_add(rows - 1) != Some(facts.last) {
            return Err(damage(DamageKind::Contradictory));
        }
        let options = ArrowReaderOptions::new().with_schema(schema::object());
        let parquet = ArrowReaderMetadata::try_new(parquet.into(), options).map_err(contradictory)?;
        let Facts { last, previous, head, clock, .. } = facts;
        Ok(Self { name, bytes, parquet, last, previous, head, clock })
    }

    pub fn name(&self) -> &ObjectName {
        &self.name
    }

    pub fn first(&self) -> Position {
        self.name.first
    }

    pub fn last(&self) -> Position {
        self.last
    }

    /// The link that the first record continues.
    pub fn previous(&self) -> Link {
        self.previous
    }

    pub fn head(&self) -> Head {
        Head { origin: self.name.origin.clone(), position: self.last, link: self.head }
    }

    /// The greatest time of any record of this origin up to the end of this object.
    pub fn clock(&self) -> Time {
        self.clock
    }

    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// All records, decoded some thousands at a time.
    pub fn records(&self) -> Records {
        self.records_after(0)
    }

    /// The records after `position`.
    pub fn records_after(&self, position: Position) -> Records {
        let skipped = usize::try_from(position.saturating_sub(self.first() - 1)).unwrap_or(usize::MAX);
        Records::new(self, skipped)
    }

    /// The link of one of the object's records, as it stands there.
    pub(crate) fn link_at(&self, position: Position) -> Result<Link, JournalError> {
        if position == self.last {
            return Ok(self.head);
        }
        let contradictory = || Damage::new(&self.name, position, DamageKind::Contradictory);
        let skipped = position.checked_sub(self.first()).and_then(|skipped| usize::try_from(skipped).ok());
        let batch = self.batches(skipped.ok_or_else(contradictory)?)?.next();
        let batch = batch.and_then(Result::ok).ok_or_else(contradictory)?;
        let link = Rows::of_object(&batch).links().value(0).try_into();
        Ok(Link(link.map_err(|_| contradictory())?))
    }

    /// Recomputes every link and compares; also that positions run on. `at` is called with each
    /// position and its link.
    pub(crate) fn verify_links(
        &self,
        store: &Store,
        mut at: impl FnMut(Position, Link),
    ) -> Result<(), JournalError> {
        let damage = |position, what| JournalError::from(Damage::new(&self.name, Some(position), what));
        let mut link = self.previous;
        let mut position = self.first();
        for batch in self.batches(0)? {
            let batch = batch.map_err(|_| damage(position, DamageKind::Contradictory))?;
            let rows = Rows::of_object(&batch);
            let links = rows.links();
            let mut wrong = None;
            link = rows.link_all(store.chain(), link, position, |row, link| {
                let position = position + row as u64;
                if rows.position(row) != position {
                    wrong = wrong.or(Some((position, DamageKind::Contradictory)));
                } else if links.value(row) != link.0 {
                    wrong = wrong.or(Some((position, DamageKind::WrongLink)));
                } else if wrong.is_none() {
                    at(position, link);
                }
            });
            if let Some((position, what)) = wrong {
                return Err(damage(position, what));
            }
            position += batch.num_rows() as u64;
        }
        if link == self.head { Ok(()) } else { Err(damage(self.last, DamageKind::WrongLink)) }
    }

    fn batches(&self, skipped: usize) -> Result<RowBatches, JournalError> {
        RowBatches::new(self.bytes.clone(), self.parquet.clone(), skipped)
            .map_err(|_| Damage::new(&self.name, None, DamageKind::Contradictory).into())
    }
}

/// The key-value metadata of an object.
struct Facts {
    store: String,
    origin: String,
    first: Position,
    last: Position,
    previous: Link,
    head: Link,
    clock: Time,
}

impl Facts {
    fn read(parquet: &ParquetMetaData) -> Option<Self> {
        Some(Self {
            store: text(parquet, "abide.store")?.to_owned(),
            origin: text(parquet, "abide.origin")?.to_owned(),
            first: number(parquet, "abide.first")?,
            last: number(parquet, "abide.last")?,
            previous: text(parquet, "abide.previous")?.parse().ok()?,
            head: text(parquet, "abide.head")?.parse().ok()?,
            clock: Time::from_micros(text(parquet, "abide.clock_us")?.parse().ok()?),
        })
    }
}

fn text<'a>(parquet: &'a ParquetMetaData, key: &str) -> Option<&'a str> {
    let pairs = parquet.file_metadata().key_value_metadata()?;
    pairs.iter().find(|pair| pair.key == key)?.value.as_deref()
}

fn number(parquet: &ParquetMetaData, key: &str) -> Option<u64> {
    text(parquet, key)?.parse().ok()
}

/// The columns of a finished run of records, before they have positions and links.
pub(crate) type Content = RecordBatch;
