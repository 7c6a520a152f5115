//! Meta's Conversions API.
//!
//! Source: `facebook/capi-param-builder` and `facebook-python-business-sdk`. What looks like a
//! digest already (64 or 32 hex digits) is passed through as it is.

use super::{
    super::{IdentifierKind, InvalidIdentifier},
    ascii_digits, not_empty, refused,
};

/// White space around it off, lower case; refused unless it has the shape of an address.
pub(super) fn email(text: &str) -> Result<String, InvalidIdentifier> {
    let text = text.trim();
    if looks_hashed(text) {
        return Ok(text.to_owned());
    }
    let text = text.to_lowercase();
    match text.rsplit_once('@') {
        Some((local, domain)) if is_local(local) && is_domain(domain) => Ok(text),
        _ => Err(refused(IdentifierKind::Email, "meta takes it for no address")),
    }
}

/// The digits without leading zeros: no `+`, no country worked out, the digits of an extension too.
pub(super) fn phone(text: &str) -> Result<String, InvalidIdentifier> {
    let text = text.trim();
    if looks_hashed(text) {
        return Ok(text.to_owned());
    }
    not_empty(IdentifierKind::Phone, ascii_digits(text).trim_start_matches('0').to_owned())
}

fn looks_hashed(text: &str) -> bool {
    matches!(text.len(), 32 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Words of RFC 5322 with single dots between them, or one quoted string.
fn is_local(local: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty()
            && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte))
    };
    let quoted = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match quoted {
        Some(inside) => {
            inside.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\'))
        }
        None => local.split('.').all(is_word),
    }
}

fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    domain.contains('.') && domain.split('.').all(is_label)
}
