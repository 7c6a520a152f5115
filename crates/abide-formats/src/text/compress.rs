//! gzip and zstd around text: streamed in, and out in blocks that worker threads compress on their own.

use std::io::{self, BufRead as _, BufReader, Read, Write};

use bytes::Bytes;
use flate2::{Compress, Crc, FlushCompress};

use crate::{Compression, FormatError};

/// Bytes as they will stand in the output, but for the frame around a gzip stream.
#[derive(Debug)]
pub(crate) enum Encoded {
    Plain(Bytes),
    /// Raw deflate blocks that end on a byte and look back at nothing before them, so that they can be strung together.
    Deflate {
        blocks: Vec<u8>,
        crc: Crc,
    },
    /// One zstd frame.
    Zstd(Vec<u8>),
}

impl Encoded {
    pub(crate) fn new(text: Bytes, compression: Compression) -> Result<Self, FormatError> {
        Ok(match compression {
            Compression::None => Self::Plain(text),
            Compression::Gzip => deflate(&text),
            Compression::Zstd => {
                Self::Zstd(zstd_frame(&text).map_err(|source| FormatError::Write { source })?)
            }
        })
    }
}

fn zstd_frame(text: &[u8]) -> io::Result<Vec<u8>> {
    let mut compressor = zstd::bulk::Compressor::new(zstd::DEFAULT_COMPRESSION_LEVEL)?;
    compressor.include_checksum(true)?;
    compressor.compress(text)
}

fn deflate(text: &[u8]) -> Encoded {
    let mut crc = Crc::new();
    crc.update(text);
    let mut state = Compress::new(flate2::Compression::default(), false);
    let mut blocks = Vec::with_capacity(text.len() / 3 + 64);
    loop {
        let taken = usize::try_from(state.total_in()).expect("a piece is in memory");
        let room = blocks.capacity() - blocks.len();
        state
            .compress_vec(&text[taken..], &mut blocks, FlushCompress::Sync)
            .expect("compressing to memory has no way to fail");
        // Room left over means that the flush is complete.
        if state.total_in() == text.len() as u64 && blocks.len() < blocks.capacity() && room > 0 {
            return Encoded::Deflate { blocks, crc };
        }
        blocks.reserve(text.len() / 3 + 64);
    }
}

/// Writes encoded text in order, as one gzip member, a row of zstd frames, or plainly.
#[derive(Debug)]
pub(crate) struct Frame {
    compression: Compression,
    crc: Crc,
    started: bool,
}

/// No name, no time, system unknown: the same input gives the same output.
const GZIP_HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
/// A last deflate block with nothing in it.
const GZIP_LAST_BLOCK: [u8; 2] = [3, 0];

impl Frame {
    pub(crate) fn new(compression: Compression) -> Self {
        Self { compression, crc: Crc::new(), started: false }
    }

    pub(crate) fn write(&mut self, sink: &mut impl Write, encoded: &Encoded) -> io::Result<()> {
        self.start(sink)?;
        match encoded {
            Encoded::Plain(text) => sink.write_all(text),
            Encoded::Deflate { blocks, crc } => {
                self.crc.combine(crc);
                sink.write_all(blocks)
            }
            Encoded::Zstd(frame) => sink.write_all(frame),
        }
    }

    pub(crate) fn finish(&mut self, sink: &mut impl Write) -> io::Result<()> {
        let empty = !self.started;
        self.start(sink)?;
        match self.compression {
            Compression::Gzip => {
                sink.write_all(&GZIP_LAST_BLOCK)?;
                sink.write_all(&self.crc.sum().to_le_bytes())?;
                sink.write_all(&self.crc.amount().to_le_bytes())?;
            }
            Compression::Zstd if empty => sink.write_all(&zstd_frame(b"")?)?,
            Compression::None | Compression::Zstd => {}
        }
        sink.flush()
    }

    fn start(&mut self, sink: &mut impl Write) -> io::Result<()> {
        if !self.started && self.compression == Compression::Gzip {
            sink.write_all(&GZIP_HEAD)?;
        }
        self.started = true;
        Ok(())
    }
}

/// What is inside the compression, streamed. Several gzip members or zstd frames read as one text.
pub(crate) fn decoder(
    name: &str,
    read: Box<dyn Read + Send>,
    compression: Compression,
) -> Result<Box<dyn Read + Send>, FormatError> {
    let failed = |source| FormatError::Read { name: name.to_owned(), source };
    if compression == Compression::None {
        return Ok(read);
    }
    let mut source = BufReader::with_capacity(256 * 1024, read);
    if source.fill_buf().map_err(failed)?.is_empty() {
        return Err(FormatError::Truncated { name: name.to_owned() });
    }
    Ok(match compression {
        Compression::None | Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(source)),
        Compression::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(source).map_err(failed)?),
    })
}

/// What an error while reading decompressed text means.
pub(crate) fn read_error(name: &str, compression: Compression, source: io::Error) -> FormatError {
    let name = name.to_owned();
    match (compression, source.kind()) {
        (Compression::None, _) => FormatError::Read { name, source },
        (_, io::ErrorKind::UnexpectedEof) => FormatError::Truncated { name },
        (_, io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::Other) => {
            FormatError::Decompress { name, source }
        }
        _ => FormatError::Read { name, source },
    }
}
