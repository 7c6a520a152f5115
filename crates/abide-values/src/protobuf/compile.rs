//! From the text of a `.proto` file, with those that it imports, to what is needed to walk messages.

use std::collections::HashMap;

use prost_reflect::{Cardinality, FieldDescriptor, Kind, MessageDescriptor};
use protox::{
    Compiler, Error,
    file::{ChainFileResolver, File, FileResolver, GoogleFileResolver},
};

use super::{Field, Id, Message, Of, Protobuf, Shape};

/// The file itself has no name in a registry; nothing imports it.
const ITSELF: &str = "abide-itself.proto";

/// The reader of `.proto` files goes as deep as they do.
const BRACKETS_MAX: usize = 100;

/// What every client of Confluent's registry knows without being told: options, which no message has, and decimals.
const KNOWN: [(&str, &str); 2] = [
    (
        "confluent/meta.proto",
        "syntax = \"proto3\"; package confluent; import \"google/protobuf/descriptor.proto\";
         message Meta { string doc = 1; map<string, string> params = 2; repeated string tags = 3; }
         extend google.protobuf.FileOptions { Meta file_meta = 1088; }
         extend google.protobuf.MessageOptions { Meta message_meta = 1088; }
         extend google.protobuf.FieldOptions { Meta field_meta = 1088; }
         extend google.protobuf.EnumOptions { Meta enum_meta = 1088; }
         extend google.protobuf.EnumValueOptions { Meta enum_value_meta = 1088; }",
    ),
    (
        "confluent/type/decimal.proto",
        "syntax = \"proto3\"; package confluent.type;
         message Decimal { bytes value = 1; uint32 precision = 2; int32 scale = 3; }",
    ),
];

pub(crate) fn parse(text: &str, imported: &[(String, String)]) -> Result<Protobuf, String> {
    let mut files = HashMap::from([(ITSELF.to_owned(), text.to_owned())]);
    files.extend(KNOWN.map(|(name, text)| (name.to_owned(), text.to_owned())));
    files.extend(imported.iter().cloned());
    if files.values().any(|text| is_deep(text)) {
        return Err(format!("it has more than {BRACKETS_MAX} brackets in each other"));
    }
    let mut resolver = ChainFileResolver::new();
    resolver.add(Files(files));
    resolver.add(GoogleFileResolver::new());
    let mut compiler = Compiler::with_file_resolver(resolver);
    compiler.include_imports(true);
    compiler.open_file(ITSELF).map_err(|error| error.to_string())?;
    let pool = compiler.descriptor_pool();
    let file = pool.get_file_by_name(ITSELF).ok_or("it was not read")?;
    let ids: HashMap<String, Id> =
        pool.all_messages().enumerate().map(|(id, message)| (message.full_name().to_owned(), id)).collect();
    let messages = pool.all_messages().map(|message| compile(&message, &ids)).collect();
    let top = file.messages().map(|message| ids[message.full_name()]).collect();
    Ok(Protobuf { messages, top })
}

struct Files(HashMap<String, String>);

impl FileResolver for Files {
    fn open_file(&self, name: &str) -> Result<File, Error> {
        let text = self.0.get(name).ok_or_else(|| Error::file_not_found(name))?;
        File::from_source(name, text)
    }
}

fn is_deep(text: &str) -> bool {
    let mut depth: usize = 0;
    text.bytes().any(|byte| {
        match byte {
            b'{' | b'[' | b'<' | b'(' => depth += 1,
            b'}' | b']' | b'>' | b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > BRACKETS_MAX
    })
}

fn compile(message: &MessageDescriptor, ids: &HashMap<String, Id>) -> Message {
    let mut fields: Vec<Field> = message.fields().map(|field| compile_field(&field, ids)).collect();
    fields.sort_by_key(|field| field.number);
    // Entries of maps are written as messages and defined by nobody.
    let nested = message.child_messages().filter(|nested| !nested.is_map_entry());
    let nested = nested.map(|nested| ids[nested.full_name()]).collect();
    let name = message.full_name().strip_prefix("google.protobuf.").unwrap_or_default();
    let is_wrapper = name.strip_suffix("Value").is_some_and(|of| {
        matches!(
            of,
            "Double" | "Float" | "Int64" | "UInt64" | "Int32" | "UInt32" | "Bool" | "String" | "Bytes"
        )
    });
    Message { descriptor: message.clone(), fields, nested, is_wrapper }
}

fn compile_field(field: &FieldDescriptor, ids: &HashMap<String, Id>) -> Field {
    let of = match field.kind() {
        Kind::Message(message) => Of::Message(ids[message.full_name()]),
        Kind::String => Of::Text,
        Kind::Bytes => Of::Bytes,
        Kind::Bool => Of::Bool,
        Kind::Int32 => Of::Int32,
        Kind::Int64 => Of::Int64,
        Kind::Uint32 => Of::Uint32,
        Kind::Uint64 => Of::Uint64,
        Kind::Sint32 | Kind::Sint64 => Of::Sint,
        Kind::Fixed32 => Of::Fixed32,
        Kind::Fixed64 => Of::Fixed64,
        Kind::Sfixed32 => Of::Sfixed32,
        Kind::Sfixed64 => Of::Sfixed64,
        Kind::Float => Of::Float,
        Kind::Double => Of::Double,
        Kind::Enum(names) => Of::Enum {
            first: names.default_value().number(),
            names: names.values().map(|value| (value.number(), value.name().to_owned())).collect(),
        },
    };
    let shape = match field.cardinality() {
        _ if field.is_map() => Shape::Map,
        Cardinality::Repeated => Shape::List,
        Cardinality::Required => Shape::Required,
        Cardinality::Optional => Shape::Single,
    };
    Field {
        number: field.number(),
        name: field.name().to_owned(),
        of,
        shape,
        is_implicit: shape == Shape::Single && !field.supports_presence(),
    }
}
