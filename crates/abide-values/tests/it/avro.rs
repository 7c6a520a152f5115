//! Data that Avro's own library wrote.

use std::collections::HashMap;

use abide_values::{Kind, Paths, Schema, Unreadable, WhyNot};
use apache_avro::{
    reader::datum::GenericDatumReader, types::Value as Datum, writer::datum::GenericDatumWriter,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{dice::Dice, laws};

fn paths(pointers: &[&str]) -> Paths {
    let mut paths = Paths::default();
    for (number, pointer) in pointers.iter().enumerate() {
        paths.add(pointer, number).unwrap();
    }
    paths
}

fn parse(schema: &Value) -> Schema {
    Schema::parse(Kind::Avro, &schema.to_string(), &[]).unwrap()
}

fn texts(schema: &Schema, pointers: &[&str], bytes: &[u8]) -> Result<String, Unreadable> {
    let mut found = Vec::new();
    schema.read(&paths(pointers), bytes, &mut found)?;
    let said = found.iter().map(|at| format!("{}={}", at.path, at.text.as_deref().unwrap_or("?")));
    Ok(said.collect::<Vec<_>>().join(" "))
}

/// Each line: a type, what its bytes are, the text that is found, what stands there when it is taken out, and as JSON.
#[test]
fn texts_and_what_stands_for_none() {
    let decimal =
        |scale: u32| json!({"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": scale});
    let choice = |default: Option<&str>| {
        let mut of = json!({"type": "enum", "name": "E", "symbols": ["A", "B"]});
        of.as_object_mut().unwrap().extend(default.map(|word| ("default".to_owned(), json!(word))));
        of
    };
    let uuid = b"0123456789abcdef";
    for (of, bytes, text, rest, shown) in [
        (json!("string"), &b"\x04ab"[..], "0=ab", Some(&b"\0"[..]), json!("ab")),
        (json!("string"), b"\x02\xff", "0=?", Some(b"\0"), Value::Null),
        (json!(["null", "string"]), b"\x02\x02a", "0=a", Some(b"\0"), json!("a")),
        (json!(["string", "null"]), b"\0\x02a", "0=a", Some(b"\x02"), json!("a")),
        (json!(["null", "string"]), b"\0", "", Some(b"\0"), json!(null)),
        (json!(["string", "long"]), b"\x02\x0d", "0=-7", Some(b"\x02\0"), json!(-7)),
        (json!("int"), b"\x0e", "0=7", Some(b"\0"), json!(7)),
        (json!({"type": "long", "logicalType": "timestamp-millis"}), b"\x0e", "0=7", Some(b"\0"), json!(7)),
        (json!("boolean"), b"\x01", "0=?", Some(b"\0"), json!(true)),
        (json!("double"), b"\0\0\0\0\0\0\xf8\x3f", "0=?", Some(&[0; 8]), json!(1.5)),
        (json!("float"), b"\0\0\xc0\x3f", "0=?", Some(&[0; 4]), json!(1.5)),
        (json!("bytes"), b"\x04ab", "0=ab", Some(b"\0"), json!("ab")),
        (json!("bytes"), b"\x02\xff", "0=?", Some(b"\0"), json!("/w==")),
        (decimal(0), b"\x04\x01\x00", "0=256", Some(b"\x02\0"), json!("256")),
        (decimal(2), b"\x02\xff", "0=-0.01", Some(b"\x02\0"), json!("-0.01")),
        (json!({"type": "fixed", "name": "F", "size": 2}), b"ab", "0=ab", Some(b"\0\0"), json!("ab")),
        (
            json!({"type": "fixed", "name": "F", "size": 16, "logicalType": "uuid"}),
            uuid,
            "0=30313233-3435-3637-3839-616263646566",
            Some(&[0; 16]),
            json!("30313233-3435-3637-3839-616263646566"),
        ),
        (
            json!({"type": "string", "logicalType": "uuid"}),
            b"\x02u",
            "0=u",
            Some(b"\x4800000000-0000-0000-0000-000000000000"),
            json!("u"),
        ),
        (choice(None), b"\x02", "0=B", None, json!("B")),
        (choice(Some("A")), b"\x02", "0=B", Some(b"\0"), json!("B")),
        (
            json!({"type": "array", "items": ["null", "string"]}),
            b"\x04\x02\x02a\0\x02\x02\x02b\0",
            "0=a 0=b",
            Some(b"\0"),
            json!(["a", null, "b"]),
        ),
        // A block that says how many bytes it has.
        (
            json!({"type": "array", "items": "long"}),
            b"\x03\x04\x02\x04\0",
            "0=1 0=2",
            Some(b"\0"),
            json!([1, 2]),
        ),
        (json!({"type": "map", "values": "long"}), b"\x02\x02k\x02\0", "0=?", Some(b"\0"), json!({"k": 1})),
        (
            json!({"type": "record", "name": "R", "fields": [{"name": "s", "type": "string"}, {"name": "n", "type": "int"}]}),
            b"\x02a\x02",
            "0=?",
            Some(b"\0\0"),
            json!({"s": "a", "n": 1}),
        ),
    ] {
        let around = |inside: &[u8]| [b"\x02x", inside, b"\x02y"].concat();
        let record = json!({"type": "record", "name": "Around", "fields": [
            {"name": "before", "type": "string"}, {"name": "it", "type": of}, {"name": "after", "type": "string"}]});
        let schema = parse(&record);
        assert_eq!(texts(&schema, &["/it"], &around(bytes)).as_deref(), Ok(text), "{of}");
        let without = schema.without(&paths(&["/it"]), &around(bytes));
        assert_eq!(without, rest.map(around).ok_or(WhyNot::NotAllowed), "{of}");
        assert_eq!(schema.cannot_be_taken_out(&paths(&["/it"])).is_empty(), rest.is_some(), "{of}");
        match schema.to_json(&around(bytes)) {
            Ok(text) => assert_eq!(serde_json::from_slice::<Value>(&text).unwrap()["it"], shown, "{of}"),
            Err(Unreadable) => assert_eq!(shown, Value::Null, "{of}"),
        }
    }
}

/// Where a block says how many bytes it has, what is taken out of it changes that.
#[test]
fn blocks_say_their_new_size() {
    let schema = parse(&json!({"type": "map", "values": {"type": "array", "items": "string"}}));
    // {"a": ["x", "yz"], "b": []}, in blocks with sizes.
    let bytes = b"\x03\x1a\x02a\x03\x0a\x02x\x04yz\0\x02b\0\0";
    assert_eq!(schema.to_json(bytes).as_deref(), Ok(&br#"{"a":["x","yz"],"b":[]}"#[..]));
    let rest = schema.without(&paths(&["/a/1"]), bytes).unwrap();
    assert_eq!(rest, b"\x03\x16\x02a\x03\x06\x02x\0\0\x02b\0\0");
    assert_eq!(schema.to_json(&rest).as_deref(), Ok(&br#"{"a":["x",""],"b":[]}"#[..]));
    assert_eq!(schema.without(&paths(&["/b/0", "/c"]), bytes).unwrap(), bytes);
}

/// Names are found where Avro looks for them, and a type may be one that another schema defines.
#[test]
fn names_and_references() {
    let person = json!({"type": "record", "name": "Person", "namespace": "org.example", "fields": [
        {"name": "email", "type": ["null", "string"], "default": null},
        {"name": "boss", "type": ["null", "Person"]}]});
    let event = json!({"type": "record", "name": "org.example.shop.Event", "fields": [
        {"name": "who", "type": "org.example.Person"},
        {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["A"]}},
        {"name": "again", "type": "Kind"}]});
    let references = [("person".to_owned(), person.to_string())];
    let schema = Schema::parse(Kind::Avro, &event.to_string(), &references).unwrap();
    let bytes = b"\x02\x02a\x02\x02\x02b\0\0\0";
    assert_eq!(
        texts(&schema, &["/who/email", "/who/boss/email", "/again"], bytes).as_deref(),
        Ok("0=a 1=b 2=A")
    );
    let nowhere = paths(&["/who/boss/boss/boss/email", "/who/mail", "/who/email/x", "/who/0"]);
    assert_eq!(schema.leads_nowhere(&nowhere).into_iter().collect::<Vec<_>>(), [1, 2, 3]);

    let alone = Schema::parse(Kind::Avro, &event.to_string(), &[]).unwrap_err();
    assert_eq!(alone.to_string(), "nobody defines `org.example.Person`");
    for wrong in
        ["", "{}", "7", r#"{"type":"record","name":"R"}"#, r#"{"type":"fixed","name":"F","size":-1}"#]
    {
        assert!(Schema::parse(Kind::Avro, wrong, &[]).is_err(), "{wrong}");
    }
}

/// Bytes that would take for ever, or all of the stack, are none.
#[test]
fn what_goes_too_far_is_unreadable() {
    let nulls = parse(&json!({"type": "array", "items": "null"}));
    let endless = [&b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"[..], b"\0"].concat();
    let list =
        parse(&json!({"type": "record", "name": "L", "fields": [{"name": "next", "type": ["null", "L"]}]}));
    let deep = [&b"\x02".repeat(100_000)[..], b"\0"].concat();
    let tree = parse(&json!({"type": "record", "name": "T", "fields": [{"name": "t", "type": "T"}]}));
    let long = parse(&json!("string"));
    let huge = b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01ab";
    for (schema, bytes) in
        [(&nulls, &endless[..]), (&list, &deep), (&tree, b""), (&long, huge), (&long, b"\x01a")]
    {
        for path in ["", "/0", "/*/*", "/next/next", "/t/t"] {
            let paths = paths(&[path]);
            assert_eq!(schema.read(&paths, bytes, &mut Vec::new()), Err(Unreadable), "{path}");
            assert_eq!(schema.without(&paths, bytes), Err(WhyNot::Unreadable(Unreadable)), "{path}");
        }
        assert_eq!(schema.to_json(bytes), Err(Unreadable));
    }
    // What is left over was written by another schema.
    assert_eq!(texts(&long, &[""], b"\x02ab"), Err(Unreadable));
    // Each level twice: looking along it must not look at each way.
    let mut doubled = json!("null");
    for level in 0..40 {
        doubled = json!({"type": "record", "name": format!("D{level}"), "fields": [
            {"name": "a", "type": doubled}, {"name": "b", "type": format!("D{}", level - 1)}]});
        if level == 0 {
            doubled["fields"][1]["type"] = json!("null");
        }
    }
    let doubled = parse(&doubled);
    let path = paths(&[&"/*".repeat(40)]);
    assert!(doubled.leads_nowhere(&path).is_empty() && doubled.cannot_be_taken_out(&path).is_empty());
    assert_eq!(doubled.read(&path, b"", &mut Vec::new()), Err(Unreadable));
}

/// A schema and a datum of it; only what JSON says as we do.
fn made_up(dice: &mut Dice, depth: usize, names: &mut usize) -> (Value, Maker) {
    let mut name = |prefix: &str| {
        *names += 1;
        format!("{prefix}{names}")
    };
    match dice.below(if depth > 3 { 7 } else { 12 }) {
        0 => (json!("null"), Box::new(|_| Datum::Null)),
        1 => (json!("boolean"), Box::new(|dice| Datum::Boolean(dice.below(2) == 0))),
        2 => (json!("int"), Box::new(|dice| Datum::Int(dice.number() as i32))),
        3 => (json!("long"), Box::new(|dice| Datum::Long(dice.number() as i64 >> dice.below(64)))),
        4 => (json!("string"), Box::new(|dice| Datum::String(dice.text()))),
        5 => (json!("bytes"), Box::new(|dice| Datum::Bytes(dice.text().into_bytes()))),
        6 => {
            let symbols = ["NONE", "A", "B"];
            let mut schema = json!({"type": "enum", "name": name("E"), "symbols": symbols});
            if dice.below(2) == 0 {
                schema["default"] = json!("NONE");
            }
            let make = move |dice: &mut Dice| {
                let at = dice.below(3);
                Datum::Enum(u32::try_from(at).unwrap(), symbols[at].to_owned())
            };
            (schema, Box::new(make))
        }
        7 | 8 => {
            let (items, make) = made_up(dice, depth + 1, names);
            let schema = json!({"type": "array", "items": items});
            (schema, Box::new(move |dice| Datum::Array((0..dice.below(4)).map(|_| make(dice)).collect())))
        }
        9 => {
            let (values, make) = made_up(dice, depth + 1, names);
            let schema = json!({"type": "map", "values": values});
            let make = move |dice: &mut Dice| {
                let entries: HashMap<String, Datum> =
                    (0..dice.below(4)).map(|_| (dice.text(), make(dice))).collect();
                Datum::Map(entries)
            };
            (schema, Box::new(make))
        }
        10 => {
            let (inside, make) = made_up(dice, 9, names);
            if inside == json!("null") {
                return (inside, make);
            }
            let first = dice.below(2);
            let schema = if first == 0 { json!(["null", inside]) } else { json!([inside, "null"]) };
            let make = move |dice: &mut Dice| {
                let is_null = dice.below(2) == 0;
                let branch = if is_null { first } else { 1 - first };
                let inside = if is_null { Datum::Null } else { make(dice) };
                Datum::Union(u32::try_from(branch).unwrap(), Box::new(inside))
            };
            (schema, Box::new(make))
        }
        _ => {
            let of = name("R");
            let fields: Vec<(String, (Value, Maker))> =
                (0..=dice.below(4)).map(|at| (format!("f{at}"), made_up(dice, depth + 1, names))).collect();
            let described: Vec<Value> =
                fields.iter().map(|(name, (schema, _))| json!({"name": name, "type": schema})).collect();
            let schema = json!({"type": "record", "name": of, "fields": described});
            let make = move |dice: &mut Dice| {
                Datum::Record(fields.iter().map(|(name, (_, make))| (name.clone(), make(dice))).collect())
            };
            (schema, Box::new(make))
        }
    }
}

type Maker = Box<dyn Fn(&mut Dice) -> Datum>;

fn written(schema: &apache_avro::Schema, datum: Datum) -> Vec<u8> {
    GenericDatumWriter::builder(schema).build().unwrap().write_value_to_vec(datum).unwrap()
}

fn as_json(datum: Datum) -> Value {
    match datum {
        Datum::Null => Value::Null,
        Datum::Boolean(is_true) => is_true.into(),
        Datum::Int(number) => number.into(),
        Datum::Long(number) => number.into(),
        Datum::String(text) | Datum::Enum(_, text) => text.into(),
        Datum::Bytes(bytes) => String::from_utf8(bytes).unwrap().into(),
        Datum::Union(_, inside) => as_json(*inside),
        Datum::Array(items) => items.into_iter().map(as_json).collect(),
        Datum::Map(entries) => {
            Value::Object(entries.into_iter().map(|(name, value)| (name, as_json(value))).collect())
        }
        Datum::Record(fields) => {
            Value::Object(fields.into_iter().map(|(name, value)| (name, as_json(value))).collect())
        }
        other => panic!("{other:?} is not made up"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Skipping finds what reading all of it finds, and takes out that and nothing else.
    #[test]
    fn the_laws_hold_for_any_datum(seed: u64) {
        let mut dice = Dice::new(seed);
        let (described, make) = made_up(&mut dice, 0, &mut 0);
        let datum = make(&mut dice);
        let library = apache_avro::Schema::parse_str(&described.to_string()).unwrap();
        let bytes = written(&library, datum);
        let json = |mut bytes: &[u8]| {
            let datum = GenericDatumReader::builder(&library).build().unwrap().read_value(&mut bytes).unwrap();
            assert!(bytes.is_empty());
            as_json(datum)
        };
        laws::check(&parse(&described), &bytes, &json, dice.number());
    }

    /// Any bytes are read, or are not, by all in the same way.
    #[test]
    fn no_bytes_are_too_much(seed: u64, mut bytes: Vec<u8>, cut: usize, at: usize, by: u8) {
        let mut dice = Dice::new(seed);
        let (described, make) = made_up(&mut dice, 0, &mut 0);
        let schema = parse(&described);
        if seed % 2 == 0 {
            let library = apache_avro::Schema::parse_str(&described.to_string()).unwrap();
            bytes = written(&library, make(&mut dice));
            bytes.truncate(if cut % 2 == 0 { bytes.len() } else { cut % (bytes.len() + 1) });
            let length = bytes.len();
            if let Some(byte) = bytes.get_mut(at % length.max(1)) {
                *byte ^= by;
            }
        }
        let paths = paths(&["/f0", "/f1/*", "/f2/f0"]);
        let read = schema.read(&paths, &bytes, &mut Vec::new());
        if schema.to_json(&bytes).is_ok() {
            prop_assert_eq!(read, Ok(()));
            prop_assert_ne!(schema.without(&paths, &bytes), Err(WhyNot::Unreadable(Unreadable)));
        }
    }
}
