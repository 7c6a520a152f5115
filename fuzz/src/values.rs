//! Values of events, along paths.

use std::sync::LazyLock;

use abide_values::{Kind, Paths, Schema, Unreadable, WhyNot};
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::{choose, chosen};

/// Paths that are read together.
const PATHS: &[&[&str]] = &[
    &["/to"],
    &["/to", "/user/id", "/list/*/to", "/more/0"],
    &["/*"],
    &["/user", "/user/id"],
    &["", "/list"],
    &["/map/a", "/next/next/to", "/list/1"],
];

fn paths(choice: usize) -> Paths {
    let mut paths = Paths::default();
    for (number, path) in PATHS[choice % PATHS.len()].iter().enumerate() {
        paths.add(path, number).unwrap();
    }
    paths
}

pub(crate) fn json_paths(data: &[u8]) {
    let Some(([choice], text)) = choose(data) else { return };
    let paths = paths(choice);
    let mut found = Vec::new();
    let read = paths.read_json(text, &mut found);
    if serde_json::from_slice::<Value>(text).is_ok() {
        assert_eq!(read, Ok(()));
    }
    if read.is_ok() {
        assert!(serde_json::from_slice::<IgnoredAny>(text).is_ok(), "what is taken for JSON is");
    }
    let without = paths.without_json(text);
    assert_eq!(read, without.as_ref().map(|_| ()).map_err(|error| *error));
    if let Ok(rest) = without {
        assert_eq!(paths.read_json(&rest, &mut found), Ok(()));
        assert!(found.is_empty(), "it was taken out");
        assert_eq!(paths.without_json(&rest), Ok(rest.clone()));
    }
}

/// Types of all kinds, among them one that leads back into itself.
const AVRO: &[&str] = &[
    r#"{"type":"record","name":"R","fields":[
        {"name":"to","type":["null","string"]},
        {"name":"user","type":{"type":"record","name":"U","fields":[{"name":"id","type":"long"},
            {"name":"kind","type":{"type":"enum","name":"K","symbols":["A","B"],"default":"A"}}]}},
        {"name":"list","type":{"type":"array","items":["null","U",{"type":"record","name":"T","fields":[{"name":"to","type":"string"}]}]}},
        {"name":"map","type":{"type":"map","values":{"type":"array","items":"bytes"}}},
        {"name":"next","type":["null","R"]}]}"#,
    r#"{"type":"array","items":"null"}"#,
    r#"{"type":"record","name":"R","fields":[{"name":"to","type":{"type":"bytes","logicalType":"decimal","precision":40,"scale":2}},
        {"name":"more","type":{"type":"array","items":{"type":"fixed","name":"F","size":16,"logicalType":"uuid"}}},
        {"name":"x","type":["double","float","boolean",{"type":"enum","name":"E","symbols":["A"]}]}]}"#,
    r#"{"type":"record","name":"R","fields":[{"name":"next","type":"R"}]}"#,
];

const PROTOBUF: &[&str] = &[r#"
    syntax = "proto2"; import "google/protobuf/wrappers.proto";
    message R {
      optional string to = 1;
      optional U user = 2;
      repeated R list = 3;
      map<string, R> map = 4;
      optional R next = 5;
      repeated sint32 more = 6 [packed = true];
      optional group G = 7 { optional int64 id = 1; optional G inner = 2; }
      optional google.protobuf.StringValue wrapped = 8;
      repeated K kinds = 9;
    }
    message U { required fixed64 id = 1; message Inner { optional bytes to = 1; } }
    enum K { A = 0; B = 7; }
    "#];

static AVRO_SCHEMAS: LazyLock<Vec<Schema>> = LazyLock::new(|| parsed(Kind::Avro, AVRO));
static PROTOBUF_SCHEMAS: LazyLock<Vec<Schema>> = LazyLock::new(|| parsed(Kind::Protobuf, PROTOBUF));

fn parsed(kind: Kind, texts: &[&str]) -> Vec<Schema> {
    texts.iter().map(|text| Schema::parse(kind, text, &[]).unwrap()).collect()
}

pub(crate) fn avro(data: &[u8]) {
    with_schema(&AVRO_SCHEMAS, data);
    // A schema is a foreign text as well.
    if let Some(([_, _], text)) = choose(data) {
        let _ = Schema::parse(Kind::Avro, &String::from_utf8_lossy(text), &[]);
    }
}

pub(crate) fn protobuf(data: &[u8]) {
    with_schema(&PROTOBUF_SCHEMAS, data);
}

fn with_schema(schemas: &[Schema], data: &[u8]) {
    let Some(([schema, choice], value)) = choose(data) else { return };
    let (schema, paths) = (&schemas[schema % schemas.len()], paths(choice));
    let mut found = Vec::new();
    let read = schema.read(&paths, value, &mut found);
    let without = schema.without(&paths, value);
    let shown = schema.to_json(value);
    // The library of Protobuf takes an entry of a map also where its tag says that it is something else.
    if shown.is_ok() && schema.kind() == Kind::Avro {
        // What is read whole is read in part too.
        assert_eq!(read, Ok(()));
        assert_ne!(without, Err(WhyNot::Unreadable(Unreadable)));
    }
    if without == Err(WhyNot::NotAllowed) {
        assert!(!schema.cannot_be_taken_out(&paths).is_empty());
    }
    if let Ok(rest) = without {
        assert_eq!(schema.without(&paths, &rest).as_ref(), Ok(&rest), "what is empty is so already");
        if shown.is_ok() {
            assert!(schema.to_json(&rest).is_ok(), "its readers read it");
            assert_eq!(schema.read(&paths, &rest, &mut found), Ok(()));
        }
    }
}

pub(crate) fn json_seeds() -> Vec<Vec<u8>> {
    let text = r#"{"to":"a@e.test","user":{"id":7},"list":[{"to":"b"},null,["c"]],"more":[1,2],"next":{"next":{"to":"\u0041"}}}"#;
    (0..6).map(|choice| chosen(&[choice], text)).collect()
}

pub(crate) fn avro_seeds() -> Vec<Vec<u8>> {
    let first =
        b"\x02\x02a\x0e\x02\x06\0\x02\x0e\0\x04\x02b\0\x03\x0c\x02a\x03\x06\x02x\x02y\0\0\x02\0\0\0\0\0\0";
    let second = b"\x04\x01\0\x02\x30123456789abcdef\0\x04\x01";
    let mut seeds: Vec<Vec<u8>> = (0..6).map(|choice| chosen(&[0, choice], first)).collect();
    seeds.extend((0..3).map(|choice| chosen(&[2, choice], second)));
    seeds.push(chosen(&[1, 2], b"\x06\x05\0\0"));
    seeds.push(chosen(&[3, 5], b"\x02"));
    seeds.extend(AVRO.iter().map(|text| chosen(&[0, 0], text)));
    seeds
}

pub(crate) fn protobuf_seeds() -> Vec<Vec<u8>> {
    let message = b"\0\x0a\x01a\x12\x09\x09\x01\0\0\0\0\0\0\0\x1a\x03\x0a\x01b\x1a\0\x22\x08\x0a\x01a\x12\x03\x0a\x01c\
        \x2a\x05\x2a\x03\x0a\x01d\x32\x02\x02\x04\x3b\x08\x01\x13\x08\x02\x14\x3c\x42\x03\x0a\x01w\x48\x07\x48\x00";
    let mut seeds: Vec<Vec<u8>> = (0..6).map(|choice| chosen(&[0, choice], message)).collect();
    seeds.push(chosen(&[0, 0], b"\x04\x02\0\x0a\x01x"));
    seeds
}
