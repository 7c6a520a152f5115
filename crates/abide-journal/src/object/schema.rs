//! The columns of an object. Every reader of Parquet gives them as in `docs/formats/journal.md`;
//! here, words are dictionaries, which is also how they stand in the file.

use std::sync::{Arc, LazyLock};

use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};

/// All columns, `position` first and `link` last.
pub(super) fn object() -> SchemaRef {
    static OBJECT: LazyLock<SchemaRef> = LazyLock::new(|| Arc::new(Schema::new(object_fields())));
    OBJECT.clone()
}

/// The columns without `position` and `link`.
pub(super) fn content() -> SchemaRef {
    static CONTENT: LazyLock<SchemaRef> = LazyLock::new(|| {
        let fields = object_fields();
        Arc::new(Schema::new(fields[1..fields.len() - 1].to_vec()))
    });
    CONTENT.clone()
}

fn object_fields() -> Vec<Field> {
    let always = |name: &str, of: DataType| Field::new(name, of, false);
    let maybe = |name: &str, of: DataType| Field::new(name, of, true);
    vec![
        always("position", DataType::Int64),
        always("kind", DataType::Int8),
        always("at", time()),
        maybe("identifier", word()),
        maybe("primary", DataType::FixedSizeBinary(16)),
        maybe("form", word()),
        maybe("version", DataType::Int32),
        always("aliases", DataType::List(alias())),
        maybe("domain", DataType::FixedSizeBinary(16)),
        maybe("mechanism", word()),
        maybe("scope", word()),
        maybe("claimant", word()),
        maybe("direction", word()),
        maybe("stated_at", time()),
        maybe("received_at", time()),
        maybe("batch", word()),
        maybe("proof", word()),
        maybe("recorded_by", word()),
        maybe("evidence", DataType::FixedSizeBinary(32)),
        maybe("payload", DataType::Utf8),
        always("link", DataType::FixedSizeBinary(16)),
    ]
}

pub(super) fn alias() -> Arc<Field> {
    Arc::new(Field::new("element", DataType::Struct(alias_fields()), false))
}

pub(super) fn alias_fields() -> Fields {
    Fields::from(vec![
        Field::new("key", DataType::FixedSizeBinary(16), false),
        Field::new("form", word(), false),
        Field::new("version", DataType::Int32, false),
    ])
}

fn word() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

fn time() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}
