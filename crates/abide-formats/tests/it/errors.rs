//! Files that cannot be read to their end, and questions that have no answer.

use abide_formats::{Column, Compression, Format, FormatError, Options};

use crate::{named, options, run};

fn check(input: &[u8], options: &Options, wanted: &[Column], expected: &str) {
    let error = run(input, &[], options, wanted, Compression::None, &|_| true).unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_record_that_is_too_long_is_named() {
    let mut options = options(Format::CSV);
    options.limits.record_bytes_max = 50;
    let mut input = b"id,e\n1,a\n\n2,\"x\ny\"\n3,\"".to_vec();
    input.extend(b"never closed\n".repeat(10));
    for chunk_bytes in [1, 5, 30, 1 << 20] {
        options.limits.chunk_bytes = chunk_bytes;
        check(
            &input,
            &options,
            &[],
            "record 4 of `people`, which starts on line 6, is longer than 50 bytes; look there for a quote that is \
             never closed, or raise the limit",
        );
    }
}

#[test]
fn compressed_data_that_is_cut_or_damaged() {
    let text = b"id,email\n1,a@example.com\n".repeat(1000);
    for compression in [Compression::Gzip, Compression::Zstd] {
        let packed = crate::laws::compressed(&text, compression, 1);
        let mut options = options(Format::CSV);
        options.compression = compression;
        for len in [0, 3, packed.len() / 2, packed.len() - 1] {
            let error = run(&packed[..len], &[], &options, &[], Compression::None, &|_| true).err().unwrap();
            assert!(
                matches!(error, FormatError::Truncated { .. }),
                "{compression:?} cut at {len}: {error:?}"
            );
        }
        let mut damaged = packed.clone();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 0x55;
        let error = run(&damaged, &[], &options, &[], Compression::None, &|_| true).err().unwrap();
        assert!(
            matches!(error, FormatError::Decompress { .. } | FormatError::Truncated { .. }),
            "{compression:?} damaged: {error:?}"
        );
    }
}

#[test]
fn columns_that_are_not_there() {
    let csv = options(Format::CSV);
    let input = b"id,e,e\n1,2,3\n";
    check(input, &csv, &named(&["x"]), "`people` has no column `x`; it has `id`, `e`, `e`");
    check(input, &csv, &named(&["e"]), "`people` has more than one column `e`; choose one by position: 2, 3");
    check(input, &csv, &[Column::At(4)], "`people` has 3 columns, so there is none at position 4");
    check(input, &csv, &[Column::At(0)], "`people` has 3 columns, so there is none at position 0");
    let bare = Options { has_header: false, ..csv.clone() };
    check(
        input,
        &bare,
        &named(&["e"]),
        "`people` is read without a header, so column `e` must be given by position",
    );
    let json = options(Format::Ndjson);
    check(
        b"{}\n",
        &json,
        &[Column::At(1)],
        "NDJSON has no column positions; give the path of the member, for example `user.email`",
    );
    check(
        b"{}\n",
        &json,
        &named(&["a..b"]),
        "`a..b` is no path; write the names of the members with dots between, or a JSON pointer such as `/user/email`",
    );
}

#[test]
fn headers_that_cannot_be_read() {
    let csv = options(Format::CSV);
    check(
        b"\"id,e\n1,2\n",
        &csv,
        &[],
        "the header of `people` opens a quote that is never closed; mend its first line",
    );
    check(
        b"\xe9,e\n1,2\n",
        &csv,
        &[],
        "the header of `people` is not UTF-8; convert the file to UTF-8 first",
    );
    check(
        b"\xff\xfei\0d\0",
        &csv,
        &[],
        "`people` is UTF-16 text; convert it to UTF-8 first, for example with `iconv -f UTF-16 -t UTF-8`",
    );
    check(
        b"",
        &options(Format::Delimited { delimiter: b'"' }),
        &[],
        "the delimiter \\\" cannot be told from a quote, a line end or a letter; choose another",
    );
    check(
        b"",
        &options(Format::Parquet),
        &[],
        "`people` is Parquet, which is read in any order and so needs a file rather than a stream; save it to a file first",
    );
}
