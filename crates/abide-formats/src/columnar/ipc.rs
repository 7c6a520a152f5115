//! Arrow IPC, with a footer or as a stream.

mod claims;
mod compact;

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek, Write};
use std::sync::Arc;

use arrow_array::{BooleanArray, RecordBatch};
use arrow_ipc::reader::{FileReader, StreamReader, read_footer_length};
use arrow_ipc::writer::{DictionaryHandling, FileWriter, IpcWriteOptions, StreamWriter};
use arrow_ipc::{CompressionType, root_as_footer, root_as_message};
use arrow_schema::{ArrowError, Field, FieldRef, Schema, SchemaRef};
use arrow_select::filter::filter_record_batch;

use super::text_column;
use crate::contained::contained;
use crate::layout::Layout;
use crate::reader::Options;
use crate::{Format, FormatError};
use compact::{Written, compact};

pub(crate) struct Reader {
    name: String,
    format: Format,
    compression: Option<CompressionType>,
    batches: Batches,
}

enum Batches {
    File(Box<FileReader<BufReader<File>>>),
    Stream(Box<StreamReader<Box<dyn Read + Send>>>),
}

impl Reader {
    pub(crate) fn open(file: File, options: &Options) -> Result<Self, FormatError> {
        let failed = |source| FormatError::Read { name: options.name.clone(), source };
        let mut file = BufReader::new(file);
        // After the magic and its padding a file holds the messages of a stream.
        file.seek(io::SeekFrom::Start(8)).map_err(failed)?;
        let (_, compression) = peek_compression(&mut file).map_err(failed)?;
        if !blocks_can_be_read(&mut file).map_err(failed)? {
            let (name, format) = (options.name.clone(), options.format);
            return Err(FormatError::Damaged { name, format });
        }
        file.rewind().map_err(failed)?;
        let reader = FileReader::try_new(file, None).map_err(|source| damaged(options, source))?;
        Ok(Self::new(options, compression, Batches::File(Box::new(reader))))
    }

    pub(crate) fn from_read(mut read: Box<dyn Read + Send>, options: &Options) -> Result<Self, FormatError> {
        let failed = |source| FormatError::Read { name: options.name.clone(), source };
        let (head, compression) = peek_compression(&mut read).map_err(failed)?;
        let whole = BufReader::new(Cursor::new(head).chain(read));
        let whole: Box<dyn Read + Send> = Box::new(claims::Checked::new(whole));
        let reader = StreamReader::try_new(whole, None).map_err(|source| damaged(options, source))?;
        Ok(Self::new(options, compression, Batches::Stream(Box::new(reader))))
    }

    fn new(options: &Options, compression: Option<CompressionType>, batches: Batches) -> Self {
        Self { name: options.name.clone(), format: options.format, compression, batches }
    }

    pub(crate) fn compression(&self) -> Option<CompressionType> {
        self.compression
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        match &self.batches {
            Batches::File(reader) => reader.schema(),
            Batches::Stream(reader) => reader.schema(),
        }
    }

    /// What a file's footer says beside the schema.
    pub(crate) fn metadata(&self) -> HashMap<String, String> {
        match &self.batches {
            Batches::File(reader) => reader.custom_metadata().clone(),
            Batches::Stream(_) => HashMap::new(),
        }
    }

    pub(crate) fn next_batch(&mut self) -> Result<Option<RecordBatch>, FormatError> {
        let Self { name, format, batches, .. } = self;
        contained(name, *format, || {
            let next = match batches {
                Batches::File(reader) => reader.next(),
                Batches::Stream(reader) => reader.next(),
            };
            next.transpose().map_err(|source| FormatError::Arrow {
                name: name.clone(),
                format: *format,
                source,
            })
        })
    }
}

fn damaged(options: &Options, source: ArrowError) -> FormatError {
    FormatError::Arrow { name: options.name.clone(), format: options.format, source }
}

