//! Parquet whose rows are filtered page by page: whatever its types, encodings and pages, what stays is what was there,
//! and nothing is left of what went.

use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use abide_formats::{Format, Limits, Options};
use arrow_array::builder::{FixedSizeBinaryBuilder, ListBuilder, StringBuilder};
use arrow_array::{
    Array as _, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array,
    Float64Array, Int8Array, Int32Array, Int64Array, RecordBatch, StringArray, StructArray,
    TimestampMicrosecondArray, UInt32Array, UInt64Array,
};
use arrow_schema::{DataType, Field};
use arrow_select::concat::concat_batches;
use arrow_select::filter::filter_record_batch;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{
    ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection, RowSelector,
};
use parquet::basic::{Compression, Encoding, GzipLevel, ZstdLevel};
use parquet::column::page::Page;
use parquet::file::metadata::{ColumnChunkMetaData, PageIndexPolicy, ParquetMetaData};
use parquet::file::properties::{EnabledStatistics, ReaderProperties, WriterProperties, WriterVersion};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::file::serialized_reader::ReadOptionsBuilder;
use parquet::file::statistics::Statistics;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::columnar::{filter, read};

/// How a file is written.
#[derive(Debug, Clone)]
struct Writing {
    groups: Vec<usize>,
    /// How many different values a column has.
    variety: u64,
    /// One value in so many is null.
    nulls: u64,
    version: WriterVersion,
    compression: Compression,
    dictionary: bool,
    dictionary_bytes: usize,
    deltas: bool,
    page_rows: usize,
    statistics: EnabledStatistics,
    bloom_filters: bool,
}

fn writing() -> impl Strategy<Value = Writing> {
    let compressions = vec![
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::ZSTD(ZstdLevel::default()),
        Compression::LZ4,
        Compression::LZ4_RAW,
    ];
    let statistics = vec![EnabledStatistics::None, EnabledStatistics::Chunk, EnabledStatistics::Page];
    let pages =
        (vec(1..400_usize, 1..4), select(vec![1_u64, 2, 7, 60, 1 << 40]), select(vec![1_u64, 2, 9, 1 << 40]));
    let versions = vec![WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0];
    let encodings = (select(versions), select(compressions), any::<bool>(), select(vec![64_usize, 1 << 20]));
    let rest = (any::<bool>(), select(vec![1_usize, 13, 100, 20_000]), select(statistics), any::<bool>());
    (pages, encodings, rest).prop_map(|(pages, encodings, rest)| {
        let (groups, variety, nulls) = pages;
        let (version, compression, dictionary, dictionary_bytes) = encodings;
        let (deltas, page_rows, statistics, bloom_filters) = rest;
        Writing {
            groups,
            variety,
            nulls,
            version,
            compression,
            dictionary,
            dictionary_bytes,
            deltas,
            page_rows,
            statistics,
            bloom_filters,
        }
    })
}

impl Writing {
    fn properties(&self) -> WriterProperties {
        let mut builder = WriterProperties::builder()
            .set_writer_version(self.version)
            .set_compression(self.compression)
            .set_dictionary_enabled(self.dictionary)
            .set_dictionary_page_size_limit(self.dictionary_bytes)
            .set_data_page_row_count_limit(self.page_rows)
            .set_write_batch_size(7)
            .set_write_page_header_statistics(true)
            .set_statistics_enabled(self.statistics)
            .set_bloom_filter_enabled(self.bloom_filters)
            .set_bloom_filter_for_dictionary_encoded_chunks(true);
        // Version 2 takes deltas wherever it can unless it is told otherwise.
        for (column, delta) in [
            ("id", Encoding::DELTA_BINARY_PACKED),
            ("small", Encoding::DELTA_BINARY_PACKED),
            ("real", Encoding::BYTE_STREAM_SPLIT),
            ("text", Encoding::DELTA_BYTE_ARRAY),
            ("bytes", Encoding::DELTA_LENGTH_BYTE_ARRAY),
            ("money", Encoding::PLAIN),
            ("big", Encoding::PLAIN),
            ("known", Encoding::PLAIN),
        ] {
            let encoding = if self.deltas { delta } else { Encoding::PLAIN };
            builder = builder.set_column_encoding(column.into(), encoding);
        }
        builder.build()
    }

    fn write(&self, path: &Path) {
        let mut begin = 0;
        let groups: Vec<RecordBatch> = self
            .groups
            .iter()
            .map(|rows| {
                begin += *rows as u64;
                self.rows(begin - *rows as u64..begin)
            })
            .collect();
        self.write_groups(path, &groups);
    }

