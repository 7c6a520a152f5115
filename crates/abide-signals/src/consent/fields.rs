//! Segments as data: a layout names the fields in the order of their bits.

use std::ops::RangeInclusive;

use abide_model::Time;

use super::{Undecodable, bits::Bits};

/// One field of a segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    name: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Int(u8),
    /// So many values of two bits: 0 not applicable, 1 and 2 as the field says, 3 undefined.
    Twos(u8),
    Flag,
    /// A bit for each id from 1.
    Ids(u8),
    /// How many bits each [`Kind::Counted`] after it has.
    Count,
    Counted,
    /// Tenths of a second since 1970.
    Time,
    Letters,
    Vendors,
    /// The same before version 2: ranges name those that differ from a default.
    VendorsV1,
    Restrictions,
}

#[cfg(test)]
impl Field {
    /// As the reference writes it: name, type, bits, items.
    pub(super) fn described(&self) -> serde_json::Value {
        use serde_json::json;

        match self.kind {
            Kind::Int(bits) => json!([self.name, "Int", bits]),
            Kind::Twos(1) => json!([self.name, "Int", 2]),
            Kind::Twos(items) => json!([self.name, "IntList", 2, items]),
            Kind::Flag => json!([self.name, "Bool", 1]),
            _ => json!([self.name]),
        }
    }
}

/// The fields of a segment, in the order of their bits.
pub(super) type Layout = &'static [Field];

pub(super) const fn int(name: &'static str, bits: u8) -> Field {
    Field { name, kind: Kind::Int(bits) }
}

pub(super) const fn two(name: &'static str) -> Field {
    twos(name, 1)
}

pub(super) const fn twos(name: &'static str, items: u8) -> Field {
    Field { name, kind: Kind::Twos(items) }
}

pub(super) const fn flag(name: &'static str) -> Field {
    Field { name, kind: Kind::Flag }
}

pub(super) const fn ids(name: &'static str, bits: u8) -> Field {
    Field { name, kind: Kind::Ids(bits) }
}

pub(super) const fn count(name: &'static str) -> Field {
    Field { name, kind: Kind::Count }
}

pub(super) const fn counted(name: &'static str) -> Field {
    Field { name, kind: Kind::Counted }
}

pub(super) const fn time(name: &'static str) -> Field {
    Field { name, kind: Kind::Time }
}

pub(super) const fn letters(name: &'static str) -> Field {
    Field { name, kind: Kind::Letters }
}

pub(super) const fn vendors(name: &'static str) -> Field {
    Field { name, kind: Kind::Vendors }
}

pub(super) const fn vendors_v1(name: &'static str) -> Field {
    Field { name, kind: Kind::VendorsV1 }
}

pub(super) const fn restrictions(name: &'static str) -> Field {
    Field { name, kind: Kind::Restrictions }
}

/// What a field holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Int(u64),
    /// Values of two bits each.
    Twos(Vec<u8>),
    Flag(bool),
    /// Ids from 1, as ranges in the order of the string: a short string may name very many.
    Ids(Vec<RangeInclusive<u16>>),
    Time(Time),
    Letters(String),
    Restrictions(Vec<Restriction>),
}

/// What a publisher forbids vendors, in a TCF string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restriction {
    pub purpose: u8,
    /// 0 not allowed, 1 consent required, 2 legitimate interest required, 3 undefined.
    pub kind: u8,
    pub vendors: Vec<RangeInclusive<u16>>,
}

