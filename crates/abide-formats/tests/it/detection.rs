//! Which format a file is in.

use abide_formats::{Compression, Format, detect};

fn check(name: Option<&str>, head: &[u8], expected: Result<(Format, Compression, bool), &str>) {
    let found = detect(name, head).map(|found| (found.format, found.compression, found.has_header));
    let found = found.map_err(|error| error.to_string());
    let why = format!("{name:?} {}", head[..head.len().min(40)].escape_ascii());
    assert_eq!(found, expected.map_err(str::to_owned), "{why}");
}

fn gzip(text: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn first_bytes_then_name_then_look() {
    use Compression::{Gzip, None as Plain, Zstd};
    const SEMICOLON: Format = Format::Delimited { delimiter: b';' };
    const PIPE: Format = Format::Delimited { delimiter: b'|' };
    check(Some("a.csv"), b"PAR1....", Ok((Format::Parquet, Plain, true)));
    check(Some("a.bin"), b"ARROW1\0\0", Ok((Format::ArrowFile, Plain, true)));
    check(None, b"\xff\xff\xff\xff\x88\x01\0\0", Ok((Format::ArrowStream, Plain, true)));
    check(Some("a.csv"), b"id,email\n1,2\n", Ok((Format::CSV, Plain, true)));
    check(Some("A.CSV"), b"id;email\n1,5;2\n", Ok((SEMICOLON, Plain, true)));
    check(Some("a.csv"), b"email\na@example.com\n", Ok((Format::CSV, Plain, true)));
    check(Some("a.csv"), b"1,a@example.com\n2,b@example.com\n", Ok((Format::CSV, Plain, false)));
    check(Some("a.tsv"), b"a,b\n", Ok((Format::TSV, Plain, true)));
    check(Some("a.txt"), b"a@example.com\nb@example.com\n", Ok((Format::Lines, Plain, false)));
    check(None, b"\"a,b\"|c\n\"d\n,,\"|e\n", Ok((PIPE, Plain, true)));
    check(None, b" {\"a\":1}\n", Ok((Format::Ndjson, Plain, false)));
    check(Some("a.jsonl"), b"", Ok((Format::Ndjson, Plain, false)));
    check(Some("a.csv"), b"", Ok((Format::CSV, Plain, false)));
    check(Some("a.csv.gz"), &gzip(b"id;email\n1;2\n"), Ok((SEMICOLON, Gzip, true)));
    check(Some("a"), &zstd::bulk::compress(b"{\"a\":1}\n", 1).unwrap(), Ok((Format::Ndjson, Zstd, false)));
    check(None, b"\xef\xbb\xbfid,email\n", Ok((Format::CSV, Plain, true)));
}

#[test]
fn what_cannot_be_read_is_said_at_once() {
    check(
        Some("a.csv"),
        b"\xff\xfei\0d\0",
        Err("`a.csv` is UTF-16 text; convert it to UTF-8 first, for example with `iconv -f UTF-16 -t UTF-8`"),
    );
    check(
        None,
        b"\xff\xfe\0\0i\0\0\0",
        Err(
            "`the input` is UTF-32 text; convert it to UTF-8 first, for example with `iconv -f UTF-32 -t UTF-8`",
        ),
    );
    check(
        Some("a.json"),
        b"[{}]",
        Err(
            "`a.json` holds one JSON array rather than one object per line; turn it into lines first, for example with `jq -c '.[]'`",
        ),
    );
    check(Some("a"), b"PARE", Err("`a` is encrypted; decrypt it first, encrypted Parquet is not read"));
    check(
        Some("a.parquet.gz"),
        &gzip(b"PAR1...."),
        Err(
            "`a.parquet.gz` is Parquet inside a compressed file; decompress it first, Parquet needs to be read in any order",
        ),
    );
}