    fn write_groups(&self, path: &Path, groups: &[RecordBatch]) {
        let file = File::create(path).unwrap();
        let schema = self.rows(0..0).schema();
        let mut writer = ArrowWriter::try_new(file, schema, Some(self.properties())).unwrap();
        for group in groups {
            writer.write(group).unwrap();
            writer.flush().unwrap();
        }
        writer.close().unwrap();
    }

    /// A number for each cell, `None` where it is null.
    fn cells(&self, column: u64, rows: std::ops::Range<u64>) -> impl Iterator<Item = Option<u64>> + use<> {
        let (variety, nulls) = (self.variety, self.nulls);
        rows.map(move |row| {
            let random = mix((row << 8) | column);
            let runs = mix(((row / 50) << 8) | column);
            // Some columns have the same value many times in a row.
            let value = if column.is_multiple_of(3) { runs } else { random };
            (mix(random) % nulls != nulls - 1).then_some(value % variety)
        })
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "any will do"
    )]
    fn rows(&self, rows: std::ops::Range<u64>) -> RecordBatch {
        let cells = |column| self.cells(column, rows.clone());
        let signed = |column| {
            cells(column)
                .map(|cell| cell.map(|value| (value as i64).wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as i64)))
        };
        let text = |column| {
            cells(column).map(|cell| cell.map(|value| format!("{}@example.com", mix(value) % 1_000_000)))
        };
        let real = |column| {
            cells(column).map(|cell| {
                cell.map(|value| match value % 7 {
                    0 => f64::NAN,
                    1 => -0.0,
                    2 => 0.0,
                    _ => value as f64 * if value % 2 == 0 { 1.5 } else { -1.5 },
                })
            })
        };
        let mut fixed = FixedSizeBinaryBuilder::new(5);
        for cell in cells(20) {
            match cell {
                Some(value) => fixed.append_value(&mix(value).to_be_bytes()[..5]).unwrap(),
                None => fixed.append_null(),
            }
        }
        let mut list = ListBuilder::new(StringBuilder::new());
        for (cell, text) in cells(21).zip(text(21)) {
            (0..cell.unwrap_or(0) % 3).for_each(|_| list.values().append_option(text.clone()));
            list.append(cell.is_some());
        }
        let parts: Vec<(Arc<Field>, ArrayRef)> = vec![
            (Arc::new(Field::new("a", DataType::Utf8, true)), Arc::new(text(22).collect::<StringArray>())),
            (Arc::new(Field::new("b", DataType::Int64, true)), Arc::new(signed(23).collect::<Int64Array>())),
        ];
        let (fields, arrays): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        let whole: Vec<bool> = cells(24).map(|cell| cell.is_some()).collect();
        let parts = StructArray::new(fields.into(), arrays, Some(whole.into()));
        let bytes: Vec<Option<Vec<u8>>> = cells(9)
            .map(|cell| cell.map(|value| mix(value).to_le_bytes()[..(value % 9) as usize].to_vec()))
            .collect();
        let columns: Vec<(&str, ArrayRef, bool)> = vec![
            ("id", Arc::new(Int64Array::from_iter_values(rows.clone().map(|row| mix(row) as i64))), false),
            (
                "small",
                Arc::new(signed(1).map(|cell| cell.map(|value| value as i32)).collect::<Int32Array>()),
                true,
            ),
            (
                "tiny",
                Arc::new(signed(2).map(|cell| cell.map(|value| value as i8)).collect::<Int8Array>()),
                true,
            ),
            (
                "count",
                Arc::new(
                    signed(3)
                        .map(|cell| cell.map(|value| value.cast_unsigned() as u32))
                        .collect::<UInt32Array>(),
                ),
                true,
            ),
            (
                "big",
                Arc::new(signed(4).map(|cell| cell.map(i64::cast_unsigned)).collect::<UInt64Array>()),
                true,
            ),
            ("real", Arc::new(real(5).collect::<Float64Array>()), true),
            (
                "half",
                Arc::new(real(6).map(|cell| cell.map(|value| value as f32)).collect::<Float32Array>()),
                true,
            ),
            (
                "known",
                Arc::new(cells(7).map(|cell| cell.map(|value| value % 2 == 0)).collect::<BooleanArray>()),
                true,
            ),
            ("text", Arc::new(text(8).collect::<StringArray>()), true),
            ("bytes", Arc::new(bytes.iter().map(Option::as_deref).collect::<BinaryArray>()), true),
            (
                "money",
                Arc::new(
                    signed(10)
                        .map(|cell| cell.map(i128::from))
                        .collect::<Decimal128Array>()
                        .with_precision_and_scale(30, 2)
                        .unwrap(),
                ),
                true,
            ),
            (
                "born",
                Arc::new(signed(11).map(|cell| cell.map(|value| value as i32 / 2)).collect::<Date32Array>()),
                true,
            ),
            ("seen", Arc::new(signed(12).collect::<TimestampMicrosecondArray>()), true),
            ("fixed", Arc::new(fixed.finish()), true),
            ("list", Arc::new(list.finish()), true),
            ("parts", Arc::new(parts), true),
        ];
        RecordBatch::try_from_iter_with_nullable(columns).unwrap()
    }
}

