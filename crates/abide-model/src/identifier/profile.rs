//! Match profiles: published ways to make the text that is then hashed.

pub(super) mod google;

mod drop;
mod meta;
mod uid2;

use std::{fmt, str::FromStr};

use thiserror::Error;

use super::{IdentifierKind, InvalidIdentifier, Normaliser, PhoneRegion};

/// A published way to normalise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Profile {
    /// Ours.
    Canonical,
    /// Unified ID 2.0.
    Uid2,
    /// California's Delete Request and Opt-out Platform.
    Drop,
    /// Google Customer Match and Data Manager.
    Google,
    /// Meta's Conversions API.
    Meta,
}

impl Profile {
    pub const ALL: [Self; 5] = [Self::Canonical, Self::Uid2, Self::Drop, Self::Google, Self::Meta];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Canonical => "canonical",
            Self::Uid2 => "uid2",
            Self::Drop => "drop",
            Self::Google => "google",
            Self::Meta => "meta",
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A name that is no match profile.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is no match profile; there are canonical, uid2, drop, google, meta")]
pub struct UnknownProfile(pub String);

impl FromStr for Profile {
    type Err = UnknownProfile;

    fn from_str(name: &str) -> Result<Self, UnknownProfile> {
        Self::ALL
            .into_iter()
            .find(|profile| profile.as_str() == name)
            .ok_or_else(|| UnknownProfile(name.to_owned()))
    }
}

/// The text that `profile` makes of a raw text, as the vendor's own function makes it: of a
/// national phone number most make something that is not E.164. Only `canonical` asks for `region`.
/// A profile that says nothing of a kind has our canonical text for it.
///
/// For comparing with a vendor. The texts that keys are made of are [`Identifier::expose_texts`].
///
/// [`Identifier::expose_texts`]: super::Identifier::expose_texts
pub fn profile_text(
    profile: Profile,
    kind: IdentifierKind,
    text: &str,
    region: PhoneRegion,
) -> Result<String, InvalidIdentifier> {
    match vendor_text(profile, kind, text) {
        Some(vendors) => vendors,
        None => {
            Normaliser::new(region).raw(kind, text).map(|identifier| identifier.texts.canonical().to_owned())
        }
    }
}

/// The text of the vendor's own function, if the vendor has one for this kind.
pub(super) fn vendor_text(
    profile: Profile,
    kind: IdentifierKind,
    text: &str,
) -> Option<Result<String, InvalidIdentifier>> {
    if text.trim().is_empty() {
        return Some(Err(InvalidIdentifier::Empty));
    }
    let function = match (profile, kind) {
        (Profile::Uid2, IdentifierKind::Email) => uid2::email,
        (Profile::Uid2, IdentifierKind::Phone) => uid2::phone,
        (Profile::Drop, IdentifierKind::Email) => drop::email,
        (Profile::Drop, IdentifierKind::Phone) => drop::phone,
        (Profile::Drop, IdentifierKind::Maid) => drop::maid,
        (Profile::Google, IdentifierKind::Email) => google::email,
        (Profile::Google, IdentifierKind::Phone) => google::phone,
        (Profile::Meta, IdentifierKind::Email) => meta::email,
        (Profile::Meta, IdentifierKind::Phone) => meta::phone,
        _ => return None,
    };
    Some(function(text))
}

/// `text` if it is worth hashing.
fn not_empty(kind: IdentifierKind, text: String) -> Result<String, InvalidIdentifier> {
    if text.is_empty() { Err(refused(kind, "the profile makes nothing of it")) } else { Ok(text) }
}

fn ascii_digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

fn refused(kind: IdentifierKind, why: &'static str) -> InvalidIdentifier {
    InvalidIdentifier::Malformed { kind, why }
}
