//! The text of a schema, with those that it refers to.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{Avro, Id, Meaning, Node};

/// So large is no schema that anybody wrote.
const NODES_MAX: usize = 100_000;

/// `referred` come before what refers to them.
pub(crate) fn parse(text: &str, referred: &[&str]) -> Result<Avro, String> {
    let mut parser = Parser { nodes: Vec::new(), names: HashMap::new() };
    for text in referred {
        parser.text(text)?;
    }
    let root = parser.text(text)?;
    Ok(Avro { nodes: parser.nodes, root })
}

struct Parser {
    nodes: Vec<Node>,
    /// By full name.
    names: HashMap<String, Id>,
}

impl Parser {
    fn text(&mut self, text: &str) -> Result<Id, String> {
        // A schema that is one name may stand without quotes.
        let schema = serde_json::from_str(text).map_err(|_| "it is not JSON".to_owned())?;
        self.schema(&schema, "")
    }

    fn push(&mut self, node: Node) -> Result<Id, String> {
        if self.nodes.len() == NODES_MAX {
            return Err(format!("it has more than {NODES_MAX} parts"));
        }
        self.nodes.push(node);
        Ok(self.nodes.len() - 1)
    }

    fn schema(&mut self, schema: &Value, namespace: &str) -> Result<Id, String> {
        match schema {
            Value::String(name) => self.named(name, None, namespace),
            Value::Array(branches) => {
                let branches =
                    branches.iter().map(|branch| self.schema(branch, namespace)).collect::<Result<_, _>>()?;
                self.push(Node::Union(branches))
            }
            Value::Object(object) => match object.get("type") {
                Some(Value::String(name)) => self.complex(name, object, namespace),
                Some(inner) => self.schema(inner, namespace),
                None => Err("a schema in it has no `type`".to_owned()),
            },
            _ => Err("a schema in it is neither a name nor an object nor a list".to_owned()),
        }
    }

    /// A primitive type, or one that was defined before.
    fn named(&mut self, name: &str, of: Option<&Map<String, Value>>, namespace: &str) -> Result<Id, String> {
        let node = match name {
            "null" => Node::Null,
            "boolean" => Node::Boolean,
            "int" | "long" => Node::Long,
            "float" => Node::Float,
            "double" => Node::Double,
            "bytes" => Node::Bytes(meaning(of)),
            "string" => Node::String(meaning(of)),
            _ => {
                let known = self.names.get(&full(name, namespace)).or_else(|| self.names.get(name));
                return known.copied().ok_or_else(|| format!("nobody defines `{name}`"));
            }
        };
        self.push(node)
    }

    fn complex(&mut self, kind: &str, object: &Map<String, Value>, namespace: &str) -> Result<Id, String> {
        match kind {
            "array" => {
                let items = self.schema(object.get("items").ok_or("an array has no `items`")?, namespace)?;
                self.push(Node::Array(items))
            }
            "map" => {
                let values = self.schema(object.get("values").ok_or("a map has no `values`")?, namespace)?;
                self.push(Node::Map(values))
            }
            "record" | "error" => {
                let (name, inside) = name_of(object, namespace)?;
                // Its fields may be of its own type.
                let id = self.push(Node::Null)?;
                self.define(name, id)?;
                let fields =
                    object.get("fields").and_then(Value::as_array).ok_or("a record has no `fields`")?;
                let fields = fields.iter().map(|field| {
                    let name = field.get("name").and_then(Value::as_str).ok_or("a field has no `name`")?;
                    let of = field.get("type").ok_or("a field has no `type`")?;
                    Ok((name.to_owned(), self.schema(of, &inside)?))
                });
                self.nodes[id] = Node::Record(fields.collect::<Result<_, String>>()?);
                Ok(id)
            }
            "enum" => {
                let (name, _) = name_of(object, namespace)?;
                let symbols = object.get("symbols").and_then(Value::as_array);
                let symbols: Option<Vec<String>> =
                    symbols.and_then(|all| all.iter().map(|one| one.as_str().map(str::to_owned)).collect());
                let symbols = symbols.ok_or("an enum has no `symbols`")?;
                let default = object.get("default").and_then(Value::as_str);
                let default = default.and_then(|default| symbols.iter().position(|known| known == default));
                let id = self.push(Node::Enum { symbols, default })?;
                self.define(name, id)?;
                Ok(id)
            }
            "fixed" => {
                let (name, _) = name_of(object, namespace)?;
                let size = object.get("size").and_then(Value::as_u64).and_then(|size| size.try_into().ok());
                let size: usize = size.ok_or("a fixed has no `size`")?;
                let id = self.push(Node::Fixed(size, meaning(Some(object))))?;
                self.define(name, id)?;
                Ok(id)
            }
            _ => self.named(kind, Some(object), namespace),
        }
    }

    fn define(&mut self, name: String, id: Id) -> Result<(), String> {
        match self.names.insert(name, id) {
            None => Ok(()),
            Some(_) => Err("a name in it is defined twice".to_owned()),
        }
    }
}

/// The full name of what is being defined, and the namespace inside it.
fn name_of(object: &Map<String, Value>, namespace: &str) -> Result<(String, String), String> {
    let name = object.get("name").and_then(Value::as_str).ok_or("a type has no `name`")?;
    let namespace = object.get("namespace").and_then(Value::as_str).unwrap_or(namespace);
    let name = full(name, namespace);
    let inside = name.rsplit_once('.').map_or(String::new(), |(inside, _)| inside.to_owned());
    Ok((name, inside))
}

fn full(name: &str, namespace: &str) -> String {
    if name.contains('.') || namespace.is_empty() {
        name.trim_start_matches('.').to_owned()
    } else {
        format!("{namespace}.{name}")
    }
}

/// One that is not known, or does not fit its type, counts for nothing, as Avro says.
fn meaning(of: Option<&Map<String, Value>>) -> Meaning {
    let word = |name| of.and_then(|object| object.get(name));
    match word("logicalType").and_then(Value::as_str) {
        Some("uuid") => Meaning::Uuid,
        Some("decimal") => {
            let scale = word("scale").map_or(Some(0), Value::as_u64);
            match scale.and_then(|scale| u32::try_from(scale).ok()) {
                Some(scale @ ..=100) => Meaning::Decimal(scale),
                _ => Meaning::Itself,
            }
        }
        _ => Meaning::Itself,
    }
}
