//! Parquet and Arrow IPC: what stays is what was there, with the same schema, metadata and compression.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use abide_formats::{
    Column, Compression, Format, FormatError, Limits, Options, Output, Plan, Reader, Writer,
};
use arrow_array::builder::{FixedSizeBinaryBuilder, ListBuilder, StringBuilder, StringDictionaryBuilder};
use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Int64Array, RecordBatch, StringArray, StructArray,
    TimestampMicrosecondArray,
};
use arrow_ipc::CompressionType;
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use arrow_schema::{DataType, Field, Schema};
use arrow_select::concat::concat_batches;
use arrow_select::filter::filter_record_batch;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type, Int96, Int96Type};
use parquet::file::metadata::{KeyValue, ParquetMetaData, RowGroupMetaData};
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use crate::{named, shown};

/// People whose columns are of every kind that we read, with a null here and there.
fn people(rows: std::ops::Range<i64>) -> RecordBatch {
    let text = |row: i64| (row % 5 != 4).then(|| format!("p{row}@example.com"));
    let email: StringArray = rows.clone().map(text).collect();
    let inner: StringArray = rows.clone().map(text).collect();
    let contact = StructArray::from(vec![(
        Arc::new(Field::new("email", DataType::Utf8, true)),
        Arc::new(inner) as ArrayRef,
    )]);
    let mut kinds = StringDictionaryBuilder::<Int32Type>::new();
    let mut tags = ListBuilder::new(StringBuilder::new());
    let mut device = FixedSizeBinaryBuilder::new(16);
    for row in rows.clone() {
        kinds.append_option((row % 3 != 2).then_some(["x", "y"][usize::try_from(row % 2).unwrap()]));
        (0..row % 3).for_each(|tag| tags.values().append_value(format!("t{tag}")));
        tags.append(row % 4 != 3);
        device.append_value(u128::try_from(row).unwrap().to_be_bytes()).unwrap();
    }
    let days = |row: i64| i32::try_from(row).unwrap();
    let bytes: Vec<&[u8]> =
        rows.clone().map(|row| if row % 2 == 0 { &b"abc"[..] } else { b"\xff" }).collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int64Array::from_iter_values(rows.clone()))),
        ("email", Arc::new(email)),
        ("contact", Arc::new(contact)),
        ("kind", Arc::new(kinds.finish())),
        ("tags", Arc::new(tags.finish())),
        ("device", Arc::new(device.finish())),
        ("born", Arc::new(Date32Array::from_iter_values(rows.clone().map(days)))),
        ("seen", Arc::new(TimestampMicrosecondArray::from_iter_values(rows.clone()).with_timezone("UTC"))),
        ("known", Arc::new(rows.clone().map(|row| Some(row % 2 == 0)).collect::<BooleanArray>())),
        ("raw", Arc::new(BinaryArray::from(bytes))),
    ];
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, c)| (name, c, true)))
            .unwrap();
    let uuid = [("ARROW:extension:name".to_owned(), "arrow.uuid".to_owned())].into();
    let plain = batch.schema();
    let fields = plain.fields().iter().map(|field| match field.name().as_str() {
        "device" => Arc::new(field.as_ref().clone().with_metadata(std::collections::HashMap::clone(&uuid))),
        _ => Arc::clone(field),
    });
    let team = std::collections::HashMap::from([("team".to_owned(), "a".to_owned())]);
    let schema = Schema::new_with_metadata(fields.collect::<Vec<_>>(), team);
    RecordBatch::try_new(Arc::new(schema), batch.columns().to_vec()).unwrap()
}

const COLUMNS: [&str; 10] =
    ["id", "email", "contact.email", "kind", "tags", "device", "born", "seen", "known", "raw"];

