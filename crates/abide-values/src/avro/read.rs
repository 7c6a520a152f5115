//! Reading along paths, and skipping the rest.

use std::{borrow::Cow, fmt::Write as _};

use super::{Avro, Id, Meaning, Node};
use crate::{
    Found, NotText, Paths, Unreadable,
    wire::{Cursor, deeper},
};

impl Avro {
    pub(crate) fn read<'v>(
        &self,
        paths: &Paths,
        datum: &'v [u8],
        found: &mut Vec<Found<'v>>,
    ) -> Result<(), Unreadable> {
        found.clear();
        let mut cursor = Cursor::new(datum);
        self.follow(self.root, paths, &mut cursor, 0, found)?;
        if cursor.is_empty() { Ok(()) } else { Err(Unreadable) }
    }

    fn follow<'v>(
        &self,
        id: Id,
        paths: &Paths,
        cursor: &mut Cursor<'v>,
        depth: usize,
        found: &mut Vec<Found<'v>>,
    ) -> Result<(), Unreadable> {
        cursor.step()?;
        if !paths.ends.is_empty() {
            let mut ahead = cursor.clone();
            self.texts(id, &paths.ends, &mut ahead, depth, false, found)?;
            if paths.is_leaf() {
                *cursor = ahead;
                return Ok(());
            }
        }
        match self.node(id) {
            Node::Union(branches) => {
                let branch = branch(branches, cursor)?;
                if paths.ends.is_empty() {
                    return self.follow(branch, paths, cursor, depth, found);
                }
                // What ends here has been found.
                let onward = Paths { ends: Vec::new(), ..paths.clone() };
                self.follow(branch, &onward, cursor, depth, found)
            }
            Node::Record(fields) => {
                let depth = deeper(depth)?;
                for (name, field) in fields {
                    match paths.member(name) {
                        Some(below) => self.follow(*field, below, cursor, depth, found)?,
                        None => self.skip(*field, cursor, depth)?,
                    }
                }
                Ok(())
            }
            Node::Array(items) => {
                let mut place = 0;
                each_item(cursor, depth, |cursor, depth| {
                    place += 1;
                    match paths.element(place - 1) {
                        Some(below) => self.follow(*items, below, cursor, depth, found),
                        None => self.skip(*items, cursor, depth),
                    }
                })
            }
            Node::Map(values) => each_item(cursor, depth, |cursor, depth| {
                // A name that is no text is nobody's.
                let name = std::str::from_utf8(bytes(cursor)?).map_err(|_| Unreadable)?;
                match paths.member(name) {
                    Some(below) => self.follow(*values, below, cursor, depth, found),
                    None => self.skip(*values, cursor, depth),
                }
            }),
            // What has nothing inside ends a path that would have led on.
            _ => self.skip(id, cursor, depth),
        }
    }

    /// The text that stands there or, of a list, its elements'.
    fn texts<'v>(
        &self,
        id: Id,
        ends: &[usize],
        cursor: &mut Cursor<'v>,
        depth: usize,
        is_element: bool,
        found: &mut Vec<Found<'v>>,
    ) -> Result<(), Unreadable> {
        match self.node(id) {
            Node::Union(branches) => {
                let branch = branch(branches, cursor)?;
                self.texts(branch, ends, cursor, depth, is_element, found)
            }
            Node::Array(items) if !is_element => each_item(cursor, depth, |cursor, depth| {
                cursor.step()?;
                self.texts(*items, ends, cursor, depth, true, found)
            }),
            _ => {
                if let Some(text) = self.text(id, cursor, depth)? {
                    found.extend(ends.iter().map(|path| Found { path: *path, text: text.clone() }));
                }
                Ok(())
            }
        }
    }

    /// What is there, as a text; nothing for null.
    fn text<'v>(
        &self,
        id: Id,
        cursor: &mut Cursor<'v>,
        depth: usize,
    ) -> Result<Option<Result<Cow<'v, str>, NotText>>, Unreadable> {
        Ok(Some(match self.node(id) {
            Node::Null => return Ok(None),
            Node::Long => Ok(cursor.zigzag()?.to_string().into()),
            Node::Bytes(meaning) => in_words(bytes(cursor)?, *meaning).ok_or(NotText),
            Node::Fixed(size, meaning) => in_words(cursor.take(*size)?, *meaning).ok_or(NotText),
            Node::String(_) => in_words(bytes(cursor)?, Meaning::Itself).ok_or(NotText),
            Node::Enum { symbols, .. } => Ok(symbols[symbol(symbols, cursor)?].clone().into()),
            Node::Boolean | Node::Float | Node::Double | Node::Array(_) | Node::Map(_) | Node::Record(_) => {
                self.skip(id, cursor, depth)?;
                Err(NotText)
            }
            Node::Union(_) => return Err(Unreadable),
        }))
    }

    pub(super) fn skip(&self, id: Id, cursor: &mut Cursor<'_>, depth: usize) -> Result<(), Unreadable> {
        cursor.step()?;
        match self.node(id) {
            Node::Null => Ok(()),
            Node::Boolean => cursor.take(1).map(|_| ()),
            Node::Long => cursor.varint().map(|_| ()),
            Node::Float => cursor.take(4).map(|_| ()),
            Node::Double => cursor.take(8).map(|_| ()),
            Node::Bytes(_) | Node::String(_) => bytes(cursor).map(|_| ()),
            Node::Fixed(size, _) => cursor.take(*size).map(|_| ()),
            Node::Enum { symbols, .. } => symbol(symbols, cursor).map(|_| ()),
            Node::Union(branches) => {
                let branch = branch(branches, cursor)?;
                self.skip(branch, cursor, depth)
            }
            Node::Record(fields) => {
                let depth = deeper(depth)?;
                fields.iter().try_for_each(|(_, field)| self.skip(*field, cursor, depth))
            }
            Node::Array(inside) | Node::Map(inside) => {
                let depth = deeper(depth)?;
                while let Some(block) = Block::next(cursor)? {
                    if let Some(size) = block.size {
                        cursor.take(size)?;
                        continue;
                    }
                    for _ in 0..block.count {
                        if let Node::Map(_) = self.node(id) {
                            bytes(cursor)?;
                        }
                        self.skip(*inside, cursor, depth)?;
                    }
                }
                Ok(())
            }
        }
    }
}

