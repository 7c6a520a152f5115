//! Domain names, in the one form that DNS compares.

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

/// Everything but letters, digits, hyphen, dot and underscore. DNS takes the underscore, and an
/// opt-out for a name that mail reaches must not be refused over STD3.
const DENIED: AsciiDenyList = AsciiDenyList::new(true, "!\"#$%&'()*+,/:;<=>?@[\\]^`{|}~");

/// Appends the canonical form of `domain`: UTS 46 (non-transitional) to ASCII, lower case, without
/// the root's dot. On an error `out` is left as it was, and the reason is returned.
///
/// A name without a dot is refused, and one whose last label is a number (RFC 3696, section 2).
pub(super) fn canonical_into(domain: &str, out: &mut String) -> Result<(), &'static str> {
    let start = out.len();
    append(domain, out)?;
    match out[start..].rsplit_once('.') {
        Some((_, last)) if !last.bytes().all(|byte| byte.is_ascii_digit()) => Ok(()),
        _ => {
            out.truncate(start);
            Err("the domain has no top level")
        }
    }
}

fn append(domain: &str, out: &mut String) -> Result<(), &'static str> {
    const WHY: &str = "the domain is no domain name";

    if domain.is_ascii() {
        let domain = domain.strip_suffix('.').unwrap_or(domain);
        if is_plain(domain) {
            let start = out.len();
            out.push_str(domain);
            out[start..].make_ascii_lowercase();
            return Ok(());
        }
    }
    let ascii = Uts46::new()
        .to_ascii(domain.as_bytes(), DENIED, Hyphens::Allow, DnsLength::VerifyAllowRootDot)
        .map_err(|_| WHY)?;
    out.push_str(ascii.strip_suffix('.').unwrap_or(&ascii));
    Ok(())
}

/// Whether UTS 46 would do nothing but lower the case: the fast path for nearly every name.
fn is_plain(domain: &str) -> bool {
    let label_is_plain = |label: &[u8]| {
        (1..=63).contains(&label.len())
            && label.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && !label.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case(b"xn--"))
    };
    domain.len() <= 253 && domain.as_bytes().split(|byte| *byte == b'.').all(label_is_plain)
}
