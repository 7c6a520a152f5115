//! Reading along paths, and skipping the rest. A field that is repeated where it should not be is read each time, since who
//! reads the message after us may take either.

use std::borrow::Cow;

use super::{
    Field, Id, Of, Protobuf, Shape,
    pieces::{Body, Elements, Piece},
};
use crate::{
    Found, NotText, Paths, Unreadable,
    wire::{Cursor, deeper, unzigzag},
};

/// A text, or that there is something else.
type Text<'v> = Result<Cow<'v, str>, NotText>;

impl Protobuf {
    pub(crate) fn read<'v>(
        &self,
        paths: &Paths,
        value: &'v [u8],
        found: &mut Vec<Found<'v>>,
    ) -> Result<(), Unreadable> {
        found.clear();
        let (id, body) = self.begin(value)?;
        tell(paths, &Err(NotText), found);
        self.follow(id, paths, body, 0, found)
    }

    /// What the paths lead to inside a message.
    fn follow<'v>(
        &self,
        id: Id,
        paths: &Paths,
        body: &'v [u8],
        depth: usize,
        found: &mut Vec<Found<'v>>,
    ) -> Result<(), Unreadable> {
        let depth = deeper(depth)?;
        let message = &self.messages[id];
        let mut cursor = Cursor::new(body);
        let mut places = Places::default();
        while let Some(piece) = Piece::next(&mut cursor, depth)? {
            let Some(field) = message.field(piece.number) else { continue };
            let Some(below) = paths.member(&field.name) else { continue };
            match field.shape {
                Shape::Single | Shape::Required => {
                    let body = field.of.one(piece.body)?;
                    if !(field.is_implicit && is_default(body)) {
                        self.one(&field.of, below, body, depth, found)?;
                    }
                }
                Shape::List => match field.of.elements(piece.body)? {
                    Elements::One(body) => {
                        self.element(field, below, body, places.next(field), depth, found)?;
                    }
                    Elements::Packed(bodies) => {
                        for body in bodies {
                            self.element(field, below, body, places.next(field), depth, found)?;
                        }
                    }
                },
                Shape::Map => {
                    let Body::Bytes(entry) = piece.body else { return Err(Unreadable) };
                    // All entries are one map.
                    if places.next(field) == 0 {
                        tell(below, &Err(NotText), found);
                    }
                    if below.is_leaf() {
                        continue;
                    }
                    let (_, value) = self.entry(&field.of).ok_or(Unreadable)?;
                    let (name, body) = self.split(field, entry, depth)?;
                    if let Some(member) = below.member(&name) {
                        self.one(&value.of, member, body, depth, found)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn element<'v>(
        &self,
        field: &Field,
        below: &Paths,
        body: Body<'v>,
        place: usize,
        depth: usize,
        found: &mut Vec<Found<'v>>,
    ) -> Result<(), Unreadable> {
        if !below.ends.is_empty() {
            tell(below, &self.text(&field.of, body, depth)?, found);
        }
        match below.element(place) {
            Some(element) => self.one(&field.of, element, body, depth, found),
            None => Ok(()),
        }
    }

    fn one<'v>(
        &self,
        of: &Of,
        paths: &Paths,
        body: Body<'v>,
        depth: usize,
        found: &mut Vec<Found<'v>>,
    ) -> Result<(), Unreadable> {
        if !paths.ends.is_empty() {
            tell(paths, &self.text(of, body, depth)?, found);
        }
        match (self.inside(of), body) {
            (Some(id), Body::Bytes(inside) | Body::Group(inside, _)) if !paths.is_leaf() => {
                self.follow(id, paths, inside, depth, found)
            }
            _ => Ok(()),
        }
    }

    /// Name and value of a map's entry; what is not there is the default.
    pub(super) fn split<'v>(
        &self,
        field: &Field,
        entry: &'v [u8],
        depth: usize,
    ) -> Result<(Cow<'v, str>, Body<'v>), Unreadable> {
        let (key, value) = self.entry(&field.of).ok_or(Unreadable)?;
        let (mut name, mut body) = (key.of.default(), value.of.default());
        let mut cursor = Cursor::new(entry);
        while let Some(piece) = Piece::next(&mut cursor, depth)? {
            match piece.number {
                1 => name = key.of.one(piece.body)?,
                2 => body = value.of.one(piece.body)?,
                _ => {}
            }
        }
        let name = match (&key.of, name) {
            (Of::Bool, Body::Varint(number)) => Ok(if number == 0 { "false" } else { "true" }.into()),
            (of, name) => self.text(of, name, depth)?,
        };
        // A name that is no text is nobody's.
        Ok((name.map_err(|NotText| Unreadable)?, body))
    }

    fn text<'v>(&self, of: &Of, body: Body<'v>, depth: usize) -> Result<Text<'v>, Unreadable> {
        Ok(match (of, body) {
            (Of::Message(id), Body::Bytes(inside) | Body::Group(inside, _)) => {
                let message = &self.messages[*id];
                let Some(field) = message.field(1).filter(|_| message.is_wrapper) else {
                    return Ok(Err(NotText));
                };
                let mut wrapped = field.of.default();
                let mut cursor = Cursor::new(inside);
                while let Some(piece) = Piece::next(&mut cursor, deeper(depth)?)? {
                    if piece.number == 1 {
                        wrapped = field.of.one(piece.body)?;
                    }
                }
                scalar(&field.of, wrapped)
            }
            _ => scalar(of, body),
        })
    }
}