impl Value {
    pub fn int(&self) -> Option<u64> {
        match self {
            Self::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// Whether an id is among these.
    pub fn has_id(&self, id: u16) -> bool {
        matches!(self, Self::Ids(ranges) if ranges.iter().any(|range| range.contains(&id)))
    }
}

/// The fields that a string held, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(field, _)| *field == name).map(|(_, value)| value)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }

    /// Reads all fields of a layout, behind those that are there.
    pub(super) fn read(&mut self, layout: Layout, bits: &mut Bits) -> Result<(), Undecodable> {
        let mut counted = 0;
        for field in layout {
            let value = read(field.kind, bits, &mut counted)?;
            self.0.push((field.name, value));
        }
        Ok(())
    }
}

fn read(kind: Kind, bits: &mut Bits, counted: &mut u8) -> Result<Value, Undecodable> {
    Ok(match kind {
        Kind::Int(width) => Value::Int(bits.int(width)?),
        Kind::Twos(items) => Value::Twos((0..items).map(|_| small(bits, 2)).collect::<Result<_, _>>()?),
        Kind::Flag => Value::Flag(bits.bit()?),
        Kind::Ids(width) => Value::Ids(bit_field(bits, width.into())?),
        Kind::Count => {
            *counted = small(bits, 6)?;
            Value::Int((*counted).into())
        }
        Kind::Counted => Value::Ids(bit_field(bits, (*counted).into())?),
        Kind::Time => {
            let tenths = i64::try_from(bits.int(36)?).expect("36 bits were read");
            Value::Time(Time::from_millis(tenths * 100))
        }
        Kind::Letters => {
            let mut letter = || Ok(char::from(b'A' + small(bits, 6)?));
            Value::Letters([letter()?, letter()?].iter().collect())
        }
        Kind::Vendors => Value::Ids(vendor_list(bits)?),
        Kind::VendorsV1 => Value::Ids(vendor_list_v1(bits)?),
        Kind::Restrictions => Value::Restrictions(restriction_list(bits)?),
    })
}

fn small(bits: &mut Bits, width: u8) -> Result<u8, Undecodable> {
    debug_assert!(width <= 8, "it fits a byte");
    bits.int(width).map(|value| u8::try_from(value).expect("at most 8 bits were read"))
}

fn bit_field(bits: &mut Bits, width: u16) -> Result<Vec<RangeInclusive<u16>>, Undecodable> {
    let mut ranges: Vec<RangeInclusive<u16>> = Vec::new();
    for id in 1..=width {
        if bits.bit()? {
            match ranges.last_mut() {
                Some(last) if *last.end() + 1 == id => *last = *last.start()..=id,
                _ => ranges.push(id..=id),
            }
        }
    }
    Ok(ranges)
}

fn vendor_list(bits: &mut Bits) -> Result<Vec<RangeInclusive<u16>>, Undecodable> {
    let id_max = bits.u16()?;
    if bits.bit()? { vendor_ranges(bits) } else { bit_field(bits, id_max) }
}

fn vendor_list_v1(bits: &mut Bits) -> Result<Vec<RangeInclusive<u16>>, Undecodable> {
    let id_max = bits.u16()?;
    if !bits.bit()? {
        return bit_field(bits, id_max);
    }
    let by_default = bits.bit()?;
    let mut named = vendor_ranges(bits)?;
    if !by_default {
        return Ok(named);
    }
    named.sort_by_key(|range| *range.start());
    let mut others = Vec::new();
    let mut next = 1;
    for range in named {
        if next < *range.start() {
            others.push(next..=*range.start() - 1);
        }
        next = next.max(range.end().saturating_add(1));
    }
    if next <= id_max {
        others.push(next..=id_max);
    }
    Ok(others)
}

fn vendor_ranges(bits: &mut Bits) -> Result<Vec<RangeInclusive<u16>>, Undecodable> {
    let ranges = bits.int(12)?;
    let mut read = Vec::new();
    for _ in 0..ranges {
        let is_group = bits.bit()?;
        let first = bits.u16()?;
        let last = if is_group { bits.u16()? } else { first };
        if first == 0 || last < first {
            return Err(Undecodable::Range);
        }
        read.push(first..=last);
    }
    Ok(read)
}

fn restriction_list(bits: &mut Bits) -> Result<Vec<Restriction>, Undecodable> {
    let restrictions = bits.int(12)?;
    let mut read = Vec::new();
    for _ in 0..restrictions {
        let (purpose, kind) = (small(bits, 6)?, small(bits, 2)?);
        read.push(Restriction { purpose, kind, vendors: vendor_ranges(bits)? });
    }
    Ok(read)
}
