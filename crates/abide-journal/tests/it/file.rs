//! The file itself, read and made by somebody who knows `docs/formats/journal.md` and not our code.

use std::sync::Arc;

use abide_journal::{ErrorKind, JournalError, ObjectName, Reader, Record, verify};
use abide_model::Signal;
use arrow_array::{
    Array as _, ArrayRef, Int8Array, Int64Array, RecordBatch, StringArray, cast::AsArray as _,
};
use bytes::Bytes;
use object_store::{ObjectStoreExt as _, memory::InMemory, path::Path};
use parquet::{
    arrow::{ArrowWriter, arrow_reader::ParquetRecordBatchReaderBuilder},
    file::{metadata::KeyValue, properties::WriterProperties},
};

use crate::world::{NOW, in_memory, key, origin, secret, signal, signals, store_config, writer};

const DOCUMENT: &str = include_str!("../../../../docs/formats/journal.md");

fn path() -> Path {
    "journal/eu-1/00000000000000000001.parquet".into()
}

/// Cells of the tables under a heading.
fn table(heading: &str) -> Vec<Vec<&'static str>> {
    let section = DOCUMENT.split("\n## ").find(|section| section.starts_with(heading)).unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| row.trim_matches('|').split(" | ").map(str::trim).collect()).collect()
}

/// A file as any reader of Parquet sees it.
fn plain(bytes: Bytes) -> (Vec<KeyValue>, RecordBatch) {
    let file = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
    let metadata = file.metadata().file_metadata().key_value_metadata().unwrap().clone();
    (metadata, file.build().unwrap().next().unwrap().unwrap())
}

async fn written(records: &[Record]) -> (Arc<InMemory>, abide_journal::Store, Bytes) {
    let (objects, store) = in_memory().await;
    writer(&store, "eu-1").await.append(records, NOW).await.unwrap();
    let bytes = objects.get(&path()).await.unwrap().bytes().await.unwrap();
    (objects, store, bytes)
}

/// Other readers see the columns, types and values that the document promises.
#[tokio::test]
async fn other_readers_see_what_the_document_says() {
    use arrow_schema::{DataType, TimeUnit};
    fn spelled(of: &DataType) -> String {
        match of {
            DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) => format!("Timestamp(µs, {:?})", &**zone),
            DataType::List(element) => format!("List({})", spelled(element.data_type())),
            DataType::Struct(fields) => {
                let fields: Vec<_> = fields
                    .iter()
                    .map(|field| format!("{}: {}", field.name(), spelled(field.data_type())))
                    .collect();
                format!("Struct({})", fields.join(", "))
            }
            plain => format!("{plain:?}"),
        }
    }

    let (_, _, bytes) = written(&signals(0..3)).await;
    let (metadata, batch) = plain(bytes);
    let schema = batch.schema();
    let found: Vec<_> = schema
        .fields()
        .iter()
        .map(|field| (format!("`{}`", field.name()), spelled(field.data_type()), field.is_nullable()))
        .collect();
    let promised: Vec<_> =
        table("Columns").iter().map(|row| (row[0].to_owned(), row[1].to_owned(), row[2] != "no")).collect();
    assert_eq!(found, promised);

    let keys: Vec<_> = metadata.iter().map(|pair| format!("`{}`", pair.key)).collect();
    let promised: Vec<_> =
        table("Metadata").iter().flat_map(|row| row[0].split(", ").collect::<Vec<_>>()).collect();
    assert_eq!(keys, promised);

    let column = |name: &str| batch.column_by_name(name).unwrap().clone();
    assert_eq!(column("position").as_primitive::<arrow_array::types::Int64Type>().values(), &[1, 2, 3]);
    assert_eq!(column("mechanism").as_string::<i32>().value(2), "email.unsubscribe");
    assert_eq!(column("scope").as_string::<i32>().value(0), "brand:acme");
    assert_eq!(column("primary").as_fixed_size_binary().value(1), key(1).0);
    assert_eq!(column("payload").null_count(), 3);
}

