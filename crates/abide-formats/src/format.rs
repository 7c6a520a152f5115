//! The formats we know, and which one a file is in: by its first bytes, then its name, then its look.

use std::fmt;
use std::io::{BufRead as _, BufReader, Read};

use crate::FormatError;
use crate::text::compress;
use crate::text::sniff;

/// How records are laid out in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// CSV, TSV and the like: fields between `delimiter`s, quotes as in RFC 4180.
    Delimited {
        delimiter: u8,
    },
    /// One JSON object per line.
    Ndjson,
    /// One value per line, no quotes.
    Lines,
    Parquet,
    /// Arrow IPC with a footer (`.arrow`, Feather 2).
    ArrowFile,
    /// Arrow IPC without a footer (`.arrows`).
    ArrowStream,
}

impl Format {
    pub const CSV: Self = Self::Delimited { delimiter: b',' };
    pub const TSV: Self = Self::Delimited { delimiter: b'\t' };

    /// Text is read and written byte for byte; the others are decoded and encoded again.
    pub fn is_text(self) -> bool {
        matches!(self, Self::Delimited { .. } | Self::Ndjson | Self::Lines)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Delimited { delimiter: b',' } => "CSV",
            Self::Delimited { delimiter: b'\t' } => "TSV",
            Self::Delimited { .. } => "delimited text",
            Self::Ndjson => "NDJSON",
            Self::Lines => "one-per-line text",
            Self::Parquet => "Parquet",
            Self::ArrowFile => "Arrow IPC",
            Self::ArrowStream => "an Arrow IPC stream",
        })
    }
}

/// What is wrapped around a text file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Compression {
    #[default]
    None,
    Gzip,
    Zstd,
}

impl Compression {
    /// As the name of an output says: `.gz`, `.zst`, or none.
    pub fn of_name(name: &str) -> Self {
        split_name(name).1
    }

    /// As the first bytes of an input say.
    pub fn of_head(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ => Self::None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Detected {
    pub format: Format,
    pub compression: Compression,
    /// A guess: the first record looks like names rather than values. Always true for formats that name their columns.
    pub has_header: bool,
}

/// How many first bytes [`detect`] makes use of.
pub const HEAD_BYTES: usize = 64 * 1024;

/// Reads the first [`HEAD_BYTES`] for [`detect`], and gives back a stream that still starts with them.
pub fn peek(mut read: Box<dyn Read + Send>) -> std::io::Result<(Vec<u8>, Box<dyn Read + Send>)> {
    let mut head = Vec::new();
    read.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    let whole = std::io::Cursor::new(head.clone()).chain(read);
    Ok((head, Box::new(whole)))
}

/// Tells the format from the first bytes of a file (as they are on disk) and its name, if it has one.
///
/// First bytes that belong to one format only win over the name, the name wins over the look of the text. Text in UTF-16
/// or UTF-32, a JSON array, encrypted Parquet, and Parquet or Arrow inside gzip or zstd are errors that say what to do.
pub fn detect(file_name: Option<&str>, head: &[u8]) -> Result<Detected, FormatError> {
    let name = file_name.unwrap_or("the input");
    let (stem, _) = split_name(name);
    let compression = Compression::of_head(head);
    let inner = inner_head(name, head, compression)?;
    let format = match of_magic(&inner) {
        Some(Format::Parquet) if inner.starts_with(b"PARE") => {
            return Err(FormatError::Encrypted { name: name.to_owned(), format: Format::Parquet });
        }
        Some(format) if compression != Compression::None => {
            return Err(FormatError::CompressedColumnar { name: name.to_owned(), format });
        }
        Some(format) => return Ok(Detected { format, compression, has_header: true }),
        None => of_text(name, stem, &inner)?,
    };
    let has_header = format != Format::Ndjson && sniff::looks_like_header(&inner, format);
    Ok(Detected { format, compression, has_header })
}

fn of_text(name: &str, stem: &str, head: &[u8]) -> Result<Format, FormatError> {
    if let Some(encoding) = wide_text(head) {
        return Err(FormatError::WideText { name: name.to_owned(), encoding });
    }
    let ending = stem.rsplit_once('.').map_or(String::new(), |(_, ending)| ending.to_ascii_lowercase());
    let first = head.strip_prefix(BOM).unwrap_or(head).trim_ascii_start().first();
    if first == Some(&b'[') && ending == "json" {
        return Err(FormatError::JsonArray { name: name.to_owned() });
    }
    Ok(match ending.as_str() {
        "ndjson" | "jsonl" | "json" => Format::Ndjson,
        "tsv" | "tab" => Format::TSV,
        "psv" => Format::Delimited { delimiter: b'|' },
        "csv" => sniff::delimiter(head).map_or(Format::CSV, |delimiter| Format::Delimited { delimiter }),
        _ if first == Some(&b'{') => Format::Ndjson,
        _ => sniff::delimiter(head).map_or(Format::Lines, |delimiter| Format::Delimited { delimiter }),
    })
}

/// UTF-8's mark at the start of a file: kept in the output, no part of the first field.
pub(crate) const BOM: &[u8] = b"\xef\xbb\xbf";

/// The encoding, if the text starts with the mark of one that is not UTF-8.
pub(crate) fn wide_text(head: &[u8]) -> Option<&'static str> {
    match head {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Some("UTF-32"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("UTF-16"),
        _ => None,
    }
}

fn of_magic(head: &[u8]) -> Option<Format> {
    match head {
        [b'P', b'A', b'R', b'1' | b'E', ..] => Some(Format::Parquet),
        [b'A', b'R', b'R', b'O', b'W', b'1', ..] => Some(Format::ArrowFile),
        // The mark of a message and the length of its header, a small multiple of eight.
        [0xff, 0xff, 0xff, 0xff, low, _, _, 0, ..] if low % 8 == 0 => Some(Format::ArrowStream),
        _ => None,
    }
}

/// The first bytes of what is inside the compression. A cut head is fine here, reading tells whether the file is cut.
fn inner_head(name: &str, head: &[u8], compression: Compression) -> Result<Vec<u8>, FormatError> {
    if compression == Compression::None {
        return Ok(head.to_vec());
    }
    let source = Box::new(std::io::Cursor::new(head.to_vec()));
    let mut decoded = BufReader::with_capacity(HEAD_BYTES, compress::decoder(name, source, compression)?);
    let mut inner = Vec::new();
    while inner.len() < HEAD_BYTES {
        match decoded.fill_buf() {
            Ok([]) | Err(_) => break,
            Ok(some) => inner.extend_from_slice(some),
        }
        let taken = decoded.buffer().len();
        decoded.consume(taken);
    }
    inner.truncate(HEAD_BYTES);
    Ok(inner)
}

/// `people.csv.gz` is `people.csv` in gzip.
fn split_name(name: &str) -> (&str, Compression) {
    let ends = |ending: &str| {
        let at = name.len().checked_sub(ending.len())?;
        name.get(at..)?.eq_ignore_ascii_case(ending).then(|| &name[..at])
    };
    if let Some(stem) = ends(".gz").or_else(|| ends(".gzip")) {
        (stem, Compression::Gzip)
    } else if let Some(stem) = ends(".zst").or_else(|| ends(".zstd")) {
        (stem, Compression::Zstd)
    } else {
        (name, Compression::None)
    }
}
