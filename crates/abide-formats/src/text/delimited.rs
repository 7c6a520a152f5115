//! Fields of delimited text: where the wanted ones lie in each record, and what they say.

use std::borrow::Cow;

use super::block::{BLOCK, bits, block_at, matches};
use super::split::{QUOTE, Span};
use crate::batch::{Cell, Faults, RowFault};

/// A field that its record is too short to have.
pub(crate) const MISSING: Span = Span { start: u32::MAX, end: u32::MAX };

/// What to look for in every record.
#[derive(Debug)]
pub(crate) struct Search<'a> {
    pub(crate) delimiter: u8,
    /// False only where no quote occurs at all.
    pub(crate) quotes: bool,
    /// Field numbers from 0, ascending, none twice.
    pub(crate) wanted: &'a [u32],
    /// Fields that every record should have.
    pub(crate) width: u32,
}

/// The spans of the wanted fields, record after record, and the records whose number of fields is wrong.
pub(crate) fn locate(bytes: &[u8], rows: &[Span], search: &Search<'_>) -> (Vec<Span>, Faults) {
    let mut cells = vec![MISSING; rows.len() * search.wanted.len()];
    let mut faults = Faults::default();
    let mut finder = Finder::new(bytes, search);
    for (row, record) in rows.iter().enumerate() {
        let first = row * search.wanted.len();
        let found = finder.record(record.content(bytes), &mut cells[first..first + search.wanted.len()]);
        if found != search.width {
            faults.push(row, RowFault::Ragged { expected: search.width, found });
        }
    }
    (cells, faults)
}

/// Fields in one record without its line end.
pub(crate) fn width(record: &[u8], delimiter: u8) -> usize {
    let search = Search { delimiter, quotes: true, wanted: &[], width: 0 };
    Finder::new(record, &search).record(Span::new(0, record.len()), &mut []) as usize
}

/// The names in a header record, unless they are not UTF-8.
pub(crate) fn header(record: &[u8], delimiter: Option<u8>) -> Option<Vec<String>> {
    let Some(delimiter) = delimiter else {
        return Some(vec![str::from_utf8(record).ok()?.to_owned()]);
    };
    let wanted: Vec<u32> = (0..).take(width(record, delimiter)).collect();
    let search = Search { delimiter, quotes: true, wanted: &wanted, width: 0 };
    let mut fields = vec![MISSING; wanted.len()];
    Finder::new(record, &search).record(Span::new(0, record.len()), &mut fields);
    let name = |field: &Span| match text(&record[field.range()], true) {
        Cell::Absent => Some(String::new()),
        Cell::Text(name) => Some(name.into_owned()),
        Cell::List(_) | Cell::Undecodable => None,
    };
    fields.iter().map(name).collect()
}

/// What a field says. Nothing between two delimiters is `Absent`; letters after a closing quote are read differently
/// by different programs, so that such a field counts as unreadable, like one that is not UTF-8.
#[inline]
pub(crate) fn text(field: &[u8], quotes: bool) -> Cell<'_> {
    match field {
        [] => Cell::Absent,
        [QUOTE, body @ ..] if quotes => unquote(body),
        plain => decode(plain),
    }
}

/// [`text`] of a field of a chunk that is UTF-8. Delimiters and line ends are ASCII, so a field begins and ends
/// between characters.
#[inline]
pub(crate) fn utf8_text(field: &str, quotes: bool) -> Cell<'_> {
    match field.as_bytes() {
        [] => Cell::Absent,
        [QUOTE, body @ ..] if quotes => unquote(body),
        _ => Cell::Text(Cow::Borrowed(field)),
    }
}

fn decode(bytes: &[u8]) -> Cell<'_> {
    match str::from_utf8(bytes) {
        Ok("") => Cell::Absent,
        Ok(text) => Cell::Text(Cow::Borrowed(text)),
        Err(_) => Cell::Undecodable,
    }
}

/// `body` is what follows the opening quote.
fn unquote(body: &[u8]) -> Cell<'_> {
    let Some(first) = memchr::memchr(QUOTE, body) else { return Cell::Undecodable };
    if first + 1 == body.len() {
        return decode(&body[..first]);
    }
    let mut whole = Vec::with_capacity(body.len());
    let mut rest = body;
    loop {
        let Some(at) = memchr::memchr(QUOTE, rest) else { return Cell::Undecodable };
        whole.extend_from_slice(&rest[..at]);
        match &rest[at + 1..] {
            [] => break,
            [QUOTE, after @ ..] => {
                whole.push(QUOTE);
                rest = after;
            }
            _ => return Cell::Undecodable,
        }
    }
    String::from_utf8(whole).map_or(Cell::Undecodable, |text| Cell::Text(Cow::Owned(text)))
}

