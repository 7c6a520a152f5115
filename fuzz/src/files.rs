//! Files: text in every format, compressed or not, Parquet, Arrow.

use std::{
    cell::RefCell,
    fmt::Write as _,
    io::{Cursor, Read, Seek as _, Write as _},
    sync::Arc,
};

use abide_formats::{
    Cell, Column, Compression, Format, FormatError, Limits, Options, Output, Plan, Reader, Writer, detect,
};
use arrow_array::{
    ArrayRef, BooleanArray, Int64Array, ListArray, RecordBatch, StringArray, types::Int32Type,
};
use arrow_ipc::{
    CompressionType,
    writer::{FileWriter, IpcWriteOptions, StreamWriter},
};
use bytes::Bytes;
use parquet::{
    arrow::{
        ArrowWriter,
        arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions},
    },
    basic::Encoding,
    file::properties::{WriterProperties, WriterPropertiesBuilder, WriterVersion},
};
use tempfile::NamedTempFile;

use crate::{choose, chosen};

const FORMATS: [Format; 5] =
    [Format::CSV, Format::TSV, Format::Delimited { delimiter: b';' }, Format::Ndjson, Format::Lines];
const COMPRESSIONS: [Compression; 3] = [Compression::None, Compression::Gzip, Compression::Zstd];
/// A file may say that it has as many rows as it likes.
const CHUNKS_MAX: usize = 16;

/// What came of reading a file: its cells, and the bytes of all rows.
#[derive(Debug, PartialEq)]
struct Outcome {
    cells: String,
    all: Vec<u8>,
}

fn read_all(mut reader: Reader, wanted: &[Column], chunks_max: usize) -> Result<Outcome, FormatError> {
    let plan = Plan::new(reader.layout(), wanted)?;
    let output = Output::new(reader.layout(), Compression::None, &[])?;
    let mut writer = Writer::new(Vec::new(), &output).unwrap();
    let mut cells = String::new();
    for _ in 0..chunks_max {
        let Some(chunk) = reader.next_chunk()? else { break };
        let batch = plan.parse(chunk)?;
        for row in 0..batch.len() {
            if let Some(fault) = batch.fault(row) {
                write!(cells, "{fault:?}").unwrap();
                continue;
            }
            for column in 0..wanted.len() {
                match batch.cell(row, column) {
                    Cell::Absent => cells.push('-'),
                    Cell::Text(text) => cells.push_str(&text),
                    Cell::List(texts) => cells.push_str(&texts.join(" ")),
                    Cell::Undecodable => cells.push('?'),
                }
                cells.push('|');
            }
        }
        writer.write(batch.keep(&vec![true; batch.len()], &output)?).unwrap();
    }
    Ok(Outcome { cells, all: writer.finish().unwrap() })
}

/// How a text is cut changes nothing, and all rows kept is all bytes kept.
pub(crate) fn text(data: &[u8]) {
    let Some(([format, compression, chunk_bytes, pace], text)) = choose(data) else { return };
    let _ = detect(Some("people.csv"), text);
    let _ = detect(None, text);
    let has_header = format >= 128;
    let (format, compression) =
        (FORMATS[format % FORMATS.len()], COMPRESSIONS[compression % COMPRESSIONS.len()]);
    let wanted: Vec<Column> = match format {
        Format::Ndjson => ["email", "user.phone"].map(Column::from).into(),
        Format::Lines => vec![Column::At(1)],
        _ => vec![Column::At(1), Column::At(2)],
    };
    let read = |pace: usize, chunk_bytes: usize| {
        let limits = Limits { chunk_bytes, record_bytes_max: 1 << 20, ..Limits::default() };
        let options = Options { name: "people".to_owned(), format, compression, has_header, limits };
        let paced = Paced { bytes: Cursor::new(text.to_vec()), pace };
        read_all(Reader::from_read(Box::new(paced), &options)?, &wanted, usize::MAX)
    };
    match (read(usize::MAX, 1 << 20), read(pace + 1, chunk_bytes + 1)) {
        (Ok(whole), Ok(cut)) => {
            assert_eq!(whole, cut, "{format}: how it is cut");
            if compression == Compression::None {
                assert!(whole.all == text, "{format}: all rows kept");
            }
        }
        (Err(_), Err(_)) => {}
        (whole, cut) => panic!("{format}: whole {whole:?}, cut {cut:?}"),
    }
}

