//! A datum without what paths lead to: null where the schema has it, else what is empty, and every other byte as it was.

use super::{
    Avro, Id, Meaning, Node,
    read::{Block, branch, bytes},
};
use crate::{
    Paths, Unreadable, WhyNot,
    wire::{Cursor, deeper, write_zigzag},
};

const NO_UUID: &[u8] = b"00000000-0000-0000-0000-000000000000";

impl Avro {
    pub(crate) fn without(&self, paths: &Paths, datum: &[u8]) -> Result<Vec<u8>, WhyNot> {
        let mut cursor = Cursor::new(datum);
        let mut rest = Vec::with_capacity(datum.len());
        self.copy(self.root, Some(paths), &mut cursor, 0, &mut rest)?;
        if cursor.is_empty() { Ok(rest) } else { Err(Unreadable.into()) }
    }

    fn copy(
        &self,
        id: Id,
        paths: Option<&Paths>,
        cursor: &mut Cursor<'_>,
        depth: usize,
        to: &mut Vec<u8>,
    ) -> Result<(), WhyNot> {
        let start = cursor.rest;
        let Some(paths) = paths else {
            self.skip(id, cursor, depth)?;
            to.extend_from_slice(cursor.since(start));
            return Ok(());
        };
        if !paths.ends.is_empty() {
            return self.empty(id, cursor, depth, to);
        }
        match self.node(id) {
            Node::Union(branches) => {
                let branch = branch(branches, cursor)?;
                to.extend_from_slice(cursor.since(start));
                self.copy(branch, Some(paths), cursor, depth, to)
            }
            Node::Record(fields) => {
                let depth = deeper(depth)?;
                fields
                    .iter()
                    .try_for_each(|(name, field)| self.copy(*field, paths.member(name), cursor, depth, to))
            }
            Node::Array(items) => {
                let mut place = 0;
                blocks(cursor, deeper(depth)?, to, |cursor, depth, to| {
                    place += 1;
                    self.copy(*items, paths.element(place - 1), cursor, depth, to)
                })
            }
            Node::Map(values) => blocks(cursor, deeper(depth)?, to, |cursor, depth, to| {
                let start = cursor.rest;
                let name = std::str::from_utf8(bytes(cursor)?).map_err(|_| Unreadable)?;
                to.extend_from_slice(cursor.since(start));
                self.copy(*values, paths.member(name), cursor, depth, to)
            }),
            _ => self.copy(id, None, cursor, depth, to),
        }
    }

    /// Reads what is there and writes what stands for nothing.
    fn empty(&self, id: Id, cursor: &mut Cursor<'_>, depth: usize, to: &mut Vec<u8>) -> Result<(), WhyNot> {
        let start = cursor.rest;
        match self.node(id) {
            Node::Union(branches) => {
                let branch = branch(branches, cursor)?;
                match branches.iter().position(|branch| matches!(self.node(*branch), Node::Null)) {
                    Some(null) => {
                        self.skip(branch, cursor, depth)?;
                        write_zigzag(null.cast_signed() as i64, to);
                        Ok(())
                    }
                    None => {
                        to.extend_from_slice(cursor.since(start));
                        self.empty(branch, cursor, depth, to)
                    }
                }
            }
            Node::Record(fields) => {
                let depth = deeper(depth)?;
                fields.iter().try_for_each(|(_, field)| self.empty(*field, cursor, depth, to))
            }
            node => {
                self.skip(id, cursor, depth)?;
                match node {
                    Node::Enum { default, .. } => {
                        let default = default.ok_or(WhyNot::NotAllowed)?;
                        write_zigzag(default.cast_signed() as i64, to);
                    }
                    Node::Fixed(size, _) => to.extend(std::iter::repeat_n(0, *size)),
                    Node::Float => to.extend([0; 4]),
                    Node::Double => to.extend([0; 8]),
                    Node::Null => {}
                    // Readers take neither for empty: a number without bytes, an id without digits.
                    Node::Bytes(Meaning::Decimal(_)) => to.extend([2, 0]),
                    Node::String(Meaning::Uuid) => {
                        write_zigzag(NO_UUID.len().cast_signed() as i64, to);
                        to.extend_from_slice(NO_UUID);
                    }
                    // Of no length, no elements, false, zero.
                    _ => to.push(0),
                }
                Ok(())
            }
        }
    }
}

/// Where a block says how many bytes it has, that is said anew.
fn blocks<'v>(
    cursor: &mut Cursor<'v>,
    depth: usize,
    to: &mut Vec<u8>,
    mut item: impl FnMut(&mut Cursor<'v>, usize, &mut Vec<u8>) -> Result<(), WhyNot>,
) -> Result<(), WhyNot> {
    loop {
        let start = cursor.rest;
        let Some(block) = Block::next(cursor)? else {
            to.extend_from_slice(cursor.since(start));
            return Ok(());
        };
        let head = cursor.since(start);
        let inside = cursor.rest;
        let mut items = Vec::new();
        for _ in 0..block.count {
            cursor.step()?;
            item(cursor, depth, &mut items)?;
        }
        block.check(cursor.since(inside))?;
        match block.size {
            Some(_) if items != cursor.since(inside) => {
                let mut count = Cursor::new(head);
                count.varint()?;
                to.extend_from_slice(count.since(head));
                write_zigzag(items.len().cast_signed() as i64, to);
            }
            _ => to.extend_from_slice(head),
        }
        to.extend_from_slice(&items);
    }
}