#[test]
fn cells_are_text() {
    let dir = tempfile::tempdir().unwrap();
    let expected = [
        "0|p0@example.com|p0@example.com|x|-|00000000-0000-0000-0000-000000000000|1970-01-01|1970-01-01T00:00:00Z|true|abc",
        "1|p1@example.com|p1@example.com|y|t0|00000000-0000-0000-0000-000000000001|1970-01-02|1970-01-01T00:00:00.000001Z|false|?",
        "2|p2@example.com|p2@example.com|-|[t0 t1]|00000000-0000-0000-0000-000000000002|1970-01-03|1970-01-01T00:00:00.000002Z|true|abc",
        "3|p3@example.com|p3@example.com|y|-|00000000-0000-0000-0000-000000000003|1970-01-04|1970-01-01T00:00:00.000003Z|false|?",
        "4|-|-|x|t0|00000000-0000-0000-0000-000000000004|1970-01-05|1970-01-01T00:00:00.000004Z|true|abc",
    ];
    for format in [Format::Parquet, Format::ArrowFile, Format::ArrowStream] {
        let path = write(dir.path(), format, &[people(0..5)]);
        let mut reader = Reader::open(&path, &options(format)).unwrap();
        let plan = Plan::new(reader.layout(), &named(&COLUMNS)).unwrap();
        let mut rows = Vec::new();
        while let Some(chunk) = reader.next_chunk().unwrap() {
            let batch = plan.parse(chunk).unwrap();
            rows.extend((0..batch.len()).map(|row| shown(&batch, row, COLUMNS.len())));
        }
        assert_eq!(rows, expected, "{format}");
    }
}

#[test]
fn what_is_kept_is_what_was_there() {
    let dir = tempfile::tempdir().unwrap();
    let input = [people(0..17_000), people(17_000..17_010), people(17_010..17_500)];
    for format in [Format::Parquet, Format::ArrowFile, Format::ArrowStream] {
        let path = write(dir.path(), format, &input);
        for (why, keep) in masks() {
            let slices: &[usize] = if format == Format::Parquet { &[1 << 20, 7_000] } else { &[1 << 20] };
            for &slice_rows in slices {
                let kept = dir.path().join("kept");
                let mut options = options(format);
                options.limits = Limits { slice_rows, ..Limits::default() };
                filter(&path, &kept, &options, keep, &[]).unwrap();
                let whole = read(&path, format);
                let mask: BooleanArray = (0..whole.num_rows()).map(|row| Some(keep(row as u64))).collect();
                let expected = filter_record_batch(&whole, &mask).unwrap();
                assert!(read(&kept, format) == expected, "{format}, {why}, slices of {slice_rows}");
            }
        }
    }
}

type Keep = fn(u64) -> bool;

fn masks() -> [(&'static str, Keep); 3] {
    [
        ("all rows", |_| true),
        ("no row", |_| false),
        ("one row group whole, one not at all, one in part", |row| {
            row < 17_000 || row % 2 == 0 && row > 17_100
        }),
    ]
}

#[test]
fn parquet_keeps_its_schema_metadata_compression_and_statistics() {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), Format::Parquet, &[people(0..1000), people(1000..2000)]);
    let kept = dir.path().join("kept");
    let facts = |metadata: &ParquetMetaData| {
        let file = metadata.file_metadata();
        let columns = metadata.row_groups().iter().flat_map(RowGroupMetaData::columns);
        let columns: Vec<_> = columns
            .map(|column| {
                (
                    column.compression(),
                    column.dictionary_page_offset().is_some(),
                    column.statistics().is_some(),
                    column.column_index_offset().is_some(),
                    column.offset_index_offset().is_some(),
                )
            })
            .collect();
        (file.schema().clone(), file.key_value_metadata().cloned(), columns)
    };
    for (why, keep) in [("all", (|_| true) as Keep), ("some", |row| row % 2 == 0)] {
        filter(&path, &kept, &options(Format::Parquet), keep, &[]).unwrap();
        assert_eq!(facts(&parquet_metadata(&kept)), facts(&parquet_metadata(&path)), "{why}");
    }
}