/// The canonical encoding, as the document has it.
fn canonical(signal: &Signal) -> Vec<u8> {
    let text = |value: Option<&str>| {
        let length = value.map_or(u32::MAX, |value| u32::try_from(value.len()).unwrap());
        [&length.to_le_bytes(), value.unwrap_or_default().as_bytes()].concat()
    };
    let time =
        |micros: Option<i64>| micros.map_or(vec![0], |micros| [&[1][..], &micros.to_le_bytes()].concat());
    let aliases: Vec<u8> = signal
        .keys
        .aliases
        .iter()
        .flat_map(|alias| {
            [&alias.key.0[..], &text(Some(alias.form.as_str())), &i32::from(alias.version).to_le_bytes()]
                .concat()
        })
        .collect();
    [
        &[1][..],
        &text(Some(signal.keys.kind.as_str())),
        &[1],
        &text(Some(signal.keys.primary.form.as_str())),
        &i32::from(signal.keys.primary.version).to_le_bytes(),
        &u32::try_from(signal.keys.aliases.len()).unwrap().to_le_bytes(),
        &aliases,
        &signal.keys.domain.map_or(vec![0], |key| [&[1][..], &key.0].concat()),
        &text(Some(signal.mechanism.as_str())),
        &text(Some(&signal.scope.to_string())),
        &text(Some(signal.claimant.as_str())),
        &text(Some(signal.direction.as_str())),
        &time(signal.stated_at.map(|stated_at| stated_at.micros_since(signal.at))),
        &time(Some(signal.received_at.as_micros())),
        &text(Some(signal.batch.as_str())),
        &text(signal.proof.map(abide_model::Proof::as_str)),
        &text(signal.recorded_by.as_deref()),
        &signal.evidence.map_or(vec![0], |evidence| [&[1][..], &evidence].concat()),
        &text(None),
    ]
    .concat()
}

/// Links computed from the document alone, which every later version has to compute too.
#[tokio::test]
async fn links_are_those_of_the_document() {
    let mut first = signal(1);
    first.keys.aliases =
        vec![abide_model::TypedKey { key: key(100), form: abide_model::Form::Md5, version: 1 }];
    first.keys.domain = Some(key(200));
    first.evidence = Some([9; 32]);
    let second = Signal {
        stated_at: Some(NOW),
        proof: Some(abide_model::Proof::Handset),
        recorded_by: None,
        ..signal(2)
    };
    let (_, _, bytes) = written(&[Record::Signal(first.clone()), Record::Signal(second.clone())]).await;
    let (_, batch) = plain(bytes);
    let links = batch.column_by_name("link").unwrap().as_fixed_size_binary();

    let chain_key = *secret().chain_key();
    let record_key = blake3::derive_key("abide 2026 journal record", &chain_key);
    let link = |input: &[u8]| blake3::keyed_hash(&chain_key, input).as_bytes()[..16].to_vec();
    let rest =
        |signal: &Signal| blake3::keyed_hash(&record_key, &canonical(signal)).as_bytes()[..16].to_vec();
    let mut expected = link(format!("abide journal 1 {} eu-1", store_config().id).as_bytes());
    for (row, signal) in [first, second].iter().enumerate() {
        let (position, at) = ((row as u64 + 1).to_le_bytes(), signal.at.as_micros().to_le_bytes());
        expected = link(&[&expected[..], &position, &at, &signal.keys.primary.key.0, &rest(signal)].concat());
        assert_eq!(links.value(row), expected, "row {row}");
    }
    let hex = expected.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(hex, "d6d698c4381b9b0e9b165e5dfe14888f", "a store's past would no longer verify");
}

/// Makes a file as a newer version might, with a seal in order.
fn sealed(mut metadata: Vec<KeyValue>, batch: &RecordBatch) -> Bytes {
    let zeros = "0".repeat(64);
    metadata.last_mut().unwrap().value = Some(zeros.clone());
    let properties = WriterProperties::builder().set_key_value_metadata(Some(metadata)).build();
    let mut file = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut file, batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    let mark = b"abide.seal\x18\x40";
    let at = file.windows(mark.len()).rposition(|window| window == mark).unwrap() + mark.len();
    assert_eq!(&file[at..at + 64], zeros.as_bytes());
    let seal_key = blake3::derive_key("abide 2026 journal seal", &*secret().chain_key());
    let seal = blake3::keyed_hash(&seal_key, &file).to_hex();
    file[at..at + 64].copy_from_slice(seal.as_bytes());
    file.into()
}

