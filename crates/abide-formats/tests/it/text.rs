//! Tricky text: which rows it has, what they say, and that what stays is byte for byte what was there.

use abide_formats::{Column, Compression, Format, Output, Plan, Reader, Writer};

use crate::{Outcome, named, options, run};

struct Case {
    why: &'static str,
    input: &'static [u8],
    rows: &'static [&'static str],
    /// When only the rows with an even number, from 0, are kept.
    even: &'static [u8],
    odd_side: &'static [u8],
}

fn check(format: Format, has_header: bool, wanted: &[Column], cases: &[Case]) {
    for case in cases {
        let mut options = options(format);
        options.has_header = has_header;
        let run = |keep: &dyn Fn(u64) -> bool| {
            run(case.input, &[], &options, wanted, Compression::None, keep)
                .unwrap_or_else(|error| panic!("{}: {error}", case.why))
        };
        let Outcome { rows, kept, .. } = run(&|_| true);
        assert_eq!(rows, case.rows, "{}", case.why);
        assert_eq!(kept, case.input, "{}: all rows kept is all bytes kept", case.why);
        let even = run(&|row| row % 2 == 0);
        assert_eq!(
            even.kept.escape_ascii().to_string(),
            case.even.escape_ascii().to_string(),
            "{}",
            case.why
        );
        assert_eq!(
            even.side.escape_ascii().to_string(),
            case.odd_side.escape_ascii().to_string(),
            "{}",
            case.why
        );
    }
}

#[test]
fn csv_with_a_header() {
    check(
        Format::CSV,
        true,
        &named(&["email", "id"]),
        &[
            Case {
                why: "plain rows",
                input: b"id,email\n1,a@example.com\n2,b@example.com\n3,\n",
                rows: &["a@example.com|1", "b@example.com|2", "-|3"],
                even: b"id,email\n1,a@example.com\n3,\n",
                odd_side: b"id,email\n2,b@example.com\n",
            },
            Case {
                why: "a last line without an end, and line ends of Windows",
                input: b"id,email\r\n1,a\r\n2,b\r\n3,c",
                rows: &["a|1", "b|2", "c|3"],
                even: b"id,email\r\n1,a\r\n3,c",
                odd_side: b"id,email\r\n2,b\r\n",
            },
            Case {
                why: "line ends of old Macs, and a mix",
                input: b"id,email\r1,a\r2,b\n3,c\r\n4,d",
                rows: &["a|1", "b|2", "c|3", "d|4"],
                even: b"id,email\r1,a\r3,c\r\n",
                odd_side: b"id,email\r2,b\n4,d",
            },
            Case {
                why: "line ends, delimiters and quotes inside quotes",
                input: b"id,email\n1,\"a\nb\"\n2,\"c,d\"\n3,\"say \"\"hi\"\"\"\n\"4\",\"\"\n5,\"\"\"\"\n",
                rows: &["a\nb|1", "c,d|2", "say \"hi\"|3", "-|4", "\"|5"],
                even: b"id,email\n1,\"a\nb\"\n3,\"say \"\"hi\"\"\"\n5,\"\"\"\"\n",
                odd_side: b"id,email\n2,\"c,d\"\n\"4\",\"\"\n",
            },
            Case {
                why: "a quote inside a field that is not quoted is a letter and opens nothing",
                input: b"id,email\n1,5\" pipe\n2, \"x\"\n3,a\"\n",
                rows: &["5\" pipe|1", " \"x\"|2", "a\"|3"],
                even: b"id,email\n1,5\" pipe\n3,a\"\n",
                odd_side: b"id,email\n2, \"x\"\n",
            },
            Case {
                why: "letters after a closing quote are read differently by different programs",
                input: b"id,email\n1,\"a\"b\n2,\"a\" \n\"3\",c\n",
                rows: &["?|1", "?|2", "c|3"],
                even: b"id,email\n1,\"a\"b\n\"3\",c\n",
                odd_side: b"id,email\n2,\"a\" \n",
            },
            Case {
                why: "blank lines are no rows and pass through, but not to the side",
                input: b"\n\r\nid,email\n\n1,a\n\n\n2,b\r\n\r\n3,c\n\n",
                rows: &["a|1", "b|2", "c|3"],
                even: b"\n\r\nid,email\n\n1,a\n\n\n\r\n3,c\n\n",
                odd_side: b"\n\r\nid,email\n2,b\r\n",
            },
            Case {
                why: "rows with too few or too many fields",
                input: b"id,email\n1\n2,b\n3,c,d\n4,d\n,\n",
                rows: &["! 1 of 2", "b|2", "! 3 of 2", "d|4", "-|-"],
                even: b"id,email\n1\n3,c,d\n,\n",
                odd_side: b"id,email\n2,b\n4,d\n",
            },
            Case {
                why: "a quote that is never closed takes the rest with it, and says so",
                input: b"id,email\n1,a\n2,b\n3,\"c\n4,d\n",
                rows: &["a|1", "b|2", "! UnclosedQuote"],
                even: b"id,email\n1,a\n3,\"c\n4,d\n",
                odd_side: b"id,email\n2,b\n",
            },
            Case {
                why: "bytes that are not UTF-8 spoil their cell, not the row; NUL is a letter",
                input: b"id,email\n1,\xff\xfe\n\xe9,b\n3,c\0d\n",
                rows: &["?|1", "b|?", "c\0d|3"],
                even: b"id,email\n1,\xff\xfe\n3,c\0d\n",
                odd_side: b"id,email\n\xe9,b\n",
            },
            Case {
                why: "the mark of UTF-8 is kept and no part of the first name",
                input: b"\xef\xbb\xbf\"id\",email\n1,a\n2,b\n",
                rows: &["a|1", "b|2"],
                even: b"\xef\xbb\xbf\"id\",email\n1,a\n",
                odd_side: b"\xef\xbb\xbf\"id\",email\n2,b\n",
            },
            Case {
                why: "a header alone",
                input: b"id,email",
                rows: &[],
                even: b"id,email",
                odd_side: b"id,email",
            },
            Case {
                why: "a repeated name that nobody asks for",
                input: b"id,x,email,x\n1,,a,\n",
                rows: &["a|1"],
                even: b"id,x,email,x\n1,,a,\n",
                odd_side: b"id,x,email,x\n",
            },
        ],
    );
}