fn mix(number: u64) -> u64 {
    let number = (number ^ number >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ number >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ number >> 31
}

/// Which rows stay: whole stretches, or every other.
fn mask() -> impl Strategy<Value = Vec<bool>> {
    let stretch = (any::<bool>(), prop_oneof![1..4_usize, 20..300_usize]);
    vec(stretch, 1..12).prop_map(|all| all.iter().flat_map(|(keep, rows)| vec![*keep; *rows]).collect())
}

fn options(slice_rows: usize) -> Options {
    let limits = Limits { slice_rows, ..Limits::default() };
    Options { limits, ..crate::options(Format::Parquet) }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn what_stays_is_what_was_there(
        writing in writing(), mask in mask(), slice_rows in select(vec![1 << 20, 90_usize]),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let (input, kept, ideal) = (dir.path().join("input"), dir.path().join("kept"), dir.path().join("ideal"));
        writing.write(&input);
        let keep = |row: u64| mask[usize::try_from(row).unwrap() % mask.len()];
        filter(&input, &kept, &options(slice_rows), keep, &[]).unwrap();

        let groups = kept_groups(&read(&input, Format::Parquet), &writing.groups, slice_rows, keep);
        let expected = concat_batches(&writing.rows(0..0).schema(), &groups).unwrap();
        let found = read(&kept, Format::Parquet);
        prop_assert_eq!(found.num_rows(), expected.num_rows());
        for (field, (found, expected)) in
            expected.schema().fields().iter().zip(found.columns().iter().zip(expected.columns()))
        {
            prop_assert!(found == expected, "{}", field.name());
        }
        prop_assert_eq!(second_half(&kept), expected.slice(expected.num_rows() / 2, expected.num_rows().div_ceil(2)));

        // What the library writes when it is given the same rows.
        writing.write_groups(&ideal, &groups);
        let (found, ideal) = (metadata(&kept), metadata(&ideal));
        prop_assert_eq!(found.num_row_groups(), ideal.num_row_groups());
        for (found, ideal) in found.row_groups().iter().zip(ideal.row_groups()) {
            prop_assert_eq!(found.num_rows(), ideal.num_rows());
            for (found, ideal) in found.columns().iter().zip(ideal.columns()) {
                same_facts(found, ideal)?;
            }
        }
        check_dictionaries(&kept, &groups)?;
        check_bloom_filters(&kept, &groups, writing.bloom_filters)?;
    }

}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn damage_is_an_error_or_harmless(
        writing in writing(), mask in mask(), flips in vec((any::<prop::sample::Index>(), 1..=255_u8), 1..6),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let (input, kept) = (dir.path().join("input"), dir.path().join("kept"));
        writing.write(&input);
        let mut bytes = std::fs::read(&input).unwrap();
        let data = bytes.len() - footer_bytes(&bytes);
        for (at, flip) in &flips {
            bytes[4 + at.index(data - 4)] ^= flip;
        }
        std::fs::write(&input, &bytes).unwrap();
        let keep = |row: u64| mask[usize::try_from(row).unwrap() % mask.len()];
        // A panic of the library is an error too; none may come through.
        if filter(&input, &kept, &options(90), keep, &[]).is_ok() {
            let rows = (0..writing.groups.iter().sum::<usize>() as u64).filter(|row| keep(*row)).count();
            prop_assert_eq!(metadata(&kept).file_metadata().num_rows(), i64::try_from(rows).unwrap());
        }
    }
}

