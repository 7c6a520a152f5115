//! A manifest's last field is the digest of the bytes before it, so that no change goes unseen: a
//! position that is off by one would be an opt-out that is never read.

use sha2::{Digest, Sha256};

const BEFORE: &[u8] = b",\n  \"sha256\": \"";
const AFTER: &[u8] = b"\"\n}\n";
/// What a pretty-printed object ends with.
const END: &[u8] = b"\n}";

/// Puts the digest at the end of a pretty-printed JSON object.
pub(super) fn close(mut text: Vec<u8>) -> Vec<u8> {
    assert!(text.ends_with(END), "a pretty-printed object");
    text.truncate(text.len() - END.len());
    let digest = hex::encode(Sha256::digest(&text));
    [&text, BEFORE, digest.as_bytes(), AFTER].concat()
}

pub(super) fn holds(bytes: &[u8]) -> bool {
    let tail = BEFORE.len() + 64 + AFTER.len();
    let Some((text, found)) = bytes.len().checked_sub(tail).map(|at| bytes.split_at(at)) else {
        return false;
    };
    found == [BEFORE, hex::encode(Sha256::digest(text)).as_bytes(), AFTER].concat()
}
