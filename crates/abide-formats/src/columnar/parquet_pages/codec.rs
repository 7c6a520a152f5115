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

    /// The bytes compressed, in `room`, whose length is not shortened so that it need not be filled again.
    pub(super) fn compress<'r>(
        &mut self,
        bytes: &'r [u8],
        room: &'r mut Vec<u8>,
    ) -> Result<&'r [u8], ParquetError> {
        let len = match self {
            Self::Uncompressed => return Ok(bytes),
            Self::Snappy(encoder) => {
                let room = at_least(room, snap::raw::max_compress_len(bytes.len()));
                encoder.compress(bytes, room).map_err(failed)?
            }
            Self::Gzip => {
                room.clear();
                let mut encoder = GzEncoder::new(&mut *room, GzipLevel::default());
                encoder.write_all(bytes)?;
                encoder.finish()?.len()
            }
            Self::Zstd(compressor) => {
                let room = at_least(room, zstd::zstd_safe::compress_bound(bytes.len()));
                compressor.compress_to_buffer(bytes, room)?
            }
            Self::Lz4Raw => {
                let room = at_least(room, lz4_flex::block::get_maximum_output_size(bytes.len()));
                lz4_flex::block::compress_into(bytes, room).map_err(failed)?
            }
        };
        Ok(&room[..len])
    }
}

fn at_least(room: &mut Vec<u8>, len: usize) -> &mut [u8] {
    if room.len() < len {
        room.resize(len, 0);
    }
    room
}

fn failed(source: impl std::error::Error + Send + Sync + 'static) -> ParquetError {
    ParquetError::External(Box::new(source))
}