fn with_column(batch: &RecordBatch, name: &str, column: ArrayRef) -> RecordBatch {
    let index = batch.schema().index_of(name).unwrap();
    let mut columns = batch.columns().to_vec();
    columns[index] = column;
    RecordBatch::try_new(batch.schema(), columns).unwrap()
}

/// A newer format and what this version does not know are refused as such; what contradicts itself
/// is damage. Nothing is skipped.
#[tokio::test]
async fn what_is_not_known_is_refused() {
    let (objects, store, bytes) = written(&signals(0..3)).await;
    let (metadata, batch) = plain(bytes);
    let name = ObjectName::appended(&origin("eu-1"), 1);
    let reader = Reader::new(&store);
    let with = |key: &str, value: &str| -> Vec<KeyValue> {
        let changed = |pair: &KeyValue| {
            let value = if pair.key == key { value.to_owned() } else { pair.value.clone().unwrap() };
            KeyValue::new(pair.key.clone(), value)
        };
        metadata.iter().map(changed).collect()
    };
    let words = |middle: &str| -> ArrayRef {
        Arc::new(StringArray::from(vec!["email.unsubscribe", middle, "law.drop"]))
    };
    let kinds = with_column(&batch, "kind", Arc::new(Int8Array::from(vec![1, 9, 1])));
    let mechanism = with_column(&batch, "mechanism", words("telepathy.stop"));
    let position = with_column(&batch, "position", Arc::new(Int64Array::from(vec![1, 3, 2])));
    let same = (metadata.clone(), batch.clone());

    for (what, (metadata, batch), expected) in [
        ("nothing changed", same, Ok(3)),
        ("a newer format", (with("abide.format", "3"), batch.clone()), Err((ErrorKind::Invalid, "format 3"))),
        (
            "an older format",
            (with("abide.format", "1"), batch.clone()),
            Err((ErrorKind::Invalid, "format 1")),
        ),
        ("another kind", (metadata.clone(), kinds), Err((ErrorKind::Invalid, "kind of record 9 that"))),
        (
            "another word",
            (metadata.clone(), mechanism),
            Err((ErrorKind::Invalid, "the mechanism of a signal")),
        ),
        (
            "positions out of order",
            (metadata.clone(), position),
            Err((ErrorKind::Damaged, "contradicts itself, at position 2")),
        ),
        (
            "another origin",
            (with("abide.origin", "us-1"), batch.clone()),
            Err((ErrorKind::Damaged, "than its name says")),
        ),
        (
            "another length",
            (with("abide.last", "4"), batch.clone()),
            Err((ErrorKind::Damaged, "contradicts itself")),
        ),
    ] {
        objects.put(&path(), sealed(metadata, &batch).into()).await.unwrap();
        let read = async {
            let object = reader.read(&name).await?.unwrap();
            object.records().collect::<Result<Vec<_>, JournalError>>()
        };
        match (read.await, expected) {
            (Ok(records), Ok(count)) => assert_eq!(records.len(), count, "{what}"),
            (Err(error), Err((kind, says))) => {
                assert_eq!(error.kind(), kind, "{what}: {error}");
                assert!(error.to_string().contains(says), "{what}: {error}");
            }
            (read, _) => panic!("{what}: {read:?}"),
        }
    }

    // A holder of the secret who changes a record and seals the file again is found by the links.
    let changed = with_column(
        &batch,
        "scope",
        Arc::new(StringArray::from(vec!["brand:acme", "brand:bcme", "brand:acme"])),
    );
    objects.put(&path(), sealed(metadata, &changed).into()).await.unwrap();
    let report = verify(&store, &[]).await.unwrap();
    assert_eq!(
        report.damages[0].to_string(),
        format!("`{name}` has a record that does not match its link, at position 2")
    );
}
