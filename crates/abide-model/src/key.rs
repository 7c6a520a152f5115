//! Keys: the only form in which an identifier is stored or sent.
//!
//! `Key = AES-256(secret-derived key, digest[..16] xor tag)`, the tag standing for the kind, the
//! form and the normaliser's version. Without the secret a key says nothing about the address,
//! however many addresses one tries; with it, one could test guesses, so the secret is what has to
//! be guarded. AES is a permutation: a store's secret is rotated by decrypting each key with the
//! old one and encrypting it with the new, without any raw data.

use std::{collections::BTreeMap, fmt, str::FromStr};

use aes::{
    Aes256,
    cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit},
};
use bytemuck::TransparentWrapper;
use zeroize::Zeroizing;

use crate::{
    identifier::{Block, Digest, Form, Identifier, IdentifierKind, NORMALISER_VERSION, hash_each},
    signal::SignalKeys,
};

/// An encrypted, truncated digest. Equal identifiers of one store have equal keys.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, TransparentWrapper)]
#[repr(transparent)]
pub struct Key(pub [u8; 16]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// A key and what it is of: an alias in another form than its primary's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypedKey {
    pub key: Key,
    pub form: Form,
    pub version: u16,
}

/// The store's secret, 32 bytes. Never stored in the store, never shown.
#[derive(Clone)]
pub struct Secret(Zeroizing<[u8; 32]>);

impl Secret {
    /// Takes 32 bytes from a secure random source.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// 64 hex digits, for the secret's own file and nothing else.
    pub fn expose_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(self.0.as_ref()))
    }

    /// A value that tells whether two secrets are the same and nothing more; stands in the store.
    pub fn check_value(&self) -> [u8; 16] {
        let derived = blake3::derive_key("abide 2026 secret check value", self.0.as_ref());
        first_16(&derived)
    }

    /// The key of the journal's chain.
    pub fn chain_key(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(blake3::derive_key("abide 2026 journal chain", self.0.as_ref()))
    }

    fn cipher_key(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(blake3::derive_key("abide 2026 identifier keys", self.0.as_ref()))
    }
}

impl FromStr for Secret {
    type Err = InvalidSecret;

    fn from_str(text: &str) -> Result<Self, InvalidSecret> {
        let mut bytes = Zeroizing::new([0; 32]);
        hex::decode_to_slice(text.trim(), bytes.as_mut()).map_err(|_| InvalidSecret)?;
        Ok(Self(bytes))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a store's secret is 64 hex digits")]
pub struct InvalidSecret;

/// The forms that a store derives from raw identifiers beyond `sha256`, so that data hashed that
/// way can be matched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forms {
    pub md5: bool,
    pub sha1: bool,
}

impl Forms {
    pub fn iter(self) -> impl Iterator<Item = Form> {
        [(self.md5, Form::Md5), (self.sha1, Form::Sha1)]
            .into_iter()
            .filter(|(on, _)| *on)
            .map(|(_, form)| form)
    }
}

/// Makes keys under one store's secret. A copy costs as much memory as a few keys.
#[derive(Clone)]
pub struct Keyring {
    cipher: Aes256,
    derived: Forms,
    /// Tags of the current normaliser version, by kind code and form code, which both start at 1.
    tags: Vec<[[u8; 16]; Form::ALL.len()]>,
}

impl Keyring {
    pub fn new(secret: &Secret, derived: Forms) -> Self {
        let tags = IdentifierKind::ALL
            .iter()
            .map(|kind| Form::ALL.map(|form| tag(*kind, form, NORMALISER_VERSION)))
            .collect();
        let cipher =
            Aes256::new_from_slice(secret.cipher_key().as_ref()).expect("32 bytes are an AES-256 key");
        Self { cipher, derived, tags }
    }

    pub fn key(&self, kind: IdentifierKind, digest: Digest, version: u16) -> Key {
        let mut block = self.tagged(kind, digest, version).into();
        self.cipher.encrypt_block(&mut block);
        Key(block.into())
    }

    /// What a key is the encryption of.
    fn tagged(&self, kind: IdentifierKind, digest: Digest, version: u16) -> [u8; 16] {
        xor(digest.bytes, self.tag(kind, digest.form, version))
    }

    fn tag(&self, kind: IdentifierKind, form: Form, version: u16) -> [u8; 16] {
        if version == NORMALISER_VERSION {
            // Codes start at 1.
            self.tags[usize::from(kind.code()) - 1][usize::from(form.code()) - 1]
        } else {
            tag(kind, form, version)
        }
    }

