//! Protobuf: a message, and the file in which it is defined.

mod compile;
mod pieces;
mod read;
mod take_out;

pub(crate) use compile::parse;

use std::collections::BTreeSet;

use prost_reflect::{DynamicMessage, MessageDescriptor, SerializeOptions};

use crate::{Paths, Unreadable, wire::Cursor};

/// All messages of a file and of those that it imports.
#[derive(Debug)]
pub(crate) struct Protobuf {
    messages: Vec<Message>,
    /// The file's own, in their order.
    top: Vec<Id>,
}

type Id = usize;

#[derive(Debug)]
struct Message {
    descriptor: MessageDescriptor,
    /// By number.
    fields: Vec<Field>,
    /// Those that are defined inside it, in their order.
    nested: Vec<Id>,
    /// A message that stands for the one field in it, which may also not be there.
    is_wrapper: bool,
}

#[derive(Debug)]
struct Field {
    number: u32,
    name: String,
    of: Of,
    shape: Shape,
    /// What is its default may as well not be there.
    is_implicit: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Single,
    /// Without it the message is none.
    Required,
    List,
    /// Its entries are messages with a key and a value.
    Map,
}

#[derive(Clone, Debug)]
enum Of {
    Message(Id),
    Text,
    Bytes,
    Bool,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Float,
    Double,
    Enum {
        names: Vec<(i32, String)>,
        /// What stands for none.
        first: i32,
    },
}

impl Protobuf {
    /// Which message it is, and the message: before it stands a list of places, the first among the file's messages and each
    /// next one among those defined inside it. A single 0 is the list of the first message.
    fn begin<'v>(&self, value: &'v [u8]) -> Result<(Id, &'v [u8]), Unreadable> {
        let mut cursor = Cursor::new(value);
        let count = cursor.zigzag()?;
        let mut known = &self.top;
        if count == 0 {
            return Ok((*known.first().ok_or(Unreadable)?, cursor.rest));
        }
        let mut found = None;
        for _ in 0..count {
            let at = usize::try_from(cursor.zigzag()?).map_err(|_| Unreadable)?;
            let id = *known.get(at).ok_or(Unreadable)?;
            found = Some(id);
            known = &self.messages[id].nested;
        }
        Ok((found.ok_or(Unreadable)?, cursor.rest))
    }

    /// Names are as the file has them, and whole numbers are numbers; else it is Protobuf's own way to write JSON.
    pub(crate) fn to_json(&self, value: &[u8]) -> Result<Vec<u8>, Unreadable> {
        let (id, body) = self.begin(value)?;
        let descriptor = self.messages[id].descriptor.clone();
        let message = DynamicMessage::decode(descriptor, body).map_err(|_| Unreadable)?;
        let options = SerializeOptions::new().use_proto_field_name(true).stringify_64_bit_integers(false);
        let mut serializer = serde_json::Serializer::new(Vec::with_capacity(2 * body.len()));
        message.serialize_with_options(&mut serializer, &options).map_err(|_| Unreadable)?;
        Ok(serializer.into_inner())
    }

    /// The paths that end somewhere in some message of the file, and whether at something that cannot be taken out: it has to
    /// be there and cannot be empty.
    pub(crate) fn ends(&self, paths: &Paths) -> BTreeSet<(usize, bool)> {
        let mut ends: BTreeSet<(usize, bool)> = paths.ends.iter().map(|number| (*number, true)).collect();
        let mut seen = BTreeSet::new();
        let mut messages = self.top.clone();
        while let Some(id) = messages.pop() {
            self.look(id, paths, &mut seen, &mut ends);
            messages.extend(&self.messages[id].nested);
        }
        ends
    }

    fn look(
        &self,
        id: Id,
        paths: &Paths,
        seen: &mut BTreeSet<(Id, usize)>,
        ends: &mut BTreeSet<(usize, bool)>,
    ) {
        if !seen.insert((id, std::ptr::from_ref(paths).addr())) {
            return;
        }
        for field in &self.messages[id].fields {
            let Some(below) = paths.member(&field.name) else { continue };
            let stays = field.shape == Shape::Required && !self.can_be_empty(&field.of);
            ends.extend(below.ends.iter().map(|number| (*number, stays)));
            let all = below.named.iter().map(|(name, below)| (Some(name), below));
            let all = all.chain(below.any.as_deref().map(|below| (None, below)));
            match field.shape {
                Shape::Single | Shape::Required => self.look_into(&field.of, below, seen, ends),
                Shape::List => {
                    let places =
                        all.filter(|(name, _)| name.is_none_or(|name| name.parse::<usize>().is_ok()));
                    for (_, element) in places {
                        let stays = !self.can_be_empty(&field.of);
                        ends.extend(element.ends.iter().map(|number| (*number, stays)));
                        self.look_into(&field.of, element, seen, ends);
                    }
                }
                Shape::Map => {
                    let Some((_, value)) = self.entry(&field.of) else { continue };
                    for (_, member) in all {
                        ends.extend(member.ends.iter().map(|number| (*number, false)));
                        self.look_into(&value.of, member, seen, ends);
                    }
                }
            }
        }
    }

    fn look_into(
        &self,
        of: &Of,
        paths: &Paths,
        seen: &mut BTreeSet<(Id, usize)>,
        ends: &mut BTreeSet<(usize, bool)>,
    ) {
        if let Some(id) = self.inside(of) {
            self.look(id, paths, seen, ends);
        }
    }

    /// The message that paths lead into.
    fn inside(&self, of: &Of) -> Option<Id> {
        match of {
            Of::Message(id) if !self.messages[*id].is_wrapper => Some(*id),
            _ => None,
        }
    }

    /// Whether nothing in it has to be there.
    fn can_be_empty(&self, of: &Of) -> bool {
        let Of::Message(id) = of else { return true };
        self.messages[*id].fields.iter().all(|field| field.shape != Shape::Required)
    }

    /// Key and value of a map.
    fn entry(&self, of: &Of) -> Option<(&Field, &Field)> {
        let Of::Message(id) = of else { return None };
        match &self.messages[*id].fields[..] {
            [key, value] => Some((key, value)),
            _ => None,
        }
    }
}

impl Message {
    fn field(&self, number: u32) -> Option<&Field> {
        let at = self.fields.binary_search_by_key(&number, |field| field.number).ok()?;
        self.fields.get(at)
    }
}