/// Some items of an array or a map, of which there may be several blocks.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) count: u64,
    /// In bytes, where it was written.
    pub(super) size: Option<usize>,
}

impl Block {
    /// `None` after the last.
    pub(super) fn next(cursor: &mut Cursor<'_>) -> Result<Option<Self>, Unreadable> {
        cursor.step()?;
        let count = cursor.zigzag()?;
        let size = if count < 0 { Some(length(cursor)?) } else { None };
        Ok((count != 0).then_some(Self { count: count.unsigned_abs(), size }))
    }

    /// Who skips a block goes by what it says.
    pub(super) fn check(&self, items: &[u8]) -> Result<(), Unreadable> {
        if self.size.is_none_or(|size| size == items.len()) { Ok(()) } else { Err(Unreadable) }
    }
}

/// Items one by one, in blocks that are as long as they say.
pub(super) fn each_item<'v>(
    cursor: &mut Cursor<'v>,
    depth: usize,
    mut item: impl FnMut(&mut Cursor<'v>, usize) -> Result<(), Unreadable>,
) -> Result<(), Unreadable> {
    let depth = deeper(depth)?;
    while let Some(block) = Block::next(cursor)? {
        let start = cursor.rest;
        for _ in 0..block.count {
            item(cursor, depth)?;
        }
        block.check(cursor.since(start))?;
    }
    Ok(())
}

fn length(cursor: &mut Cursor<'_>) -> Result<usize, Unreadable> {
    usize::try_from(cursor.zigzag()?).map_err(|_| Unreadable)
}

pub(super) fn bytes<'v>(cursor: &mut Cursor<'v>) -> Result<&'v [u8], Unreadable> {
    let length = length(cursor)?;
    cursor.take(length)
}

pub(super) fn branch(branches: &[Id], cursor: &mut Cursor<'_>) -> Result<Id, Unreadable> {
    let at = length(cursor)?;
    branches.get(at).copied().ok_or(Unreadable)
}

pub(super) fn symbol(symbols: &[String], cursor: &mut Cursor<'_>) -> Result<usize, Unreadable> {
    let at = length(cursor)?;
    if at < symbols.len() { Ok(at) } else { Err(Unreadable) }
}

/// Bytes as the text that they are or stand for.
pub(super) fn in_words(bytes: &[u8], meaning: Meaning) -> Option<Cow<'_, str>> {
    match meaning {
        Meaning::Decimal(scale) => decimal(bytes, scale).map(Cow::Owned),
        Meaning::Uuid if bytes.len() == 16 => {
            let mut text = String::with_capacity(36);
            for (at, byte) in bytes.iter().enumerate() {
                if matches!(at, 4 | 6 | 8 | 10) {
                    text.push('-');
                }
                let _ = write!(text, "{byte:02x}");
            }
            Some(text.into())
        }
        Meaning::Itself | Meaning::Uuid => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
    }
}

/// A two's complement number, its highest byte first. As long as no id is, it is no text.
fn decimal(bytes: &[u8], scale: u32) -> Option<String> {
    if bytes.is_empty() || bytes.len() > 16 {
        return None;
    }
    let mut number: i128 = if bytes[0] & 0x80 == 0 { 0 } else { -1 };
    for byte in bytes {
        number = number << 8 | i128::from(*byte);
    }
    let scale = scale as usize;
    if scale == 0 {
        return Some(number.to_string());
    }
    let digits = format!("{:0>width$}", number.unsigned_abs(), width = scale + 1);
    let (whole, part) = digits.split_at(digits.len() - scale);
    let sign = if number < 0 { "-" } else { "" };
    Some(format!("{sign}{whole}.{part}"))
}
