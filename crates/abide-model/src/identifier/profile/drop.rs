//! California's Delete Request and Opt-out Platform.
//!
//! Source: CalPrivacy, "DROP for data brokers", technical specification 1.2.0, "Working with data".

use super::{
    super::{IdentifierKind, InvalidIdentifier},
    ascii_digits, not_empty, refused,
};

/// All white space out, lower case; dots and tags stay.
pub(super) fn email(text: &str) -> Result<String, InvalidIdentifier> {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    match text.rsplit_once('@') {
        Some((local, domain)) if !local.is_empty() && !domain.is_empty() => Ok(text.to_lowercase()),
        _ => Err(refused(IdentifierKind::Email, "it is not of two parts around an `@`")),
    }
}

/// The last ten digits, or all of a shorter number.
pub(super) fn phone(text: &str) -> Result<String, InvalidIdentifier> {
    let digits = ascii_digits(text);
    let last_10 = &digits[digits.len().saturating_sub(10)..];
    not_empty(IdentifierKind::Phone, last_10.to_owned())
}

/// 32 hex digits in lower case, without dashes.
pub(super) fn maid(text: &str) -> Result<String, InvalidIdentifier> {
    let text: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(refused(IdentifierKind::Maid, "it is not of 32 hex digits"));
    }
    if text.bytes().all(|byte| byte == b'0') {
        return Err(InvalidIdentifier::NotAnIdentifier { kind: IdentifierKind::Maid });
    }
    Ok(text.to_ascii_lowercase())
}
