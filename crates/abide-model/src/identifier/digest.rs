//! Digests: of texts, and as they arrive in hashed lists.

mod sha256;

use std::{fmt, str::FromStr, sync::LazyLock};

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use md5::Md5;
use sha1::Sha1;
use sha2::Digest as _;
use thiserror::Error;

pub(crate) use sha256::{Block, hash_each};

use super::{IdentifierKind, InvalidIdentifier};

/// What a digest is of and by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    Sha256,
    Md5,
    Sha1,
    /// SHA-256 of the last ten digits of a phone number, as California's DROP has it.
    Last10Sha256,
}

impl Form {
    pub const ALL: [Self; 4] = [Self::Sha256, Self::Md5, Self::Sha1, Self::Last10Sha256];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Last10Sha256 => "last10.sha256",
        }
    }

    /// The number of this form in keys and on disk: append-only, never reused.
    pub const fn code(self) -> u8 {
        match self {
            Self::Sha256 => 1,
            Self::Md5 => 2,
            Self::Sha1 => 3,
            Self::Last10Sha256 => 4,
        }
    }

    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.code() == code)
    }

    /// The length of the whole digest, in bytes.
    fn bytes(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 | Self::Last10Sha256 => 32,
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A name that is no form.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is no form of digest; there are sha256, md5, sha1, last10.sha256")]
pub struct UnknownForm(pub String);

impl FromStr for Form {
    type Err = UnknownForm;

    fn from_str(name: &str) -> Result<Self, UnknownForm> {
        Self::ALL.into_iter().find(|form| form.as_str() == name).ok_or_else(|| UnknownForm(name.to_owned()))
    }
}

/// The first 16 bytes of a digest, and its form.
///
/// Anybody can hash guesses, so a digest of a phone number is nearly the number: `Debug` shows the
/// form only.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    pub form: Form,
    pub bytes: [u8; 16],
}

impl Digest {
    /// Of no text: [`read`] refuses it, so it is equal to nothing that was read.
    pub(super) const OF_NOTHING: Self = Self { form: Form::Sha256, bytes: [0; 16] };

    pub(crate) fn of(form: Form, text: &str) -> Self {
        let bytes = match form {
            Form::Sha256 | Form::Last10Sha256 => sha256::first_16_of(text),
            Form::Md5 => first_16(&Md5::digest(text)),
            Form::Sha1 => first_16(&Sha1::digest(text)),
        };
        Self { form, bytes }
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({})", self.form)
    }
}

fn first_16(digest: &[u8]) -> [u8; 16] {
    *digest.first_chunk().expect("every form has at least 16 bytes")
}

/// Reads a digest that arrived: hex in either case, or Base64, standard or URL-safe, padded or not.
///
/// No length is that of both a hex and a Base64 text, so the length tells them apart.
pub(super) fn read(
    kind: IdentifierKind,
    form: Option<Form>,
    text: &str,
) -> Result<Digest, InvalidIdentifier> {
    let text = text.trim();
    if text.is_empty() {
        return Err(InvalidIdentifier::Empty);
    }
    if form == Some(Form::Last10Sha256) && kind != IdentifierKind::Phone {
        return Err(InvalidIdentifier::FormOfOtherKind { form: Form::Last10Sha256, kind });
    }
    let (bytes, told) = decode(text).ok_or(InvalidIdentifier::NotADigest)?;
    let form = form.unwrap_or(told);
    if form.bytes() != told.bytes() {
        return Err(InvalidIdentifier::FormDisagrees { form, bytes: told.bytes() });
    }
    let digest = Digest { form, bytes };
    if is_of_nothing(kind, digest) {
        return Err(InvalidIdentifier::NotAnIdentifier { kind });
    }
    Ok(digest)
}

/// The form that a text would have if it is a digest; for telling hashed columns from raw ones.
pub fn looks_hashed(text: &str) -> Option<Form> {
    decode(text.trim()).map(|(_, form)| form)
}

/// The first 16 bytes, and the form that the length tells.
fn decode(text: &str) -> Option<([u8; 16], Form)> {
    let (form, is_hex) = match text.len() {
        32 => (Form::Md5, true),
        40 => (Form::Sha1, true),
        64 => (Form::Sha256, true),
        22 | 24 => (Form::Md5, false),
        27 | 28 => (Form::Sha1, false),
        43 | 44 => (Form::Sha256, false),
        _ => return None,
    };
    let mut decoded = [0; 33];
    let decoded = &mut decoded[..];
    let length = if is_hex { decode_hex(text, decoded)? } else { decode_base64(text, decoded)? };
    (length == form.bytes()).then(|| (first_16(decoded), form))
}

fn decode_hex(text: &str, into: &mut [u8]) -> Option<usize> {
    let (pairs, _) = text.as_bytes().as_chunks::<2>();
    for (pair, byte) in pairs.iter().zip(into) {
        let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
        *byte = u8::try_from(high? << 4 | low?).expect("two hex digits are a byte");
    }
    Some(pairs.len())
}

fn decode_base64(text: &str, into: &mut [u8]) -> Option<usize> {
    const CONFIG: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, CONFIG);
    const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, CONFIG);
    let engine = if text.contains(['-', '_']) { URL_SAFE } else { STANDARD };
    engine.decode_slice(text, into).ok()
}

/// Digests of texts that stand for "none" are common in hashed lists, where the empty fields were
/// hashed along with the others.
fn is_of_nothing(kind: IdentifierKind, digest: Digest) -> bool {
    const NOTHING: [&str; 6] = ["", "null", "NULL", "none", "None", "undefined"];
    const NO_MAID: [&str; 2] = ["00000000-0000-0000-0000-000000000000", "00000000000000000000000000000000"];
    static OF_NOTHING: LazyLock<Vec<Digest>> = LazyLock::new(|| digests_of(&NOTHING));
    static OF_NO_MAID: LazyLock<Vec<Digest>> = LazyLock::new(|| digests_of(&NO_MAID));

    digest.bytes == [0; 16]
        || OF_NOTHING.contains(&digest)
        || kind == IdentifierKind::Maid && OF_NO_MAID.contains(&digest)
}

fn digests_of(texts: &[&str]) -> Vec<Digest> {
    Form::ALL.into_iter().flat_map(|form| texts.iter().map(move |text| Digest::of(form, text))).collect()
}
