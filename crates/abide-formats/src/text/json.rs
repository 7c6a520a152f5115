//! NDJSON: the members at the wanted paths of each object, borrowed from the line where they can be.
//!
//! Nothing else of the line is stored, yet all of it is checked: a line that is not one JSON object has a fault.

use std::borrow::Cow;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::split::Span;
use crate::batch::{Cell, Faults, RowFault};
use crate::{Column, Format, FormatError};

/// The wanted paths, as a tree.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    root: Node,
    /// For each wanted column the number of its path; columns with the same path share one.
    by_column: Vec<usize>,
    count: usize,
}

#[derive(Debug, Default)]
struct Node {
    children: Vec<(String, Node)>,
    path: Option<usize>,
}

impl Paths {
    pub(crate) fn new(format: Format, wanted: &[Column]) -> Result<Self, FormatError> {
        let mut paths = Self::default();
        for column in wanted {
            let Column::Named(name) = column else {
                return Err(FormatError::PositionWithoutOrder { format });
            };
            let mut node = &mut paths.root;
            for step in steps(name)? {
                let at = node.children.iter().position(|(known, _)| *known == step).unwrap_or_else(|| {
                    node.children.push((step, Node::default()));
                    node.children.len() - 1
                });
                node = &mut node.children[at].1;
            }
            let path = *node.path.get_or_insert(paths.count);
            paths.count = paths.count.max(path + 1);
            paths.by_column.push(path);
        }
        Ok(paths)
    }
}

/// `user.email` or `/user/email` (RFC 6901).
pub(crate) fn steps(name: &str) -> Result<Vec<String>, FormatError> {
    let steps: Vec<String> = match name.strip_prefix('/') {
        Some(pointer) => pointer.split('/').map(|step| step.replace("~1", "/").replace("~0", "~")).collect(),
        None => name.split('.').map(str::to_owned).collect(),
    };
    if steps.iter().any(String::is_empty) {
        Err(FormatError::Path { column: name.to_owned() })
    } else {
        Ok(steps)
    }
}

/// The cells of all rows of a chunk.
pub(crate) struct Found {
    slots: Vec<Slot>,
    elements: Vec<Slot>,
    /// Texts that stand in the chunk with escapes.
    unescaped: String,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Slot {
    Absent,
    Undecodable,
    Chunk(Span),
    Unescaped(Span),
    /// Of `elements`.
    List(Span),
}

impl Found {
    pub(crate) fn cell<'a>(&'a self, bytes: &'a [u8], at: usize) -> Cell<'a> {
        match self.slots[at] {
            Slot::Absent => Cell::Absent,
            Slot::Undecodable => Cell::Undecodable,
            Slot::List(span) => {
                Cell::List(self.elements[span.range()].iter().map(|slot| self.text(bytes, *slot)).collect())
            }
            slot => Cell::Text(self.text(bytes, slot)),
        }
    }

    fn text<'a>(&'a self, bytes: &'a [u8], slot: Slot) -> Cow<'a, str> {
        Cow::Borrowed(match slot {
            Slot::Chunk(span) => {
                str::from_utf8(&bytes[span.range()]).expect("the line was checked to be UTF-8")
            }
            Slot::Unescaped(span) => &self.unescaped[span.range()],
            Slot::Absent | Slot::Undecodable | Slot::List(_) => unreachable!("only texts are elements"),
        })
    }
}

/// Finds the cells of `columns` columns in every row.
pub(crate) fn find(bytes: &[u8], rows: &[Span], paths: &Paths, columns: usize) -> (Found, Faults) {
    let mut found = Found {
        slots: Vec::with_capacity(rows.len() * columns),
        elements: Vec::new(),
        unescaped: String::new(),
    };
    let mut faults = Faults::default();
    let mut leaves =
        Leaves { bytes, found: &mut found, values: Vec::new(), spoiled: vec![false; paths.count] };
    for (row, span) in rows.iter().enumerate() {
        leaves.values.clear();
        leaves.spoiled.fill(false);
        if let Err(fault) = leaves.line(&bytes[span.range()], &paths.root) {
            faults.push(row, fault);
            leaves.values.clear();
        }
        for path in &paths.by_column {
            let slot = leaves.slot(*path);
            leaves.found.slots.push(slot);
        }
    }
    (found, faults)
}

/// What was found in one row so far.
struct Leaves<'a> {
    bytes: &'a [u8],
    found: &'a mut Found,
    /// Path and value, in the order of the line.
    values: Vec<(usize, Slot)>,
    /// Paths under a member that occurs twice: which one counts is anybody's guess.
    spoiled: Vec<bool>,
}

