//! The states as Parquet, so that any engine can read the list: one row a claim.
//!
//! Columns: `key` (16 bytes), `kind`, `form`, `aliases` (how many further keys lead here),
//! `mechanism`, `scope`, `claimant`, `batch`, `out_at`, `in_at` (microseconds, UTC).

use std::{fs::File, io, path::Path, sync::Arc};

use abide_model::{IdentityState, Time};
use arrow_array::{
    ArrayRef, RecordBatch,
    builder::{FixedSizeBinaryBuilder, StringDictionaryBuilder, TimestampMicrosecondBuilder, UInt32Builder},
    types::Int32Type,
};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use parquet::{
    arrow::ArrowWriter, basic::Compression, errors::ParquetError, file::properties::WriterProperties,
};

#[derive(Debug, thiserror::Error)]
pub enum StateTableError {
    #[error("could not write the file")]
    Io(#[from] io::Error),
    #[error("could not write Parquet")]
    Parquet(#[from] ParquetError),
    #[error("could not lay out the rows")]
    Arrow(#[from] arrow_schema::ArrowError),
}

/// Rows are handed to Parquet in batches of this many.
const BATCH_ROWS: usize = 1 << 16;

pub(crate) struct StateTable {
    writer: ArrowWriter<File>,
    schema: SchemaRef,
    key: FixedSizeBinaryBuilder,
    aliases: UInt32Builder,
    /// `kind`, `form`, `mechanism`, `scope`, `claimant`, `batch`.
    words: [StringDictionaryBuilder<Int32Type>; 6],
    out_at: TimestampMicrosecondBuilder,
    in_at: TimestampMicrosecondBuilder,
    rows: usize,
}

impl StateTable {
    pub(crate) fn create(path: &Path) -> Result<Self, StateTableError> {
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
            .set_compression(Compression::ZSTD(parquet::basic::ZstdLevel::default()))
            // Keys are random: neither a dictionary nor compression makes them smaller.
            .set_column_dictionary_enabled("key".into(), false)
            .set_column_compression("key".into(), Compression::UNCOMPRESSED)
            .build();
        let file = File::create(path)?;
        let writer = ArrowWriter::try_new(file, schema.clone(), Some(properties))?;
        Ok(Self {
            writer,
            schema,
            key: FixedSizeBinaryBuilder::new(16),
            aliases: UInt32Builder::new(),
            words: std::array::from_fn(|_| StringDictionaryBuilder::new()),
            out_at: TimestampMicrosecondBuilder::new().with_timezone("UTC"),
            in_at: TimestampMicrosecondBuilder::new().with_timezone("UTC"),
            rows: 0,
        })
    }

    pub(crate) fn push(&mut self, state: &IdentityState) -> Result<(), StateTableError> {
        for (claim, moments) in &state.claims {
            self.key.append_value(state.primary.key.0)?;
            self.aliases.append_value(u32::try_from(state.aliases.len()).unwrap_or(u32::MAX));
            let scope = claim.scope.to_string();
            let texts = [
                state.kind.as_str(),
                state.primary.form.as_str(),
                claim.mechanism.as_str(),
                &scope,
                claim.claimant.as_str(),
                claim.batch.as_str(),
            ];
            for (word, text) in self.words.iter_mut().zip(texts) {
                word.append(text)?;
            }
            self.out_at.append_option(moments.out.map(Time::as_micros));
            self.in_at.append_option(moments.opt_in.map(Time::as_micros));
            self.rows += 1;
        }
        if self.rows >= BATCH_ROWS { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), StateTableError> {
        let mut columns: Vec<ArrayRef> = vec![Arc::new(self.key.finish()), Arc::new(self.aliases.finish())];
        columns.extend(self.words.iter_mut().map(|word| Arc::new(word.finish()) as ArrayRef));
        columns.push(Arc::new(self.out_at.finish()));
        columns.push(Arc::new(self.in_at.finish()));
        self.rows = 0;
        self.writer.write(&RecordBatch::try_new(self.schema.clone(), columns)?)?;
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Result<(), StateTableError> {
        self.flush()?;
        let file = self.writer.into_inner()?;
        file.sync_all()?;
        Ok(())
    }
}
