//! Google Customer Match and the Data Manager API.
//!
//! Source: `googleads/data-manager-python`, `Formatter`.

use super::{
    super::{IdentifierKind, InvalidIdentifier},
    ascii_digits, not_empty, refused,
};

/// Whether Google takes the dots out of the names at this domain.
pub(in super::super) fn drops_dots(domain: &str) -> bool {
    ["gmail.com", "googlemail.com"].iter().any(|it| domain.eq_ignore_ascii_case(it))
}

/// White space around it off, lower case; at Google's domains without dots. Tag and domain stay.
pub(super) fn email(text: &str) -> Result<String, InvalidIdentifier> {
    let mut out = String::new();
    email_into(&text.trim().to_lowercase(), &mut out)?;
    Ok(out)
}

/// The same of a text without white space around it that is ASCII or in lower case, appended.
pub(in super::super) fn email_into(text: &str, out: &mut String) -> Result<(), InvalidIdentifier> {
    let refuse = |why| Err(refused(IdentifierKind::Email, why));
    if text.contains(char::is_whitespace) {
        return refuse("white space in it");
    }
    let Some((local, domain)) = text.split_once('@') else {
        return refuse("it has no `@`");
    };
    if local.is_empty() || domain.is_empty() || domain.contains('@') {
        return refuse("it is not of two parts around one `@`");
    }
    let start = out.len();
    if drops_dots(domain) {
        out.extend(local.split('.'));
        if out.len() == start {
            return refuse("nothing but dots before the `@`");
        }
    } else {
        out.push_str(local);
    }
    out.push('@');
    out.push_str(domain);
    out[start..].make_ascii_lowercase();
    Ok(())
}

/// The digits after a `+`; no country is worked out.
pub(super) fn phone(text: &str) -> Result<String, InvalidIdentifier> {
    let digits = not_empty(IdentifierKind::Phone, ascii_digits(text))?;
    Ok(format!("+{digits}"))
}