/// A stream that gives some bytes at a time.
struct Paced {
    bytes: Cursor<Vec<u8>>,
    pace: usize,
}

impl Read for Paced {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let len = into.len().min(self.pace);
        self.bytes.read(&mut into[..len])
    }
}

pub(crate) fn parquet(data: &[u8]) {
    with_file(data, |file| columnar(Format::Parquet, |options| Reader::open(file.path(), options)));
}

pub(crate) fn arrow(data: &[u8]) {
    let Some(([is_file], data)) = choose(data) else { return };
    if is_file % 2 == 1 {
        return with_file(data, |file| {
            columnar(Format::ArrowFile, |options| Reader::open(file.path(), options));
        });
    }
    let stream = Cursor::new(data.to_vec());
    columnar(Format::ArrowStream, |options| Reader::from_read(Box::new(stream.clone()), options));
}

fn columnar(format: Format, open: impl Fn(&Options) -> Result<Reader, FormatError>) {
    let options = Options {
        name: "people".to_owned(),
        format,
        compression: Compression::None,
        has_header: true,
        limits: Limits { slice_rows: 1_000, ..Limits::default() },
    };
    let Ok(reader) = open(&options) else { return };
    let columns = reader.layout().columns().unwrap_or_default();
    let columns: Vec<Column> = columns.into_iter().take(8).map(Column::from).collect();
    // Columns that cannot be read as text are refused one by one.
    for column in &columns {
        if let Ok(reader) = open(&options) {
            let _ = read_all(reader, std::slice::from_ref(column), CHUNKS_MAX);
        }
    }
    let _ = read_all(reader, &columns, CHUNKS_MAX);
    if let Ok(reader) = open(&options) {
        let _ = keep_some(reader, format);
    }
}

/// Two rows in three stay, and so many there are in what is written.
fn keep_some(mut reader: Reader, format: Format) -> Result<(), FormatError> {
    let plan = Plan::new(reader.layout(), &[])?;
    let output = Output::new(reader.layout(), Compression::None, &[])?;
    let mut writer = Writer::new(Vec::new(), &output)?;
    let mut kept = 0;
    for _ in 0..CHUNKS_MAX {
        let Some(chunk) = reader.next_chunk()? else { break };
        let batch = plan.parse(chunk)?;
        let mask: Vec<bool> = (0..batch.len()).map(|row| row % 3 != 1).collect();
        kept += mask.iter().filter(|keep| **keep).count();
        writer.write(batch.keep(&mask, &output)?)?;
    }
    let written = Bytes::from(writer.finish()?);
    if format == Format::Parquet {
        let written = ArrowReaderMetadata::load(&written, ArrowReaderOptions::default()).unwrap();
        assert_eq!(written.metadata().file_metadata().num_rows(), i64::try_from(kept).unwrap());
    }
    Ok(())
}

/// Parquet and Arrow files are read from a file: one that is written anew each time.
fn with_file(data: &[u8], read: impl FnOnce(&NamedTempFile)) {
    thread_local! {
        static FILE: RefCell<NamedTempFile> = RefCell::new(NamedTempFile::new().unwrap());
    }
    FILE.with_borrow_mut(|file| {
        file.as_file().set_len(0).unwrap();
        file.rewind().unwrap();
        file.write_all(data).unwrap();
        read(file);
    });
}

