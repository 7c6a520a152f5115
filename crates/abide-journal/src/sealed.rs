//! JSON of a store whose last field is a keyed hash of the bytes before it, so that no change goes unseen, and nobody
//! without the secret can make one: what `abide.json` and the manifests of snapshots are.

const BEFORE: &[u8] = b",\n  \"seal\": \"";
const AFTER: &[u8] = b"\"\n}\n";
/// What a pretty-printed object ends with.
const END: &[u8] = b"\n}";

/// Puts the seal at the end of a pretty-printed JSON object.
pub(crate) fn close(mut text: Vec<u8>, seal: impl Fn(&[u8]) -> [u8; 32]) -> Vec<u8> {
    assert!(text.ends_with(END), "a pretty-printed object");
    text.truncate(text.len() - END.len());
    let seal = hex::encode(seal(&text));
    [&text, BEFORE, seal.as_bytes(), AFTER].concat()
}

pub(crate) fn holds(bytes: &[u8], seal: impl Fn(&[u8]) -> [u8; 32]) -> bool {
    let tail = BEFORE.len() + 64 + AFTER.len();
    let Some((text, found)) = bytes.len().checked_sub(tail).map(|at| bytes.split_at(at)) else {
        return false;
    };
    found == [BEFORE, hex::encode(seal(text)).as_bytes(), AFTER].concat()
}
