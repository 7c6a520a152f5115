//! An open Parquet file that many threads read at once.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::sync::Arc;

use arrow_schema::{ArrowError, DataType, FieldRef, Fields};
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::{FieldLevels, ProjectionMask, parquet_to_arrow_field_levels};
use parquet::basic::{Compression, LogicalType};
use parquet::errors::ParquetError;
use parquet::file::metadata::{PageIndexPolicy, RowGroupMetaData};
use parquet::file::reader::{ChunkReader, Length};

use crate::{Format, FormatError};

pub(crate) struct ParquetFile {
    name: String,
    bytes: SharedFile,
    metadata: ArrowReaderMetadata,
}

impl ParquetFile {
    pub(crate) fn open(file: File, name: &str) -> Result<Self, FormatError> {
        let failed = |source| FormatError::Open { name: name.to_owned(), source };
        let len = file.metadata().map_err(failed)?.len();
        let bytes = SharedFile { file: Arc::new(file), len };
        // Encryption of the footer shows in the last four bytes.
        let tail = bytes.get_bytes(len.saturating_sub(4), len.min(4) as usize);
        if tail.is_ok_and(|tail| &tail[..] == b"PARE") {
            return Err(FormatError::Encrypted { name: name.to_owned(), format: Format::Parquet });
        }
        // The page index goes with row groups that are copied, and finds rows faster.
        let reading = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
        let metadata = ArrowReaderMetadata::load(&bytes, reading).map_err(|source| damaged(name, source))?;
        let file = Self { name: name.to_owned(), bytes, metadata };
        file.check_codecs()?;
        Ok(file)
    }

    fn check_codecs(&self) -> Result<(), FormatError> {
        let columns = self.metadata.metadata().row_groups().iter().flat_map(RowGroupMetaData::columns);
        for column in columns {
            if matches!(column.compression(), Compression::LZO | Compression::BROTLI(_)) {
                return Err(FormatError::Codec {
                    name: self.name.clone(),
                    column: column.column_path().string(),
                    codec: column.compression().to_string(),
                });
            }
        }
        Ok(())
    }

    pub(crate) fn metadata(&self) -> &ArrowReaderMetadata {
        &self.metadata
    }

    pub(crate) fn bytes(&self) -> &SharedFile {
        &self.bytes
    }

    /// How the outermost columns `roots` are decoded: texts as views into their pages, as they are looked at and not kept.
    pub(crate) fn fields(&self, roots: &[usize]) -> Result<FieldLevels, FormatError> {
        let schema = self.metadata.parquet_schema();
        let mask = ProjectionMask::roots(schema, roots.iter().copied());
        let as_views = |field: &FieldRef| match field.data_type() {
            DataType::Utf8 | DataType::LargeUtf8 => {
                Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8View))
            }
            _ => Arc::clone(field),
        };
        let fields: Fields = self.metadata.schema().fields().iter().map(as_views).collect();
        parquet_to_arrow_field_levels(schema, mask, Some(&fields)).map_err(|source| self.damaged(source))
    }

    /// Paths of the columns that hold UUIDs.
    pub(crate) fn uuid_columns(&self) -> Vec<String> {
        let columns = self.metadata.parquet_schema().columns().iter();
        columns
            .filter(|column| matches!(column.logical_type_ref(), Some(LogicalType::Uuid)))
            .map(|column| column.path().string())
            .collect()
    }

    pub(crate) fn damaged(&self, source: ParquetError) -> FormatError {
        damaged(&self.name, source)
    }

    pub(crate) fn damaged_arrow(&self, source: ArrowError) -> FormatError {
        FormatError::Arrow { name: self.name.clone(), format: Format::Parquet, source }
    }

    pub(crate) fn short(&self, row_group: usize, expected: usize, found: usize) -> FormatError {
        self.damaged(ParquetError::EOF(format!(
            "row group {row_group} has {found} rows rather than {expected}"
        )))
    }
}

fn damaged(name: &str, source: ParquetError) -> FormatError {
    FormatError::Parquet { name: name.to_owned(), format: Format::Parquet, source }
}

/// Reads at positions, since threads that share a file share its cursor.
#[derive(Clone)]
pub(crate) struct SharedFile {
    file: Arc<File>,
    len: u64,
}

impl SharedFile {
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        #[cfg(unix)]
        return std::os::unix::fs::FileExt::read_at(&*self.file, buffer, at);
        #[cfg(windows)]
        return std::os::windows::fs::FileExt::seek_read(&*self.file, buffer, at);
    }
}

impl Length for SharedFile {
    fn len(&self) -> u64 {
        self.len
    }
}

impl ChunkReader for SharedFile {
    type T = BufReader<Cursor>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(BufReader::new(Cursor { file: self.clone(), at: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        if start.checked_add(length as u64).is_none_or(|end| end > self.len) {
            return Err(ParquetError::EOF(format!("the file ends before byte {start} + {length}")));
        }
        let mut buffer = Vec::with_capacity(length);
        Cursor { file: self.clone(), at: start }.take(length as u64).read_to_end(&mut buffer)?;
        if buffer.len() < length {
            return Err(ParquetError::EOF("the file became shorter while it was read".to_owned()));
        }
        Ok(buffer.into())
    }
}

pub(crate) struct Cursor {
    file: SharedFile,
    at: u64,
}

impl Read for Cursor {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.file.read_at(buffer, self.at)?;
        self.at += got as u64;
        Ok(got)
    }
}
