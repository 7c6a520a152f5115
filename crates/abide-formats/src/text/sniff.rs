//! Guesses about text from how its first records look. Only ever a proposal: the user can say otherwise.

use super::delimited;
use super::split::{Dialect, Splitter};
use crate::Format;
use crate::format::BOM;

/// In the order in which they win when they fit equally well.
const CANDIDATES: [u8; 4] = *b",;\t|";
const RECORDS: usize = 100;

/// The delimiter that cuts the first records into the same number of fields, more than one.
pub(crate) fn delimiter(head: &[u8]) -> Option<u8> {
    let score = |delimiter: u8| {
        let widths: Vec<usize> = records(head, Dialect::delimited(delimiter))
            .iter()
            .map(|record| delimited::width(record, delimiter))
            .collect();
        let first = *widths.first().filter(|width| **width > 1)?;
        let same = widths.iter().filter(|width| **width == first).count();
        // Some ragged records are for later to complain about; when most are, this is not the delimiter.
        (same * 10 >= widths.len() * 9).then_some((same * 1000 / widths.len(), first))
    };
    let mut best: Option<(u8, (usize, usize))> = None;
    for candidate in CANDIDATES {
        if let Some(score) = score(candidate)
            && best.is_none_or(|(_, known)| score > known)
        {
            best = Some((candidate, score));
        }
    }
    best.map(|(delimiter, _)| delimiter)
}

/// Whether the first record holds names: none is empty, a number or an address, unlike what may follow. A name may
/// come twice, as in exports that give every list a column `Email`.
pub(crate) fn looks_like_header(head: &[u8], format: Format) -> bool {
    let (dialect, delimiter) = match format {
        Format::Delimited { delimiter } => (Dialect::delimited(delimiter), Some(delimiter)),
        Format::Lines => (Dialect::LINES, None),
        _ => return true,
    };
    let records = records(head, dialect);
    let Some(names) = records.first().and_then(|first| delimited::header(first, delimiter)) else {
        return false;
    };
    let name_like = |name: &String| {
        let text = name.trim();
        text.starts_with(|first: char| first.is_alphabetic() || first == '_')
            && !text.contains('@')
            && text.len() <= 128
            // A digest or an identifier of a device looks like a word.
            && !(text.len() >= 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-'))
    };
    names.iter().all(name_like)
}

/// The first records, the last one left out where the head may have cut it.
fn records(head: &[u8], dialect: Dialect) -> Vec<&[u8]> {
    let head = head.strip_prefix(BOM).unwrap_or(head);
    let mut splitter = Splitter::new(dialect);
    splitter.scan(head);
    if splitter.rows().is_empty() || head.len() < crate::HEAD_BYTES / 2 {
        splitter.finish(head);
    }
    splitter.rows().iter().take(RECORDS).map(|row| &head[row.content(head).range()]).collect()
}
