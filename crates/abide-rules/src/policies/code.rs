//! The letters of a policy's text that say something: those in no string and no comment.

use std::iter;

/// Each with its place in bytes, the quotes of strings and the line ends of comments among them.
pub(super) fn code(text: &str) -> impl Iterator<Item = (usize, char)> {
    let mut letters = text.char_indices().peekable();
    let mut in_string = false;
    iter::from_fn(move || {
        loop {
            let (at, letter) = letters.next()?;
            match letter {
                '\\' if in_string => {
                    letters.next();
                }
                '"' => {
                    in_string = !in_string;
                    return Some((at, letter));
                }
                _ if in_string => {}
                '/' if letters.peek().is_some_and(|(_, next)| *next == '/') => {
                    return letters.by_ref().find(|(_, letter)| *letter == '\n');
                }
                _ => return Some((at, letter)),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_and_comments_are_no_code() {
        let said = |text: &str| code(text).map(|(_, letter)| letter).collect::<String>();
        for (text, wanted) in [
            ("a; b", "a; b"),
            (r#"x == "a; \" // b" && y"#, r#"x == "" && y"#),
            (r#""\\" // "no string"#, r#""" "#),
            ("a // ; \" é\nb", "a \nb"),
            ("a / b", "a / b"),
            ("// only", ""),
            ("\"open // for ever", "\""),
        ] {
            assert_eq!(said(text), wanted, "{text}");
        }
        assert_eq!(code("\"é\"x").collect::<Vec<_>>(), [(0, '"'), (3, '"'), (4, 'x')]);
    }
}