/// Appends a field, in quotes where it needs them.
pub(crate) fn write_field(value: &str, delimiter: u8, out: &mut Vec<u8>) {
    let special = |byte: &u8| matches!(*byte, QUOTE | b'\n' | b'\r') || *byte == delimiter;
    if !value.as_bytes().iter().any(special) {
        out.extend_from_slice(value.as_bytes());
        return;
    }
    out.push(QUOTE);
    for byte in value.bytes() {
        if byte == QUOTE {
            out.push(QUOTE);
        }
        out.push(byte);
    }
    out.push(QUOTE);
}

/// The header with more names at its end, before its line end.
pub(crate) fn extend_header(preamble: &[u8], added: &[String], delimiter: u8) -> Vec<u8> {
    let content = Span::new(0, preamble.len()).content(preamble).range();
    let mut out = preamble[content.clone()].to_vec();
    for name in added {
        out.push(delimiter);
        write_field(name, delimiter, &mut out);
    }
    out.extend_from_slice(&preamble[content.end..]);
    out
}

/// Goes over records from left to right, a block of bytes at a time.
struct Finder<'a> {
    bytes: &'a [u8],
    search: &'a Search<'a>,
    /// The block whose masks are at hand.
    base: usize,
    delimiters: u64,
    quotes: u64,
}

impl<'a> Finder<'a> {
    fn new(bytes: &'a [u8], search: &'a Search<'a>) -> Self {
        Self { bytes, search, base: usize::MAX, delimiters: 0, quotes: 0 }
    }

    #[inline]
    fn load(&mut self, base: usize) {
        if base != self.base {
            let block = block_at(self.bytes, base);
            self.base = base;
            self.delimiters = matches(&block, self.search.delimiter);
            self.quotes = if self.search.quotes { matches(&block, QUOTE) } else { 0 };
        }
    }

    /// Fills `cells` with the wanted fields of one record and gives the number of its fields.
    #[inline]
    fn record(&mut self, record: Span, cells: &mut [Span]) -> u32 {
        let end = record.end as usize;
        let mut at = record.start as usize;
        let mut fields = Fields { wanted: self.search.wanted, cells, next: 0, field: 0, start: at };
        let mut quote = Quote::default();
        while at < end {
            let base = at - at % BLOCK;
            self.load(base);
            let here = (u64::MAX << (at - base)) & first_bits(end - base);
            let (delimiters, quotes) = (self.delimiters & here, self.quotes & here);
            if quotes != 0 {
                for bit in bits(delimiters | quotes) {
                    quote.step(self.bytes, base + bit, &mut fields);
                }
            } else if !quote.open {
                fields.end_all(base, delimiters);
            }
            at = base + BLOCK;
        }
        fields.end(end);
        fields.field
    }
}

/// A mask with the first `count` bits set.
#[inline]
fn first_bits(count: usize) -> u64 {
    if count >= BLOCK { u64::MAX } else { (1 << count) - 1 }
}

struct Fields<'a> {
    wanted: &'a [u32],
    cells: &'a mut [Span],
    /// Index into both.
    next: usize,
    field: u32,
    start: usize,
}

impl Fields<'_> {
    #[inline]
    fn end(&mut self, end: usize) {
        if self.wanted.get(self.next) == Some(&self.field) {
            self.cells[self.next] = Span::new(self.start, end);
            self.next += 1;
        }
        self.field += 1;
        self.start = end + 1;
    }

    #[inline]
    fn end_all(&mut self, base: usize, mut delimiters: u64) {
        while delimiters != 0 && self.next < self.wanted.len() {
            self.end(base + delimiters.trailing_zeros() as usize);
            delimiters &= delimiters - 1;
        }
        if delimiters != 0 {
            self.field += delimiters.count_ones();
            self.start = base + BLOCK - delimiters.leading_zeros() as usize;
        }
    }
}

/// The same rules as the splitter's, inside one record.
#[derive(Default)]
struct Quote {
    open: bool,
    /// One past the last quote that closed.
    after_close: usize,
}

impl Quote {
    fn step(&mut self, bytes: &[u8], at: usize, fields: &mut Fields<'_>) {
        if bytes[at] != QUOTE {
            if !self.open {
                fields.end(at);
            }
        } else if self.open {
            self.open = false;
            self.after_close = at + 1;
        } else {
            self.open = at == fields.start || (at == self.after_close && at > fields.start);
        }
    }
}
