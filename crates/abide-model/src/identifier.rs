//! Identifiers: what somebody wrote to name a person or a device, as a normalised value.
//!
//! In goes a text as it stands in a file, a form or a webhook; out comes an [`Identifier`]: a kind
//! and the distinct texts that the [match profiles](Profile) make of it, or the digest that it
//! arrived as. Its [`Digest`]s are what keys are made of.
//!
//! This is a one-way door: raw identifiers are not kept, so what has once been digested cannot be
//! normalised again. Any change of an output here is a new [`NORMALISER_VERSION`].
//!
//! Two laws hold everything up, and `tests/it/laws.rs` tests them. Normalising twice is normalising
//! once. And a text belongs to one identifier only: whatever a profile makes of a spelling leads
//! back to the canonical text of that spelling, so an alias has one primary.
//!
//! No text leaves this module except through [`Identifier::expose_texts`] and [`profile_text`].

mod device;
mod digest;
mod domain;
mod email;
mod invalid;
mod kind;
mod normaliser;
mod phone;
mod profile;
mod provider;
mod texts;
mod visible;

use std::{
    fmt,
    hash::{Hash, Hasher},
};

pub(crate) use digest::{Block, hash_each};
pub use digest::{Digest, Form, UnknownForm, looks_hashed};
pub use invalid::InvalidIdentifier;
pub use kind::{IdentifierKind, UnknownKind};
pub use normaliser::Normaliser;
pub use phone::{PhoneRegion, UnknownRegion};
pub use profile::{Profile, UnknownProfile, profile_text};

use texts::Texts;

/// Changes whenever any text that [`Normaliser`] puts out changes; part of every key.
pub const NORMALISER_VERSION: u16 = 1;

/// One identifier, normalised: raw, with its texts, or a digest as it arrived.
///
/// Two are equal if they have the same kind and primary digest, however they were spelled, and
/// whether they arrived raw or as the SHA-256 of the canonical text.
///
/// Personal data: `Debug` shows the kind and never the text.
#[derive(Clone)]
pub struct Identifier {
    kind: IdentifierKind,
    // Invariant: `Some` exactly when `texts` is empty.
    hashed: Option<Digest>,
    // Invariant: normalised and distinct, the canonical text first.
    texts: Texts,
}

impl Identifier {
    /// An identifier of nobody, to be filled by [`Normaliser::raw_into`]: the digest of no text,
    /// equal to nothing that was ever read.
    pub fn blank() -> Self {
        Self { kind: IdentifierKind::UserId, hashed: Some(Digest::OF_NOTHING), texts: Texts::default() }
    }

    pub fn kind(&self) -> IdentifierKind {
        self.kind
    }

    pub fn is_hashed(&self) -> bool {
        self.hashed.is_some()
    }

    /// The SHA-256 of the canonical text, or the digest as it arrived.
    pub fn primary(&self) -> Digest {
        self.hashed.unwrap_or_else(|| Digest::of(Form::Sha256, self.texts.canonical()))
    }

    /// The distinct texts, the canonical one first; none if it arrived hashed.
    ///
    /// **The only way to the text of an identifier.** Never for a log, an error or a store.
    pub fn expose_texts(&self) -> impl Iterator<Item = &str> {
        self.texts.iter()
    }

    pub(crate) fn texts_but_canonical(&self) -> impl Iterator<Item = &str> {
        self.texts.iter().skip(1)
    }

    /// The digests of all distinct texts under `form`, that of the canonical text first; for one
    /// that arrived hashed its own digest, if it is of that form.
    ///
    /// `Last10Sha256` gives one for phones, the last ten digits of the E.164 number, and none for
    /// other kinds. It is for looking up DROP lists only: two numbers of different countries may
    /// share it.
    pub fn digests(&self, form: Form) -> impl Iterator<Item = Digest> {
        let arrived = self.hashed.filter(|digest| digest.form == form);
        let last10 = (form == Form::Last10Sha256 && self.kind == IdentifierKind::Phone && !self.is_hashed())
            .then(|| Digest::of(form, phone::last_10_digits(self.texts.canonical())));
        let texts_max = if form == Form::Last10Sha256 { 0 } else { usize::MAX };
        let computed = self.texts.iter().take(texts_max).map(move |text| Digest::of(form, text));
        arrived.into_iter().chain(last10).chain(computed)
    }

    /// The domain of a raw e-mail address, as an identifier of its own.
    pub fn email_domain(&self) -> Option<Self> {
        let domain = self.canonical_domain()?;
        Some(Self { kind: IdentifierKind::EmailDomain, hashed: None, texts: Texts::of(domain) })
    }

    /// The primary digest of [`Self::email_domain`], without making one.
    pub fn email_domain_digest(&self) -> Option<Digest> {
        self.canonical_domain().map(|domain| Digest::of(Form::Sha256, domain))
    }

    fn canonical_domain(&self) -> Option<&str> {
        if self.kind != IdentifierKind::Email || self.is_hashed() {
            return None;
        }
        self.texts.canonical().rsplit_once('@').map(|(_, domain)| domain)
    }
}

impl PartialEq for Identifier {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
            && match (self.hashed, other.hashed) {
                (None, None) => self.texts.canonical() == other.texts.canonical(),
                _ => self.primary() == other.primary(),
            }
    }
}

impl Eq for Identifier {}

impl Hash for Identifier {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.kind.hash(state);
        self.primary().hash(state);
    }
}

impl fmt::Debug for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.is_hashed() { "hashed" } else { "raw" };
        write!(f, "Identifier({} {how})", self.kind)
    }
}
