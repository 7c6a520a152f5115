//! What holds for any text whatever.

use std::io::{Read as _, Write as _};

use abide_formats::{Compression, Format, Limits};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::{Outcome, named, options, run};

/// Text made of the bytes that matter, long enough to cross blocks of 64.
fn tricky() -> impl Strategy<Value = Vec<u8>> {
    let parts: &[&[u8]] = &[
        b",",
        b",",
        b"\"",
        b"\"\"",
        b"\n",
        b"\n",
        b"\r\n",
        b"\r",
        b"a",
        b"bc",
        b"\xff",
        b"\xc3\xa9",
        b" ",
        b"\0",
        b"{\"email\":\"a\"}\n",
        b"{\"email\":[1,\"x\"],\"u\":{}}\n",
        b"{\"email\":",
        b"}",
        b"[",
        b"a rather long run of letters that fills a block, or nearly so, on its own",
    ];
    vec(select(parts), 0..120).prop_map(|parts| parts.concat())
}

fn format() -> impl Strategy<Value = Format> {
    select(&[Format::CSV, Format::Ndjson, Format::Lines][..])
}

pub(crate) fn compressed(text: &[u8], compression: Compression, members: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for part in text.chunks((text.len() / members).max(1)) {
        match compression {
            Compression::None => out.extend_from_slice(part),
            Compression::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(part).unwrap();
                out.extend(encoder.finish().unwrap());
            }
            Compression::Zstd => {
                let mut compressor = zstd::bulk::Compressor::new(1).unwrap();
                compressor.include_checksum(true).unwrap();
                out.extend(compressor.compress(part).unwrap());
            }
        }
    }
    out
}

fn expanded(bytes: &[u8], compression: Compression) -> Vec<u8> {
    let mut text = Vec::new();
    match compression {
        Compression::None => text.extend_from_slice(bytes),
        // Not the decoder of several members: we write a single one, which more programs can read.
        Compression::Gzip => drop(flate2::read::GzDecoder::new(bytes).read_to_end(&mut text).unwrap()),
        Compression::Zstd => zstd::stream::copy_decode(bytes, &mut text).unwrap(),
    }
    text
}

/// The first record is no header here, so that anything at all can be read.
fn outcome(
    text: &[u8],
    format: Format,
    compression: Compression,
    pace: &[usize],
    chunk_bytes: usize,
    keep: &[bool],
) -> Outcome {
    let mut options = options(format);
    options.has_header = false;
    options.compression = compression;
    options.limits = Limits { chunk_bytes, ..Limits::default() };
    let wanted = match format {
        Format::Ndjson => named(&["email"]),
        _ => vec![abide_formats::Column::At(1)],
    };
    let keep = |row: u64| keep[usize::try_from(row).unwrap() % keep.len()];
    let mut outcome = run(text, pace, &options, &wanted, compression, &keep).unwrap();
    outcome.kept = expanded(&outcome.kept, compression);
    outcome
}

proptest! {
    #[test]
    fn how_a_text_is_cut_changes_nothing(
        text in tricky(), format in format(), pace in vec(1..90_usize, 1..6), chunk_bytes in 1..300_usize,
        keep in vec(any::<bool>(), 1..8),
    ) {
        prop_assume!(!text.is_empty());
        let whole = outcome(&text, format, Compression::None, &[], 1 << 20, &keep);
        let cut = outcome(&text, format, Compression::None, &pace, chunk_bytes, &keep);
        prop_assert_eq!(whole, cut);
    }

    #[test]
    fn compression_changes_nothing(
        text in tricky(), format in format(), members in 1..4_usize, chunk_bytes in 1..300_usize,
        compression in select(&[Compression::Gzip, Compression::Zstd][..]), keep in vec(any::<bool>(), 1..8),
    ) {
        prop_assume!(!text.is_empty());
        let plain = outcome(&text, format, Compression::None, &[], 1 << 20, &keep);
        let packed = compressed(&text, compression, members);
        let packed = outcome(&packed, format, compression, &[7, 100], chunk_bytes, &keep);
        prop_assert_eq!(plain, packed);
    }

    #[test]
    fn all_rows_kept_is_all_bytes_kept(text in tricky(), format in format(), chunk_bytes in 1..300_usize) {
        prop_assume!(!text.is_empty());
        let all = outcome(&text, format, Compression::None, &[], chunk_bytes, &[true]);
        prop_assert_eq!(all.kept, text);
    }

    #[test]
    fn fields_are_those_of_the_csv_crate(
        records in vec(vec("[a-c\", \r\n\t\u{e9}]{0,12}", 3), 1..20), crlf in any::<bool>(), always in any::<bool>(),
        chunk_bytes in 1..100_usize,
    ) {
        let mut writer = csv::WriterBuilder::new()
            .terminator(if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') })
            .quote_style(if always { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary })
            .from_writer(Vec::new());
        for record in &records {
            writer.write_record(record).unwrap();
        }
        let text = writer.into_inner().unwrap();
        let mut options = options(Format::CSV);
        options.has_header = false;
        options.limits.chunk_bytes = chunk_bytes;
        let wanted: Vec<_> = [3, 1, 2].map(abide_formats::Column::At).into();
        let ours = run(&text, &[], &options, &wanted, Compression::None, &|_| true).unwrap();
        let cell = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&text[..]);
        let theirs: Vec<String> = reader
            .records()
            .map(|record| record.unwrap())
            .map(|record| [2, 0, 1].map(|field| cell(&record[field])).join("|"))
            .collect();
        prop_assert_eq!(ours.rows, theirs);
    }

    #[test]
    fn records_are_those_of_the_csv_crate_in_any_text(text in tricky(), chunk_bytes in 1..300_usize) {
        prop_assume!(!text.is_empty() && !text.starts_with(b"\xff"));
        let ours = outcome(&text, Format::CSV, Compression::None, &[], chunk_bytes, &[true]);
        let reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(&text[..]);
        prop_assert_eq!(ours.rows.len(), reader.into_byte_records().count());
    }
}
