//! Messages that another library wrote.

use std::sync::LazyLock;

use abide_values::{Kind, Paths, Schema, Unreadable, WhyNot};
use proptest::prelude::*;
use prost_reflect::{
    Cardinality, DescriptorPool, DynamicMessage, FieldDescriptor, MapKey, MessageDescriptor,
    SerializeOptions, Value as Field, prost::Message as _,
};
use serde_json::Value;

use crate::{dice::Dice, laws};

/// Everything that a field can be, but for numbers with a point and bytes that are no text, of which JSON says other things.
const FILE: &str = r#"
syntax = "proto2";
package test;
import "google/protobuf/wrappers.proto";
import "confluent/meta.proto";
message First { optional string only = 1; message Inner { optional string text = 3; } }
message All {
  option (confluent.message_meta) = { doc: "all of it" };
  optional string text = 1;
  required int64 number = 2;
  optional All same = 3;
  repeated string texts = 4;
  repeated int32 packed = 5 [packed = true];
  repeated sint64 loose = 6;
  repeated All list = 7;
  map<string, string> by_name = 8;
  map<int32, Third> by_number = 9;
  optional Choice choice = 10;
  oneof one { string this = 11; fixed64 that = 12; }
  optional group Group = 13 { optional string inside = 1; repeated uint32 numbers = 2; }
  required Third third = 14;
  optional google.protobuf.StringValue wrapped = 15;
  repeated google.protobuf.Int64Value many = 16;
  map<bool, Choice> by_switch = 17;
  repeated Choice choices = 18 [packed = true];
  repeated sfixed32 wide = 19 [packed = true];
  optional uint64 large = 2000;
  optional bool switch = 21;
  required Strict strict = 22;
  repeated Strict stricts = 23;
}
enum Choice { NONE = 0; A = 1; B = -1; }
message Third { optional string text = 1; optional Third same = 2; }
message Strict { required string text = 1; optional int32 number = 2; }
"#;

fn parse(file: &str) -> Schema {
    Schema::parse(Kind::Protobuf, file, &[]).unwrap()
}

fn paths(pointers: &[&str]) -> Paths {
    let mut paths = Paths::default();
    for (number, pointer) in pointers.iter().enumerate() {
        paths.add(pointer, number).unwrap();
    }
    paths
}

fn texts(schema: &Schema, pointers: &[&str], bytes: &[u8]) -> Result<String, Unreadable> {
    let mut found = Vec::new();
    schema.read(&paths(pointers), bytes, &mut found)?;
    let said = found.iter().map(|at| format!("{}={}", at.path, at.text.as_deref().unwrap_or("?")));
    Ok(said.collect::<Vec<_>>().join(" "))
}

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| parse(FILE));

/// The library's own reading of the same file.
static LIBRARY: LazyLock<DescriptorPool> = LazyLock::new(library);

fn library() -> DescriptorPool {
    struct Files;
    impl protox::file::FileResolver for Files {
        fn open_file(&self, name: &str) -> Result<protox::file::File, protox::Error> {
            // What the option says is nothing that a message has.
            let file = FILE.replace("import \"confluent/meta.proto\";", "");
            let option = "option (confluent.message_meta) = { doc: \"all of it\" };";
            match name {
                "all.proto" => protox::file::File::from_source(name, &file.replace(option, "")),
                _ => protox::file::GoogleFileResolver::new().open_file(name),
            }
        }
    }
    let mut compiler = protox::Compiler::with_file_resolver(Files);
    compiler.include_imports(true).open_file("all.proto").unwrap();
    compiler.descriptor_pool()
}

