//! Arrow IPC: nothing is left of what went.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use abide_formats::Format;
use arrow_array::builder::{GenericListViewBuilder, ListBuilder, StringBuilder, StringViewBuilder};
use arrow_array::types::Int32Type;
use arrow_array::{
    Array as _, ArrayRef, BinaryViewArray, BooleanArray, DictionaryArray, Int32Array, Int64Array,
    RecordBatch, StringArray, StringViewArray, StructArray,
};
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_ipc::writer::{FileWriter, StreamWriter};
use arrow_schema::{DataType, Field, Schema};
use arrow_select::filter::filter_record_batch;

use crate::columnar::{filter, read};

const PEOPLE: u64 = 300;
/// Where the batches of the input begin, and how many rows they have.
const BATCHES: [(usize, usize); 3] = [(0, 100), (100, 10), (110, 190)];
const COLUMNS: [&str; 9] =
    ["text", "view", "bytes", "dictionary", "views", "inner", "nested", "list", "range"];

fn is_gone(row: u64) -> bool {
    [0, 1, 19, 99].contains(&row) || (105..200).contains(&row) || row == PEOPLE - 1
}

fn value(column: &str, row: u64) -> String {
    format!("{column} of person {row:03} <p{row:03}@example.com>")
}

/// Everybody, and one dictionary for all.
fn people() -> RecordBatch {
    let values = |column: &'static str| (0..PEOPLE).map(move |row| value(column, row));
    // Rows do not use entries in their order.
    let keys = || Int32Array::from_iter_values((0..300).rev());
    let dictionary = |entries: ArrayRef| -> ArrayRef { Arc::new(DictionaryArray::new(keys(), entries)) };
    let backwards = |column: &'static str| values(column).rev();
    let mut list = ListBuilder::new(StringViewBuilder::new());
    let mut range = GenericListViewBuilder::<i32, _>::new(StringBuilder::new());
    for row in 0..PEOPLE {
        list.values().append_value(value("list", row));
        list.append(true);
        range.values().append_value(value("range", row));
        range.append(true);
    }
    let inner = dictionary(Arc::new(StringArray::from_iter_values(backwards("inner"))));
    let nested: ArrayRef = Arc::new(StringViewArray::from_iter_values(values("nested")));
    let kind = inner.data_type().clone();
    let contact = StructArray::from(vec![
        (Arc::new(Field::new("inner", kind, true)), inner),
        (Arc::new(Field::new("nested", DataType::Utf8View, true)), nested),
    ]);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int64Array::from_iter_values(0..300))),
        ("text", Arc::new(StringArray::from_iter_values(values("text")))),
        ("view", Arc::new(StringViewArray::from_iter_values(values("view")))),
        ("bytes", Arc::new(BinaryViewArray::from_iter_values(values("bytes")))),
        ("dictionary", dictionary(Arc::new(StringArray::from_iter_values(backwards("dictionary"))))),
        ("views", dictionary(Arc::new(StringViewArray::from_iter_values(backwards("views"))))),
        ("contact", Arc::new(contact)),
        ("list", Arc::new(list.finish())),
        ("range", Arc::new(range.finish())),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, c)| (name, c, true))).unwrap()
}

fn write(path: &Path, format: Format, batches: &[RecordBatch]) {
    let file = File::create(path).unwrap();
    let schema = batches[0].schema();
    if format == Format::ArrowFile {
        let mut writer = FileWriter::try_new(file, &schema).unwrap();
        batches.iter().for_each(|batch| writer.write(batch).unwrap());
        writer.finish().unwrap();
    } else {
        let mut writer = StreamWriter::try_new(file, &schema).unwrap();
        batches.iter().for_each(|batch| writer.write(batch).unwrap());
        writer.finish().unwrap();
    }
}

/// Somebody who went is in no dictionary, behind no view and in no item of what stays.
#[test]
fn nothing_is_left_of_who_went() {
    let dir = tempfile::tempdir().unwrap();
    let whole = people();
    for format in [Format::ArrowFile, Format::ArrowStream] {
        let (input, kept) = (dir.path().join("input"), dir.path().join("kept"));
        write(&input, format, &BATCHES.map(|(start, rows)| whole.slice(start, rows)));
        filter(&input, &kept, &crate::options(format), |row| !is_gone(row), &[]).unwrap();
        let bytes = std::fs::read(&kept).unwrap();
        for (row, column) in (0..PEOPLE).flat_map(|row| COLUMNS.map(|column| (row, column))) {
            let found = memchr::memmem::find(&bytes, value(column, row).as_bytes()).is_some();
            assert_eq!(found, !is_gone(row), "{format}: `{column}` of row {row}");
        }
        let mask: BooleanArray = (0..PEOPLE).map(|row| Some(!is_gone(row))).collect();
        assert!(read(&kept, format) == filter_record_batch(&whole, &mask).unwrap(), "{format}");
    }
}

/// Entries come in the order of their use, so an order among them is no longer claimed.
#[test]
fn a_dictionary_loses_its_order() {
    let dir = tempfile::tempdir().unwrap();
    let entries = Arc::new(StringArray::from(vec!["low", "middle", "high"]));
    let levels = DictionaryArray::<Int32Type>::new(vec![2, 0, 1].into(), entries);
    let field = Field::new("level", levels.data_type().clone(), true).with_dict_is_ordered(true);
    let schema = Schema::new(vec![Field::new("id", DataType::Int64, true), field]);
    let ids = Arc::new(Int64Array::from_iter_values(0..3));
    let whole = RecordBatch::try_new(Arc::new(schema), vec![ids, Arc::new(levels)]).unwrap();
    for format in [Format::ArrowFile, Format::ArrowStream] {
        let (input, kept) = (dir.path().join("input"), dir.path().join("kept"));
        write(&input, format, std::slice::from_ref(&whole));
        filter(&input, &kept, &crate::options(format), |row| row != 1, &[]).unwrap();
        let ordered = |path: &Path| {
            let file = File::open(path).unwrap();
            let schema = match format {
                Format::ArrowFile => FileReader::try_new(file, None).unwrap().schema(),
                _ => StreamReader::try_new(file, None).unwrap().schema(),
            };
            schema.field(1).dict_is_ordered()
        };
        assert_eq!((ordered(&input), ordered(&kept)), (Some(true), Some(false)), "{format}");
    }
}
