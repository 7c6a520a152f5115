//! Pages compressed again, the way that they were.
//!
//! In go bytes and the codec that the column chunk had, out come fewer bytes. What a writer chose beside the codec (a
//! level) is not written in a file, so it is the default one. Decompressing is done by the reader of pages.

use flate2::Compression as GzipLevel;
use flate2::write::GzEncoder;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use std::io::Write as _;

/// Compresses the pages of one column chunk.
pub(super) enum Codec {
    Uncompressed,
    Snappy(Box<snap::raw::Encoder>),
    Gzip,
    Zstd(zstd::bulk::Compressor<'static>),
    Lz4Raw,
}

impl Codec {
    /// `None` for those that are not known here, such as the deprecated LZ4 with its frames.
    pub(super) fn new(compression: Compression) -> Result<Option<Self>, ParquetError> {
        Ok(Some(match compression {
            Compression::UNCOMPRESSED => Self::Uncompressed,
            Compression::SNAPPY => Self::Snappy(Box::new(snap::raw::Encoder::new())),
            Compression::GZIP(_) => Self::Gzip,
            Compression::ZSTD(level) => Self::Zstd(zstd::bulk::Compressor::new(level.compression_level())?),
            Compression::LZ4_RAW => Self::Lz4Raw,
            Compression::LZ4 | Compression::LZO | Compression::BROTLI(_) => return Ok(None),
        }))
    }

    /// Appends `bytes`, compressed.
    pub(super) fn compress(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), ParquetError> {
        let begin = out.len();
        let room = |out: &mut Vec<u8>, len: usize| out.resize(begin + len, 0);
        match self {
            Self::Uncompressed => out.extend_from_slice(bytes),
            Self::Snappy(encoder) => {
                room(out, snap::raw::max_compress_len(bytes.len()));
                let len = encoder.compress(bytes, &mut out[begin..]).map_err(failed)?;
                out.truncate(begin + len);
            }
            Self::Gzip => {
                let mut encoder = GzEncoder::new(&mut *out, GzipLevel::default());
                encoder.write_all(bytes)?;
                encoder.finish()?;
            }
            Self::Zstd(compressor) => {
                room(out, zstd::zstd_safe::compress_bound(bytes.len()));
                let len = compressor.compress_to_buffer(bytes, &mut out[begin..])?;
                out.truncate(begin + len);
            }
            Self::Lz4Raw => {
                room(out, lz4_flex::block::get_maximum_output_size(bytes.len()));
                let len = lz4_flex::block::compress_into(bytes, &mut out[begin..]).map_err(failed)?;
                out.truncate(begin + len);
            }
        }
        Ok(())
    }
}

fn failed(source: impl std::error::Error + Send + Sync + 'static) -> ParquetError {
    ParquetError::External(Box::new(source))
}
