//! Unified ID 2.0.
//!
//! Source: `IABTechLab/uid2-operator`, `InputUtil.java`, and the examples in `uid2docs`.

use super::{
    super::{IdentifierKind, InvalidIdentifier},
    refused,
};

/// Spaces off, A–Z in lower case; at `gmail.com`, and there only, without dots and tag.
pub(super) fn email(text: &str) -> Result<String, InvalidIdentifier> {
    let refuse = |why| Err(refused(IdentifierKind::Email, why));
    let text = text.trim_matches(' ').to_ascii_lowercase();
    let Some((local, domain)) = text.split_once('@') else {
        return refuse("it has no `@`");
    };
    if domain.contains('@') {
        return refuse("it has more than one `@`");
    }
    let mailbox = if domain == "gmail.com" {
        local.split_once('+').map_or(local, |(name, _)| name).replace('.', "")
    } else {
        local.to_owned()
    };
    if mailbox.is_empty() || domain.is_empty() {
        return refuse("a part of it is empty");
    }
    Ok(format!("{mailbox}@{domain}"))
}

/// Takes E.164 as it is and nothing else: `+` and 10 to 15 digits.
pub(super) fn phone(text: &str) -> Result<String, InvalidIdentifier> {
    let is_e164 = text.strip_prefix('+').is_some_and(|digits| {
        (10..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
    });
    if is_e164 { Ok(text.to_owned()) } else { Err(refused(IdentifierKind::Phone, "uid2 takes E.164 only")) }
}
