//! What can go wrong with a file as a whole. What is wrong with one row is a [`RowFault`](crate::RowFault).

use std::io;

use arrow_schema::ArrowError;
use parquet::errors::ParquetError;

use crate::Format;

/// Why a file cannot be read or written. File and column names appear in the messages, what the cells hold never does.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    #[error("could not open `{name}`")]
    Open { name: String, source: io::Error },
    #[error("could not read `{name}`")]
    Read { name: String, source: io::Error },
    #[error("could not write the output")]
    Write { source: io::Error },

    #[error(
        "the compressed data of `{name}` ends in the middle; get the whole file again, nothing after that point was read"
    )]
    Truncated { name: String },
    #[error("the compressed data of `{name}` is damaged; get the file again")]
    Decompress { name: String, source: io::Error },
    #[error(
        "`{name}` is {format} inside a compressed file; decompress it first, {format} needs to be read in any order"
    )]
    CompressedColumnar { name: String, format: Format },
    #[error(
        "{format} output cannot be wrapped in gzip or zstd; it holds its own compression, so choose a name without that ending"
    )]
    ColumnarCompression { format: Format },

    #[error(
        "`{name}` is {encoding} text; convert it to UTF-8 first, for example with `iconv -f {encoding} -t UTF-8`"
    )]
    WideText { name: String, encoding: &'static str },
    #[error(
        "`{name}` holds one JSON array rather than one object per line; turn it into lines first, for example with `jq -c '.[]'`"
    )]
    JsonArray { name: String },
    #[error(
        "`{name}` is {format}, which is read in any order and so needs a file rather than a stream; save it to a file first"
    )]
    NeedsFile { name: String, format: Format },
    #[error("`{name}` is encrypted; decrypt it first, encrypted {format} is not read")]
    Encrypted { name: String, format: Format },
    #[error(
        "the delimiter {} cannot be told from a quote, a line end or a letter; choose another",
        .delimiter.escape_ascii()
    )]
    Delimiter { delimiter: u8 },

    #[error(
        "record {record} of `{name}`, which starts on line {line}, is longer than {limit} bytes; look there for a quote that is never closed, or raise the limit"
    )]
    RecordTooLong { name: String, record: u64, line: u64, limit: usize },
    #[error("the header of `{name}` is not UTF-8; convert the file to UTF-8 first")]
    HeaderNotUtf8 { name: String },
    #[error("the header of `{name}` opens a quote that is never closed; mend its first line")]
    HeaderUnclosed { name: String },

    #[error("`{name}` has no column `{column}`; it has {known}")]
    ColumnMissing { name: String, column: String, known: String },
    #[error("`{name}` has more than one column `{column}`; choose one by position: {positions}")]
    ColumnRepeated { name: String, column: String, positions: String },
    #[error("`{name}` is read without a header, so column `{column}` must be given by position")]
    ColumnWithoutHeader { name: String, column: String },
    #[error("`{name}` has {width} columns, so there is none at position {position}")]
    PositionMissing { name: String, position: usize, width: usize },
    #[error("{format} has no column positions; give the path of the member, for example `user.email`")]
    PositionWithoutOrder { format: Format },
    #[error(
        "`{column}` is no path; write the names of the members with dots between, or a JSON pointer such as `/user/email`"
    )]
    Path { column: String },
    #[error(
        "column `{column}` of `{name}` holds {data_type}, which is not read as text; choose another column"
    )]
    ColumnType { name: String, column: String, data_type: String },
    #[error("`{name}` already has a column `{column}`; choose another name for the added one")]
    ColumnExists { name: String, column: String },
    #[error("columns cannot be added to one-per-line text; use CSV")]
    NoColumnsInLines,

    #[error("could not read {format} in `{name}`")]
    Parquet { name: String, format: Format, source: ParquetError },
    #[error("could not read {format} in `{name}`")]
    Arrow { name: String, format: Format, source: ArrowError },
    #[error(
        "`{name}` is no sound {format}: its parts contradict each other; get the file again, or rewrite it"
    )]
    Damaged { name: String, format: Format },
    #[error("could not write {format}")]
    WriteParquet { format: Format, source: ParquetError },
    #[error("could not write {format}")]
    WriteArrow { format: Format, source: ArrowError },
    #[error(
        "column `{column}` of `{name}` is compressed with {codec}, which is not supported; rewrite the file with ZSTD or SNAPPY"
    )]
    Codec { name: String, column: String, codec: String },
    #[error(
        "formats cannot be converted: the input is {input}, the output {output}; keep the same format for both"
    )]
    Conversion { input: Format, output: Format },
}