/// Before each message stands which it is: the first, one by its place, or one inside another.
#[test]
fn which_message_it_is() {
    let schema = parse(FILE);
    let pointers = ["/only", "/text"];
    for (bytes, wanted) in [
        (&b"\0\x0a\x01x"[..], Ok("0=x")),
        (b"\x02\0\x0a\x01x", Ok("0=x")),
        (b"\x02\x02\x0a\x01x", Ok("1=x")),
        (b"\x04\0\0\x1a\x01x", Ok("1=x")),
        (b"\x04\0\x02\x1a\x01x", Err(Unreadable)),
        (b"\x02\x08\x0a\x01x", Err(Unreadable)),
        (b"\x02\x01\x0a\x01x", Err(Unreadable)),
        (b"\x01\x0a\x01x", Err(Unreadable)),
        (b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", Err(Unreadable)),
        (b"", Err(Unreadable)),
    ] {
        assert_eq!(texts(&schema, &pointers, bytes).as_deref(), wanted.as_ref().copied(), "{bytes:?}");
    }
}

/// What is the default of a field that cannot say whether it was set stands for nothing there.
#[test]
fn third_version() {
    let schema = parse(
        "syntax = \"proto3\"; import \"google/protobuf/wrappers.proto\"; message M { string a = 1; optional string b = 2; \
         int64 n = 3; google.protobuf.StringValue w = 4; bytes raw = 5; double d = 6; repeated string s = 7; }",
    );
    let pointers = ["/a", "/b", "/n", "/w", "/raw", "/d", "/s"];
    for (bytes, wanted, rest) in [
        (&b"\0\x0a\0\x12\0\x18\0\x22\0"[..], "1= 3=", &b"\0"[..]),
        (b"\0\x0a\x01x\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "0=x 2=-1", b"\0"),
        (
            b"\0\x22\x03\x0a\x01w\x2a\x01\xff\x31\0\0\0\0\0\0\xf8\x3f\x3a\x01s\x3a\0",
            "3=w 4=? 5=? 6=s 6=",
            b"\0",
        ),
        // Twice is read twice; what nobody knows stays.
        (b"\0\x0a\x01x\x42\x01u\x0a\x01y", "0=x 0=y", b"\0\x42\x01u"),
    ] {
        assert_eq!(texts(&schema, &pointers, bytes).as_deref(), Ok(wanted), "{bytes:?}");
        assert_eq!(schema.without(&paths(&pointers), bytes).as_deref(), Ok(rest), "{bytes:?}");
    }
    assert_eq!(
        schema.without(&paths(&["/s/1"]), b"\0\x3a\x01s\x3a\x01t").as_deref(),
        Ok(&b"\0\x3a\x01s\x3a\0"[..])
    );
    let nowhere = paths(&["/a", "/a/b", "/s/x", "/w/value", "/nothing"]);
    assert_eq!(schema.leads_nowhere(&nowhere).into_iter().collect::<Vec<_>>(), [1, 2, 3, 4]);
}

#[test]
fn imports_come_from_the_registry() {
    let person = "syntax = \"proto3\"; package p; message Person { string email = 1; }";
    let event = "syntax = \"proto3\"; import \"p/person.proto\"; import \"google/protobuf/timestamp.proto\"; \
                 message Event { p.Person who = 1; google.protobuf.Timestamp at = 2; }";
    let references = [("p/person.proto".to_owned(), person.to_owned())];
    let schema = Schema::parse(Kind::Protobuf, event, &references).unwrap();
    assert_eq!(texts(&schema, &["/who/email"], b"\0\x0a\x03\x0a\x01x").as_deref(), Ok("0=x"));
    let deep = format!("message M {{ {} {}", "message M {".repeat(5_000), "}".repeat(5_001));
    for (wrong, why) in [(event, "p/person.proto"), ("message {", "expected"), (&*deep, "brackets")] {
        let error = Schema::parse(Kind::Protobuf, wrong, &[]).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn what_goes_too_far_is_unreadable() {
    let schema = parse(
        "message M { optional M m = 1; optional group G = 2 { optional string s = 1; } repeated int32 n = 3 [packed = true]; }",
    );
    let mut nested = Vec::new();
    for _ in 0..3_000 {
        let mut outer = vec![0x0a];
        let mut length = nested.len();
        while length >= 0x80 {
            outer.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        outer.push(length as u8);
        outer.extend(nested);
        nested = outer;
    }
    let groups = b"\x13".repeat(100_000);
    let any_depth = "/m".repeat(60);
    for (body, pointer) in [
        (&groups[..], "/m"),
        (b"\x13\x1c", "/n"),
        (b"\x14", "/n"),
        (b"\x1a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "/n"),
        (b"\x1a\x01\x80", "/n"),
        (b"\x0d\0\0\0\0", "/m"),
        (b"\0\0", "/m"),
        (b"\x0f", "/m"),
    ] {
        let bytes = [b"\0", body].concat();
        assert_eq!(texts(&schema, &[pointer], &bytes), Err(Unreadable), "{body:.8?}");
        assert_eq!(
            schema.without(&paths(&[&format!("{pointer}/0")]), &bytes),
            Err(WhyNot::Unreadable(Unreadable))
        );
        assert_eq!(schema.to_json(&bytes), Err(Unreadable));
    }
    // As deep as a path leads and no deeper.
    let bytes = [b"\0", &nested[..]].concat();
    assert_eq!(texts(&schema, &[&any_depth], &bytes).as_deref(), Ok("0=?"));
    assert_eq!(schema.to_json(&bytes), Err(Unreadable));
}

fn message(of: &MessageDescriptor, dice: &mut Dice, depth: usize) -> DynamicMessage {
    let mut message = DynamicMessage::new(of.clone());
    for field in of.fields() {
        let is_required = field.cardinality() == Cardinality::Required;
        if !is_required && (depth > 4 || dice.below(3) > 0) {
            continue;
        }
        let value = if field.is_map() {
            let entry = field.kind().as_message().unwrap().clone();
            let entries = (0..=dice.below(3)).map(|_| {
                let key = match one(&entry.map_entry_key_field(), dice, depth) {
                    Field::String(text) => MapKey::String(text),
                    Field::I32(number) => MapKey::I32(number),
                    Field::Bool(is_true) => MapKey::Bool(is_true),
                    other => panic!("{other:?} is no key of ours"),
                };
                (key, one(&entry.map_entry_value_field(), dice, depth))
            });
            Field::Map(entries.collect())
        } else if field.is_list() {
            Field::List((0..=dice.below(3)).map(|_| one(&field, dice, depth)).collect())
        } else {
            one(&field, dice, depth)
        };
        message.set_field(&field, value);
    }
    message
}

fn one(field: &FieldDescriptor, dice: &mut Dice, depth: usize) -> Field {
    use prost_reflect::Kind;
    match field.kind() {
        Kind::String => Field::String(dice.text()),
        Kind::Bool => Field::Bool(dice.below(2) == 0),
        Kind::Int32 | Kind::Sfixed32 => Field::I32(dice.number() as i32),
        Kind::Int64 | Kind::Sint64 => Field::I64(dice.number() as i64 >> dice.below(64)),
        Kind::Uint32 => Field::U32(dice.number() as u32),
        Kind::Uint64 | Kind::Fixed64 => Field::U64(dice.number() >> dice.below(64)),
        Kind::Enum(_) => Field::EnumNumber([0, 1, -1][dice.below(3)]),
        Kind::Message(inside) => Field::Message(message(&inside, dice, depth + 1)),
        other => panic!("{other:?} is not made up"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Skipping finds what reading all of it finds, and takes out that and nothing else.
    #[test]
    fn the_laws_hold_for_any_message(seed: u64) {
        let mut dice = Dice::new(seed);
        let descriptor = LIBRARY.get_message_by_name("test.All").unwrap();
        let all = message(&descriptor, &mut dice, 0);
        let bytes = [b"\x02\x02", &all.encode_to_vec()[..]].concat();
        let json = |bytes: &[u8]| {
            let message = DynamicMessage::decode(descriptor.clone(), &bytes[2..]).unwrap();
            let options = SerializeOptions::new().use_proto_field_name(true).stringify_64_bit_integers(false);
            message.serialize_with_options(serde_json::value::Serializer, &options).unwrap()
        };
        laws::check(&SCHEMA, &bytes, &json, dice.number());
    }

    /// Any bytes are read, or are not, by all in the same way.
    #[test]
    fn no_bytes_are_too_much(seed: u64, mut bytes: Vec<u8>, cut: usize, at: usize, by: u8) {
        let mut dice = Dice::new(seed);
        let schema = &*SCHEMA;
        if seed % 4 > 0 {
            let descriptor = LIBRARY.get_message_by_name("test.All").unwrap();
            let all = message(&descriptor, &mut dice, 0);
            bytes = [b"\x02\x02", &all.encode_to_vec()[..]].concat();
            bytes.truncate(if cut % 2 == 0 { bytes.len() } else { cut % (bytes.len() + 1) });
            let length = bytes.len();
            if let Some(byte) = bytes.get_mut(at % length.max(1)) {
                *byte ^= by;
            }
        }
        let paths = paths(&["/text", "/same/texts", "/list/*/by_name/a", "/by_number/*/text", "/packed/1", "/group", "/wrapped"]);
        let read = schema.read(&paths, &bytes, &mut Vec::new());
        let shown = schema.to_json(&bytes);
        // The library takes an entry of a map also where its tag says that it is something else, and we do not.
        if let (Ok(()), Ok(text)) = (read, shown) {
            let _: Value = serde_json::from_slice(&text).unwrap();
            let rest = schema.without(&paths, &bytes).unwrap();
            prop_assert!(schema.to_json(&rest).is_ok());
            prop_assert_eq!(schema.read(&paths, &rest, &mut Vec::new()), Ok(()));
        }
    }
}