    /// Stands for a text under this store's secret, and tells nobody else what the text was.
    pub fn stand_in(&self, text: &str) -> [u8; 16] {
        let digest = Digest::of(Form::Sha256, text);
        let mut block = xor(digest.bytes, first_16(blake3::hash(b"abide stand-in 1").as_bytes())).into();
        self.cipher.encrypt_block(&mut block);
        block.into()
    }

    /// The same identifier's key under another secret.
    pub fn transfer(&self, key: Key, to: &Self) -> Key {
        let mut block = key.0.into();
        self.cipher.decrypt_block(&mut block);
        to.cipher.encrypt_block(&mut block);
        Key(block.into())
    }

    /// The keys under which a statement about this identifier is kept: a primary, and the aliases
    /// by which other spellings and forms of it find the primary. What arrived hashed is its own
    /// primary. `last10` is never derived: two countries' numbers can share their last ten digits.
    pub fn signal_keys(&self, identifier: &Identifier) -> SignalKeys {
        let mut keys = [self.prepare_signal_keys(identifier, true)];
        self.seal_signal_keys(&mut keys);
        let [UnsealedKeys { keys, .. }] = keys;
        keys
    }

    /// [`Keyring::signal_keys`] but for its last step. The domain is left out where it is not kept.
    pub fn prepare_signal_keys(&self, identifier: &Identifier, keeps_domain: bool) -> UnsealedKeys {
        let kind = identifier.kind();
        let typed = |digest: Digest| TypedKey {
            key: Key(self.tagged(kind, digest, NORMALISER_VERSION)),
            form: digest.form,
            version: NORMALISER_VERSION,
        };
        let block = identifier.expose_texts().next().and_then(Block::of);
        let primary = match &block {
            None => typed(identifier.primary()),
            // The tag alone, until the block is hashed.
            Some(_) => typed(Digest { form: Form::Sha256, bytes: [0; 16] }),
        };
        let mut aliases = Vec::new();
        if !identifier.is_hashed() {
            aliases
                .extend(identifier.texts_but_canonical().map(|text| typed(Digest::of(Form::Sha256, text))));
            for form in self.derived.iter() {
                aliases.extend(identifier.digests(form).map(typed));
            }
        }
        let domain = if keeps_domain { identifier.email_domain_digest() } else { None };
        let domain =
            domain.map(|digest| Key(self.tagged(IdentifierKind::EmailDomain, digest, NORMALISER_VERSION)));
        UnsealedKeys { keys: SignalKeys { kind, primary, aliases, domain }, block }
    }

    /// The keys of all that was prepared, in order; nothing is left of it.
    pub fn seal_all<'u>(
        &self,
        unsealed: &'u mut Vec<UnsealedKeys>,
    ) -> impl Iterator<Item = SignalKeys> + use<'u> {
        self.seal_signal_keys(unsealed);
        unsealed.drain(..).map(|UnsealedKeys { keys, .. }| keys)
    }

    fn seal_signal_keys(&self, unsealed: &mut [UnsealedKeys]) {
        let to_hash = unsealed.iter_mut().filter_map(|UnsealedKeys { keys, block }| {
            block.take().map(|block| (&mut keys.primary.key, block))
        });
        hash_each(to_hash, |Key(tag), hash| *tag = xor(hash, *tag));
        let mut blocks: Vec<Key> = unsealed.iter().flat_map(|unsealed| each_key(&unsealed.keys)).collect();
        self.cipher.encrypt_blocks(Array::cast_slice_from_core_mut(Key::peel_slice_mut(&mut blocks)));
        let mut sealed = blocks.into_iter();
        for UnsealedKeys { keys, .. } in unsealed {
            let typed = std::iter::once(&mut keys.primary).chain(&mut keys.aliases);
            let all = typed.map(|typed| &mut typed.key).chain(&mut keys.domain);
            all.zip(&mut sealed).for_each(|(key, sealed)| *key = sealed);
        }
    }

    /// Appends every key under which a list that holds `held` could know this identifier.
    pub fn lookup_keys(&self, identifier: &Identifier, held: &HeldForms, into: &mut Vec<Key>) {
        let mut unsealed = Unsealed::default();
        self.prepare_lookup(identifier, held, &mut unsealed);
        self.seal(&unsealed, into);
    }

    /// [`Keyring::lookup_keys`] but for its last step, [`Keyring::seal`].
    pub fn prepare_lookup(&self, identifier: &Identifier, held: &HeldForms, into: &mut Unsealed) {
        let kind = identifier.kind();
        for (form, version) in held.of_kind(kind) {
            if *form == Form::Sha256 && !identifier.is_hashed() {
                let tag = self.tag(kind, *form, *version);
                identifier.expose_texts().for_each(|text| into.push_text(text, tag));
            } else {
                let digests = identifier.digests(*form);
                digests.for_each(|digest| into.push(self.tagged(kind, digest, *version)));
            }
        }
        let of_domains = held.of_kind(IdentifierKind::EmailDomain);
        if kind == IdentifierKind::Email
            && !of_domains.is_empty()
            && let Some(domain) = identifier.email_domain()
        {
            for (form, version) in of_domains {
                let digests = domain.digests(*form);
                digests.for_each(|digest| into.push(self.tagged(domain.kind(), digest, *version)));
            }
        }
    }

    /// Appends the keys of all that was prepared, in order.
    pub fn seal(&self, unsealed: &Unsealed, into: &mut Vec<Key>) {
        let first = into.len();
        into.extend(unsealed.tagged.iter().copied().map(Key));
        let keys = &mut into[first..];
        hash_each(unsealed.texts.iter().map(|(at, block)| (*at, block)), |at, hash| {
            let Key(tag) = &mut keys[at as usize];
            *tag = xor(hash, *tag);
        });
        let blocks = Key::peel_slice_mut(keys);
        self.cipher.encrypt_blocks(Array::cast_slice_from_core_mut(blocks));
    }
}

