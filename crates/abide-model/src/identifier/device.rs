//! Ids that programs made: of users, devices, browsers and connections.

use std::net::IpAddr;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::{IdentifierKind, InvalidIdentifier, domain, provider, texts::Texts, visible::visible};

/// A cookie or push token longer than this is something else.
const TEXT_BYTES_MAX: usize = 4096;

/// UUID text in any case, with or without dashes and braces, to lower case with dashes; and
/// without dashes, as DROP has it.
pub(super) fn normalise_maid(text: &str, texts: &mut Texts) -> Result<(), InvalidIdentifier> {
    let kind = IdentifierKind::Maid;
    let text = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).map_or(text, str::trim);
    let digits = uuid_digits(text)
        .ok_or(InvalidIdentifier::Malformed { kind, why: "it is no UUID (8-4-4-4-12 hex digits)" })?;
    if digits == [b'0'; 32] {
        return Err(InvalidIdentifier::NotAnIdentifier { kind });
    }
    let digits = str::from_utf8(&digits).expect("hex digits are ASCII");
    texts.push_with(|out| {
        for (at, group) in [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]]
            .into_iter()
            .enumerate()
        {
            if at > 0 {
                out.push('-');
            }
            out.push_str(group);
        }
        Ok(())
    })?;
    texts.push(digits);
    Ok(())
}

fn uuid_digits(text: &str) -> Option<[u8; 32]> {
    let has_dashes = match text.len() {
        32 => false,
        36 => true,
        _ => return None,
    };
    let mut digits = [0; 32];
    let mut count = 0;
    for (at, byte) in text.bytes().enumerate() {
        if has_dashes && matches!(at, 8 | 13 | 18 | 23) {
            if byte != b'-' {
                return None;
            }
        } else {
            if !byte.is_ascii_hexdigit() {
                return None;
            }
            digits[count] = byte.to_ascii_lowercase();
            count += 1;
        }
    }
    Some(digits)
}

/// NFC, the case kept: two users may differ in case only.
pub(super) fn normalise_user_id(text: &str, texts: &mut Texts) -> Result<(), InvalidIdentifier> {
    check_plain(IdentifierKind::UserId, text)?;
    if text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes {
        texts.push(text);
    } else {
        texts.push(text.nfc().collect::<String>().trim());
    }
    Ok(())
}

/// As it is; APNs device tokens (hex, 32 bytes today, of any length by contract) in lower case.
pub(super) fn normalise_push_token(text: &str, texts: &mut Texts) -> Result<(), InvalidIdentifier> {
    const APNS_DIGITS_MIN: usize = 64;

    check_plain(IdentifierKind::PushToken, text)?;
    if text.len() >= APNS_DIGITS_MIN && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        texts.push_lower(text);
    } else {
        texts.push(text);
    }
    Ok(())
}

/// As it is.
pub(super) fn normalise_cookie(text: &str, texts: &mut Texts) -> Result<(), InvalidIdentifier> {
    check_plain(IdentifierKind::Cookie, text)?;
    texts.push(text);
    Ok(())
}

/// The canonical text of RFC 5952; an IPv4 address in IPv6 clothes is an IPv4 address.
pub(super) fn normalise_ip(text: &str, texts: &mut Texts) -> Result<(), InvalidIdentifier> {
    let kind = IdentifierKind::Ip;
    let address: IpAddr = text
        .parse()
        .map_err(|_| InvalidIdentifier::Malformed { kind, why: "it is no IPv4 or IPv6 address" })?;
    let address = address.to_canonical();
    if address.is_unspecified() {
        return Err(InvalidIdentifier::NotAnIdentifier { kind });
    }
    texts.push(&address.to_string());
    Ok(())
}

/// UTS 46, without `@` or `*@` before it; domains of one provider are one.
pub(super) fn normalise_email_domain(text: &str, texts: &mut Texts) -> Result<(), InvalidIdentifier> {
    let text = visible(text);
    let text = text.trim();
    let domain = text.strip_prefix('*').unwrap_or(text);
    let domain = domain.strip_prefix('@').unwrap_or(text);
    let composed: String;
    let domain = if domain.is_ascii() {
        domain
    } else {
        composed = domain.nfkc().collect();
        composed.trim()
    };
    let mut canonical = String::new();
    domain::canonical_into(domain, &mut canonical)
        .map_err(|why| InvalidIdentifier::Malformed { kind: IdentifierKind::EmailDomain, why })?;
    texts.push(provider::of(&canonical).and_then(|it| it.one_domain).unwrap_or(&canonical));
    Ok(())
}

fn check_plain(kind: IdentifierKind, text: &str) -> Result<(), InvalidIdentifier> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(InvalidIdentifier::Malformed { kind, why: "longer than 4096 bytes" });
    }
    let is_printable = |byte: &u8| matches!(byte, b' '..=b'~');
    if !text.as_bytes().iter().all(is_printable) && text.chars().any(char::is_control) {
        return Err(InvalidIdentifier::Malformed { kind, why: "a control character in it" });
    }
    Ok(())
}