impl Leaves<'_> {
    fn line(&mut self, line: &[u8], root: &Node) -> Result<(), RowFault> {
        let text = str::from_utf8(line).map_err(|_| RowFault::NotUtf8)?;
        if !text.trim_ascii_start().starts_with('{') {
            let json = serde_json::from_str::<IgnoredAny>(text).is_ok();
            return Err(if json { RowFault::NotAnObject } else { RowFault::NotJson });
        }
        let mut parser = serde_json::Deserializer::from_str(text);
        Visit { node: root, leaves: self }.inside(&mut parser).map_err(|_| RowFault::NotJson)?;
        parser.end().map_err(|_| RowFault::NotJson)
    }

    fn slot(&mut self, path: usize) -> Slot {
        let mut values = self.values.iter().filter(|(of, _)| *of == path).map(|(_, slot)| *slot);
        if self.spoiled[path] {
            return Slot::Undecodable;
        }
        let Some(first) = values.next() else { return Slot::Absent };
        let Some(second) = values.next() else { return first };
        let start = self.found.elements.len();
        self.found.elements.extend([first, second].into_iter().chain(values));
        if self.found.elements[start..].contains(&Slot::Undecodable) {
            self.found.elements.truncate(start);
            return Slot::Undecodable;
        }
        Slot::List(Span::new(start, self.found.elements.len()))
    }

    fn leaf(&mut self, path: usize, raw: &str) {
        if raw.starts_with('[') {
            match serde_json::from_str::<Vec<&RawValue>>(raw) {
                Ok(elements) => elements.iter().for_each(|element| self.scalar(path, element.get())),
                Err(_) => self.values.push((path, Slot::Undecodable)),
            }
        } else {
            self.scalar(path, raw);
        }
    }

    fn scalar(&mut self, path: usize, raw: &str) {
        let slot = match raw.as_bytes() {
            [b'n', ..] | b"\"\"" => return,
            [b'{' | b'[', ..] => Slot::Undecodable,
            [b'"', text @ .., b'"'] if !text.contains(&b'\\') => {
                let start = self.offset(raw) + 1;
                Slot::Chunk(Span::new(start, start + text.len()))
            }
            [b'"', ..] => match serde_json::from_str::<String>(raw) {
                Ok(text) => {
                    let start = self.found.unescaped.len();
                    self.found.unescaped.push_str(&text);
                    Slot::Unescaped(Span::new(start, start + text.len()))
                }
                Err(_) => Slot::Undecodable,
            },
            number_or_truth => {
                let start = self.offset(raw);
                Slot::Chunk(Span::new(start, start + number_or_truth.len()))
            }
        };
        self.values.push((path, slot));
    }

    /// Where in the chunk a part of it starts.
    fn offset(&self, part: &str) -> usize {
        part.as_ptr().addr() - self.bytes.as_ptr().addr()
    }

    fn spoil(&mut self, node: &Node) {
        if let Some(path) = node.path {
            self.spoiled[path] = true;
        }
        for (_, child) in &node.children {
            self.spoil(child);
        }
    }
}

/// Visits a value that some wanted path leads to or through.
struct Visit<'n, 'l, 'a> {
    node: &'n Node,
    leaves: &'l mut Leaves<'a>,
}

impl<'de> Visit<'_, '_, '_> {
    fn inside<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        value.deserialize_any(self)
    }
}

impl<'de> DeserializeSeed<'de> for Visit<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        let Some(path) = self.node.path else { return self.inside(value) };
        let raw = <&RawValue as serde::Deserialize>::deserialize(value)?;
        self.leaves.leaf(path, raw.get());
        if self.node.children.is_empty() {
            return Ok(());
        }
        self.inside(&mut serde_json::Deserializer::from_str(raw.get())).map_err(D::Error::custom)
    }
}

impl<'de> Visitor<'de> for Visit<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut seen = Seen::default();
        while let Some(child) = members.next_key_seed(Name(&self.node.children))? {
            let Some(at) = child else {
                members.next_value::<IgnoredAny>()?;
                continue;
            };
            let node = &self.node.children[at].1;
            if seen.again(at) {
                self.leaves.spoil(node);
            }
            members.next_value_seed(Visit { node, leaves: self.leaves })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while elements.next_element_seed(Inside { node: self.node, leaves: self.leaves })?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// An element of a list that a path leads through: its members are the wanted ones, not it itself.
struct Inside<'n, 'l, 'a> {
    node: &'n Node,
    leaves: &'l mut Leaves<'a>,
}

impl<'de> DeserializeSeed<'de> for Inside<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        Visit { node: self.node, leaves: self.leaves }.inside(value)
    }
}

/// Which wanted children of one object occurred.
#[derive(Default)]
struct Seen {
    first: u64,
    more: Vec<usize>,
}

impl Seen {
    fn again(&mut self, at: usize) -> bool {
        if at < 64 {
            let before = self.first;
            self.first |= 1 << at;
            return before == self.first;
        }
        let seen = self.more.contains(&at);
        self.more.push(at);
        seen
    }
}

/// Reads a member's name and gives the index of the child that has it.
struct Name<'n>(&'n [(String, Node)]);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, name: D) -> Result<Self::Value, D::Error> {
        name.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|(known, _)| known == name))
    }
}

/// Appends `line`, which is one JSON object, with more members at its end. An error names a member that is there
/// already.
pub(crate) fn write_members<'a>(
    line: &[u8],
    names: &[String],
    values: impl Iterator<Item = &'a str>,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    if let Some(name) = first_existing(line, names) {
        return Err(name);
    }
    let object = line.trim_ascii_end();
    let members = object.strip_suffix(b"}").expect("a row without a fault is an object").trim_ascii_end();
    out.extend_from_slice(members);
    let mut comma = !members.ends_with(b"{");
    for (name, value) in names.iter().zip(values) {
        if comma {
            out.push(b',');
        }
        comma = true;
        for (text, after) in [(name.as_str(), &b":"[..]), (value, b"")] {
            serde_json::to_writer(&mut *out, text).expect("text can be written to memory");
            out.extend_from_slice(after);
        }
    }
    out.extend_from_slice(&line[members.len()..]);
    Ok(())
}

fn first_existing(line: &[u8], names: &[String]) -> Option<String> {
    let names: Vec<_> = names.iter().map(|name| (name.clone(), Node::default())).collect();
    let mut parser = serde_json::Deserializer::from_slice(line);
    let found = Deserializer::deserialize_map(&mut parser, FirstOf(&names)).ok().flatten()?;
    Some(names[found].0.clone())
}

/// Visits an object and gives the index of a name that it has.
struct FirstOf<'n>(&'n [(String, Node)]);

impl<'de> Visitor<'de> for FirstOf<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(child) = members.next_key_seed(Name(self.0))? {
            found = found.or(child);
            members.next_value::<IgnoredAny>()?;
        }
        Ok(found)
    }
}
