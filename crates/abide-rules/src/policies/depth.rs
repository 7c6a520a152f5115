//! How deep a policy can nest, told from its text, since reading a deep one takes as deep a stack.

use super::code::code;

/// Brackets and operators that policies may nest; a thread's stack takes some more of any kind.
pub(super) const DEPTH_MAX: usize = 100;

/// Where a text nests deeper than it may, in bytes: brackets in one another and, since a chain is a tree too, the
/// operators of one policy that join.
pub(super) fn too_deep(text: &str) -> Option<usize> {
    let (mut brackets, mut joints) = (0_usize, 0_usize);
    let mut before = ' ';
    for (at, letter) in code(text) {
        match letter {
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
