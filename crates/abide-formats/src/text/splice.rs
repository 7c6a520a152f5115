//! Rows that stay, put together again.

use bytes::Bytes;

use super::buffers::Buffers;
use super::split::Span;
use crate::FormatError;

/// The rows where `mask` is true, byte for byte, and the gaps between rows if they are wanted.
pub(crate) fn kept(bytes: &Bytes, rows: &[Span], mask: &[bool], gaps: bool, buffers: &Buffers) -> Bytes {
    if gaps && mask.iter().all(|keep| *keep) {
        return bytes.clone();
    }
    let mut out = buffers.take(bytes.len());
    let mut filled = 0;
    let mut append = |part: &[u8]| {
        out[filled..filled + part.len()].copy_from_slice(part);
        filled += part.len();
    };
    let chosen = rows.iter().zip(mask);
    if gaps {
        let mut after = 0;
        for (row, _) in chosen.filter(|(_, keep)| !**keep) {
            append(&bytes[after..row.start as usize]);
            after = row.end as usize;
        }
        append(&bytes[after..]);
    } else {
        let mut run = 0..0;
        for (row, _) in chosen.filter(|(_, keep)| **keep) {
            if run.end != row.start as usize {
                append(&bytes[run]);
                run = row.range();
            }
            run.end = row.end as usize;
        }
        append(&bytes[run]);
    }
    buffers.lend(out, filled)
}

/// Like [`kept`] with gaps, each row rewritten by `row`, which is given its number and its bytes without the line end.
pub(crate) fn rewritten(
    bytes: &Bytes,
    rows: &[Span],
    mask: &[bool],
    mut row: impl FnMut(usize, &[u8], &mut Vec<u8>) -> Result<(), FormatError>,
) -> Result<Bytes, FormatError> {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 4);
    let mut after = 0;
    for (number, (span, keep)) in rows.iter().zip(mask).enumerate() {
        out.extend_from_slice(&bytes[after..span.start as usize]);
        after = span.end as usize;
        if *keep {
            let content = span.content(bytes).range();
            row(number, &bytes[content.clone()], &mut out)?;
            out.extend_from_slice(&bytes[content.end..after]);
        }
    }
    out.extend_from_slice(&bytes[after..]);
    Ok(Bytes::from(out))
}