fn footer_bytes(file: &[u8]) -> usize {
    let length = file[file.len() - 8..].first_chunk().unwrap();
    8 + u32::from_le_bytes(*length) as usize
}

/// The kept rows of each row group of the output.
fn kept_groups(
    input: &RecordBatch,
    groups: &[usize],
    slice_rows: usize,
    keep: impl Fn(u64) -> bool,
) -> Vec<RecordBatch> {
    let mut kept = Vec::new();
    let mut begin = 0;
    for rows in groups {
        let end = begin + rows;
        while begin < end {
            let rows = slice_rows.min(end - begin);
            let mask: BooleanArray = (begin..begin + rows).map(|row| Some(keep(row as u64))).collect();
            kept.push(filter_record_batch(&input.slice(begin, rows), &mask).unwrap());
            begin += rows;
        }
    }
    kept.retain(|batch| batch.num_rows() > 0);
    kept
}

/// Found by the offset index, where there is one.
fn second_half(path: &Path) -> RecordBatch {
    let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
    let builder =
        ParquetRecordBatchReaderBuilder::try_new_with_options(File::open(path).unwrap(), options).unwrap();
    let rows = usize::try_from(builder.metadata().file_metadata().num_rows()).unwrap();
    let halves = vec![RowSelector::skip(rows / 2), RowSelector::select(rows.div_ceil(2))];
    let schema = builder.schema().clone();
    let batches = builder.with_row_selection(RowSelection::from(halves)).build().unwrap();
    concat_batches(&schema, &batches.map(Result::unwrap).collect::<Vec<_>>()).unwrap()
}

fn open(path: &Path) -> SerializedFileReader<File> {
    let reading = ReaderProperties::builder().set_read_bloom_filter(true).build();
    let options = ReadOptionsBuilder::new().with_reader_properties(reading).build();
    SerializedFileReader::new_with_options(File::open(path).unwrap(), options).unwrap()
}

fn metadata(path: &Path) -> Arc<ParquetMetaData> {
    Arc::clone(ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap().metadata())
}

fn same_facts(found: &ColumnChunkMetaData, ideal: &ColumnChunkMetaData) -> Result<(), TestCaseError> {
    let column = found.column_path().string();
    prop_assert_eq!(found.num_values(), ideal.num_values(), "{}", column);
    prop_assert_eq!(found.compression_codec(), ideal.compression_codec(), "{}", column);
    prop_assert_eq!(
        found.offset_index_offset().is_some(),
        ideal.offset_index_offset().is_some(),
        "{}",
        column
    );
    prop_assert!(found.bloom_filter_offset() >= ideal.bloom_filter_offset().map(|_| 0), "{}", column);
    match (found.statistics(), ideal.statistics()) {
        (Some(found), Some(ideal)) => {
            prop_assert_eq!(found.null_count_opt(), ideal.null_count_opt(), "{}", column);
            if !is_nan(ideal) {
                prop_assert_eq!(found.min_bytes_opt(), ideal.min_bytes_opt(), "{}", &column);
                prop_assert_eq!(found.max_bytes_opt(), ideal.max_bytes_opt(), "{}", &column);
                prop_assert_eq!(
                    found.nan_count_opt().unwrap_or(0),
                    ideal.nan_count_opt().unwrap_or(0),
                    "{}",
                    &column
                );
            }
        }
        (found, ideal) => prop_assert_eq!(found.is_some(), ideal.is_some(), "{}", column),
    }
    Ok(())
}

/// Whether all values are NaN, of which we say nothing.
fn is_nan(statistics: &Statistics) -> bool {
    match statistics {
        Statistics::Float(values) => values.min_opt().is_some_and(|value| value.is_nan()),
        Statistics::Double(values) => values.min_opt().is_some_and(|value| value.is_nan()),
        _ => false,
    }
}

/// A dictionary has no entry that no row uses.
fn check_dictionaries(path: &Path, groups: &[RecordBatch]) -> Result<(), TestCaseError> {
    let reader = open(path);
    for (number, group) in groups.iter().enumerate() {
        let texts = texts(group, "text");
        let row_group = reader.get_row_group(number).unwrap();
        let leaf =
            row_group.metadata().columns().iter().position(|leaf| leaf.column_path().string() == "text");
        let pages = row_group.get_column_page_reader(leaf.unwrap()).unwrap();
        for page in pages {
            if let Page::DictionaryPage { num_values, .. } = page.unwrap() {
                prop_assert!(num_values as usize <= texts.len());
            }
        }
    }
    Ok(())
}