#[test]
fn csv_without_a_header() {
    check(
        Format::Delimited { delimiter: b';' },
        false,
        &[Column::At(2), Column::At(2)],
        &[Case {
            why: "the first record says how many fields there are",
            input: b"\xef\xbb\xbf\"a;\";b\nc;d;e\nf;g",
            rows: &["b|b", "! 3 of 2", "g|g"],
            even: b"\xef\xbb\xbf\"a;\";b\nf;g",
            odd_side: b"\xef\xbb\xbfc;d;e\n",
        }],
    );
}

#[test]
fn one_per_line() {
    check(
        Format::Lines,
        false,
        &[Column::At(1)],
        &[
            Case { why: "nothing at all", input: b"", rows: &[], even: b"", odd_side: b"" },
            Case {
                why: "quotes and delimiters are letters",
                input: b"\"a,b\n\nc\t\r\n\xff\n ",
                rows: &["\"a,b", "c\t", "?", " "],
                even: b"\"a,b\n\n\xff\n",
                odd_side: b"c\t\r\n ",
            },
        ],
    );
}

#[test]
fn ndjson() {
    check(
        Format::Ndjson,
        true,
        &named(&["email", "user.id", "/user.id/a~1b"]),
        &[
            Case { why: "nothing at all", input: b"", rows: &[], even: b"", odd_side: b"" },
            Case {
                why: "paths, numbers as written, truth, null and what is not there",
                input: br#"{"email":"a@example.com","user":{"id":12345678901234567890123,"x":[1]}}
 {"user":{"id":1.50},"email":null,"user.id":{"a/b":true}}
{"email":"","user":7}
{}"#,
                rows: &["a@example.com|12345678901234567890123|-", "-|1.50|true", "-|-|-", "-|-|-"],
                even: br#"{"email":"a@example.com","user":{"id":12345678901234567890123,"x":[1]}}
{"email":"","user":7}
"#,
                odd_side: br#" {"user":{"id":1.50},"email":null,"user.id":{"a/b":true}}
{}"#,
            },
            Case {
                why: "escapes, in names too",
                input: b"{\"\\u0065mail\":\"a\\u0040b\"}\r\n{\"email\":\"\\ud800\"}\n{\"email\":\"\\\"\"}\n",
                rows: &["a@b|-|-", "?|-|-", "\"|-|-"],
                even: b"{\"\\u0065mail\":\"a\\u0040b\"}\r\n{\"email\":\"\\\"\"}\n",
                odd_side: b"{\"email\":\"\\ud800\"}\n",
            },
            Case {
                why: "lists of scalars, lists on the way, and what is no text",
                input: br#"{"email":["a",null,"b"],"user":[{"id":1},{"id":2},3]}
{"email":["a"],"user":[]}
{"email":[["a"]],"user":{"id":{}}}
"#,
                rows: &["[a b]|[1 2]|-", "a|-|-", "?|?|-"],
                even: br#"{"email":["a",null,"b"],"user":[{"id":1},{"id":2},3]}
{"email":[["a"]],"user":{"id":{}}}
"#,
                odd_side: b"{\"email\":[\"a\"],\"user\":[]}\n",
            },
            Case {
                why: "a member that occurs twice is anybody's guess",
                input: b"{\"email\":\"a\",\"email\":\"b\"}\n{\"user\":{\"id\":1},\"user\":{}}\n{\"x\":1,\"x\":2}\n",
                rows: &["?|-|-", "-|?|-", "-|-|-"],
                even: b"{\"email\":\"a\",\"email\":\"b\"}\n{\"x\":1,\"x\":2}\n",
                odd_side: b"{\"user\":{\"id\":1},\"user\":{}}\n",
            },
            Case {
                why: "lines that are no object; blank lines are no rows",
                input: b"\xef\xbb\xbf[1]\n \t\n{\"email\":\n{\"email\":\"a\"} x\n{\"x\":\"\xff\"}\n\"a\"\nnull\n{\"a\":01}\n\n",
                rows: &[
                    "! NotAnObject",
                    "! NotJson",
                    "! NotJson",
                    "! NotUtf8",
                    "! NotAnObject",
                    "! NotAnObject",
                    "! NotJson",
                ],
                even: b"\xef\xbb\xbf[1]\n \t\n{\"email\":\"a\"} x\n\"a\"\n{\"a\":01}\n\n",
                odd_side: b"\xef\xbb\xbf{\"email\":\n{\"x\":\"\xff\"}\nnull\n",
            },
        ],
    );
}

