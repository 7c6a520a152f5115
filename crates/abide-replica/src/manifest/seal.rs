//! A manifest's last field is a keyed hash of the bytes before it, so that no change goes unseen: a
//! position that is off by one would be an opt-out that is never read. Whoever can write to the
//! bucket but has no secret cannot forge it either.

use abide_journal::Store;

const BEFORE: &[u8] = b",\n  \"seal\": \"";
const AFTER: &[u8] = b"\"\n}\n";
/// What a pretty-printed object ends with.
const END: &[u8] = b"\n}";

/// Puts the seal at the end of a pretty-printed JSON object.
pub(super) fn close(mut text: Vec<u8>, store: &Store) -> Vec<u8> {
    assert!(text.ends_with(END), "a pretty-printed object");
    text.truncate(text.len() - END.len());
    let seal = hex::encode(store.manifest_seal(&text));
    [&text, BEFORE, seal.as_bytes(), AFTER].concat()
}

pub(super) fn holds(bytes: &[u8], store: &Store) -> bool {
    let tail = BEFORE.len() + 64 + AFTER.len();
    let Some((text, found)) = bytes.len().checked_sub(tail).map(|at| bytes.split_at(at)) else {
        return false;
    };
    found == [BEFORE, hex::encode(store.manifest_seal(text)).as_bytes(), AFTER].concat()
}