fn check_bloom_filters(path: &Path, groups: &[RecordBatch], wanted: bool) -> Result<(), TestCaseError> {
    let reader = open(path);
    for (number, group) in groups.iter().enumerate() {
        let row_group = reader.get_row_group(number).unwrap();
        let leaf =
            row_group.metadata().columns().iter().position(|leaf| leaf.column_path().string() == "text");
        let filter = row_group.get_column_bloom_filter(leaf.unwrap());
        // The library writes none of no values.
        prop_assert!(filter.is_some() == wanted || texts(group, "text").is_empty());
        if let Some(filter) = filter {
            prop_assert!(texts(group, "text").iter().all(|text| filter.check(text.as_str())));
        }
    }
    Ok(())
}

fn texts(batch: &RecordBatch, column: &str) -> HashSet<String> {
    let texts = batch.column_by_name(column).unwrap().as_any().downcast_ref::<StringArray>().unwrap();
    texts.iter().flatten().map(str::to_owned).collect()
}

/// Somebody who went is in no page, no dictionary, no statistics and no index of what stays.
#[test]
fn nothing_is_left_of_who_went() {
    let dir = tempfile::tempdir().unwrap();
    for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
        for dictionary in [true, false] {
            for slice_rows in [1 << 20, 100] {
                let (input, kept) = (dir.path().join("input"), dir.path().join("kept"));
                write_people(&input, version, dictionary);
                filter(&input, &kept, &options(slice_rows), |row| !GONE.contains(&row), &[]).unwrap();
                let bytes = std::fs::read(&kept).unwrap();
                for row in 0..PEOPLE {
                    let gone = GONE.contains(&row);
                    for text in [address(row), name(row), tag(row)] {
                        let found = memchr::memmem::find(&bytes, text.as_bytes()).is_some();
                        assert_eq!(found, !gone, "{version:?}, dictionary {dictionary}: `{text}`");
                    }
                    let number = number(row).to_le_bytes();
                    assert_eq!(memchr::memmem::find(&bytes, &number).is_some(), !gone, "number of row {row}");
                }
                // The old filter knew them.
                let asked = |path: &PathBuf| {
                    let reader = open(path);
                    let group = reader.get_row_group(0).unwrap();
                    let filter = group.get_column_bloom_filter(0).unwrap();
                    GONE.iter()
                        .filter(|row| **row < 100)
                        .filter(|row| filter.check(address(**row).as_str()))
                        .count()
                };
                assert_eq!(asked(&input), 4);
                assert_eq!(asked(&kept), 0);
            }
        }
    }
}

const PEOPLE: u64 = 300;
/// The first and the last of all, and of a page, are among them: their values are bounds.
const GONE: [u64; 7] = [0, 1, 19, 20, 150, 298, 299];

fn address(row: u64) -> String {
    format!("{row:03}.person@example.com")
}

fn name(row: u64) -> String {
    format!("Name {row:03} of somebody")
}

fn tag(row: u64) -> String {
    format!("tag {row:03} in a list")
}

fn number(row: u64) -> i64 {
    0x1122_3344_5500_0000 + i64::try_from(row).unwrap() * 0x101
}

fn write_people(path: &Path, version: WriterVersion, dictionary: bool) {
    let rows = 0..PEOPLE;
    let mut tags = ListBuilder::new(StringBuilder::new());
    for row in rows.clone() {
        tags.values().append_value(tag(row));
        tags.append(true);
    }
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("email", Arc::new(StringArray::from_iter_values(rows.clone().map(address)))),
        ("name", Arc::new(StringArray::from_iter_values(rows.clone().map(name)))),
        ("id", Arc::new(Int64Array::from_iter_values(rows.map(number)))),
        ("tags", Arc::new(tags.finish())),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let properties = WriterProperties::builder()
        .set_writer_version(version)
        .set_dictionary_enabled(dictionary)
        .set_column_encoding("id".into(), Encoding::PLAIN)
        .set_column_encoding("email".into(), Encoding::PLAIN)
        .set_column_encoding("name".into(), Encoding::PLAIN)
        .set_column_encoding("tags.list.item".into(), Encoding::PLAIN)
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_write_page_header_statistics(true)
        .set_data_page_row_count_limit(20)
        .set_write_batch_size(20)
        .set_bloom_filter_enabled(true)
        .set_bloom_filter_for_dictionary_encoded_chunks(true)
        .build();
    let mut writer =
        ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}
