//! JSON texts, and those that are none, as another reader takes them.

use abide_values::Paths;
use proptest::prelude::*;
use serde::de::IgnoredAny;

use crate::dice::Dice;

const WORDS: [&str; 8] = [
    "",
    "to",
    "jane@example.com",
    "a\"b",
    "\\",
    "ü\u{1F600}",
    "\u{1}\n",
    "a text of more than sixty-four bytes, so that its end is found in another word of marks",
];
const NUMBERS: [&str; 8] =
    ["0", "-0", "-1", "12.50", "1e9", "1.5E-7", "1e400", "123456789012345678901234567890"];
const SPACES: [&str; 4] = ["", "", " ", "\r\n\t"];
/// What a text is damaged by.
const DAMAGE: &[u8] = b"\"\\{}[]:,.-+eE01u\x01 ntf\xff";

fn write(dice: &mut Dice, depth: usize, text: &mut String) {
    let space = |dice: &mut Dice, text: &mut String| text.push_str(SPACES[dice.below(4)]);
    space(dice, text);
    match dice.below(if depth < 5 { 8 } else { 5 }) {
        0..2 => string(dice, text),
        2 => text.push_str(NUMBERS[dice.below(8)]),
        3 => text.push_str(["true", "false"][dice.below(2)]),
        4 => text.push_str("null"),
        5..7 => {
            text.push('{');
            for member in 0..dice.below(4) {
                text.push_str(if member > 0 { "," } else { "" });
                space(dice, text);
                string(dice, text);
                space(dice, text);
                text.push(':');
                write(dice, depth + 1, text);
            }
            space(dice, text);
            text.push('}');
        }
        _ => {
            text.push('[');
            for element in 0..dice.below(4) {
                text.push_str(if element > 0 { "," } else { "" });
                write(dice, depth + 1, text);
            }
            space(dice, text);
            text.push(']');
        }
    }
    space(dice, text);
}

fn string(dice: &mut Dice, text: &mut String) {
    match dice.below(4) {
        0 => text.push_str(r#""\u0074o\/""#),
        _ => text.push_str(&serde_json::to_string(WORDS[dice.below(8)]).unwrap()),
    }
}

fn damage(dice: &mut Dice, bytes: &mut Vec<u8>) {
    let at = dice.below(bytes.len());
    match dice.below(3) {
        0 => bytes[at] = DAMAGE[dice.below(DAMAGE.len())],
        1 => bytes.insert(at, DAMAGE[dice.below(DAMAGE.len())]),
        _ => bytes.truncate(at.max(1)),
    }
}

fn paths(pointers: &[&str]) -> Paths {
    let mut paths = Paths::default();
    for (number, pointer) in pointers.iter().enumerate() {
        paths.add(pointer, number).unwrap();
    }
    paths
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    /// Whatever the paths lead past and into, a text is taken for JSON if it is.
    #[test]
    fn a_text_is_json_or_it_is_not(seed in any::<u64>(), damages in 0_usize..3) {
        let mut dice = Dice::new(seed);
        let mut text = String::new();
        write(&mut dice, 0, &mut text);
        let mut bytes = text.into_bytes();
        if !bytes.is_empty() {
            (0..damages).for_each(|_| damage(&mut dice, &mut bytes));
        }
        let text = std::str::from_utf8(&bytes);
        let is_json = text.is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok());
        // Half a character is no name that anybody could ask for; the other reader passes over it.
        let has_half = bytes.windows(3).any(|three| three == br"\ud");
        for pointers in [&[][..], &["/to"], &["/*/*", "/*"], &["", "/to/to", "/1"]] {
            let read = paths(pointers).read_json(&bytes, &mut Vec::new()).is_ok();
            prop_assert!(read == is_json || (has_half && !read), "{:?}", String::from_utf8_lossy(&bytes));
        }
    }
}

/// Deeper than any stack, along no path.
#[test]
fn what_is_passed_over_may_be_deep() {
    let text = format!("{{\"a\":{}{},\"to\":1}}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    let mut found = Vec::new();
    paths(&["/to"]).read_json(text.as_bytes(), &mut found).unwrap();
    assert_eq!(found.len(), 1);
}
