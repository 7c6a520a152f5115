//! The keys that links are sealed with: the newest seals, all of them open, so that a new key ends no old mail's link.

use std::fmt;

use aws_lc_rs::{
    aead::{AES_256_GCM_SIV, Aad, LessSafeKey, Nonce, UnboundKey},
    digest::{SHA256, digest},
    hkdf::{HKDF_SHA256, KeyType, Salt},
};
use zeroize::Zeroizing;

/// The length of a key's id, in bytes.
pub(super) const ID: usize = 4;

const SECRET: usize = 32;
const PURPOSE: &[u8] = b"abide unsubscribe link 1";

/// One key, as its line in the file has it: 64 hexadecimal digits.
pub struct LinkKey {
    id: [u8; ID],
    key: LessSafeKey,
}

/// All keys whose links are accepted, the newest first. One a line; `#` begins a remark.
#[derive(Debug)]
pub struct LinkKeys(Vec<LinkKey>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLinkKeys {
    #[error("line {0} of the link keys is no key of 64 hexadecimal digits")]
    Line(usize),
    #[error("there is no link key; `abide unsubscribe-link new-key` makes one")]
    None,
    #[error("the link keys in line {0} and before it cannot be told apart; make another")]
    Alike(usize),
}

impl LinkKeys {
    pub fn parse(text: &str) -> Result<Self, InvalidLinkKeys> {
        let mut keys: Vec<LinkKey> = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let key = line.split('#').next().unwrap_or_default().trim();
            if key.is_empty() {
                continue;
            }
            let mut secret = Zeroizing::new([0; SECRET]);
            hex::decode_to_slice(key, secret.as_mut()).map_err(|_| InvalidLinkKeys::Line(at + 1))?;
            let key = LinkKey::new(&secret);
            if keys.iter().any(|other| other.id == key.id) {
                return Err(InvalidLinkKeys::Alike(at + 1));
            }
            keys.push(key);
        }
        if keys.is_empty() { Err(InvalidLinkKeys::None) } else { Ok(Self(keys)) }
    }

    /// How many there are; at least one.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    pub(super) fn newest(&self) -> &LinkKey {
        self.0.first().expect("there is at least one")
    }

    pub(super) fn by_id(&self, id: &[u8]) -> Option<&LinkKey> {
        self.0.iter().find(|key| key.id == id)
    }
}

struct KeyBytes;

impl KeyType for KeyBytes {
    fn len(&self) -> usize {
        SECRET
    }
}

impl LinkKey {
    fn new(secret: &[u8; SECRET]) -> Self {
        let mut bytes = Zeroizing::new([0; SECRET]);
        let extracted = Salt::new(HKDF_SHA256, &[]).extract(secret);
        let expanded = extracted.expand(&[PURPOSE], KeyBytes).and_then(|key| key.fill(bytes.as_mut()));
        expanded.expect("32 bytes are few enough");
        // Of the derived key: the id stands in every link.
        let id = *digest(&SHA256, bytes.as_ref()).as_ref().first_chunk().expect("it has 32 bytes");
        let key = UnboundKey::new(&AES_256_GCM_SIV, bytes.as_ref()).expect("it has 32 bytes");
        Self { id, key: LessSafeKey::new(key) }
    }

    pub(super) fn id(&self) -> [u8; ID] {
        self.id
    }

    pub(super) fn seal(&self, nonce: [u8; 12], head: &[u8], text: &mut Vec<u8>) {
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.key.seal_in_place_append_tag(nonce, Aad::from(head), text).expect("a link is short enough");
    }

    pub(super) fn open<'t>(&self, nonce: &[u8], head: &[u8], sealed: &'t mut [u8]) -> Option<&'t [u8]> {
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        self.key.open_in_place(nonce, Aad::from(head), sealed).ok().map(|text| &*text)
    }
}

impl fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LinkKey({})", hex::encode(self.id))
    }
}