/// What is on its way to becoming keys. Hashing and encrypting many together is several times as fast as
/// one by one.
#[derive(Clone, Default)]
pub struct Unsealed {
    /// Digests with their tags, or the tags alone where the text is still to be hashed.
    tagged: Vec<[u8; 16]>,
    /// Texts to hash, and where in `tagged`.
    texts: Vec<(u32, Block)>,
}

impl Unsealed {
    pub fn len(&self) -> usize {
        self.tagged.len()
    }

    pub fn is_empty(&self) -> bool {
        self.tagged.is_empty()
    }

    /// Keeps the memory.
    pub fn clear(&mut self) {
        self.tagged.clear();
        self.texts.clear();
    }

    fn push(&mut self, tagged: [u8; 16]) {
        self.tagged.push(tagged);
    }

    #[inline]
    fn push_text(&mut self, text: &str, tag: [u8; 16]) {
        let at = u32::try_from(self.len()).expect("a batch of look-ups is small");
        // Written where it stays: moving what was just written in other sizes would stall the processor.
        self.texts.push((at, Block::default()));
        let (_, block) = self.texts.last_mut().expect("it was just pushed");
        if block.fill(text) {
            self.push(tag);
        } else {
            self.texts.pop();
            self.push(xor(Digest::of(Form::Sha256, text).bytes, tag));
        }
    }
}

/// The keys of a statement before they are hashed and encrypted, which for many together is several times as fast as
/// one by one: see [`Keyring::seal_all`].
#[derive(Clone)]
pub struct UnsealedKeys {
    keys: SignalKeys,
    /// The canonical text, where the primary is only a tag so far.
    block: Option<Block>,
}

impl UnsealedKeys {
    pub fn kind(&self) -> IdentifierKind {
        self.keys.kind
    }

    /// For mechanisms that do not keep it.
    pub fn forget_domain(&mut self) {
        self.keys.domain = None;
    }
}

/// The primary, the aliases, the domain.
fn each_key(keys: &SignalKeys) -> impl Iterator<Item = Key> {
    let typed = std::iter::once(&keys.primary).chain(&keys.aliases);
    typed.map(|typed| typed.key).chain(keys.domain)
}

impl fmt::Debug for UnsealedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Texts, and digests, which are nearly the texts.
        write!(f, "UnsealedKeys({})", self.keys.kind)
    }
}

impl fmt::Debug for Unsealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Texts, and digests, which are nearly the texts.
        write!(f, "Unsealed({})", self.len())
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").field("derived", &self.derived).finish_non_exhaustive()
    }
}

fn xor(a: [u8; 16], b: [u8; 16]) -> [u8; 16] {
    (u128::from_ne_bytes(a) ^ u128::from_ne_bytes(b)).to_ne_bytes()
}

fn tag(kind: IdentifierKind, form: Form, version: u16) -> [u8; 16] {
    let mut input = b"abide key tag 1".to_vec();
    input.extend([kind.code(), form.code()]);
    input.extend(version.to_le_bytes());
    first_16(blake3::hash(&input).as_bytes())
}

fn first_16(bytes: &[u8; 32]) -> [u8; 16] {
    bytes[..16].try_into().expect("half of 32 bytes")
}

