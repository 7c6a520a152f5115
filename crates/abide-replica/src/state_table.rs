//! The states as Parquet, so that any engine can read the list: one row a claim.
//!
//! Columns: `key` (16 bytes), `aliases` (how many further keys lead here), `kind`, `form`, `mechanism`, `scope`,
//! `claimant`, `batch`, `out_at`, `in_at` (microseconds, UTC).
//!
//! Records are gathered by the thread that merges, and become rows in one of its own.

use std::{
    fs::File,
    io,
    path::Path,
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
};

use abide_index::{
    IndexError,
    list::{NumberedClaim, Record, Words},
};
use abide_journal::TableFile;
use abide_model::{Form, IdentifierKind, Time};
use arrow_array::{
    Array as _, ArrayRef, DictionaryArray, FixedSizeBinaryArray, Int32Array, RecordBatch, StringArray,
    TimestampMicrosecondArray, UInt32Array, types::Int32Type,
};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use parquet::{
    arrow::arrow_writer::ArrowWriterOptions,
    basic::{Compression, ZstdLevel},
    errors::ParquetError,
    file::properties::{EnabledStatistics, WriterProperties},
};

#[derive(Debug, thiserror::Error)]
pub enum StateTableError {
    #[error("could not write the file")]
    Io(#[from] io::Error),
    #[error("could not write Parquet")]
    Parquet(#[from] ParquetError),
    #[error("could not lay out the rows")]
    Arrow(#[from] arrow_schema::ArrowError),
    #[error("could not read a state")]
    State(#[from] IndexError),
    #[error("the thread that writes the states broke down")]
    BrokeDown,
}

/// Records are handed over in batches of this many, or of so many bytes, and each batch becomes a row group.
const BATCH_RECORDS: usize = 1 << 17;
const BATCH_BYTES: usize = 16 << 20;
/// Batches that wait for the writer at the most.
const BATCHES_WAITING: usize = 2;

pub(crate) struct StateTable {
    records: Records,
    dictionaries: Arc<Dictionaries>,
    writer: mpsc::SyncSender<(Records, Arc<Dictionaries>)>,
    thread: JoinHandle<Result<(), StateTableError>>,
}

/// Records as they are encoded, and where each ends.
#[derive(Debug, Default)]
struct Records {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Records {
    fn iter(&self) -> impl Iterator<Item = Result<Record<'_>, IndexError>> {
        let mut start = 0;
        self.ends.iter().map(move |end| Record::parse(&self.bytes[std::mem::replace(&mut start, *end)..*end]))
    }
}

impl StateTable {
    pub(crate) fn create(path: &Path) -> Result<Self, StateTableError> {
        let writer = ParquetFile::create(path)?;
        let (send, receive) = mpsc::sync_channel(BATCHES_WAITING);
        let thread = thread::spawn(move || writer.write_all(&receive));
        Ok(Self { records: Records::default(), dictionaries: Arc::default(), writer: send, thread })
    }

    /// Adds a row for each claim of a record that was encoded with `words`.
    pub(crate) fn push(&mut self, record: &Record<'_>, words: &Words) -> Result<(), StateTableError> {
        record.write(&mut self.records.bytes);
        self.records.ends.push(self.records.bytes.len());
        if self.records.ends.len() < BATCH_RECORDS && self.records.bytes.len() < BATCH_BYTES {
            return Ok(());
        }
        if !self.hand_over(words) {
            // Why it has stopped comes out at the end.
            return Err(StateTableError::BrokeDown);
        }
        Ok(())
    }

    /// Whether the writer still takes records.
    fn hand_over(&mut self, words: &Words) -> bool {
        if !self.dictionaries.cover(words) {
            self.dictionaries = Arc::new(Dictionaries::of(words));
        }
        let records = std::mem::take(&mut self.records);
        self.writer.send((records, Arc::clone(&self.dictionaries))).is_ok()
    }

    /// Writes what is left.
    pub(crate) fn finish(mut self, words: &Words) -> Result<(), StateTableError> {
        self.hand_over(words);
        drop(self.writer);
        self.thread.join().map_err(|_| StateTableError::BrokeDown)?
    }
}

/// Rows by column, their words by number.
#[derive(Debug, Default)]
struct Rows {
    keys: Vec<u8>,
    aliases: Vec<u32>,
    /// Codes.
    kinds: Vec<i32>,
    forms: Vec<i32>,
    mechanisms: Vec<i32>,
    scopes: Vec<i32>,
    claimants: Vec<i32>,
    batches: Vec<i32>,
    out_at: Vec<Option<i64>>,
    in_at: Vec<Option<i64>>,
}

impl Rows {
    fn add(&mut self, record: &Record<'_>) -> Result<(), StateTableError> {
        let first = self.mechanisms.len();
        let head = record.each_claim(|claim| self.add_claim(claim))?;
        let claims = self.mechanisms.len() - first;
        for _ in 0..claims {
            self.keys.extend(record.primary.0);
        }
        let len = self.mechanisms.len();
        self.aliases.resize(len, u32::try_from(head.aliases).unwrap_or(u32::MAX));
        self.kinds.resize(len, i32::from(head.kind.code()));
        self.forms.resize(len, i32::from(head.form.code()));
        Ok(())
    }

    fn add_claim(&mut self, claim: NumberedClaim) {
        // A number too large for a dictionary is none of its words, and Arrow refuses it.
        let number = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
        self.mechanisms.push(number(claim.mechanism));
        self.scopes.push(number(claim.scope));
        self.claimants.push(number(claim.claimant));
        self.batches.push(number(claim.batch));
        self.out_at.push(claim.moments.out.map(Time::as_micros));
        self.in_at.push(claim.moments.opt_in.map(Time::as_micros));
    }
}

/// The texts that numbers stand for.
#[derive(Debug)]
struct Dictionaries {
    kinds: Arc<StringArray>,
    forms: Arc<StringArray>,
    mechanisms: Arc<StringArray>,
    scopes: Arc<StringArray>,
    claimants: Arc<StringArray>,
    batches: Arc<StringArray>,
}

impl Default for Dictionaries {
    fn default() -> Self {
        Self::of(&Words::default())
    }
}

impl Dictionaries {
    fn of(words: &Words) -> Self {
        let codes = 0..=u8::MAX;
        let kind = |code| IdentifierKind::from_code(code).map_or("", IdentifierKind::as_str);
        let form = |code| Form::from_code(code).map_or("", Form::as_str);
        let texts = |texts: Vec<String>| Arc::new(StringArray::from(texts));
        Self {
            kinds: Arc::new(codes.clone().map(kind).collect::<Vec<&str>>().into()),
            forms: Arc::new(codes.map(form).collect::<Vec<&str>>().into()),
            mechanisms: texts(words.mechanisms().iter().map(ToString::to_string).collect()),
            scopes: texts(words.scopes().iter().map(ToString::to_string).collect()),
            claimants: texts(words.claimants().iter().map(ToString::to_string).collect()),
            batches: texts(words.batches().iter().map(ToString::to_string).collect()),
        }
    }

    /// Words are only ever added.
    fn cover(&self, words: &Words) -> bool {
        self.mechanisms.len() == words.mechanisms().len()
            && self.scopes.len() == words.scopes().len()
            && self.claimants.len() == words.claimants().len()
            && self.batches.len() == words.batches().len()
    }
}

struct ParquetFile {
    table: TableFile<File>,
    schema: SchemaRef,
}

impl ParquetFile {
    fn create(path: &Path) -> Result<Self, StateTableError> {
        let word = || DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let time = || DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let schema = Arc::new(Schema::new(vec![
            Field::new("key", DataType::FixedSizeBinary(16), false),
            Field::new("aliases", DataType::UInt32, false),
            Field::new("kind", word(), false),
            Field::new("form", word(), false),
            Field::new("mechanism", word(), false),
            Field::new("scope", word(), false),
            Field::new("claimant", word(), false),
            Field::new("batch", word(), false),
            Field::new("out_at", time(), true),
            Field::new("in_at", time(), true),
        ]));
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            // Keys are random: neither a dictionary nor compression makes them smaller.
            .set_column_dictionary_enabled("key".into(), false)
            .set_column_compression("key".into(), Compression::UNCOMPRESSED)
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_offset_index_disabled(true)
            .build();
        let options = ArrowWriterOptions::new().with_properties(properties);
        let table = TableFile::create(File::create(path)?, schema.clone(), options)?;
        Ok(Self { table, schema })
    }

    fn write_all(
        mut self,
        batches: &mpsc::Receiver<(Records, Arc<Dictionaries>)>,
    ) -> Result<(), StateTableError> {
        for (records, dictionaries) in batches {
            let mut rows = Rows::default();
            records.iter().try_for_each(|record| rows.add(&record?))?;
            self.write(rows, &dictionaries)?;
        }
        self.table.close()?;
        Ok(())
    }

    fn write(&mut self, rows: Rows, dictionaries: &Dictionaries) -> Result<(), StateTableError> {
        let word = |numbers: Vec<i32>, texts: &Arc<StringArray>| -> Result<ArrayRef, StateTableError> {
            let texts: ArrayRef = texts.clone();
            Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(Int32Array::from(numbers), texts)?))
        };
        let time = |times: Vec<Option<i64>>| -> ArrayRef {
            Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC"))
        };
        let keys = FixedSizeBinaryArray::try_new(16, rows.keys.into(), None)?;
        let columns = vec![
            Arc::new(keys) as ArrayRef,
            Arc::new(UInt32Array::from(rows.aliases)),
            word(rows.kinds, &dictionaries.kinds)?,
            word(rows.forms, &dictionaries.forms)?,
            word(rows.mechanisms, &dictionaries.mechanisms)?,
            word(rows.scopes, &dictionaries.scopes)?,
            word(rows.claimants, &dictionaries.claimants)?,
            word(rows.batches, &dictionaries.batches)?,
            time(rows.out_at),
            time(rows.in_at),
        ];
        self.table.write(&RecordBatch::try_new(self.schema.clone(), columns)?)?;
        Ok(())
    }
}
