//! From finished columns to the bytes of an object.

use std::sync::{Arc, LazyLock};

use abide_model::{Position, Time};
use arrow_array::{ArrayRef, FixedSizeBinaryArray, Int64Array, RecordBatch};
use arrow_buffer::Buffer;
use bytes::Bytes;
use parquet::{
    arrow::arrow_writer::ArrowWriterOptions,
    basic::{Compression, Encoding, ZstdLevel},
    file::{
        metadata::KeyValue,
        properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder},
    },
    schema::types::ColumnPath,
};

use super::{Content, FORMAT, ObjectName, rows::Rows, schema, seal};
use crate::{
    chain::{Head, Link},
    error::JournalError,
    store::Store,
    table_file::TableFile,
};

/// Where an object goes and who writes it.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) store: Store,
    /// What it continues.
    pub(crate) after: Head,
    /// The greatest time of any record up to the end of this object.
    pub(crate) clock: Time,
    /// Makes the objects of two writers differ even where their records do not.
    pub(crate) instance: u64,
}

#[derive(Debug)]
pub(crate) struct SealedObject {
    pub(crate) name: ObjectName,
    pub(crate) bytes: Bytes,
    /// The head once this object stands.
    pub(crate) head: Head,
}

pub(crate) fn encode(place: &Place, content: &Content) -> Result<SealedObject, JournalError> {
    let origin = &place.after.origin;
    let first = place.after.position + 1;
    let (links, head) = link_all(place, content);
    let head = Head {
        origin: origin.clone(),
        position: place.after.position + content.num_rows() as u64,
        link: head,
    };
    let batch = with_places(content, first, links)?;

    let properties = properties().set_key_value_metadata(Some(metadata(place, first, &head))).build();
    let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    let mut file = Vec::new();
    let mut writer = TableFile::create(&mut file, schema::object(), options).map_err(JournalError::encode)?;
    writer.write(&batch).map_err(JournalError::encode)?;
    writer.close().map_err(JournalError::encode)?;
    seal::set(place.store.chain(), &mut file)
        .ok_or_else(|| JournalError::encode("the seal has no place in the footer"))?;
    Ok(SealedObject { name: ObjectName::appended(origin, first), bytes: file.into(), head })
}

/// The links of all rows, one after the other, and the last of them.
fn link_all(place: &Place, content: &Content) -> (Vec<u8>, Link) {
    let rows = Rows::of_content(content);
    let mut links = Vec::with_capacity(rows.len() * 16);
    let Head { position, link, .. } = place.after;
    let head = rows.link_all(place.store.chain(), link, position + 1, |_, link| {
        links.extend_from_slice(&link.0);
    });
    (links, head)
}

fn with_places(content: &Content, first: Position, links: Vec<u8>) -> Result<RecordBatch, JournalError> {
    let first = i64::try_from(first).map_err(JournalError::encode)?;
    let positions = Int64Array::from_iter_values((first..).take(content.num_rows()));
    let links = FixedSizeBinaryArray::new(16, Buffer::from_vec(links), None);
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(content.num_columns() + 2);
    columns.push(Arc::new(positions));
    columns.extend_from_slice(content.columns());
    columns.push(Arc::new(links));
    RecordBatch::try_new(schema::object(), columns).map_err(JournalError::encode)
}

fn metadata(place: &Place, first: Position, head: &Head) -> Vec<KeyValue> {
    let pair = |key: &str, value: String| KeyValue::new(key.to_owned(), value);
    vec![
        pair("abide.format", FORMAT.to_string()),
        pair("abide.store", place.store.id().to_string()),
        pair("abide.origin", head.origin.to_string()),
        pair("abide.first", first.to_string()),
        pair("abide.last", head.position.to_string()),
        pair("abide.previous", hex::encode(place.after.link.0)),
        pair("abide.head", hex::encode(head.link.0)),
        pair("abide.clock_us", place.clock.as_micros().to_string()),
        pair("abide.epoch", place.store.epoch().to_string()),
        pair("abide.writer", format!("{:016x}", place.instance)),
        // Last, so that nothing that a writer cannot choose comes after it.
        pair(seal::KEY, seal::PLACEHOLDER.to_owned()),
    ]
}

/// One row group; zstd and dictionaries for words, deltas for positions and times. Keys and links
/// are random bytes, which nothing makes smaller, and whose least and greatest say nothing.
fn properties() -> WriterPropertiesBuilder {
    static PROPERTIES: LazyLock<WriterPropertiesBuilder> = LazyLock::new(|| {
        let path = |parts: &[&str]| ColumnPath::new(parts.iter().map(ToString::to_string).collect());
        let mut properties = WriterProperties::builder()
            .set_created_by(concat!("abide ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(None)
            .set_statistics_enabled(EnabledStatistics::None)
            .set_offset_index_disabled(true);
        for random in [&["primary"][..], &["link"], &["evidence"], &["aliases", "list", "element", "key"]] {
            properties = properties
                .set_column_compression(path(random), Compression::UNCOMPRESSED)
                .set_column_dictionary_enabled(path(random), false);
        }
        // Readers leave a column out that holds nothing, and this tells them.
        for seldom in ["domain", "proof", "recorded_by", "evidence", "payload"] {
            properties = properties.set_column_statistics_enabled(path(&[seldom]), EnabledStatistics::Chunk);
        }
        for running in ["position", "at", "stated_at", "received_at"] {
            properties = properties
                .set_column_dictionary_enabled(path(&[running]), false)
                .set_column_encoding(path(&[running]), Encoding::DELTA_BINARY_PACKED)
                .set_column_statistics_enabled(path(&[running]), EnabledStatistics::Chunk);
        }
        properties
    });
    PROPERTIES.clone()
}
