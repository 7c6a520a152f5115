//! What a compressed batch says of itself, before anybody believes it.
//!
//! Each of its buffers begins with the length that it has uncompressed, and the reader makes room for
//! that before it decompresses a byte. A length that was damaged would be room that no machine has, and
//! the end of the process.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::os::unix::fs::FileExt as _;

use arrow_ipc::{Block, CompressionType, Message, RecordBatch, root_as_message};

/// Nothing longer is taken. Texts with offsets of 32 bits cannot be; those with 64 could, in batches that no
/// writer we know makes.
const BUFFER_BYTES_MAX: u64 = 1 << 31;

/// The greatest lengths that compressed bytes can have uncompressed: a block of Zstandard is at most
/// 128 KiB and takes at least four bytes; a byte of LZ4 stands for at most 255.
fn bytes_max(codec: CompressionType, compressed: u64) -> u64 {
    let most = match codec {
        CompressionType::ZSTD => (compressed / 4 + 1).saturating_mul(128 << 10),
        _ => compressed.saturating_mul(255),
    };
    most.min(BUFFER_BYTES_MAX)
}

fn batch_of<'a>(message: &Message<'a>) -> Option<RecordBatch<'a>> {
    let dictionary = message.header_as_dictionary_batch().and_then(|dictionary| dictionary.data());
    message.header_as_record_batch().or(dictionary)
}

pub(super) fn codec_of(message: &Message<'_>) -> Option<CompressionType> {
    Some(batch_of(message)?.compression()?.codec())
}

/// Whether all that is claimed can be true. `at` gives eight bytes of the body; what lies outside of it
/// is for the reader to complain about.
fn can_be_true(
    message: &Message<'_>,
    mut at: impl FnMut(u64) -> io::Result<Option<[u8; 8]>>,
) -> io::Result<bool> {
    let Some(codec) = codec_of(message) else { return Ok(true) };
    for buffer in batch_of(message).and_then(|batch| batch.buffers()).into_iter().flatten() {
        let (Ok(offset), Ok(bytes)) = (u64::try_from(buffer.offset()), u64::try_from(buffer.length())) else {
            continue;
        };
        let Some(compressed) = bytes.checked_sub(8) else { continue };
        let Some(claimed) = at(offset)?.map(i64::from_le_bytes) else { continue };
        // Less than nothing stands for bytes that are not compressed.
        if u64::try_from(claimed).is_ok_and(|claimed| claimed > bytes_max(codec, compressed)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Of a batch in a file, where the footer says that it stands.
pub(super) fn of_block(file: &File, block: &Block) -> io::Result<bool> {
    let place = |number: i64| u64::try_from(number).unwrap_or(u64::MAX);
    let (start, header) = (place(block.offset()), place(block.metaDataLength().into()));
    let Ok(length) = usize::try_from(header) else { return Ok(true) };
    let mut metadata = vec![0; length];
    file.read_exact_at(&mut metadata, start)?;
    let prefix = if metadata.starts_with(&super::CONTINUES) { 8 } else { 4 };
    let Some(Ok(message)) = metadata.get(prefix..).map(root_as_message) else { return Ok(true) };
    let body = start.saturating_add(header);
    can_be_true(&message, |offset| {
        let mut bytes = [0; 8];
        match file.read_exact_at(&mut bytes, body.saturating_add(offset)) {
            Ok(()) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
        }
    })
}

/// A stream that ends with an error before the first batch whose claims cannot be true.
pub(super) struct Checked<R> {
    read: R,
    /// A message that was looked at: its header, and its body if that is compressed.
    ready: Cursor<Vec<u8>>,
    /// Of a body that nobody has to look at.
    left: u64,
}

impl<R: Read> Checked<R> {
    pub(super) fn new(read: R) -> Self {
        Self { read, ready: Cursor::default(), left: 0 }
    }

    /// What is cut short or makes no sense is handed on as it is.
    fn next_message(&mut self) -> io::Result<()> {
        let mut bytes = std::mem::take(&mut self.ready).into_inner();
        bytes.clear();
        let header = super::next_header(&mut self.read, &mut bytes)?;
        if let Ok(message) = root_as_message(&bytes[header.clone()])
            && let Ok(body) = u64::try_from(message.bodyLength())
        {
            if codec_of(&message).is_none() {
                self.left = body;
            } else {
                let start = bytes.len();
                self.read.by_ref().take(body).read_to_end(&mut bytes)?;
                let message = root_as_message(&bytes[header]).expect("it was just read");
                let at = |offset: u64| {
                    let from = usize::try_from(offset).ok().and_then(|offset| start.checked_add(offset));
                    Ok(from.and_then(|from| bytes.get(from..)?.first_chunk().copied()))
                };
                if !can_be_true(&message, at)? {
                    let what =
                        "a compressed column claims to be longer than it can be, or than 2 GiB in one batch";
                    return Err(io::Error::new(io::ErrorKind::InvalidData, what));
                }
            }
        }
        self.ready = Cursor::new(bytes);
        Ok(())
    }
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 && self.ready.position() == self.ready.get_ref().len() as u64 {
            self.next_message()?;
        }
        match self.ready.read(into)? {
            0 if self.left > 0 => {
                let read = self.read.by_ref().take(self.left).read(into)?;
                self.left = if read == 0 { 0 } else { self.left - read as u64 };
                Ok(read)
            }
            read => Ok(read),
        }
    }
}
