//! From a text to an identifier.

use super::{Form, Identifier, IdentifierKind, InvalidIdentifier, PhoneRegion, device, digest, email, phone};

/// Makes identifiers, with the phone region of the store.
#[derive(Clone, Copy, Debug)]
pub struct Normaliser {
    region: PhoneRegion,
}

impl Normaliser {
    pub fn new(region: PhoneRegion) -> Self {
        Self { region }
    }

    pub fn region(&self) -> PhoneRegion {
        self.region
    }

    /// The identifier that a raw text is.
    pub fn raw(&self, kind: IdentifierKind, text: &str) -> Result<Identifier, InvalidIdentifier> {
        let mut identifier = Identifier::blank();
        self.raw_into(kind, text, &mut identifier)?;
        Ok(identifier)
    }

    /// The same into an identifier that is used again and again: no allocation for ASCII e-mail
    /// addresses, advertising ids, and numbers that are E.164 already.
    ///
    /// On an error `into` is [blank](Identifier::blank).
    pub fn raw_into(
        &self,
        kind: IdentifierKind,
        text: &str,
        into: &mut Identifier,
    ) -> Result<(), InvalidIdentifier> {
        into.kind = kind;
        into.texts.clear();
        let result = self.fill(kind, text, into);
        if result.is_err() {
            let mut texts = std::mem::take(&mut into.texts);
            texts.clear();
            *into = Identifier { texts, ..Identifier::blank() };
        } else {
            into.hashed = None;
        }
        result
    }

    /// The identifier that arrived as a digest: hex in either case, or Base64 (standard or
    /// URL-safe, padded or not), told apart by length and alphabet.
    ///
    /// Without `form` the length tells: 16 bytes MD5, 20 SHA-1, 32 SHA-256. A form that disagrees
    /// with the length is an error.
    pub fn hashed(
        kind: IdentifierKind,
        form: Option<Form>,
        text: &str,
    ) -> Result<Identifier, InvalidIdentifier> {
        let digest = digest::read(kind, form, text)?;
        Ok(Identifier { kind, hashed: Some(digest), ..Identifier::blank() })
    }

    fn fill(self, kind: IdentifierKind, text: &str, into: &mut Identifier) -> Result<(), InvalidIdentifier> {
        let text = trim(text);
        if text.is_empty() {
            return Err(InvalidIdentifier::Empty);
        }
        let texts = &mut into.texts;
        let filled = match kind {
            IdentifierKind::Email => email::normalise(text, texts),
            IdentifierKind::Phone => phone::normalise(text, self.region, texts),
            IdentifierKind::Maid => device::normalise_maid(text, texts),
            IdentifierKind::Ip => device::normalise_ip(text, texts),
            IdentifierKind::EmailDomain => device::normalise_email_domain(text, texts),
            IdentifierKind::UserId => {
                refuse_stand_in(kind, text).and_then(|()| device::normalise_user_id(text, texts))
            }
            IdentifierKind::PushToken => {
                refuse_stand_in(kind, text).and_then(|()| device::normalise_push_token(text, texts))
            }
            IdentifierKind::Cookie => {
                refuse_stand_in(kind, text).and_then(|()| device::normalise_cookie(text, texts))
            }
        };
        // What stands for "none" is absent rather than wrong, in every kind of field.
        filled.map_err(|error| refuse_stand_in(kind, text).err().unwrap_or(error))
    }
}

/// White space, and the byte order mark that the first field of a file may begin with.
fn trim(text: &str) -> &str {
    if let [first, .., last] = text.as_bytes()
        && first.is_ascii_graphic()
        && last.is_ascii_graphic()
    {
        return text;
    }
    text.trim_matches(|c: char| c.is_whitespace() || c == '\u{FEFF}')
}

/// What programs write where there is nothing. As a user id it would be one person for all.
fn refuse_stand_in(kind: IdentifierKind, text: &str) -> Result<(), InvalidIdentifier> {
    const STAND_INS: [&str; 10] = [
        "null",
        "(null)",
        "<null>",
        "\\n",
        "none",
        "nan",
        "n/a",
        "#n/a",
        "undefined",
        "00000000-0000-0000-0000-000000000000",
    ];
    if STAND_INS.iter().any(|stand_in| text.eq_ignore_ascii_case(stand_in)) {
        return Err(InvalidIdentifier::NotAnIdentifier { kind });
    }
    Ok(())
}