#[test]
fn added_columns_stand_at_the_end_of_each_row() {
    let csv = b"\xef\xbb\xbfid,e\r\n1,a\r\n2\r\n\r\n3,\"b\"";
    let widened =
        "\u{feff}id,e,in,\"a,b\"\r\n1,a,yes,\"say \"\"x\"\"\"\r\n2\r\n\r\n3,\"b\",yes,\"say \"\"x\"\"\"";
    assert_eq!(with_columns(Format::CSV, csv, &["in", "a,b"], &["yes", "say \"x\""]).as_deref(), Ok(widened));
    let json = b"{\"a\":1}\n{ }\r\nnull\n{\"b\":{\"in\":2} }";
    let widened =
        "{\"a\":1,\"in\":\"\\\"\"}\n{\"in\":\"\\\"\" }\r\nnull\n{\"b\":{\"in\":2},\"in\":\"\\\"\" }";
    assert_eq!(with_columns(Format::Ndjson, json, &["in"], &["\""]).as_deref(), Ok(widened));
    for (format, input) in [(Format::CSV, &b"id,in\n1,2\n"[..]), (Format::Ndjson, b"{\"in\":1}\n")] {
        let error = with_columns(format, input, &["in"], &["yes"]).unwrap_err();
        assert_eq!(error, "`people` already has a column `in`; choose another name for the added one");
    }
}

/// Keeps every row and gives each the same values.
fn with_columns(
    format: Format,
    input: &'static [u8],
    names: &[&str],
    values: &[&str],
) -> Result<String, String> {
    let attempt = || {
        let mut reader = Reader::from_read(Box::new(input), &options(format))?;
        let plan = Plan::new(reader.layout(), &[])?;
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let output = Output::new(reader.layout(), Compression::None, &names)?;
        let mut writer = Writer::new(Vec::new(), &output)?;
        while let Some(chunk) = reader.next_chunk()? {
            let batch = plan.parse(chunk)?;
            let columns: Vec<Vec<&str>> = values.iter().map(|value| vec![*value; batch.len()]).collect();
            let columns: Vec<&[&str]> = columns.iter().map(Vec::as_slice).collect();
            writer.write(batch.keep_with_columns(&vec![true; batch.len()], &output, &columns)?)?;
        }
        writer.finish()
    };
    let bytes = attempt().map_err(|error| error.to_string())?;
    Ok(String::from_utf8(bytes).unwrap())
}

#[test]
fn a_row_knows_its_line() {
    let input: &[u8] = b"h\n\n\"a\nb\"\r\nc\rd\n";
    let mut reader = Reader::from_read(Box::new(input), &options(Format::CSV)).unwrap();
    let plan = Plan::new(reader.layout(), &[]).unwrap();
    let batch = plan.parse(reader.next_chunk().unwrap().unwrap()).unwrap();
    assert_eq!((0..batch.len()).map(|row| batch.line(row).unwrap()).collect::<Vec<_>>(), [3, 5, 6]);
}