fn scalar<'v>(of: &Of, body: Body<'v>) -> Text<'v> {
    #[expect(clippy::cast_possible_truncation, reason = "as every reader of Protobuf does")]
    let digits = match (of, body) {
        (Of::Text | Of::Bytes, Body::Bytes(bytes)) => {
            return std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| NotText);
        }
        (Of::Int32, Body::Varint(number)) => (number as i32).to_string(),
        (Of::Int64, Body::Varint(number)) => number.cast_signed().to_string(),
        (Of::Uint32, Body::Varint(number)) => (number as u32).to_string(),
        (Of::Uint64, Body::Varint(number)) => number.to_string(),
        (Of::Sint, Body::Varint(number)) => unzigzag(number).to_string(),
        (Of::Fixed32, Body::Fixed32(bytes)) => u32::from_le_bytes(bytes).to_string(),
        (Of::Sfixed32, Body::Fixed32(bytes)) => i32::from_le_bytes(bytes).to_string(),
        (Of::Fixed64, Body::Fixed64(bytes)) => u64::from_le_bytes(bytes).to_string(),
        (Of::Sfixed64, Body::Fixed64(bytes)) => i64::from_le_bytes(bytes).to_string(),
        (Of::Enum { names, .. }, Body::Varint(number)) => {
            let number = number as i32;
            let name = names.iter().find(|(known, _)| *known == number);
            name.map_or_else(|| number.to_string(), |(_, name)| name.clone())
        }
        _ => return Err(NotText),
    };
    Ok(digits.into())
}

fn tell<'v>(paths: &Paths, text: &Text<'v>, found: &mut Vec<Found<'v>>) {
    found.extend(paths.ends.iter().map(|path| Found { path: *path, text: text.clone() }));
}

fn is_default(body: Body<'_>) -> bool {
    match body {
        Body::Varint(number) => number == 0,
        Body::Fixed32(bytes) => bytes == [0; 4],
        Body::Fixed64(bytes) => bytes == [0; 8],
        Body::Bytes(bytes) | Body::Group(bytes, _) => bytes.is_empty(),
    }
}

impl Of {
    /// What stands for nothing.
    pub(super) fn default(&self) -> Body<'static> {
        match self {
            Self::Message(_) | Self::Text | Self::Bytes => Body::Bytes(&[]),
            Self::Fixed32 | Self::Sfixed32 | Self::Float => Body::Fixed32([0; 4]),
            Self::Fixed64 | Self::Sfixed64 | Self::Double => Body::Fixed64([0; 8]),
            Self::Enum { first, .. } => Body::Varint(i64::from(*first).cast_unsigned()),
            _ => Body::Varint(0),
        }
    }
}

/// How many elements of each list there were.
#[derive(Debug, Default)]
pub(super) struct Places(Vec<(u32, usize)>);

impl Places {
    pub(super) fn next(&mut self, field: &Field) -> usize {
        match self.0.iter_mut().find(|(number, _)| *number == field.number) {
            Some((_, next)) => {
                *next += 1;
                *next - 1
            }
            None => {
                self.0.push((field.number, 1));
                0
            }
        }
    }
}
