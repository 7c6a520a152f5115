//! The seal: a keyed hash of the whole object that stands inside it.
//!
//! Links prove the records; the seal proves every other byte too (statistics, metadata, page
//! headers), and costs nothing beside decoding. So an object is never decoded before it is known
//! to be a writer's own.
//!
//! It is the last entry of the file's key-value metadata, 64 hex digits, and is computed over the
//! file with `0` in their place. How it is found and computed is the same in every format version.

use std::ops::Range;

use memchr::memmem;

use hex::FromHex as _;

use crate::chain::ChainKey;

pub(super) const KEY: &str = "abide.seal";
pub(super) const PLACEHOLDER: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The key, and then in Thrift's compact protocol a string of 64 bytes as the next field.
const BEFORE: &[u8] = b"abide.seal\x18\x40";

/// Fills the placeholder in; `None` when there is none, which is a bug of the writer.
pub(super) fn set(chain: &ChainKey, object: &mut [u8]) -> Option<()> {
    let at = place(object)?;
    let seal = chain.seal(&[object]);
    object[at].copy_from_slice(hex::encode(seal).as_bytes());
    Some(())
}

pub(super) fn holds(chain: &ChainKey, object: &[u8]) -> bool {
    let Some(at) = place(object) else { return false };
    let found =
        std::str::from_utf8(&object[at.clone()]).ok().and_then(|text| <[u8; 32]>::from_hex(text).ok());
    let seal = chain.seal(&[&object[..at.start], PLACEHOLDER.as_bytes(), &object[at.end..]]);
    // Upper-case digits would read the same and be another file.
    found == Some(seal) && !object[at].iter().any(u8::is_ascii_uppercase)
}

/// Key-value metadata is among the last things of the footer, and nothing after it is free text.
fn place(object: &[u8]) -> Option<Range<usize>> {
    let start = memmem::rfind(object, BEFORE)? + BEFORE.len();
    let end = start + PLACEHOLDER.len();
    (end <= object.len()).then_some(start..end)
}