/// The reader makes room for a block before it reads it, so all that the footer names has to lie inside the file, and
/// to be as long uncompressed as it can be. What cannot be made sense of is for the reader to complain about.
fn blocks_can_be_read(file: &mut BufReader<File>) -> io::Result<bool> {
    let bytes = file.seek(io::SeekFrom::End(0))?;
    let Some(footer_end) = bytes.checked_sub(10) else { return Ok(true) };
    let mut tail = [0; 10];
    file.seek(io::SeekFrom::Start(footer_end))?;
    file.read_exact(&mut tail)?;
    let Ok(length) = read_footer_length(tail) else { return Ok(true) };
    let Some(footer_start) = footer_end.checked_sub(length as u64) else { return Ok(true) };
    let mut footer = vec![0; length];
    file.seek(io::SeekFrom::Start(footer_start))?;
    file.read_exact(&mut footer)?;
    let Ok(footer) = root_as_footer(&footer) else { return Ok(true) };
    for block in footer.dictionaries().into_iter().chain(footer.recordBatches()).flatten() {
        let parts = [block.offset(), i64::from(block.metaDataLength()), block.bodyLength()];
        let parts = parts.map(|part| u64::try_from(part).ok());
        let end = parts.into_iter().try_fold(0_u64, |end, part| end.checked_add(part?));
        if end.is_none_or(|end| end > footer_start) || !claims::of_block(file.get_ref(), block)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Compression is a property of each batch, which the readers undo and do not tell. Looks at the header of the second
/// message, after the schema, and gives back all bytes that it read. What it cannot make sense of is for the reader to
/// complain about.
fn peek_compression(read: &mut impl Read) -> io::Result<(Vec<u8>, Option<CompressionType>)> {
    let mut head = Vec::new();
    let schema = next_header(read, &mut head)?;
    let batch = if schema.is_empty() { schema } else { next_header(read, &mut head)? };
    let compression = root_as_message(&head[batch]).ok().and_then(|message| claims::codec_of(&message));
    Ok((head, compression))
}

const CONTINUES: [u8; 4] = [0xff; 4];

/// Reads the header of a message and gives its place in `head`; empty at the end of the stream.
fn next_header(read: &mut impl Read, head: &mut Vec<u8>) -> io::Result<std::ops::Range<usize>> {
    let mut word = |head: &mut Vec<u8>| -> io::Result<Option<[u8; 4]>> {
        let start = head.len();
        read.by_ref().take(4).read_to_end(head)?;
        Ok(head[start..].try_into().ok())
    };
    // Before format version 5 the length came first.
    let length = match word(head)? {
        Some(CONTINUES) => word(head)?,
        other => other,
    };
    let length = length.map_or(0, u32::from_le_bytes);
    let start = head.len();
    // A longer header is none.
    if length < 64 * 1024 * 1024 {
        read.by_ref().take(u64::from(length)).read_to_end(head)?;
    }
    Ok(start..head.len())
}

/// The rows where `mask` is true, with more columns of text.
pub(crate) fn select(
    batch: &RecordBatch,
    schema: &SchemaRef,
    mask: &[bool],
    added: &[&[&str]],
    layout: &Layout,
) -> Result<RecordBatch, FormatError> {
    let failed = |source| FormatError::Arrow { name: layout.name.clone(), format: layout.format, source };
    let kept = filter_record_batch(batch, &BooleanArray::from(mask.to_vec())).map_err(failed)?;
    if added.is_empty() {
        return Ok(kept);
    }
    let mut columns = kept.columns().to_vec();
    columns.extend(added.iter().map(|values| text_column(values, mask)));
    RecordBatch::try_new(Arc::clone(schema), columns).map_err(failed)
}

pub(crate) struct Writer<W: Write> {
    sink: Sink<W>,
    written: Written,
}

enum Sink<W: Write> {
    File(Box<FileWriter<W>>),
    Stream(Box<StreamWriter<W>>),
}

impl<W: Write> Writer<W> {
    pub(crate) fn new(
        sink: W,
        schema: &SchemaRef,
        stream: bool,
        compression: Option<CompressionType>,
        metadata: &HashMap<String, String>,
    ) -> Result<Self, FormatError> {
        let options =
            IpcWriteOptions::default().try_with_compression(compression).map_err(|s| failed(stream, s))?;
        let options = options.with_dictionary_handling(DictionaryHandling::Delta);
        let schema = without_order(schema);
        let sink = if stream {
            let writer =
                StreamWriter::try_new_with_options(sink, &schema, options).map_err(|s| failed(stream, s))?;
            Sink::Stream(Box::new(writer))
        } else {
            let mut writer =
                FileWriter::try_new_with_options(sink, &schema, options).map_err(|s| failed(stream, s))?;
            for (key, value) in metadata {
                writer.write_metadata(key, value);
            }
            Sink::File(Box::new(writer))
        };
        Ok(Self { sink, written: Written::default() })
    }

    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), FormatError> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let stream = matches!(self.sink, Sink::Stream(_));
        let batch = compact(batch, &mut self.written).map_err(|source| failed(stream, source))?;
        match &mut self.sink {
            Sink::File(writer) => writer.write(&batch).map_err(|source| failed(stream, source)),
            Sink::Stream(writer) => writer.write(&batch).map_err(|source| failed(stream, source)),
        }
    }

    pub(crate) fn finish(self) -> Result<W, FormatError> {
        match self.sink {
            Sink::File(writer) => writer.into_inner().map_err(|source| failed(false, source)),
            Sink::Stream(writer) => writer.into_inner().map_err(|source| failed(true, source)),
        }
    }
}

/// The entries of a dictionary are written in the order in which rows use them, which means nothing.
fn without_order(schema: &Schema) -> Schema {
    let field = |field: &FieldRef| match field.dict_is_ordered() {
        Some(true) => Arc::new(Field::clone(field).with_dict_is_ordered(false)),
        _ => Arc::clone(field),
    };
    let fields: Vec<FieldRef> = schema.fields().iter().map(field).collect();
    Schema::new_with_metadata(fields, schema.metadata().clone())
}

fn failed(stream: bool, source: ArrowError) -> FormatError {
    FormatError::WriteArrow { format: if stream { Format::ArrowStream } else { Format::ArrowFile }, source }
}
