//! Texts without what cannot be seen in them.

use std::borrow::Cow;

/// `text` without the characters that have no width and no meaning in an identifier: they come
/// from copying out of pages, contacts and files. Borrowed when there is none.
pub(super) fn visible(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || !text.contains(is_invisible) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().filter(|c| !is_invisible(*c)).collect())
}

/// Soft hyphen, zero-width space, word joiner, byte order mark, and the marks of direction. The
/// zero-width joiner and non-joiner are not here: some scripts spell with them.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{AD}' | '\u{61C}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}