pub(crate) fn text_seeds() -> Vec<Vec<u8>> {
    let csv = "id,email,note\r\n1,jane@example.com,\"a \"\"b\"\",\nc\"\r\n2,,x\r\n3,joe@example.org\r\n";
    let tsv = "email\tphone\njane@example.com\t+1 415 555 0100\n";
    let ndjson = "{\"email\":\"jane@example.com\",\"user\":{\"phone\":\"+14155550100\"}}\n\n{\"email\":[\"a\",null,1.5e3],\"user\":\"\\u00e9\\ud83d\\ude00\"}\n{\"email\":";
    let lines = "jane@example.com\r\n\r\n  joe@example.org\n\u{feff}x";
    let mut seeds = Vec::new();
    for (format, text) in
        [(0, csv), (128, csv), (1, tsv), (129, tsv), (2, csv), (3, ndjson), (4, lines), (132, lines)]
    {
        seeds.push(chosen(&[format, 0, 7, 3], text));
        seeds.push(chosen(&[format, 0, 200, 60], text.repeat(3)));
        seeds.push(chosen(&[format, 1, 7, 3], gzipped(text)));
        seeds.push(chosen(&[format, 2, 7, 3], zstd::bulk::compress(text.as_bytes(), 1).unwrap()));
    }
    seeds.push(chosen(
        &[131, 0, 60, 9],
        include_str!("../../examples/events.ndjson").split_inclusive('\n').take(5).collect::<String>(),
    ));
    seeds
}

fn gzipped(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn people(rows: i64) -> RecordBatch {
    let text = |row: i64| (row % 5 != 4).then(|| format!("p{row}@example.com"));
    let tags = (0..rows).map(|row| Some((0..i32::try_from(row % 3).unwrap()).map(Some).collect::<Vec<_>>()));
    let columns: [(&str, ArrayRef); 4] = [
        ("id", Arc::new(Int64Array::from_iter_values(0..rows))),
        ("email", Arc::new((0..rows).map(text).collect::<StringArray>())),
        ("tags", Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(tags))),
        ("known", Arc::new((0..rows).map(|row| Some(row % 2 == 0)).collect::<BooleanArray>())),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))).unwrap()
}

pub(crate) fn parquet_seeds() -> Vec<Vec<u8>> {
    let plain = WriterProperties::builder()
        .set_dictionary_enabled(false)
        .set_compression(parquet::basic::Compression::SNAPPY)
        .set_bloom_filter_enabled(true)
        .set_data_page_row_count_limit(16)
        .set_write_batch_size(16);
    let second = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_column_encoding("email".into(), Encoding::PLAIN);
    let mut seeds = Vec::new();
    for properties in [WriterProperties::builder(), plain, second].map(WriterPropertiesBuilder::build) {
        for rows in [0, 3, 40] {
            let people = people(rows);
            let mut writer =
                ArrowWriter::try_new(Vec::new(), people.schema(), Some(properties.clone())).unwrap();
            writer.write(&people).unwrap();
            seeds.push(writer.into_inner().unwrap());
        }
    }
    seeds
}

pub(crate) fn arrow_seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for rows in [0, 3, 40] {
        let people = people(rows);
        let mut stream = StreamWriter::try_new(Vec::new(), &people.schema()).unwrap();
        stream.write(&people).unwrap();
        seeds.push(chosen(&[0], stream.into_inner().unwrap()));
        let mut file = FileWriter::try_new(Vec::new(), &people.schema()).unwrap();
        file.write(&people).unwrap();
        seeds.push(chosen(&[1], file.into_inner().unwrap()));
        for codec in [CompressionType::LZ4_FRAME, CompressionType::ZSTD] {
            let options = IpcWriteOptions::default().try_with_compression(Some(codec)).unwrap();
            let schema = people.schema();
            let mut stream =
                StreamWriter::try_new_with_options(Vec::new(), &schema, options.clone()).unwrap();
            stream.write(&people).unwrap();
            seeds.push(chosen(&[0], stream.into_inner().unwrap()));
            let mut file = FileWriter::try_new_with_options(Vec::new(), &schema, options).unwrap();
            file.write(&people).unwrap();
            seeds.push(chosen(&[1], file.into_inner().unwrap()));
        }
    }
    seeds
}
