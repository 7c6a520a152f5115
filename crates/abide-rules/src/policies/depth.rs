//! How deep a policy can nest, told from its text, since reading a deep one takes as deep a stack.

/// Brackets and operators that policies may nest; a thread's stack takes some more of any kind.
pub(super) const DEPTH_MAX: usize = 100;

/// Where a text nests deeper than it may, in bytes: brackets in one another and, since a chain is a tree too, the
/// operators of one policy that join.
pub(super) fn too_deep(text: &str) -> Option<usize> {
    let (mut brackets, mut joints) = (0_usize, 0_usize);
    let mut letters = text.char_indices().peekable();
    let (mut in_string, mut before) = (false, ' ');
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' if in_string => {
                letters.next();
            }
            '"' => in_string = !in_string,
            _ if in_string => {}
            '/' if letters.peek().is_some_and(|(_, next)| *next == '/') => {
                letters.by_ref().find(|(_, letter)| *letter == '\n');
            }
            '(' | '[' | '{' => brackets += 1,
            ')' | ']' | '}' => brackets = brackets.saturating_sub(1),
            ';' => (brackets, joints) = (0, 0),
            '|' | '&' if before == letter => joints += 1,
            '+' | '-' | '*' => joints += 1,
            'i' if text[at..].starts_with("if") && !before.is_alphanumeric() => joints += 1,
            _ => {}
        }
        before = letter;
        if brackets + joints > DEPTH_MAX {
            return Some(at);
        }
    }
    None
}
