//! E-mail addresses.
//!
//! The canonical text: surrounding white space, `mailto:` and angle brackets off; NFKC; lower case;
//! the domain through UTS 46; then what the [provider](super::provider) is known to ignore.
//!
//! NFKC, not only NFC: a name that PRECIS (RFC 8264) accepts has no compatibility characters, so
//! mapping them merges no two valid names, and full-width letters are what an input method makes of
//! plain ones. Characters that cannot be seen (zero-width space, byte order mark, direction marks)
//! come from copying and are dropped; those that carry meaning in some scripts (the joiners) stay.

mod plain;

use unicode_normalization::UnicodeNormalization;

use super::{
    IdentifierKind, InvalidIdentifier, Profile, domain,
    profile::{google, vendor_text},
    provider::{self, Dots},
    texts::Texts,
    visible::visible,
};

/// RFC 5321, section 4.5.3.1.1, in octets.
const LOCAL_MAX: usize = 64;
/// RFC 3696, erratum 1690, in octets.
const WHOLE_MAX: usize = 254;

/// Fills `texts` with the canonical text and the others that the profiles make of it.
///
/// On an error `texts` holds something undefined.
pub(super) fn normalise(text: &str, texts: &mut Texts) -> Result<(), InvalidIdentifier> {
    if texts.push_with(|out| plain::push_canonical(text, out)).is_ok() {
        return Ok(());
    }
    if text.is_ascii() && !text.contains('"') {
        let spelling = unwrap(text.trim())?;
        texts.push_with(|out| canonical_ascii(spelling, out))?;
        push_others_ascii(spelling, texts)
    } else {
        let visible = visible(text);
        let spelling = unwrap(visible.trim())?;
        let canonical = canonical_unicode(spelling)?;
        texts.push(&canonical);
        push_others_unicode(spelling, &canonical, texts);
        Ok(())
    }
}

/// Takes off what programs put around an address: `mailto:` and one pair of angle brackets.
fn unwrap(text: &str) -> Result<&str, InvalidIdentifier> {
    let text = text.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).map_or(text, str::trim);
    let text = match text.get(..7) {
        Some(scheme) if scheme.eq_ignore_ascii_case("mailto:") => {
            // An address in a URL may be percent-encoded, and guessing at it could merge people.
            if text.contains(['%', '?']) {
                return Err(malformed("a mailto link with more than a plain address"));
            }
            text[7..].trim()
        }
        _ => text,
    };
    if text.is_empty() { Err(InvalidIdentifier::Empty) } else { Ok(text) }
}

fn canonical_ascii(spelling: &str, out: &mut String) -> Result<(), InvalidIdentifier> {
    let (local, domain) = split(spelling)?;
    let start = out.len();
    out.push_str(local);
    out.push('@');
    domain::canonical_into(domain, out).map_err(malformed)?;
    out[start..].make_ascii_lowercase();
    fit(local, &out[start..])?;
    apply_provider(start, local.len(), out)
}

/// The other texts without making them one by one: for an ASCII address the profiles differ only
/// in the dots and tags of Google's domains. That they agree is tested as a property.
fn push_others_ascii(spelling: &str, texts: &mut Texts) -> Result<(), InvalidIdentifier> {
    texts.push_lower(spelling);
    let domain = spelling.rsplit_once('@').map_or("", |(_, domain)| domain);
    if google::drops_dots(domain) {
        texts.push_with(|out| google::email_into(spelling, out))?;
    }
    Ok(())
}

/// Until nothing changes: dropping a tag or a dot can bring characters together that compose.
fn canonical_unicode(spelling: &str) -> Result<String, InvalidIdentifier> {
    const ROUNDS_MAX: usize = 8;

    let mut text = canonical_unicode_once(spelling)?;
    for _ in 0..ROUNDS_MAX {
        let again = canonical_unicode_once(&text)?;
        if again == text {
            return Ok(text);
        }
        text = again;
    }
    Err(malformed("its Unicode form does not settle"))
}

fn canonical_unicode_once(spelling: &str) -> Result<String, InvalidIdentifier> {
    let composed: String = spelling.nfkc().collect();
    let (local, domain) = split(composed.trim())?;
    let mut out = fold(local);
    let local_len = out.len();
    out.push('@');
    domain::canonical_into(domain, &mut out).map_err(malformed)?;
    fit(&out[..local_len], &out)?;
    apply_provider(0, local_len, &mut out)?;
    Ok(out)
}

/// Every profile's own function on the address as it was spelled. What would not lead back to the
/// canonical text (vendors lower a domain in ways that UTS 46 does not) is left out: an alias must
/// have one primary.
fn push_others_unicode(spelling: &str, canonical: &str, texts: &mut Texts) {
    for profile in Profile::ALL {
        let Some(Ok(text)) = vendor_text(profile, IdentifierKind::Email, spelling) else {
            continue;
        };
        if canonical_unicode(&text).is_ok_and(|back| back == canonical) {
            texts.push(&text);
        }
    }
}

/// Case by character, so that neither context nor language counts; the final sigma is a sigma.
fn fold(local: &str) -> String {
    let lowered = local.chars().flat_map(char::to_lowercase);
    lowered.map(|c| if c == 'ς' { 'σ' } else { c }).nfkc().collect()
}

/// The parts around the last `@`, the first of them without the quotes that it does not need.
fn split(text: &str) -> Result<(&str, &str), InvalidIdentifier> {
    let (local, domain) = text.rsplit_once('@').ok_or(malformed("it has no `@`"))?;
    // RFC 5321, section 4.1.2: the quoted and the plain form are one mailbox.
    let local = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(local);
    if local.is_empty() {
        return Err(malformed("nothing stands before the `@`"));
    }
    if !local.chars().all(is_local) {
        return Err(malformed("a character before the `@` that no address has"));
    }
    Ok((local, domain))
}

/// `atext` of RFC 5321 and the dot, and with RFC 6531 all that is neither white space nor control.
/// Dots in odd places are taken: Japanese carriers gave out such addresses.
fn is_local(c: char) -> bool {
    match u8::try_from(c) {
        Ok(byte) if byte.is_ascii() => byte.is_ascii_alphanumeric() || ATEXT_MARKS_AND_DOT.contains(&byte),
        _ => !c.is_whitespace() && !c.is_control(),
    }
}

const ATEXT_MARKS_AND_DOT: &[u8] = b"!#$%&'*+-/=?^_`{|}~.";

fn fit(local: &str, whole: &str) -> Result<(), InvalidIdentifier> {
    if local.len() > LOCAL_MAX || whole.len() > WHOLE_MAX {
        return Err(malformed("longer than an address can be"));
    }
    Ok(())
}

/// Rewrites the address from `start` on to the mailbox that its provider delivers it to.
fn apply_provider(start: usize, local_len: usize, out: &mut String) -> Result<(), InvalidIdentifier> {
    let mut at = start + local_len;
    let Some(provider) = provider::of(&out[at + 1..]) else {
        return Ok(());
    };
    if let Some(plus) = out[start..at].find('+') {
        out.drain(start + plus..at);
        at = start + plus;
    }
    if provider.dots == Dots::Drop {
        while let Some(dot) = out[start..at].find('.') {
            out.remove(start + dot);
            at -= 1;
        }
    }
    if at == start {
        return Err(malformed("only a tag stands before the `@`"));
    }
    if let Some(domain) = provider.one_domain {
        out.truncate(at + 1);
        out.push_str(domain);
    }
    Ok(())
}

fn malformed(why: &'static str) -> InvalidIdentifier {
    InvalidIdentifier::Malformed { kind: IdentifierKind::Email, why }
}
