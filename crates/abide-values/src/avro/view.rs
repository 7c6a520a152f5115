//! A datum as JSON, for what reads nothing else. A union shows its branch's value, without naming the branch.

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::{
    Avro, Id, Node,
    read::{branch, bytes, each_item, in_words, symbol},
};
use crate::{
    Unreadable,
    wire::{Cursor, deeper},
};

impl Avro {
    pub(crate) fn to_json(&self, datum: &[u8]) -> Result<Vec<u8>, Unreadable> {
        let mut cursor = Cursor::new(datum).with_fewer_steps();
        let mut text = Vec::with_capacity(2 * datum.len());
        self.show(self.root, &mut cursor, 0, &mut text)?;
        if cursor.is_empty() { Ok(text) } else { Err(Unreadable) }
    }

    fn show(
        &self,
        id: Id,
        cursor: &mut Cursor<'_>,
        depth: usize,
        to: &mut Vec<u8>,
    ) -> Result<(), Unreadable> {
        cursor.step()?;
        match self.node(id) {
            Node::Null => to.extend_from_slice(b"null"),
            Node::Boolean => {
                let is_true = cursor.take(1)? != [0];
                to.extend_from_slice(if is_true { b"true" } else { b"false" });
            }
            Node::Long => to.extend_from_slice(cursor.zigzag()?.to_string().as_bytes()),
            Node::Float => {
                let bytes = cursor.take(4)?.try_into().map_err(|_| Unreadable)?;
                number(f64::from(f32::from_le_bytes(bytes)), to);
            }
            Node::Double => {
                let bytes = cursor.take(8)?.try_into().map_err(|_| Unreadable)?;
                number(f64::from_le_bytes(bytes), to);
            }
            Node::Bytes(meaning) => blob(bytes(cursor)?, *meaning, to),
            Node::Fixed(size, meaning) => blob(cursor.take(*size)?, *meaning, to),
            Node::String(_) => {
                string(std::str::from_utf8(bytes(cursor)?).map_err(|_| Unreadable)?, to);
            }
            Node::Enum { symbols, .. } => string(&symbols[symbol(symbols, cursor)?], to),
            Node::Union(branches) => {
                let branch = branch(branches, cursor)?;
                self.show(branch, cursor, depth, to)?;
            }
            Node::Record(fields) => {
                let depth = deeper(depth)?;
                to.push(b'{');
                for (at, (name, field)) in fields.iter().enumerate() {
                    separate(at == 0, to);
                    string(name, to);
                    to.push(b':');
                    self.show(*field, cursor, depth, to)?;
                }
                to.push(b'}');
            }
            Node::Array(items) => {
                to.push(b'[');
                let mut is_first = true;
                each_item(cursor, depth, |cursor, depth| {
                    separate(is_first, to);
                    is_first = false;
                    self.show(*items, cursor, depth, to)
                })?;
                to.push(b']');
            }
            Node::Map(values) => {
                to.push(b'{');
                let mut is_first = true;
                each_item(cursor, depth, |cursor, depth| {
                    separate(is_first, to);
                    is_first = false;
                    string(std::str::from_utf8(bytes(cursor)?).map_err(|_| Unreadable)?, to);
                    to.push(b':');
                    self.show(*values, cursor, depth, to)
                })?;
                to.push(b'}');
            }
        }
        Ok(())
    }
}

fn separate(is_first: bool, to: &mut Vec<u8>) {
    if !is_first {
        to.push(b',');
    }
}

fn string(text: &str, to: &mut Vec<u8>) {
    serde_json::to_writer(to, text).expect("a text becomes JSON");
}

/// JSON has no infinity and nothing that is no number.
fn number(number: f64, to: &mut Vec<u8>) {
    serde_json::to_writer(to, &number).expect("a number becomes JSON, or null");
}

fn blob(bytes: &[u8], meaning: super::Meaning, to: &mut Vec<u8>) {
    match in_words(bytes, meaning) {
        Some(text) => string(&text, to),
        None => string(&BASE64_STANDARD.encode(bytes), to),
    }
}
