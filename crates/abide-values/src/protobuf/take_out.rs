//! A message without what paths lead to. What need not be there is not; an element of a list is empty, so that the others keep
//! their places; every other byte is as it was.

use super::{
    Id, Of, Protobuf, Shape,
    pieces::{Body, Elements, Piece},
    read::Places,
};
use crate::{
    Paths, Unreadable, WhyNot,
    wire::{Cursor, deeper, write_varint},
};

impl Protobuf {
    pub(crate) fn without(&self, paths: &Paths, value: &[u8]) -> Result<Vec<u8>, WhyNot> {
        if !paths.ends.is_empty() {
            return Err(WhyNot::NotAllowed);
        }
        let (id, body) = self.begin(value)?;
        let mut rest = Vec::with_capacity(value.len());
        rest.extend_from_slice(&value[..value.len() - body.len()]);
        self.copy(id, paths, body, 0, &mut rest)?;
        Ok(rest)
    }

    fn copy(&self, id: Id, paths: &Paths, body: &[u8], depth: usize, to: &mut Vec<u8>) -> Result<(), WhyNot> {
        let depth = deeper(depth)?;
        let message = &self.messages[id];
        let mut cursor = Cursor::new(body);
        let mut places = Places::default();
        while let Some(piece) = Piece::next(&mut cursor, depth)? {
            let wanted = message.field(piece.number);
            let wanted = wanted.and_then(|field| Some((field, paths.member(&field.name)?)));
            let Some((field, below)) = wanted else {
                to.extend_from_slice(piece.raw);
                continue;
            };
            let is_gone = !below.ends.is_empty();
            match field.shape {
                Shape::Required if is_gone => self.empty(&field.of, &piece, to)?,
                _ if is_gone => {}
                Shape::Single | Shape::Required => {
                    field.of.one(piece.body)?;
                    self.part(&field.of, below, &piece, depth, to)?;
                }
                Shape::List => match field.of.elements(piece.body)? {
                    Elements::One(_) => match below.element(places.next(field)) {
                        Some(element) if !element.ends.is_empty() => self.empty(&field.of, &piece, to)?,
                        Some(element) => self.part(&field.of, element, &piece, depth, to)?,
                        None => to.extend_from_slice(piece.raw),
                    },
                    Elements::Packed(bodies) => {
                        let mut numbers = Vec::new();
                        let mut is_other = false;
                        for body in bodies {
                            let element = below.element(places.next(field));
                            let is_gone = element.is_some_and(|element| !element.ends.is_empty());
                            is_other |= is_gone;
                            write(if is_gone { field.of.default() } else { body }, &mut numbers);
                        }
                        if is_other {
                            put(&piece, &numbers, to);
                        } else {
                            to.extend_from_slice(piece.raw);
                        }
                    }
                },
                Shape::Map => {
                    let Body::Bytes(entry) = piece.body else { return Err(Unreadable.into()) };
                    let (_, value) = self.entry(&field.of).ok_or(Unreadable)?;
                    let (name, _) = self.split(field, entry, depth)?;
                    match below.member(&name) {
                        Some(member) => {
                            let entry = self.entry_without(&value.of, member, entry, depth)?;
                            put(&piece, &entry, to);
                        }
                        None => to.extend_from_slice(piece.raw),
                    }
                }
            }
        }
        Ok(())
    }

    /// A field that stays, without what is inside it.
    fn part(
        &self,
        of: &Of,
        paths: &Paths,
        piece: &Piece<'_>,
        depth: usize,
        to: &mut Vec<u8>,
    ) -> Result<(), WhyNot> {
        match (self.inside(of), piece.body) {
            (Some(id), Body::Bytes(inside) | Body::Group(inside, _)) => {
                let mut rest = Vec::with_capacity(inside.len());
                self.copy(id, paths, inside, depth, &mut rest)?;
                put(piece, &rest, to);
            }
            _ => to.extend_from_slice(piece.raw),
        }
        Ok(())
    }

    fn entry_without(
        &self,
        value: &Of,
        paths: &Paths,
        entry: &[u8],
        depth: usize,
    ) -> Result<Vec<u8>, WhyNot> {
        let mut rest = Vec::with_capacity(entry.len());
        let mut cursor = Cursor::new(entry);
        while let Some(piece) = Piece::next(&mut cursor, depth)? {
            match piece.number {
                2 if !paths.ends.is_empty() => {}
                2 => self.part(value, paths, &piece, depth, &mut rest)?,
                _ => rest.extend_from_slice(piece.raw),
            }
        }
        Ok(rest)
    }

    /// The field, and nothing in it.
    fn empty(&self, of: &Of, piece: &Piece<'_>, to: &mut Vec<u8>) -> Result<(), WhyNot> {
        of.one(piece.body)?;
        if !self.can_be_empty(of) {
            return Err(WhyNot::NotAllowed);
        }
        to.extend_from_slice(piece.tag);
        match piece.body {
            Body::Group(_, end) => to.extend_from_slice(end),
            Body::Bytes(_) => to.push(0),
            _ => write(of.default(), to),
        }
        Ok(())
    }
}

/// The piece with something else in it or, where it is the same, as it was written.
fn put(piece: &Piece<'_>, inside: &[u8], to: &mut Vec<u8>) {
    match piece.body {
        Body::Bytes(before) | Body::Group(before, _) if before == inside => to.extend_from_slice(piece.raw),
        Body::Group(_, end) => {
            to.extend_from_slice(piece.tag);
            to.extend_from_slice(inside);
            to.extend_from_slice(end);
        }
        _ => {
            to.extend_from_slice(piece.tag);
            write_varint(inside.len() as u64, to);
            to.extend_from_slice(inside);
        }
    }
}

/// A number of a list.
fn write(body: Body<'_>, to: &mut Vec<u8>) {
    match body {
        Body::Varint(number) => write_varint(number, to),
        Body::Fixed32(bytes) => to.extend(bytes),
        Body::Fixed64(bytes) => to.extend(bytes),
        Body::Bytes(_) | Body::Group(..) => {}
    }
}