#[test]
fn added_columns_come_last() {
    let dir = tempfile::tempdir().unwrap();
    let input = [people(0..100), people(100..150)];
    for format in [Format::Parquet, Format::ArrowFile, Format::ArrowStream] {
        let path = write(dir.path(), format, &input);
        let kept = dir.path().join("kept");
        let keep: Keep = |row| row < 100 || row % 2 == 0;
        filter(&path, &kept, &options(format), keep, &["in"]).unwrap();
        let found = read(&kept, format);
        let mask: BooleanArray = (0..150).map(|row| Some(keep(row))).collect();
        let expected = filter_record_batch(&read(&path, format), &mask).unwrap();
        assert_eq!(found.project(&(0..10).collect::<Vec<_>>()).unwrap(), expected, "{format}");
        let values: StringArray =
            (0..150).filter(|row| keep(*row)).map(|row| Some(format!("row {row}"))).collect();
        assert_eq!(
            found.column_by_name("in").unwrap().as_ref(),
            &values as &dyn arrow_array::Array,
            "{format}"
        );
        let error = filter(&path, &kept, &options(format), keep, &["kind"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`people` already has a column `kind`; choose another name for the added one"
        );
    }
}

#[test]
fn columns_that_arrow_cannot_write_back() {
    let dir = tempfile::tempdir().unwrap();
    let (path, kept) = (dir.path().join("input"), dir.path().join("kept"));
    write_beyond_arrow(&path);
    for slice_rows in [1 << 20, 7] {
        for (why, keep) in [("all", (|_| true) as Keep), ("some", |row| row % 3 != 1)] {
            let mut options = options(Format::Parquet);
            options.limits.slice_rows = slice_rows;
            filter(&path, &kept, &options, keep, &[]).unwrap();
            let expected: Vec<String> =
                (0..).zip(raw_rows(&path)).filter(|(row, _)| keep(*row)).map(|(_, text)| text).collect();
            assert_eq!(raw_rows(&kept), expected, "{why}, slices of {slice_rows}");
            assert_eq!(
                parquet_metadata(&kept).file_metadata().schema(),
                parquet_metadata(&path).file_metadata().schema()
            );
        }
    }
}

/// INT96 on its own and in a list, and a decimal in a byte array.
fn write_beyond_arrow(path: &Path) {
    let schema = "message m { required int64 id; optional int96 t; repeated group l { optional int96 u; } \
                  optional binary d (DECIMAL(20,2)); }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut writer = SerializedFileWriter::new(File::create(path).unwrap(), schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let time = |row: u32| {
        let mut time = Int96::new();
        time.set_data(row, 0, 2_440_588 + row);
        time
    };
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<Int64Type>().write_batch(&(0..30).collect::<Vec<_>>(), None, None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let (values, levels): (Vec<_>, Vec<i16>) =
        ((0..20).map(time).collect(), (0..30).map(|row| (row % 3).min(1)).collect());
    column.typed::<Int96Type>().write_batch(&values, Some(&levels), None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    // Row by row: nothing; a time; a time, a null and a time.
    let definition: Vec<i16> = [0, 2, 2, 1, 2].repeat(10);
    let repetition: Vec<i16> = [0, 0, 0, 1, 1].repeat(10);
    let values: Vec<_> = (100..130).map(time).collect();
    column.typed::<Int96Type>().write_batch(&values, Some(&definition), Some(&repetition)).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let values: Vec<_> = (0..30_u8).map(|row| ByteArray::from(vec![1, row])).collect();
    column.typed::<ByteArrayType>().write_batch(&values, Some(&[1; 30]), None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
}

fn raw_rows(path: &Path) -> Vec<String> {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    reader.get_row_iter(None).unwrap().map(|row| row.unwrap().to_string()).collect()
}

#[test]
fn files_without_rows() {
    let dir = tempfile::tempdir().unwrap();
    for format in [Format::Parquet, Format::ArrowFile, Format::ArrowStream] {
        let path = write(dir.path(), format, &[people(0..0)]);
        let kept = dir.path().join("kept");
        filter(&path, &kept, &options(format), |_| true, &[]).unwrap();
        assert_eq!(read(&kept, format), read(&path, format), "{format}");
    }
}

#[test]
fn files_that_cannot_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let bad = dir.path().join("bad");
    std::fs::write(&bad, b"PAR1 and more PARE").unwrap();
    let error = Reader::open(&bad, &options(Format::Parquet)).unwrap_err();
    assert_eq!(error.to_string(), "`people` is encrypted; decrypt it first, encrypted Parquet is not read");
    for format in [Format::Parquet, Format::ArrowFile, Format::ArrowStream] {
        let whole = std::fs::read(write(dir.path(), format, &[people(0..1000), people(0..1000)])).unwrap();
        std::fs::write(&bad, &whole[..whole.len() / 2]).unwrap();
        let error = filter(&bad, &dir.path().join("kept"), &options(format), |_| true, &[]).unwrap_err();
        assert!(
            matches!(error, FormatError::Parquet { .. } | FormatError::Arrow { .. }),
            "{format}: {error:?}"
        );
    }
    let path = write(dir.path(), Format::Parquet, &[people(0..1)]);
    for (column, expected) in [
        (
            "contact",
            "column `contact` of `people` holds a struct (name one of its members), which is not read as text; choose another column",
        ),
        ("contact.phone", "`people` has no column `phone`; it has `email`"),
        (
            "email.x",
            "column `email` of `people` holds Utf8, which is not read as text; choose another column",
        ),
    ] {
        let reader = Reader::open(&path, &options(Format::Parquet)).unwrap();
        let error = Plan::new(reader.layout(), &[Column::from(column)]).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

fn options(format: Format) -> Options {
    crate::options(format)
}

fn write(dir: &Path, format: Format, batches: &[RecordBatch]) -> PathBuf {
    let path = dir.join("input");
    let file = File::create(&path).unwrap();
    let schema = batches[0].schema();
    let packed = |codec| IpcWriteOptions::default().try_with_compression(Some(codec)).unwrap();
    match format {
        Format::Parquet => {
            let properties = WriterProperties::builder()
                .set_compression(parquet::basic::Compression::ZSTD(parquet::basic::ZstdLevel::default()))
                .set_column_compression("email".into(), parquet::basic::Compression::SNAPPY)
                .set_column_dictionary_enabled("id".into(), false)
                .set_key_value_metadata(Some(vec![KeyValue::new("owner".to_owned(), "b".to_owned())]))
                .build();
            let mut writer = ArrowWriter::try_new(file, schema, Some(properties)).unwrap();
            for batch in batches {
                writer.write(batch).unwrap();
                writer.flush().unwrap();
            }
            writer.close().unwrap();
        }
        Format::ArrowFile => {
            let options = packed(arrow_ipc::CompressionType::LZ4_FRAME);
            let mut writer = FileWriter::try_new_with_options(file, &schema, options).unwrap();
            // A file has one dictionary for all of its batches.
            let whole = concat_batches(&schema, batches).unwrap();
            let half = whole.num_rows() / 2;
            writer.write(&whole.slice(0, half)).unwrap();
            writer.write(&whole.slice(half, whole.num_rows() - half)).unwrap();
            writer.write_metadata("owner", "b");
            writer.finish().unwrap();
        }
        _ => {
            let options = packed(arrow_ipc::CompressionType::ZSTD);
            let mut writer = StreamWriter::try_new_with_options(file, &schema, options).unwrap();
            for batch in batches {
                writer.write(batch).unwrap();
            }
            writer.finish().unwrap();
        }
    }
    path
}

pub(crate) fn read(path: &Path, format: Format) -> RecordBatch {
    let file = File::open(path).unwrap();
    let (schema, batches): (_, Vec<RecordBatch>) = match format {
        Format::Parquet => {
            let builder = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
            (builder.schema().clone(), builder.build().unwrap().map(Result::unwrap).collect())
        }
        Format::ArrowFile => {
            let reader = FileReader::try_new(file, None).unwrap();
            assert_eq!(reader.custom_metadata().get("owner").map_or("b", String::as_str), "b");
            (reader.schema(), reader.map(Result::unwrap).collect())
        }
        _ => {
            let reader = StreamReader::try_new(file, None).unwrap();
            (reader.schema(), reader.map(Result::unwrap).collect())
        }
    };
    // Dictionaries may differ in their keys, never in what the keys stand for.
    concat_batches(&schema, &batches).unwrap()
}

fn parquet_metadata(path: &Path) -> Arc<ParquetMetaData> {
    Arc::clone(ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap().metadata())
}

pub(crate) fn filter(
    input: &Path,
    kept: &Path,
    options: &Options,
    keep: impl Fn(u64) -> bool,
    added: &[&str],
) -> Result<(), FormatError> {
    let mut reader = Reader::open(input, options)?;
    let plan = Plan::new(reader.layout(), &named(&["id"]))?;
    let added: Vec<String> = added.iter().map(|name| (*name).to_owned()).collect();
    let output = Output::new(reader.layout(), Compression::None, &added)?;
    let mut writer = Writer::new(File::create(kept).unwrap(), &output)?;
    while let Some(chunk) = reader.next_chunk()? {
        let batch = plan.parse(chunk)?;
        let rows = (0..batch.len() as u64).map(|row| batch.first_row() + row);
        let mask: Vec<bool> = rows.clone().map(&keep).collect();
        let values: Vec<String> = rows.map(|row| format!("row {row}")).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let piece = match added.as_slice() {
            [] => batch.keep(&mask, &output)?,
            _ => batch.keep_with_columns(&mask, &output, &[&values])?,
        };
        writer.write(piece)?;
    }
    writer.finish()?;
    Ok(())
}

/// A compressed column that claims to be longer than it can be is damage, and no room is made for it; one
/// that is as long as it says is read, however much smaller it was made.
#[test]
fn a_claim_of_a_compressed_column() {
    const ROWS: usize = 100_000;
    let text = "somebody@example.com";
    let column: ArrayRef = Arc::new(StringArray::from_iter_values(std::iter::repeat_n(text, ROWS)));
    let batch = RecordBatch::try_from_iter([("email", column)]).unwrap();
    let length = i64::try_from(ROWS * text.len()).unwrap().to_le_bytes();
    for codec in [CompressionType::LZ4_FRAME, CompressionType::ZSTD] {
        let config = IpcWriteOptions::default().try_with_compression(Some(codec)).unwrap();
        for format in [Format::ArrowFile, Format::ArrowStream] {
            let bytes = ipc(&batch, format, config.clone());
            assert_eq!(rows(&bytes, format).unwrap(), ROWS, "{codec:?}, {format}");
            // The texts come last; their last offset may look the same.
            let place = bytes.windows(8).rposition(|bytes| bytes == length).unwrap();
            for claim in [1_i64 << 32, 1 << 40, i64::MAX] {
                let mut damaged = bytes.clone();
                damaged[place..place + 8].copy_from_slice(&claim.to_le_bytes());
                let error = rows(&damaged, format).unwrap_err();
                let expected = match format {
                    Format::ArrowFile => matches!(error, FormatError::Damaged { .. }),
                    _ => matches!(error, FormatError::Arrow { .. }),
                };
                assert!(expected, "{codec:?}, {format}, {claim}: {error:?}");
            }
        }
    }
}

fn ipc(batch: &RecordBatch, format: Format, config: IpcWriteOptions) -> Vec<u8> {
    if format == Format::ArrowFile {
        let mut file = FileWriter::try_new_with_options(Vec::new(), &batch.schema(), config).unwrap();
        file.write(batch).unwrap();
        return file.into_inner().unwrap();
    }
    let mut stream = StreamWriter::try_new_with_options(Vec::new(), &batch.schema(), config).unwrap();
    stream.write(batch).unwrap();
    stream.into_inner().unwrap()
}

fn rows(bytes: &[u8], format: Format) -> Result<usize, FormatError> {
    let options = Options {
        name: "people".to_owned(),
        format,
        compression: Compression::None,
        has_header: true,
        limits: Limits::default(),
    };
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut reader = if format == Format::ArrowFile {
        std::fs::write(file.path(), bytes).unwrap();
        Reader::open(file.path(), &options)?
    } else {
        Reader::from_read(Box::new(std::io::Cursor::new(bytes.to_vec())), &options)?
    };
    let plan = Plan::new(reader.layout(), &[Column::from("email")])?;
    let mut rows = 0;
    while let Some(chunk) = reader.next_chunk()? {
        rows += plan.parse(chunk)?.len();
    }
    Ok(rows)
}
