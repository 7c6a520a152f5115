//! CSV, NDJSON and one-per-line text: records are cut where the bytes say, and written as they were read.
//!
//! Why not the `csv` crate: it copies every field and hides where in the input a record lies, while we must give rows
//! back byte for byte, look at two or three columns of many, and find record ends faster than a disk delivers. The
//! rules for quotes and line ends are the same as that crate's, and a test holds us to it.

pub(crate) mod block;
pub(crate) mod buffers;
pub(crate) mod compress;
pub(crate) mod delimited;
pub(crate) mod json;
pub(crate) mod reader;
pub(crate) mod sniff;
pub(crate) mod splice;
pub(crate) mod split;
