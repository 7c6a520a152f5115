//! A message's bytes as one field after the other.

use super::Of;
use crate::{
    Unreadable,
    wire::{Cursor, deeper},
};

/// A field as it was written.
#[derive(Clone, Debug)]
pub(super) struct Piece<'v> {
    pub(super) number: u32,
    pub(super) tag: &'v [u8],
    pub(super) body: Body<'v>,
    /// All of it, with its tag.
    pub(super) raw: &'v [u8],
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Body<'v> {
    Varint(u64),
    Fixed32([u8; 4]),
    Fixed64([u8; 8]),
    Bytes(&'v [u8]),
    /// What stands between its tags, and the second of these.
    Group(&'v [u8], &'v [u8]),
}

/// A tag's lowest bits.
const GROUP_ENDS: u64 = 4;

impl<'v> Piece<'v> {
    /// `None` at the end.
    pub(super) fn next(cursor: &mut Cursor<'v>, depth: usize) -> Result<Option<Self>, Unreadable> {
        if cursor.is_empty() {
            return Ok(None);
        }
        let start = cursor.rest;
        let (number, wire) = tag(cursor)?;
        let tag = cursor.since(start);
        let body = body(cursor, number, wire, depth)?;
        Ok(Some(Self { number, tag, body, raw: cursor.since(start) }))
    }
}

fn tag(cursor: &mut Cursor<'_>) -> Result<(u32, u64), Unreadable> {
    let tag = u32::try_from(cursor.varint()?).map_err(|_| Unreadable)?;
    let number = tag >> 3;
    if number == 0 { Err(Unreadable) } else { Ok((number, u64::from(tag & 7))) }
}

fn body<'v>(cursor: &mut Cursor<'v>, number: u32, wire: u64, depth: usize) -> Result<Body<'v>, Unreadable> {
    cursor.step()?;
    Ok(match wire {
        0 => Body::Varint(cursor.varint()?),
        1 => Body::Fixed64(cursor.take(8)?.try_into().map_err(|_| Unreadable)?),
        2 => {
            let length = usize::try_from(cursor.varint()?).map_err(|_| Unreadable)?;
            Body::Bytes(cursor.take(length)?)
        }
        3 => {
            let depth = deeper(depth)?;
            let start = cursor.rest;
            loop {
                let before = cursor.rest;
                let (inner, wire) = tag(cursor)?;
                if wire == GROUP_ENDS {
                    if inner != number {
                        return Err(Unreadable);
                    }
                    let inside = &start[..start.len() - before.len()];
                    return Ok(Body::Group(inside, cursor.since(before)));
                }
                body(cursor, inner, wire, depth)?;
            }
        }
        5 => Body::Fixed32(cursor.take(4)?.try_into().map_err(|_| Unreadable)?),
        _ => return Err(Unreadable),
    })
}

impl Of {
    /// Whether it may be written so.
    fn fits(&self, body: Body<'_>) -> bool {
        match self {
            Self::Message(_) => matches!(body, Body::Bytes(_) | Body::Group(..)),
            Self::Text | Self::Bytes => matches!(body, Body::Bytes(_)),
            Self::Bool
            | Self::Int32
            | Self::Int64
            | Self::Uint32
            | Self::Uint64
            | Self::Sint
            | Self::Enum { .. } => matches!(body, Body::Varint(_)),
            Self::Fixed32 | Self::Sfixed32 | Self::Float => matches!(body, Body::Fixed32(_)),
            Self::Fixed64 | Self::Sfixed64 | Self::Double => matches!(body, Body::Fixed64(_)),
        }
    }

    pub(super) fn one<'v>(&self, body: Body<'v>) -> Result<Body<'v>, Unreadable> {
        if self.fits(body) { Ok(body) } else { Err(Unreadable) }
    }

    /// The elements in one piece of a list: numbers may be many in one.
    pub(super) fn elements<'v>(&self, body: Body<'v>) -> Result<Elements<'v>, Unreadable> {
        match body {
            Body::Bytes(packed) if !self.fits(body) => {
                let mut cursor = Cursor::new(packed);
                let mut elements = Vec::new();
                while !cursor.is_empty() {
                    elements.push(self.next_packed(&mut cursor)?);
                }
                Ok(Elements::Packed(elements))
            }
            _ => self.one(body).map(Elements::One),
        }
    }

    fn next_packed<'v>(&self, cursor: &mut Cursor<'v>) -> Result<Body<'v>, Unreadable> {
        let wire = match self {
            Self::Message(_) | Self::Text | Self::Bytes => return Err(Unreadable),
            Self::Fixed32 | Self::Sfixed32 | Self::Float => 5,
            Self::Fixed64 | Self::Sfixed64 | Self::Double => 1,
            _ => 0,
        };
        body(cursor, 0, wire, 0)
    }
}

#[derive(Debug)]
pub(super) enum Elements<'v> {
    One(Body<'v>),
    Packed(Vec<Body<'v>>),
}