/// Which kinds, forms and normaliser versions a list holds keys of, and how many: what look-ups
/// compute, and what data in another form cannot reach.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held(BTreeMap<(IdentifierKind, Form, u16), HeldCount>);

/// How many identities have a key of that kind, form and version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeldCount {
    pub primaries: u64,
    /// Identities with at least one alias of that form.
    pub aliased: u64,
}

impl Held {
    pub fn count_primary(&mut self, kind: IdentifierKind, primary: TypedKey) {
        self.0.entry((kind, primary.form, primary.version)).or_default().primaries += 1;
    }

    pub fn count_aliases<'a>(
        &mut self,
        kind: IdentifierKind,
        aliases: impl IntoIterator<Item = &'a TypedKey>,
    ) {
        let forms: std::collections::BTreeSet<_> =
            aliases.into_iter().map(|alias| (alias.form, alias.version)).collect();
        for (form, version) in forms {
            self.0.entry((kind, form, version)).or_default().aliased += 1;
        }
    }

    /// What look-ups compute.
    pub fn forms(&self) -> HeldForms {
        let mut forms = HeldForms::default();
        for (kind, form, version) in self.0.keys() {
            forms.0[usize::from(kind.code()) - 1].push((*form, *version));
        }
        forms
    }

    pub fn merge(&mut self, other: &Self) {
        self.merge_times(other, 1);
    }

    /// What `other` holds, so many times.
    pub fn merge_times(&mut self, other: &Self, times: u64) {
        for (what, count) in &other.0 {
            let held = self.0.entry(*what).or_default();
            held.primaries += times * count.primaries;
            held.aliased += times * count.aliased;
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = ((IdentifierKind, Form, u16), HeldCount)> {
        self.0.iter().map(|(what, count)| (*what, *count))
    }

    pub fn insert(&mut self, kind: IdentifierKind, form: Form, version: u16, count: HeldCount) {
        self.0.insert((kind, form, version), count);
    }

    /// How many identities of `kind` data in the form `data` cannot reach: `None` stands for raw
    /// data, which reaches every form. Data hashed one way reaches only what is held under that
    /// form, and a hash cannot be judged by its domain.
    pub fn uncovered_by(&self, kind: IdentifierKind, data: Option<Form>) -> u64 {
        let Some(data) = data else { return 0 };
        let of_kind = || self.0.iter().filter(|((held, ..), _)| *held == kind);
        let elsewhere: u64 =
            of_kind().filter(|((_, form, _), _)| *form != data).map(|(_, count)| count.primaries).sum();
        let reached: u64 =
            of_kind().filter(|((_, form, _), _)| *form == data).map(|(_, count)| count.aliased).sum();
        // Aliases of a `sha256` primary in the form `sha256` say nothing of other primaries.
        let reached = if data == Form::Sha256 { 0 } else { reached };
        let by_domain: u64 = if kind == IdentifierKind::Email {
            self.0
                .iter()
                .filter(|((held, ..), _)| *held == IdentifierKind::EmailDomain)
                .map(|(_, count)| count.primaries)
                .sum()
        } else {
            0
        };
        elsewhere.saturating_sub(reached) + by_domain
    }
}

/// The forms and normaliser versions of a [`Held`], by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeldForms([Vec<(Form, u16)>; IdentifierKind::ALL.len()]);

impl HeldForms {
    fn of_kind(&self, kind: IdentifierKind) -> &[(Form, u16)] {
        // Codes of kinds start at 1.
        &self.0[usize::from(kind.code()) - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key says of what kind and form it is, also where the tag comes from the table of the
    /// current version.
    #[test]
    fn each_kind_and_form_has_its_own_tag() {
        let keyring = Keyring::new(&Secret::from_bytes([1; 32]), Forms::default());
        let mut keys = std::collections::BTreeSet::new();
        for kind in IdentifierKind::ALL {
            for form in Form::ALL {
                keys.insert(keyring.key(kind, Digest { form, bytes: [9; 16] }, NORMALISER_VERSION));
                let mut block = [9_u8; 16];
                let tag = tag(kind, form, NORMALISER_VERSION);
                block.iter_mut().zip(tag).for_each(|(byte, tag)| *byte ^= tag);
                let mut block = block.into();
                keyring.cipher.encrypt_block(&mut block);
                assert!(keys.contains(&Key(block.into())), "{kind} {form}");
            }
        }
        assert_eq!(keys.len(), IdentifierKind::ALL.len() * Form::ALL.len());
    }
}
